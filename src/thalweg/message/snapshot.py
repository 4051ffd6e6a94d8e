"""How far a snapshot has got, or the return to one."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class SnapshotStage(IntEnum):
    """Stages in their order; the last three are ends."""

    QUEUED = 1
    """It waits for the thread of user code."""
    SCHEDULED = 2
    """It waits for a write that runs."""
    RUNNING = 3
    SUCCEEDED = 4
    FAILED = 5
    NOT_FOUND = 6
    """Nobody knows it, or not any more."""


class SnapshotProgress(msgspec.Struct, frozen=True):
    """One snapshot that is taken, or restored. `file` is where the state is, as the worker sees it."""

    id: str
    stage: SnapshotStage
    file: str = ""
