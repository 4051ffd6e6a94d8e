"""Modules that stand for those of another library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple


class Package(NamedTuple):
    """What stands for a library.

    `modules`: name of each of its modules -> name in it -> where it is now, as "module:name"; or "module" for a whole
    module, or "!" and a sentence that says what to use instead. `removed`: the same sentences for whole modules. `loaded`:
    names of modules -> what is to be loaded together with them, because loading it does something.
    """

    modules: Mapping[str, Mapping[str, str]]
    removed: Mapping[str, str]
    loaded: Mapping[str, str]


class Finder(MetaPathFinder, Loader):
    """Finds the modules of some packages in a table. It never falls back to a real package of the same name."""

    def __init__(self, packages: Mapping[str, Package]) -> None:
        self._packages = packages

    def made(self, module: ModuleType) -> bool:
        """Whether a loaded module is one of these."""
        return getattr(module, "__loader__", None) is self

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package = self._packages.get(fullname.partition(".")[0])
        if package is None:
            return None
        if fullname in package.removed:
            raise ModuleNotFoundError(f"{fullname}: {package.removed[fullname]}", name=fullname)
        if fullname not in package.modules:
            near = get_close_matches(fullname, package.modules, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ModuleNotFoundError(f"thalweg.compat has no module {fullname}{hint}", name=fullname)
        return ModuleSpec(fullname, self, is_package=self._is_package(fullname, package))

    @staticmethod
    def _is_package(fullname: str, package: Package) -> bool:
        return any(name.startswith(f"{fullname}.") for name in (*package.modules, *package.removed))

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, self._packages[spec.name.partition(".")[0]].modules[spec.name])

    def exec_module(self, module: ModuleType) -> None:
        """Names are found when they are asked for; only what does something has to be loaded."""
        name = module.__name__
        loaded = self._packages[name.partition(".")[0]].loaded.get(name)
        if loaded:
            import_module(loaded)


class _StandIn(ModuleType):
    """A module whose names live elsewhere."""

    def __init__(self, name: str, table: Mapping[str, str]) -> None:
        super().__init__(name, f"Stands for {name}.")
        self._table = table
        self.__all__ = [
            entry for entry, home in table.items() if not home.startswith("!") and not entry.startswith("_")
        ]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in self._table:
            raise AttributeError(name)
        home = self._table.get(name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if home.startswith("!"):
            # An import statement would hide the sentence of any other error.
            raise ImportError(f"{self.__name__}.{name}: {home[1:]}", name=self.__name__)
        module, _, attribute = home.partition(":")
        found = import_module(module)
        if attribute:
            found = getattr(found, attribute)
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__all__})
