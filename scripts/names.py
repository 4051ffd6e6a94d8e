"""Fail where two modules of Thalweg define the same public class or function.

    python -m scripts.names src/thalweg

Whoever reads a name should not have to ask which of the two is meant. What several modules define on purpose, because
they are several ways to do one thing, stands in `SHARED` with the package in which it may.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.source import modules, report

SHARED = {
    "AsyncFlow": "thalweg",  # ours, and what Jina calls by that name
    "Reader": "thalweg.docs.codecs",
    "DocIndexRetriever": "thalweg.docs.integrations",
    "Session": "thalweg.transport",
    "channel": "thalweg.transport",
    "decode": "thalweg.docs.codecs",
    "decode_vec": "thalweg.docs.codecs",
    "encode": "thalweg.docs.codecs",
    "find": "thalweg",  # what a command line names, and the nearest documents
    "main": "thalweg",
    "server": "thalweg.transport",
    "where": "thalweg.docs.index",
}


def definitions(parent: ast.AST) -> Iterator[tuple[str, int]]:
    """Public classes and functions at the top of a module, those under an `if` or a `try` too, with their lines."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if not node.name.startswith("_"):
                yield node.name, node.lineno
        elif isinstance(node, (ast.If, ast.Try, ast.ExceptHandler)):
            yield from definitions(node)


def violations(root: Path, shared: Mapping[str, str] = SHARED) -> Iterator[str]:
    """One line for each name that more than one module defines."""
    places: dict[str, dict[str, str]] = defaultdict(dict)
    for module in modules(root):
        for name, line in definitions(module.tree):
            within = shared.get(name)
            if within is None or not f"{module.name}.".startswith(f"{within}."):
                places[name].setdefault(module.name, f"{module.path}:{line}")
    for name, found in sorted(places.items()):
        if len(found) > 1:
            yield f"'{name}' is defined {len(found)} times: {', '.join(found.values())}"


if __name__ == "__main__":
    sys.exit(report(violations(Path(sys.argv[1]))))
