"""Python source as the checks of this folder see it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One imported name, absolute: `from .errors import X` in `thalweg.docs` is `thalweg.docs.errors.X`."""

    target: str
    line: int
    inside_function: bool


@dataclass(frozen=True)
class Module:
    """One file. `name` is dotted and begins with the package that was asked for."""

    path: Path
    name: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def imports(self) -> Iterator[Import]:
        """Every import, those inside functions too; those for the type checker alone are left out."""
        yield from self._imports(self.tree, inside_function=False)

    def _imports(self, parent: ast.AST, inside_function: bool) -> Iterator[Import]:
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                for statement in node.orelse:
                    yield from self._imports(ast.Module([statement], []), inside_function)
            elif isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno, inside_function) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                head = self._absolute(node)
                yield from (Import(f"{head}.{alias.name}", node.lineno, inside_function) for alias in node.names)
            else:
                function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                yield from self._imports(node, inside_function or function)

    def _absolute(self, node: ast.ImportFrom) -> str:
        parts = self.name.split(".")
        above = node.level if not self.is_package else node.level - 1
        base = parts[: len(parts) - above] if node.level else []
        return ".".join([*base, *([node.module] if node.module else [])])


def modules(root: Path) -> Iterator[Module]:
    """Every module of the package folder `root`, in the order of their paths."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield Module(path, name, ast.parse(path.read_text("utf-8"), str(path)))


def report(findings: Iterable[str]) -> int:
    """Print the findings; the exit code that follows from them."""
    lines = list(findings)
    for line in lines:
        print(line)
    return 1 if lines else 0
