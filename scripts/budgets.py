"""Fail where a file or a function of Thalweg has grown too long to be read at a sitting.

    python -m scripts.budgets src/thalweg

How many branches and parameters a function may have is for ruff.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.source import Module, modules, report

FILE_LINES = 600
FUNCTION_LINES = 60


def violations(root: Path) -> Iterator[str]:
    """One line for each file and each function that is longer than it may be. Docstrings do not count in functions."""
    for module in modules(root):
        length = len(module.path.read_text("utf-8").splitlines())
        if length > FILE_LINES:
            yield f"{module.path}: {length} lines, where {FILE_LINES} are the most"
        yield from _functions(module)


def _functions(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = _length(node)
            if length > FUNCTION_LINES:
                yield f"{module.path}:{node.lineno}: {node.name} has {length} lines, where {FUNCTION_LINES} are the most"


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    described = isinstance(first, ast.Expr) and ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if described else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


if __name__ == "__main__":
    sys.exit(report(violations(Path(sys.argv[1]))))
