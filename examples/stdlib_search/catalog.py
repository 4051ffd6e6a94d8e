"""The public objects of the Python standard library, each once, under the name that people know it by."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from definitions import Definition, SourceFile, clean, read_source
from inspection import INSPECTED, Found, definitions_of, module_docstring, public_objects

LEFT_OUT = frozenset(
    (
        *("test", "idlelib", "turtledemo", "this", "antigravity"),  # tests, programs and jokes
        *("distutils", "lib2to3", "tkinter.tix", "multiprocessing.dummy"),  # gone, or the same again under another name
        *("asyncio.windows_events", "asyncio.windows_utils", "msilib", "ntpath", "nturl2path"),  # for another system
        *("encodings", "ensurepip", "pydoc_data", "site-packages", "dist-packages", "lib-dynload"),  # nothing to call
    )
)
KNOWN_AS = {"posixpath": "os.path", "_collections_abc": "collections.abc"}
"""Modules that nobody imports by the name of their file."""

Place = tuple[str, str]
"""Where a thing is defined: the module of the file, and the path in it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One documented object. `name` is what a user writes; `docstring` is whole."""

    name: str
    kind: str
    module: str
    signature: str
    docstring: str


class Catalog:
    """Reads every source file once and gives every object its best name: the shortest under which it is exported."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or Path(sysconfig.get_paths()["stdlib"])
        self._sources = {source.module: source for source in _read_all(self._root)}
        self._exports: dict[str, dict[str, Place]] = {}

    def entries(self) -> dict[str, list[Entry]]:
        """Public module -> its objects, the module first. Both in alphabetical order: the same on every run."""
        objects = {entry.name: entry for entry in self._objects()}
        grouped: dict[str, list[Entry]] = {}
        for entry in sorted(objects.values(), key=lambda entry: (entry.module, entry.name)):
            grouped.setdefault(entry.module, []).append(entry)
        for module, docstring in self._modules():
            if module not in objects and (docstring or module in grouped):
                objects[module] = Entry(module, "module", module, f"import {module}", docstring)
                grouped[module] = [objects[module], *grouped.get(module, [])]
        return dict(sorted(grouped.items()))

    def _modules(self) -> Iterator[tuple[str, str]]:
        for name, source in self._sources.items():
            if _is_public(name) or name in KNOWN_AS:
                yield KNOWN_AS.get(name, name), clean(source.docstring)
        for name in INSPECTED:
            if name not in self._sources and name != "builtins":
                yield name, module_docstring(name)

    def _objects(self) -> Iterator[Entry]:
        names = _Names()
        for module in self._sources:
            if _is_public(module) or module in KNOWN_AS:
                for name, place in self._exported(module).items():
                    names.claim(KNOWN_AS.get(module, module), name, place)
        inspected = []
        for module in INSPECTED:
            for found in public_objects(module):
                if found.name in self._exported(module):
                    continue
                if self._definition(found.origin) is not None:
                    names.claim(module, found.name, found.origin)
                else:
                    inspected.append(found)
        for (public, name), place in names.best():
            yield from self._class_or_function(public, name, place, names)
        for found in _once(inspected):
            for definition in definitions_of(found):
                yield _entry(found.module, definition.path, definition)

    def _definition(self, place: Place) -> Definition | None:
        source = self._sources.get(place[0])
        return source.definitions.get(place[1]) if source else None

    def _class_or_function(self, module: str, name: str, place: Place, names: _Names) -> Iterator[Entry]:
        definition = self._definition(place)
        if definition is None:
            return
        yield _entry(module, name, definition)
        source = self._sources[place[0]]
        for owner in _with_private_bases(source, place[1]):
            for path, member in source.definitions.items():
                own = path.removeprefix(f"{owner}.")
                taken = (place[0], path) in names.claimed or not member.docstring
                if own != path and not taken and not own.startswith("_") and "._" not in own:
                    names.claim(module, f"{name}.{own}", (place[0], path))
                    yield _entry(module, f"{name}.{own}", member)

    def _exported(self, module: str) -> dict[str, Place]:
        """What `module` offers to others, and where each of it is defined."""
        if module not in self._exports:
            self._exports[module] = {}  # a module that takes in its own importer finds nothing there, as in Python
            source = self._sources.get(module)
            if source is not None:
                places = ((name, self._find(source, name)) for name in self._offered(source))
                self._exports[module] = {name: place for name, place in places if place and not name.startswith("_")}
        return self._exports[module]

    def _offered(self, source: SourceFile) -> list[str]:
        if source.exports is not None:
            return source.exports
        own = [path for path in source.definitions if "." not in path]
        starred = [name for origin in source.starred if _within(origin, source) for name in self._exported(origin)]
        taken = [name for name, (origin, _) in source.imported.items() if source.is_package and _within(origin, source)]
        return list(dict.fromkeys([*own, *source.aliases, *starred, *taken]))

    def _find(self, source: SourceFile, name: str, depth: int = 0) -> Place | None:
        """Follow a name through aliases and imports to its definition."""
        if name in source.definitions:
            return source.module, name
        if name in source.aliases:
            return source.module, source.aliases[name]
        if name in source.imported and depth < 8:
            origin, original = source.imported[name]
            target = self._sources.get(origin)
            return self._find(target, original, depth + 1) if target else None
        for origin in source.starred:
            if name in self._exported(origin):
                return self._exported(origin)[name]
        return self._find_below(source, name)

    def _find_below(self, source: SourceFile, name: str) -> Place | None:
        """Packages that load their parts on demand name them in `__all__` only."""
        if source.is_package:
            for module, part in self._sources.items():
                if module.rpartition(".")[0] == source.module and name in part.definitions:
                    return module, name
        return None


def _with_private_bases(source: SourceFile, path: str) -> list[str]:
    """A class and the private classes it inherits from: to the reader their methods are its own."""
    found = [path]
    for owner in found:
        found += [base for base in source.bases.get(owner, ()) if base.startswith("_") and base not in found]
    return found


class _Names:
    """Which names stand for which place; the best one wins."""

    def __init__(self) -> None:
        self.claimed: dict[Place, tuple[str, str]] = {}

    def claim(self, module: str, name: str, place: Place) -> None:
        known = self.claimed.get(place)
        if known is None or self._rank(module, name, place) < self._rank(*known, place):
            self.claimed[place] = (module, name)

    @staticmethod
    def _rank(module: str, name: str, place: Place) -> tuple[int, bool, bool, int, str]:
        return module.count("."), name != place[1], module != place[0], len(module), name

    def best(self) -> Iterator[tuple[tuple[str, str], Place]]:
        for place, named in list(self.claimed.items()):
            yield named, place


def _once(found: list[Found]) -> list[Found]:
    """One name for each object: a builtin before others, then the shortest, then its own name."""

    def rank(item: Found) -> tuple[bool, int, bool, str]:
        return item.module != "builtins", item.module.count("."), item.origin[1] != item.name, item.module

    best: dict[int, Found] = {}
    for item in sorted(found, key=rank):
        best.setdefault(id(item.value), item)
    return list(best.values())


def _entry(module: str, name: str, definition: Definition) -> Entry:
    full = name if module == "builtins" else f"{module}.{name}"
    return Entry(full, definition.kind, module, definition.signature, clean(definition.docstring))


def _within(origin: str, source: SourceFile) -> bool:
    """Whether taking names from `origin` makes them the taker's own: a private module, or a part of its package."""
    package = source.module if source.is_package else source.module.rpartition(".")[0]
    return origin.startswith("_") or (bool(package) and origin.startswith(f"{package}."))


def _is_public(module: str) -> bool:
    return module not in ("genericpath", *KNOWN_AS) and not any(part.startswith("_") for part in module.split("."))


def _left_out(module: str) -> bool:
    parts = module.split(".")
    if parts[0] not in sys.stdlib_module_names or parts[-1].startswith("__") or {"test", "tests"} & set(parts):
        return True
    return any(".".join(parts[:count]) in LEFT_OUT for count in range(1, len(parts) + 1))


def _read_all(root: Path) -> Iterator[SourceFile]:
    for path in sorted(root.rglob("*.py")):
        is_package = path.name == "__init__.py"
        relative = path.relative_to(root)
        parts = relative.parent.parts if is_package else (*relative.parent.parts, path.stem)
        module = ".".join(parts)
        if not module or _left_out(module):
            continue
        try:
            yield read_source(path.read_text("utf-8"), module, is_package=is_package)
        except (SyntaxError, UnicodeDecodeError):
            continue  # the standard library carries a few files that are wrong on purpose
