"""Executors by name: what `uses` may be, in a form that can be sent to another process, and looked up there."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import cloudpickle  # type: ignore[import-untyped]
import msgspec

from thalweg.config.file import ExecutorFile
from thalweg.config.load import parse_options
from thalweg.config.objects import file_module, importable, imported_module, no_module, pickled
from thalweg.config.source import Source, read
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError
from thalweg.executor.endpoint import requests
from thalweg.executor.executor import Executor
from thalweg.executor.source import ExecutorSource, executor_class

YAML_SUFFIXES = (".yml", ".yaml", ".json")
PLACEHOLDER = "${{"
"""Where this stands, another process knows what is meant."""


class Reference(msgspec.Struct, frozen=True):
    """Names an Executor in a way that another process on this machine understands, given the same `sys.path`.

    `text` is an import string, the path of a file and a name, or YAML or its path; `data` is a pickled class or function
    that has no name there.
    """

    kind: Literal["nothing", "import", "file", "name", "yaml", "pickle"]
    text: str = ""
    data: bytes = b""
    py_modules: tuple[str, ...] = ()

    def resolve(self) -> ExecutorSource:
        """Import whatever is needed and look it up.

        Raises:
            ConfigurationError: it cannot be found, or is no Executor. What the user's modules raise while they are
                imported comes out unchanged.
        """
        if self.kind == "nothing":
            return ExecutorSource(Passthrough)
        if self.kind == "pickle":
            _imported(self.py_modules, Path.cwd())
            # Written by `reference` in our own parent process, and received through a pipe that only it holds.
            return ExecutorSource(executor_class(cloudpickle.loads(self.data), self.text))
        if self.kind == "yaml":
            return _from_yaml(self.text, self.py_modules)
        return ExecutorSource(_found(self.kind, self.text, Path.cwd(), self.py_modules))


class Passthrough(Executor):
    """Answers every endpoint with the documents it was given. What `uses` means where it says nothing."""

    @requests
    def answer(self, docs: Any) -> None:
        """Give the documents back as they came."""


def reference(uses: Any, options: WorkerOptions | None = None) -> Reference:
    """How another process finds the Executor that `uses` means. Imports nothing.

    `uses` is a class or a function with `@requests`; `package.module:Class` or `package.module.Class`; `file.py:Class`;
    the path of a YAML file, its text, or a mapping of the same shape; a name that is defined in one of
    `options.py_modules`; or None, which gives the documents back as they came. Paths are relative to the current folder.

    Raises:
        ConfigurationError: it is none of these, or a class that cannot be sent.
    """
    modules = options.py_modules if options is not None else ()
    if uses is None:
        return Reference("nothing")
    if isinstance(uses, Mapping):
        return Reference("yaml", json.dumps(uses), py_modules=modules)
    if isinstance(uses, Path):
        uses = str(uses)
    if isinstance(uses, str):
        return Reference(_kind_of(uses, modules), uses, py_modules=modules)
    executor_class(uses, f"uses={uses!r}")
    name = f"{uses.__module__}:{uses.__qualname__}"
    if importable(uses):
        return Reference("import", name, py_modules=modules)
    return Reference("pickle", name, pickled(uses, name), modules)


def check_reference(found: Reference, folder: Path | None = None, elsewhere: bool = False) -> None:
    """Raise where another process cannot find what is named, as far as that is known without importing anything. Names with
    placeholders in them are left to it. `elsewhere` says that modules may be found there which are not found here.

    Raises:
        ConfigurationError: there is no such file or module, or the YAML names no Executor.
    """
    folder = folder or Path.cwd()
    if found.kind == "yaml":
        _check_yaml(found, elsewhere)
    if found.kind in ("yaml", "nothing", "pickle") or PLACEHOLDER in found.text:
        return
    where = found.text.rpartition(":" if ":" in found.text else ".")[0]
    for name in (*found.py_modules, *([] if found.kind == "name" else [where])):
        if name.endswith(".py"):
            there = (folder / Path(name).expanduser()).resolve()
            if not there.is_file():
                raise ConfigurationError(f"uses={found.text!r}: there is no file {there}.")
        elif not elsewhere and not _is_there(name, folder):
            raise ConfigurationError(no_module(name.partition(".")[0], found.text))


def _check_yaml(found: Reference, elsewhere: bool) -> None:
    source = read(found.text, substitute=False)
    uses, more = source.data.get("jtype") or source.data.get("uses"), source.data.get("metas")
    if not uses:
        raise ConfigurationError(_of_no_executor(source))
    own = _one_or_many(source.data.get("py_modules") or ())
    own += _one_or_many((more.get("py_modules") if isinstance(more, Mapping) else None) or ())
    if isinstance(uses, str) and PLACEHOLDER not in uses:
        modules = (*own, *found.py_modules)
        check_reference(Reference(_kind_of(uses, modules), uses, py_modules=own), source.folder, elsewhere)


def _is_there(module: str, folder: Path) -> bool:
    """Whether something is found under the first part of a module's name, here or in `folder`."""
    top = module.partition(".")[0]
    if top in sys.modules or (folder / top).is_dir() or (folder / f"{top}.py").is_file():
        return True
    if importlib.util.find_spec(top) is None:
        importlib.invalidate_caches()  # it may have been written just now
        return importlib.util.find_spec(top) is not None
    return True


def _kind_of(text: str, modules: tuple[str, ...]) -> Literal["import", "file", "name", "yaml"]:
    if "\n" in text or ": " in text or text.lstrip().startswith("{") or text.endswith(YAML_SUFFIXES):
        return "yaml"
    where, colon, name = text.rpartition(":")
    if text and not colon and not modules and Path(text).expanduser().is_dir():
        raise ConfigurationError(
            f"uses={text!r} is a folder. Say which Executor in it: '{Path(text, 'config.yml')}' or "
            f"'{Path(text, 'file.py')}:Class'."
        )
    named = all(part.isidentifier() for part in name.split("."))
    if (
        "://" in text
        or not text
        or (colon and not (named and where))
        or (os.sep in where and not where.endswith(".py"))
    ):
        raise ConfigurationError(
            f"uses={text!r} names no Executor. Write 'package.module:Class', 'file.py:Class', or a YAML file."
        )
    if where.endswith(".py"):
        return "file"
    if text.endswith(".py"):
        raise ConfigurationError(f"uses={text!r} is a file. Say which Executor in it, such as '{text}:Class'.")
    if colon or "." in text:
        return "import"
    if modules:
        return "name"
    raise ConfigurationError(
        f"uses={text!r} does not say where it is defined. Write 'package.module:{text}' or 'file.py:{text}', or name "
        f"the module in py_modules."
    )


def _found(kind: str, text: str, folder: Path, modules: Iterable[str]) -> type[Executor]:
    imported = _imported(modules, folder)
    if kind == "name":
        for module in imported:
            if hasattr(module, text):
                return executor_class(getattr(module, text), text)
        raise ConfigurationError(
            f"{text!r} is defined in none of {', '.join(module.__name__ for module in imported)}"
            f"{_suggestion(text, imported)}"
        )
    where, _, name = text.rpartition(":") if ":" in text else text.rpartition(".")
    module = file_module(folder / Path(where).expanduser()) if kind == "file" else imported_module(where, text)
    here: Any = module
    for part in name.split("."):
        if not hasattr(here, part):
            raise ConfigurationError(f"{where} has no {name!r}{_suggestion(name, [module])}")
        here = getattr(here, part)
    return executor_class(here, text)


def _suggestion(name: str, modules: Iterable[ModuleType]) -> str:
    known = sorted({key for module in modules for key, value in vars(module).items() if _is_executor(value, module)})
    close = get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; the Executors there are {', '.join(known)}." if known else "; there is no Executor at all."


def _is_executor(value: Any, module: ModuleType) -> bool:
    if getattr(value, "__module__", None) != module.__name__:
        return False
    try:
        executor_class(value, "")
    except ConfigurationError:
        return False
    return True


def _imported(modules: Iterable[str], folder: Path) -> list[ModuleType]:
    return [
        file_module(folder / Path(name).expanduser()) if name.endswith(".py") else imported_module(name, name)
        for name in modules
    ]


def _from_yaml(text: str, modules: tuple[str, ...]) -> ExecutorSource:
    found = read(text)
    file = parse_options(ExecutorFile, found.data, found.name or "Executor")
    uses = file.jtype or file.uses
    own = (file.py_modules,) if isinstance(file.py_modules, str) else file.py_modules
    own = (*own, *_one_or_many(file.metas.get("py_modules", ())))
    every = (*own, *(str(Path(name).resolve()) if name.endswith(".py") else name for name in modules))
    if not uses:
        raise ConfigurationError(_of_no_executor(found))
    return ExecutorSource(
        _found(_kind_of(uses, every), uses, found.folder, every),
        uses_with=file.with_,
        metas=file.metas,
        requests=file.requests,
        dynamic_batching={**file.dynamic_batching, **file.uses_dynamic_batching},
        workspace=file.workspace,
    )


def _of_no_executor(yaml: Source) -> str:
    return f"{yaml.name or 'The YAML'} does not say which Executor: 'jtype: package.module:Class'."


def _one_or_many(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
