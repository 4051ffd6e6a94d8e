"""What one Python source file defines, read from its syntax tree: nothing is imported, nothing runs."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field

SIGNATURE_LIMIT = 240
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, class, method or property as it stands in a source file. `path` is relative to its module."""

    path: str
    kind: str
    signature: str
    docstring: str


@dataclass(slots=True)
class SourceFile:
    """The names that a module binds, and where it has them from.

    `exports` is `__all__`, None where the module has none that is written out. `imported` maps a name to the module it
    comes from and its name there; `starred` are modules taken in whole; `aliases` maps a name to the path it stands for,
    `instances` to the class of the object it holds; `bases` maps a class to the names of those it inherits from.
    """

    module: str
    is_package: bool = False
    docstring: str = ""
    exports: list[str] | None = None
    definitions: dict[str, Definition] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    starred: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    instances: dict[str, str] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)


def read_source(text: str, module: str, *, is_package: bool) -> SourceFile:
    """Read one module. Raises `SyntaxError` where `text` is not Python."""
    tree = ast.parse(text)
    source = SourceFile(module, is_package, ast.get_docstring(tree) or "")
    for statement in _statements(tree.body):
        _read_statement(statement, source)
    _resolve_aliases(source)
    return source


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body and of the branches in it: a definition under `if` or `try` counts as any other."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.If, ast.Try, ast.TryStar, ast.With)):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)


def _read_statement(statement: ast.stmt, source: SourceFile) -> None:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            _keep(source, _function(statement, statement.name, "function"))
        case ast.ClassDef():
            _read_class(statement, statement.name, source)
        case ast.ImportFrom():
            _read_import(statement, source)
        case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
            source.exports = _names(value)
        case ast.AugAssign(target=ast.Name(id="__all__"), value=value):
            _export_more(source, _names(value))
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="__all__"), attr="extend"), args=[value])):
            _export_more(source, _names(value))
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Name(id="__all__")), args=[ast.Constant(value=str(name))])
        ):
            _export_more(source, [name])
        case ast.Assign(targets=[ast.Name(id="__doc__")], value=ast.Constant(value=str(docstring))):
            source.docstring = docstring
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            _read_assignment(name, value, source)


def _export_more(source: SourceFile, names: list[str] | None) -> None:
    if source.exports is not None and names is not None:
        source.exports = [*source.exports, *names]


def _read_assignment(name: str, value: ast.expr, source: SourceFile) -> None:
    """`choice = _inst.choice` where `_inst = Random()` makes `choice` an alias of `Random.choice`."""
    match value:
        case ast.Call(func=ast.Name(id=called)):
            source.instances.setdefault(name, called)
        case ast.Name(id=target):
            source.aliases.setdefault(name, target)
        case ast.Attribute(value=ast.Name(id=owner), attr=attribute):
            source.aliases.setdefault(name, f"{owner}.{attribute}")


def _resolve_aliases(source: SourceFile) -> None:
    resolved = {}
    for name, target in source.aliases.items():
        owner, dot, attribute = target.partition(".")
        path = f"{source.instances.get(owner, owner)}.{attribute}" if dot else target
        if path in source.definitions and name not in source.definitions:
            resolved[name] = path
    source.aliases = resolved


def _read_class(node: ast.ClassDef, path: str, source: SourceFile) -> None:
    docstring = ast.get_docstring(node) or ""
    members = list(_statements(node.body))
    constructor = next((item for item in members if isinstance(item, FUNCTIONS) and item.name == "__init__"), None)
    signature = f"{node.name}{_arguments(constructor, skip_first=True)}" if constructor else node.name
    if not docstring and constructor:
        docstring = ast.get_docstring(constructor) or ""
    _keep(source, Definition(path, "class", signature, docstring))
    source.bases.setdefault(path, [base.id for base in node.bases if isinstance(base, ast.Name)])
    for item in members:
        if isinstance(item, FUNCTIONS):
            _keep(source, _method(item, f"{path}.{item.name}"))
        elif isinstance(item, ast.ClassDef):
            _read_class(item, f"{path}.{item.name}", source)


def _method(node: ast.FunctionDef | ast.AsyncFunctionDef, path: str) -> Definition:
    decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    if decorators & {"property", "cached_property"}:
        return Definition(path, "property", node.name, ast.get_docstring(node) or "")
    return _function(node, path, "method", skip_first="staticmethod" not in decorators)


def _function(
    node: ast.FunctionDef | ast.AsyncFunctionDef, path: str, kind: str, *, skip_first: bool = False
) -> Definition:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    signature = _shorten(f"{node.name}{_arguments(node, skip_first=skip_first)}{returns}")
    prefix = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return Definition(path, kind, prefix + signature, ast.get_docstring(node) or "")


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef, *, skip_first: bool) -> str:
    arguments = ast.unparse(node.args)
    if skip_first:
        first, _, rest = arguments.partition(",")
        rest = rest.strip().removeprefix("/").lstrip(", ") if not first.startswith("*") else arguments
        arguments = rest
    return _shorten(f"({arguments})")


def _shorten(text: str) -> str:
    return text if len(text) <= SIGNATURE_LIMIT else text[: SIGNATURE_LIMIT - 1] + "…"


def _keep(source: SourceFile, definition: Definition) -> None:
    """The first definition with a docstring wins, as with functions written once for each platform."""
    known = source.definitions.get(definition.path)
    if known is None or (not known.docstring and definition.docstring):
        source.definitions[definition.path] = definition


def _read_import(node: ast.ImportFrom, source: SourceFile) -> None:
    package = source.module.split(".")
    if node.level:
        kept = len(package) - node.level + (1 if source.is_package else 0)
        origin = ".".join([*package[:kept], *([node.module] if node.module else [])])
    else:
        origin = node.module or ""
    for alias in node.names:
        if alias.name == "*":
            source.starred.append(origin)
        else:
            source.imported[alias.asname or alias.name] = (origin, alias.name)


def _names(value: ast.expr) -> list[str] | None:
    """The strings of a list or tuple that is written out; None where it is computed."""
    match value:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [item.value for item in elements if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            known, more = _names(left), _names(right)
            return None if known is None or more is None else known + more
    return None


def clean(docstring: str) -> str:
    """A docstring without its indentation and the blank lines around it."""
    return inspect.cleandoc(docstring).strip()
