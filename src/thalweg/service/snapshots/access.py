"""Who may take and restore snapshots."""

from __future__ import annotations

from thalweg.access import Guard
from thalweg.message import Context
from thalweg.message.description import RESTORE_ENDPOINT, SNAPSHOT_ENDPOINT
from thalweg.message.snapshot import SnapshotProgress
from thalweg.transport.contract import Snapshots


class GuardedSnapshots:
    """Snapshots for callers who are known, and may call `SNAPSHOT_ENDPOINT` or `RESTORE_ENDPOINT`."""

    def __init__(self, snapshots: Snapshots, guard: Guard) -> None:
        self._snapshots = snapshots
        self._check = guard.check_known

    def take(self, context: Context) -> SnapshotProgress:
        """See `Snapshots`."""
        self._check(SNAPSHOT_ENDPOINT, context)
        return self._snapshots.take(context)

    def taken(self, snapshot_id: str, context: Context) -> SnapshotProgress:
        """See `Snapshots`."""
        self._check(SNAPSHOT_ENDPOINT, context)
        return self._snapshots.taken(snapshot_id, context)

    def restore(self, file: str, context: Context) -> SnapshotProgress:
        """See `Snapshots`."""
        self._check(RESTORE_ENDPOINT, context)
        return self._snapshots.restore(file, context)

    def restored(self, restore_id: str, context: Context) -> SnapshotProgress:
        """See `Snapshots`."""
        self._check(RESTORE_ENDPOINT, context)
        return self._snapshots.restored(restore_id, context)
