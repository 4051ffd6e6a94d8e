"""What an imported module holds: for those written in C, which have no source to read."""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

from definitions import SIGNATURE_LIMIT, Definition

INSPECTED = (
    # written in C, or made of parts that are; importing them does nothing but define names
    *("array", "ast", "atexit", "binascii", "builtins", "bz2", "cmath", "codecs", "collections", "contextvars", "csv"),
    *("datetime", "decimal", "errno", "faulthandler", "fcntl", "functools", "gc", "grp", "hashlib", "hmac", "io"),
    *("itertools", "lzma", "marshal", "math", "mmap", "multiprocessing", "operator", "os", "pickle", "pwd", "queue"),
    *("random", "re", "resource", "select", "signal", "socket", "sqlite3", "ssl", "string", "struct", "sys", "syslog"),
    *("termios", "threading", "time", "tracemalloc", "types", "typing", "unicodedata", "weakref", "zlib", "zoneinfo"),
)


WORDS_OF_A_TYPE = 3
"""What stands after the arrow of a signature and is longer than that is a sentence."""


class Found(NamedTuple):
    """A public name of a module, the object it stands for, and where that object says it was defined."""

    module: str
    name: str
    value: Any
    origin: tuple[str, str]


def public_objects(module_name: str) -> Iterator[Found]:
    """The functions and classes that a module offers. Nothing where this Python was built without it."""
    module = _import(module_name)
    if module is None:
        return
    declared = getattr(module, "__all__", None)
    for name in sorted(declared or vars(module)):
        value = getattr(module, name, None)
        if name.startswith("_") or not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        origin = (getattr(value, "__module__", None) or "", getattr(value, "__qualname__", name))
        if _belongs(module_name, origin[0], declared=declared is not None):
            yield Found(module_name, name, value, origin)


def module_docstring(module_name: str) -> str:
    """The docstring of a module; empty where it has none or does not exist."""
    return inspect.getdoc(_import(module_name)) or ""


def _import(name: str) -> ModuleType | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def _belongs(module: str, origin: str, *, declared: bool) -> bool:
    """Whether a name is the module's own: not one of the builtins again, nor something it merely imported."""
    if module == "builtins":
        return True
    if origin == "builtins":
        return False
    return declared or origin in ("", module, "posix") or origin.startswith("_")


def definitions_of(found: Found) -> Iterator[Definition]:
    """The object itself, and for a class its public methods that have something to say."""
    value, name = found.value, found.name
    if not inspect.isclass(value):
        yield _definition(value, name, "function")
        return
    yield _definition(value, name, "class")
    for attribute in sorted(vars(value)):
        if attribute.startswith("_"):
            continue
        member = getattr(value, attribute, None)
        if inspect.isroutine(member) and member.__doc__:
            yield _definition(member, f"{name}.{attribute}", "method")


def _definition(value: Any, path: str, kind: str) -> Definition:
    docstring = value.__doc__ if isinstance(value.__doc__, str) else ""
    name = path.rpartition(".")[2]
    shown, docstring = _split_signature(name, inspect.cleandoc(docstring))
    return Definition(path, kind, (_signature(value, name) or shown or name)[:SIGNATURE_LIMIT], docstring)


def _signature(value: Any, name: str) -> str:
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):
        return ""
    parameters = list(signature.parameters.values())
    if parameters and parameters[0].name in ("self", "type"):
        signature = signature.replace(parameters=parameters[1:])
    return f"{name}{signature}"


def _split_signature(name: str, docstring: str) -> tuple[str, str]:
    """Docstrings from C often begin with lines like `D.name(arguments) -> result`: the signature, and often all they say."""
    first, _, rest = docstring.partition("\n")
    found = re.match(rf"[\w.]*\b({re.escape(name)}\(.*)", first)
    if not found:
        return "", docstring
    signature, dashes, said = found[1].partition(" -- ")
    call, _, result = signature.partition(" -> ")
    _, rest = _split_signature(name, rest.strip())
    if len(result.split()) > WORDS_OF_A_TYPE or not (dashes or rest):
        return call, f"{result}\n{rest}".strip()
    return signature, f"{said}\n{rest}".strip()
