"""Which environments are kept, which of them are in use, and removing the others."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from thalweg.errors import Cancelled
from thalweg.orchestration.launchers.environment.cache import MAKING, REQUIREMENTS, USING, environments_folder, locked
from thalweg.orchestration.launchers.environment.core import discard


@dataclass(frozen=True)
class KeptEnvironment:
    """An environment on disk."""

    folder: Path
    requirements: tuple[str, ...]
    """What was asked for, a line each; empty where it was not finished."""
    last_used: float
    """When a process last came or left, in seconds since 1970."""
    size_bytes: int
    """Of its files. What an installer shares with a cache of its own counts too."""
    in_use: bool
    """Whether a process runs in it, or makes it."""


def kept_environments() -> list[KeptEnvironment]:
    """All that there are, those that were used last first."""
    try:
        folders = [path for path in environments_folder().iterdir() if path.is_dir()]
    except OSError:
        return []
    return sorted((_seen(folder) for folder in folders), key=lambda one: -one.last_used)


def remove(kept: KeptEnvironment) -> bool:
    """Remove an environment with its files. False, and nothing is done, where it is in use by now."""
    with ExitStack() as stack:
        locks = _locks(kept.folder)
        if not _taken(locks, stack):
            return False
        discard(kept.folder)
        for lock in locks:
            lock.unlink(missing_ok=True)
    return True


def _seen(folder: Path) -> KeptEnvironment:
    try:
        lines = (folder / REQUIREMENTS).read_text("utf-8").splitlines()
    except OSError:
        lines = []
    locks = [lock for lock in _locks(folder) if lock.exists()]
    last_used = max((mark.stat().st_mtime for mark in locks), default=folder.stat().st_mtime)
    with ExitStack() as stack:
        in_use = not _taken(locks, stack)
    return KeptEnvironment(folder, tuple(lines), last_used, _size(folder), in_use)


def _locks(folder: Path) -> list[Path]:
    return [folder.with_suffix(suffix) for suffix in (USING, MAKING)]


def _taken(locks: Sequence[Path], stack: ExitStack) -> bool:
    """Whether nobody else has one of `locks`; then nobody has before `stack` ends."""
    at_once = threading.Event()
    at_once.set()
    try:
        for lock in locks:
            stack.callback(os.close, locked(lock, fcntl.LOCK_EX, at_once))
    except (Cancelled, PermissionError):
        return False
    return True


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
