"""Objects of the user's own code by name: how another process on this machine finds them again."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from hashlib import blake2s
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import msgspec

from thalweg.errors import ConfigurationError


class ObjectReference(msgspec.Struct, frozen=True):
    """Names an object in a way that another process understands, given the same `sys.path`: an import string, the path of
    a file and a name, or, for what has no name there, the pickled object itself."""

    kind: Literal["import", "file", "pickle"]
    text: str
    data: bytes = b""

    def resolve(self) -> Any:
        """Import what is needed and look it up.

        Raises:
            ConfigurationError: it cannot be found. What the user's modules raise while they are imported comes out
                unchanged.
        """
        if self.kind == "pickle":
            return _unpickled(self.data)
        where, _, name = self.text.rpartition(":")
        module = file_module(Path(where).expanduser()) if self.kind == "file" else imported_module(where, self.text)
        here: Any = module
        for part in name.split("."):
            if not hasattr(here, part):
                raise ConfigurationError(f"{where} has no {name!r}.")
            here = getattr(here, part)
        return here


def object_reference(found: Any, what: str) -> ObjectReference:
    """How another process finds `found`: an object, `"package.module:name"` or `"file.py:name"`. Imports nothing. `what`
    says in errors which option named it.

    Raises:
        ConfigurationError: a string that names nothing, or an object that cannot be sent.
    """
    if isinstance(found, str):
        where, colon, name = found.rpartition(":")
        if not colon or not where or not all(part.isidentifier() for part in name.split(".")):
            raise ConfigurationError(f"{what}={found!r} names nothing. Write 'package.module:name' or 'file.py:name'.")
        return ObjectReference("file" if where.endswith(".py") else "import", found)
    module, qualified = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    if isinstance(module, str) and isinstance(qualified, str):
        if importable(found):
            return ObjectReference("import", f"{module}:{qualified}")
        return ObjectReference("pickle", f"{module}:{qualified}", pickled(found, f"{module}:{qualified}"))
    named = _name_of(found)
    if named:
        return ObjectReference("import", named)
    data = pickled(found, f"{what}={found!r}")
    try:
        _unpickled(data)
    except Exception as error:
        raise ConfigurationError(
            f"{what}={found!r} cannot be sent to another process: {type(error).__name__}: {str(error)[:200]}. Put it into "
            f"a module and name it there: 'package.module:name'."
        ) from None
    return ObjectReference("pickle", what, data)


def _name_of(found: Any) -> str:
    """Where another process can import this very object, empty where it cannot."""
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and module.__name__ != "__main__":
            name = next((key for key, value in list(vars(module).items()) if value is found), "")
            if name and _on_path(module):
                return f"{module.__name__}:{name}"
    return ""


def _unpickled(data: bytes) -> Any:
    import cloudpickle  # type: ignore[import-untyped]

    # Written by `object_reference` in this process or in our own parent, and received through a pipe that only it holds.
    return cloudpickle.loads(data)


def importable(found: Any) -> bool:
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


def pickled(found: Any, name: str) -> bytes:
    """`found` as bytes, its module along with it where another process could not import that.

    Raises:
        ConfigurationError: it cannot be sent.
    """
    import cloudpickle

    module = sys.modules.get(getattr(found, "__module__", None) or type(found).__module__)
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


def imported_module(name: str, text: str) -> ModuleType:
    """The module `name`; `text` is what the user wrote. Raises `ConfigurationError` where there is none."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only if it is this module that is missing, not one that it imports: that is for its author to see in full.
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ConfigurationError(no_module(error.name, text)) from None
        raise


def no_module(name: str, text: str) -> str:
    """That there is none of this name, which `text` of the user's asks for."""
    return (
        f"{text!r}: there is no module {name!r}. It is looked for in the current folder, in PYTHONPATH and among the "
        f"installed packages."
    )


def file_module(path: Path) -> ModuleType:
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


def named_file(found: Any) -> str:
    """`/path/file.py:name` of an object that is defined in a module of its own, in no package; empty for any other."""
    module = sys.modules.get(getattr(found, "__module__", None) or "")
    name = getattr(found, "__qualname__", "")
    path = getattr(module, "__file__", None)
    if module is None or path is None or "." in module.__name__ or module.__name__ == "__main__" or "<" in name:
        return ""
    here: Any = module
    for part in name.split("."):
        here = getattr(here, part, None)
    return f"{Path(path).resolve()}:{name}" if here is found and not path.endswith("__init__.py") else ""
