"""The folder where a worker keeps the snapshots of its Executor."""

from __future__ import annotations

import shutil
from pathlib import Path

from thalweg.errors import ClientError, ExecutorFailed

FOLDER = "snapshots"
"""Below the Executor's workspace."""
STATE = "state.bin"
MOST_KEPT = 8
"""Snapshots of a replica that are kept; the oldest goes first."""

_UNFINISHED = ".unfinished"


class SnapshotFolder:
    """`<workspace>/snapshots/<replica>/<id>/state.bin`, in folders that nobody else can look into.

    A snapshot is written beside its place and then moved there, so that what has a name is whole.
    """

    def __init__(self, workspace: str, replica: int, most_kept: int = MOST_KEPT) -> None:
        self._root = Path(workspace).resolve() / FOLDER
        self._own = self._root / str(replica)
        self._most_kept = most_kept

    def file(self, snapshot_id: str) -> Path:
        """Where the state will be."""
        return self._own / snapshot_id / STATE

    def begin(self, snapshot_id: str) -> Path:
        """Make a place for the state; where to write it."""
        self._root.mkdir(mode=0o700, exist_ok=True)
        self._own.mkdir(mode=0o700, exist_ok=True)
        place = self._place(snapshot_id)
        place.mkdir(mode=0o700)
        return place / STATE

    def finish(self, snapshot_id: str) -> None:
        """The state was written: give it its name, and let the oldest go.

        Raises:
            ExecutorFailed: there is no file where it was to be written.
        """
        place = self._place(snapshot_id)
        if not (place / STATE).is_file():
            raise ExecutorFailed("`snapshot` wrote nothing into the file that it was given.")
        place.rename(self.file(snapshot_id).parent)
        kept = sorted(self._own.iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
        for old in [folder for folder in kept if folder.name != snapshot_id][: max(0, len(kept) - self._most_kept)]:
            shutil.rmtree(old)

    def discard(self, snapshot_id: str) -> None:
        """What was written is not whole."""
        shutil.rmtree(self._place(snapshot_id), ignore_errors=True)

    def find(self, given: str) -> Path:
        """The file that `given` names, as a path of its own or below the folder of all snapshots of this Executor.

        Raises:
            ClientError: there is none in that folder. Of what lies elsewhere nothing is said.
        """
        try:
            found = (self._root / given).resolve()
            whole = not any(part.endswith(_UNFINISHED) for part in found.parts)
            if whole and found.is_relative_to(self._root.resolve()) and found.is_file():
                return found
        except (OSError, ValueError, RuntimeError):  # too long, holds NUL, or goes round in circles
            pass
        raise ClientError(
            "The command names no snapshot. Name a file that a snapshot of this Executor was written to, or one below the "
            f"folder {FOLDER!r} of its workspace."
        )

    def _place(self, snapshot_id: str) -> Path:
        return self._own / f"{snapshot_id}{_UNFINISHED}"
