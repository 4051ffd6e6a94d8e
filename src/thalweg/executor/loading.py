"""Executors by name: what `uses` may be, in a form that can be sent to another process, and looked up there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import cloudpickle  # type: ignore[import-untyped]
import msgspec

from thalweg.config.file import ExecutorFile
from thalweg.config.load import parse_options
from thalweg.config.objects import file_module, importable, imported_module, pickled
from thalweg.config.source import read
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError
from thalweg.executor.endpoint import requests
from thalweg.executor.executor import Executor
from thalweg.executor.source import ExecutorSource, executor_class

YAML_SUFFIXES = (".yml", ".yaml", ".json")


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


def _kind_of(text: str, modules: tuple[str, ...]) -> Literal["import", "file", "name", "yaml"]:
    if "\n" in text or ": " in text or text.lstrip().startswith("{") or text.endswith(YAML_SUFFIXES):
        return "yaml"
    where, colon, name = text.rpartition(":")
    if "://" in text or not text or (colon and not all(part.isidentifier() for part in name.split("."))):
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
        raise ConfigurationError(
            f"{found.name or 'The YAML'} does not say which Executor: 'jtype: package.module:Class'."
        )
    return ExecutorSource(
        _found(_kind_of(uses, every), uses, found.folder, every),
        uses_with=file.with_,
        metas=file.metas,
        requests=file.requests,
        dynamic_batching={**file.dynamic_batching, **file.uses_dynamic_batching},
        workspace=file.workspace,
    )


def _one_or_many(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
