"""Executors by name: what `uses` may be, in a form that can be sent to another process, and looked up there."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from hashlib import blake2s
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import cloudpickle  # type: ignore[import-untyped]
import msgspec
from pydantic import Field

from thalweg.config.load import parse_options
from thalweg.config.options import Options, WorkerOptions
from thalweg.config.source import read
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


class ExecutorFile(Options):
    """An Executor in YAML. `jtype` and `uses` say the same."""

    jtype: str = Field("", description="The class: 'package.module:Class', 'file.py:Class', or a name in py_modules.")
    uses: str = Field("", description="Another name of jtype.")
    with_: dict[str, Any] = Field({}, alias="with", description="Keyword arguments of the constructor.")
    metas: dict[str, Any] = Field({}, description="name, description, workspace.")
    requests: dict[str, str] = Field({}, description="Endpoint -> method name, in place of the decorators'.")
    py_modules: tuple[str, ...] | str = Field((), description="Files or modules to import first.")
    workspace: str | None = Field(None, description="Folder below which the Executor may keep its files.")


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
    if _importable(uses):
        return Reference("import", name, py_modules=modules)
    return Reference("pickle", name, _pickled(uses, name), modules)


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


def _importable(found: Any) -> bool:
    """Whether a process with the same `sys.path` finds exactly this class or function under its name."""
    module = sys.modules.get(found.__module__)
    if module is None or module.__name__ == "__main__":
        return False
    here: Any = module
    for part in found.__qualname__.split("."):
        here = getattr(here, part, None)
    return here is found and _on_path(module)


def _on_path(module: ModuleType) -> bool:
    """Whether an import of its name gives this module. One that was made by hand, or loaded from a file, has a spec too;
    so the finders are asked, not `sys.modules`."""
    package, _, _ = module.__name__.rpartition(".")
    path = getattr(sys.modules.get(package), "__path__", None) if package else None
    for finder in sys.meta_path:
        spec = finder.find_spec(module.__name__, path)
        if spec is not None:
            return spec.origin == getattr(module, "__file__", None) or not hasattr(module, "__file__")
    return False


def _pickled(found: Any, name: str) -> bytes:
    module = sys.modules.get(found.__module__)
    by_value = module is not None and module.__name__ != "__main__" and not _on_path(module)
    if by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(found))
    except Exception as error:
        raise ConfigurationError(
            f"{name} cannot be sent to another process: {error}. Put it into a module that can be imported, or make what "
            f"cannot be sent in its constructor."
        ) from error
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)


def _found(kind: str, text: str, folder: Path, modules: Iterable[str]) -> type[Executor]:
    imported = _imported(modules, folder)
    if kind == "name":
        for module in imported:
            if hasattr(module, text):
                return executor_class(getattr(module, text), text)
        raise ConfigurationError(
            f"{text!r} is defined in none of {', '.join(module.__name__ for module in imported)}"
            f"{_suggestion(text, imported)}."
        )
    where, _, name = text.rpartition(":") if ":" in text else text.rpartition(".")
    module = _file(folder / Path(where).expanduser()) if kind == "file" else _module(where, text)
    here: Any = module
    for part in name.split("."):
        if not hasattr(here, part):
            raise ConfigurationError(f"{where} has no {name!r}{_suggestion(name, [module])}.")
        here = getattr(here, part)
    return executor_class(here, text)


def _suggestion(name: str, modules: Iterable[ModuleType]) -> str:
    known = sorted({key for module in modules for key, value in vars(module).items() if _is_executor(value, module)})
    close = get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; the Executors there are {', '.join(known)}" if known else "; there is no Executor at all"


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
        _file(folder / Path(name).expanduser()) if name.endswith(".py") else _module(name, name) for name in modules
    ]


def _module(name: str, text: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only if it is this module that is missing, not one that it imports: that is for its author to see in full.
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ConfigurationError(
                f"{text!r}: there is no module {error.name!r}. It is looked for in the current folder, in PYTHONPATH and "
                f"among the installed packages."
            ) from None
        raise


def _file(path: Path) -> ModuleType:
    """The module in the file at `path`. Its folder goes onto `sys.path`, so that it can import its neighbours."""
    path = path.resolve()
    name = _module_name(path)
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}.")
    spec = importlib.util.spec_from_file_location(
        name, path, submodule_search_locations=[str(path.parent)] if path.name == "__init__.py" else None
    )
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is no Python file.")
    folder = str(path.parent.parent if path.name == "__init__.py" else path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _module_name(path: Path) -> str:
    """A name under which the file shadows no other module."""
    stem = path.parent.name if path.name == "__init__.py" else path.stem
    known = sys.modules.get(stem)
    if known is not None:
        free = getattr(known, "__file__", None) == str(path)
    else:
        spec = importlib.util.find_spec(stem)
        free = spec is None or spec.origin == str(path)
    return stem if free else f"{stem}_{blake2s(str(path).encode(), digest_size=4).hexdigest()}"


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
        workspace=file.workspace,
    )


def _one_or_many(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
