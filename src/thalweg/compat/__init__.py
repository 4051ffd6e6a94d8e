"""Programs written for Jina and DocArray, run on Thalweg: `python -m thalweg.compat app.py`, or `thalweg.compat.install()`.

After `install()`, `import jina` and `import docarray` and their public modules resolve to Thalweg. Until then, nothing of
the import machinery is touched, and a real Jina or DocArray that is installed stays what it is. What has no place here
raises an error that names what to use instead.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from thalweg.compat.finder import Finder
from thalweg.compat.table import PACKAGES
from thalweg.compat.variables import adopt_variables

__all__ = ["install", "uninstall"]

_FINDERS = {name: Finder({name: package}) for name, package in PACKAGES.items()}


def install(*packages: str) -> None:
    """Let imports of `packages`, `"jina"` and `"docarray"` where none is named, find Thalweg, also where the real ones are
    installed. Calling it again does nothing. With `jina`, variables like JINA_LOG_LEVEL become those of Thalweg's that mean
    the same; a `UserWarning` names those that mean nothing here.

    Raises:
        ImportError: a real one is loaded already; its classes cannot be exchanged any more.
        ValueError: nothing stands for such a package.
    """
    named = packages or tuple(PACKAGES)
    for name in named:
        if name not in _FINDERS:
            raise ValueError(f"nothing stands for {name!r}; there are {', '.join(PACKAGES)}")
        loaded = [module for module in _loaded(name) if not _FINDERS[name].made(sys.modules[module])]
        if loaded:
            raise ImportError(
                f"{loaded[0]} is loaded already: call thalweg.compat.install() before anything imports it",
                name=loaded[0],
            )
    new = [name for name in named if _FINDERS[name] not in sys.meta_path]
    for name in new:
        sys.meta_path.insert(0, _FINDERS[name])
    if "jina" in new:
        adopt_variables()


def uninstall() -> None:
    """Leave the imports to the real ones again. What was imported meanwhile goes on to work."""
    for package, finder in _FINDERS.items():
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
            for name in list(_loaded(package)):
                del sys.modules[name]


def _loaded(package: str) -> Iterable[str]:
    return [name for name in sys.modules if name.partition(".")[0] == package]
