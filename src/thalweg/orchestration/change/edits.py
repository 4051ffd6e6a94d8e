"""Files that are watched until somebody has edited them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from typing import TypeAlias

POLL_SECONDS = 0.5
"""How often to look, where the system is not asked to tell."""
LOOK_SECONDS = 2.0
"""How often to look where it is: one that is far away may be edited without the system's noticing."""
QUIET_SECONDS = 0.1
"""How long files must stay as they are: an editor writes one after the other, and not all at once."""

Stamp: TypeAlias = tuple[int, int, int] | None


class Edits:
    """Looks at the size and the time of files. Where the library `watchfiles` is there (`pip install 'thalweg[reload]'`),
    the system wakes it at each change; else it looks twice a second."""

    def __init__(self) -> None:
        self._stamps: dict[str, Stamp] = {}

    def watch(self, files: Iterable[str]) -> None:
        """Watch these from now on. What is known of those that were watched before stays known."""
        self._stamps = {file: self._stamps[file] if file in self._stamps else _stamp(file) for file in files}

    async def next(self) -> set[str]:
        """Return when some were edited, and which. One that is gone for a moment counts when it is there again."""
        while not self._edited():
            await _something(_folders(self._stamps))
        edited: set[str] = set()
        while found := self._edited():
            edited |= found
            for file in found:
                self._stamps[file] = _stamp(file)
            await asyncio.sleep(QUIET_SECONDS)
        return edited

    def _edited(self) -> set[str]:
        now = {file: _stamp(file) for file in self._stamps}
        return {file for file, stamp in now.items() if stamp is not None and stamp != self._stamps[file]}


def _stamp(file: str) -> Stamp:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _folders(files: Iterable[str]) -> list[str]:
    return sorted({str(Path(file).parent) for file in files if Path(file).parent.is_dir()})


async def _something(folders: list[str]) -> None:
    """Return when something may have changed in `folders`, or after a while."""
    try:
        from watchfiles import awatch
    except ImportError:
        await asyncio.sleep(POLL_SECONDS)
        return
    if not folders:
        await asyncio.sleep(LOOK_SECONDS)
        return
    watching = awatch(
        *folders,
        watch_filter=None,
        debounce=50,
        rust_timeout=int(LOOK_SECONDS * 1000),
        yield_on_timeout=True,
        recursive=False,
    )
    async with aclosing(watching) as changes:
        async for _ in changes:
            return
