"""The private directory of a running Flow, where its sockets are."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from pathlib import Path

from thalweg.orchestration.launchers.remains import end_containers, noted

PREFIX = "thalweg-"
LOCK = "lock"
LONGEST = 70
"""Bytes that the directory's path may have, so that a socket's stays under the 104 that every system allows."""
SHORT = "/tmp"
NEWBORN_SECONDS = 10.0
"""A directory that is younger may still be on its way to being locked."""
FORSAKEN_SECONDS = 86_400.0
"""An empty directory without a lock that is so old was left by an owner who died while it made or removed it."""
_MADE = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")
"""Names that `tempfile.mkdtemp` gives."""


class Directory:
    """A directory that only this user can enter, gone after `close`.

    Its owner holds a lock in it, which the system lets go when the owner dies, however it dies. So one that nobody could
    remove in time is known for what it is (`sweep`).
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_root()))
        self._lock = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def address(self, name: str) -> str:
        """The address of a socket in it."""
        return f"unix://{self.path}/{name}.sock"

    def inprocess(self, name: str) -> str:
        """The address of a server in this process that nobody else has."""
        return f"inprocess://{self.path}/{name}"

    def close(self) -> None:
        """Remove it with all it holds. Idempotent."""
        if self._lock < 0:
            return
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)
        self._lock = -1


def sweep() -> list[Path]:
    """Remove this user's directories whose owners are dead, and the containers that are left of them; returns those."""
    gone = []
    for entry in os.scandir(_root()):
        if not entry.name.startswith(PREFIX):
            continue
        if _is_dead(entry):
            end_containers(noted(entry.path))
            shutil.rmtree(entry.path, ignore_errors=True)
            gone.append(Path(entry.path))
        elif _is_forsaken(entry):
            # which fails where somebody has put something into it meanwhile: nothing is ever lost
            with contextlib.suppress(OSError):
                os.rmdir(entry.path)
                gone.append(Path(entry.path))
    return gone


def roots() -> list[str]:
    """The folders in which this user's directories may be."""
    return list(dict.fromkeys((_root(), SHORT)))


def _is_dead(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
        if status.st_uid != os.getuid() or not entry.is_dir(follow_symlinks=False):
            return False
        if time.time() - status.st_mtime < NEWBORN_SECONDS:
            return False
        lock = os.open(os.path.join(entry.path, LOCK), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # removed meanwhile, or none of ours
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _is_forsaken(entry: os.DirEntry[str]) -> bool:
    """Whether it is one of ours that never had a lock, or has none any more, and that nobody needs: nothing is in it."""
    try:
        status = entry.stat(follow_symlinks=False)
        return (
            _MADE.fullmatch(entry.name) is not None
            and stat.S_ISDIR(status.st_mode)
            and stat.S_IMODE(status.st_mode) == 0o700
            and status.st_uid == os.getuid()
            and time.time() - status.st_mtime >= FORSAKEN_SECONDS
            and not os.listdir(entry.path)
        )
    except OSError:  # removed meanwhile
        return False


def _root() -> str:
    """The folder for temporary files, unless its path is too long for a socket below it."""
    root = tempfile.gettempdir()
    return root if len(os.fsencode(root)) + len(PREFIX) + 10 <= LONGEST else SHORT
