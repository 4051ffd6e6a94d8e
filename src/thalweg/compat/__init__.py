"""Programs written for DocArray, run on Thalweg: `python -m thalweg.compat app.py`, or `thalweg.compat.install()`.

After `install()`, `import docarray` and its public modules resolve to Thalweg. Until then, nothing of the import machinery
is touched, and a real DocArray that is installed stays what it is. What has no place here raises an error that names what
to use instead.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from thalweg.compat.finder import Finder
from thalweg.compat.table import PACKAGES

__all__ = ["install", "uninstall"]

_FINDER = Finder(PACKAGES)


def install() -> None:
    """Let `import docarray` find Thalweg, also where a real DocArray is installed. Calling it again does nothing.

    Raises:
        ImportError: a real DocArray is loaded already; its classes cannot be exchanged any more.
    """
    loaded = [name for name in _loaded() if not _FINDER.made(sys.modules[name])]
    if loaded:
        raise ImportError(
            f"{loaded[0]} is loaded already: call thalweg.compat.install() before anything imports it", name=loaded[0]
        )
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def uninstall() -> None:
    """Leave `import docarray` to the real one again. What was imported meanwhile goes on to work."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
        for name in list(_loaded()):
            del sys.modules[name]


def _loaded() -> Iterable[str]:
    return [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
