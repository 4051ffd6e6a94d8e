"""What is known of snapshots that were taken or restored; pure."""

from __future__ import annotations

from collections import OrderedDict

from thalweg.message.snapshot import SnapshotProgress, SnapshotStage

MOST_KNOWN = 64
"""Snapshots of which the stage is remembered; the oldest is forgotten first."""
LONGEST_ID = 64
"""Characters of an id that are given back to who asked for one that is not known."""


class SnapshotLog:
    """The stage of each, by id."""

    def __init__(self, most_known: int = MOST_KNOWN) -> None:
        self._most_known = most_known
        self._known: OrderedDict[str, SnapshotProgress] = OrderedDict()

    def begin(self, snapshot_id: str, file: str) -> SnapshotProgress:
        """A new one, of which nothing has been done."""
        progress = self._known[snapshot_id] = SnapshotProgress(snapshot_id, SnapshotStage.QUEUED, file)
        if len(self._known) > self._most_known:
            self._known.popitem(last=False)
        return progress

    def reach(self, snapshot_id: str, stage: SnapshotStage) -> None:
        """It has got to `stage`. News that comes late changes nothing: none goes back."""
        known = self._known.get(snapshot_id)
        if known is not None and known.stage < min(stage, SnapshotStage.SUCCEEDED):
            self._known[snapshot_id] = SnapshotProgress(snapshot_id, stage, known.file)

    def find(self, snapshot_id: str) -> SnapshotProgress:
        """How far it is."""
        known = self._known.get(snapshot_id)
        return known or SnapshotProgress(snapshot_id[:LONGEST_ID], SnapshotStage.NOT_FOUND)
