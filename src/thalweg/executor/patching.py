"""New code for functions that are there already: what has changed between two texts of a module, and how it is taken over.

Only bodies of functions are taken over, by giving each function its new code object. All else of a module has run once, and
what it made is in use: classes, documents, models. Where something of that has changed, it takes a new process.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

KINDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "model_post_init"})
"""What has made objects that are in use."""
Definition = ast.FunctionDef | ast.AsyncFunctionDef


class Unpatchable(Exception):
    """The change cannot be taken over in place; says why."""


@dataclass(frozen=True)
class FunctionPatch:
    """Live functions and the code that each is to have."""

    codes: tuple[tuple[FunctionType, CodeType], ...]
    changed: tuple[str, ...]
    """Qualified names of those that do something else then; the others have only moved."""

    def apply(self) -> None:
        """Take it over. Calls that run already go on with the old code."""
        for function, code in self.codes:
            function.__code__ = code


def patch_of(file: str, old: str, new: str) -> FunctionPatch:
    """What it takes to have the loaded module of `file`, whose text was `old`, do what the text `new` says.

    Raises:
        SyntaxError: `new` is no Python.
        Unpatchable: something else than bodies of functions has changed, or a constructor, or the kind of a function.
    """
    before, after = ast.parse(old, file), ast.parse(new, file)
    bodies, wanted = _bodies(before), _bodies(after)
    if ast.dump(_without_bodies(before)) != ast.dump(_without_bodies(after)):
        raise Unpatchable("something else than the bodies of functions has changed")
    changed = [name for name, body in wanted.items() if body != bodies.get(name)]
    for name in changed:
        if name.rpartition(".")[2] in CONSTRUCTORS:
            raise Unpatchable(f"{name} has changed, which has made objects that are in use")
    codes = _codes(compile(new, file, "exec", dont_inherit=True))
    live = _live(file)
    taken = []
    for name, code in codes.items():
        functions = live.get(name, [])
        if name in changed and not functions:
            raise Unpatchable(f"{name} has changed, and is hidden by what decorates it")
        for function in functions:
            if _fits(function.__code__, code):
                taken.append((function, code))
            elif name in changed:
                raise Unpatchable(f"{name} has become a function of another kind")
    for name in changed:
        if name not in codes:
            raise Unpatchable(f"{name} has changed, and is defined more than once")
    return FunctionPatch(tuple(taken), tuple(changed))


def _fits(old: CodeType, new: CodeType) -> bool:
    return old.co_freevars == new.co_freevars and old.co_flags & KINDS == new.co_flags & KINDS


def _bodies(tree: ast.Module) -> dict[str, str]:
    """What each function does, by qualified name."""
    found: dict[str, str] = {}
    for name, definition in _definitions(tree.body, ""):
        found[name] = found.get(name, "") + "".join(ast.dump(statement) for statement in definition.body)
    return found


def _definitions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Definition]]:
    for statement in body:
        if isinstance(statement, Definition):
            yield prefix + statement.name, statement
        elif isinstance(statement, ast.ClassDef):
            yield from _definitions(statement.body, f"{prefix}{statement.name}.")


def _without_bodies(tree: ast.Module) -> ast.Module:
    """All that runs when the module is imported."""
    for _, definition in _definitions(tree.body, ""):
        definition.body = [ast.Pass()]
    return tree


def _codes(module: CodeType) -> dict[str, CodeType]:
    """The code of each function of a module and its classes, by qualified name; not of those defined more than once."""
    found: dict[str, list[CodeType]] = {}
    waiting = [module]
    while waiting:
        for constant in waiting.pop().co_consts:
            if not isinstance(constant, CodeType):
                continue
            if constant.co_flags & inspect.CO_OPTIMIZED:
                found.setdefault(constant.co_qualname, []).append(constant)
            else:
                waiting.append(constant)  # the body of a class
    return {name: codes[0] for name, codes in found.items() if len(codes) == 1}


def _live(file: str) -> dict[str, list[FunctionType]]:
    """The functions that came from `file`, by qualified name."""
    found: dict[str, list[FunctionType]] = {}
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and getattr(module, "__file__", None) == file:
            for function in _functions(vars(module), module.__name__, set()):
                if function.__code__.co_filename == file and function not in found.get(function.__qualname__, []):
                    found.setdefault(function.__code__.co_qualname, []).append(function)
    return found


def _functions(namespace: Mapping[str, Any], module: str, seen: set[int]) -> Iterator[FunctionType]:
    for value in list(namespace.values()):
        if isinstance(value, type):
            if value.__module__ == module and id(value) not in seen:
                seen.add(id(value))
                yield from _functions(vars(value), module, seen)
        else:
            yield from _unwrapped(value)


def _unwrapped(value: Any) -> Iterator[FunctionType]:
    """The function that `value` is, or those that it wraps in one of the usual ways."""
    if isinstance(value, FunctionType):
        yield value
    inner: list[Any]
    if isinstance(value, (staticmethod, classmethod)):
        inner = [value.__func__]
    elif isinstance(value, property):
        inner = [value.fget, value.fset, value.fdel]
    else:
        inner = [inspect.getattr_static(value, name, None) for name in ("__wrapped__", "func")]
    for one in inner:
        if isinstance(one, FunctionType) and one is not value:
            yield from _unwrapped(one)
