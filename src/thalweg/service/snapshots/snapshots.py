"""Snapshots of one Executor, taken and restored while it answers requests."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from thalweg.errors import ExecutorFailed, Overloaded
from thalweg.executor.endpoint import binding_of
from thalweg.executor.executor import Executor
from thalweg.executor.invocation import Invocation
from thalweg.executor.writing import WriteLock
from thalweg.message import Context
from thalweg.message.snapshot import SnapshotProgress, SnapshotStage
from thalweg.service.snapshots.folder import SnapshotFolder
from thalweg.service.snapshots.log import SnapshotLog

log = logging.getLogger("thalweg.worker")

RETRY_SECONDS = 1.0
"""When to come back where another snapshot is under way."""


class WorkerSnapshots:
    """See `thalweg.transport.contract.Snapshots`. Made and used on the I/O loop.

    `Executor.snapshot` and `restore` run on the thread that constructed the Executor, before what waits there, or on the
    loop of the asynchronous methods where they are coroutines; in either case with the lock that writes take. One runs at
    a time, for both together.
    """

    def __init__(self, executor: Executor, invocation: Invocation, lock: WriteLock, replica: int) -> None:
        self._executor = executor
        self._invocation = invocation
        self._lock = lock
        self._replica = replica
        self._taken = SnapshotLog()
        self._restored = SnapshotLog()
        self._running: asyncio.Task[None] | None = None
        self._closing = False

    @cached_property
    def _folder(self) -> SnapshotFolder:
        try:
            return SnapshotFolder(self._executor.workspace, self._replica)
        except OSError as error:
            name = self._executor.metas.name
            log.error("%s has no workspace for snapshots: %s", name, error)
            raise ExecutorFailed(f"{name} has no workspace for snapshots.", executor=name) from error

    def take(self, context: Context) -> SnapshotProgress:
        """See `Snapshots`."""
        self._check_idle()
        snapshot_id, folder = uuid4().hex, self._folder
        progress = self._taken.begin(snapshot_id, str(folder.file(snapshot_id)))
        self._begin(_Taking(self._executor, folder), self._taken, progress)
        return progress

    def taken(self, snapshot_id: str, context: Context) -> SnapshotProgress:
        """See `Snapshots`."""
        return self._taken.find(snapshot_id)

    def restore(self, file: str, context: Context) -> SnapshotProgress:
        """See `Snapshots`."""
        self._check_idle()
        found = self._folder.find(file)
        progress = self._restored.begin(uuid4().hex, str(found))
        self._begin(_Restoring(self._executor, found), self._restored, progress)
        return progress

    def restored(self, restore_id: str, context: Context) -> SnapshotProgress:
        """See `Snapshots`."""
        return self._restored.find(restore_id)

    async def close(self) -> None:
        """Follow nothing any longer. User code that runs ends with the threads that it runs on."""
        self._closing = True
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def _check_idle(self) -> None:
        if self._closing:
            raise self._invocation.closed()
        if self._running is not None and not self._running.done():
            raise Overloaded(
                f"{self._executor.metas.name} is taking or restoring a snapshot; one is under way at a time.",
                retry_after=RETRY_SECONDS,
                executor=self._executor.metas.name,
            )

    def _begin(self, work: _Work, known: SnapshotLog, progress: SnapshotProgress) -> None:
        self._running = self._invocation.loop.create_task(
            self._follow(work, known, progress.id), name=f"{work.verb} of {self._executor.metas.name}"
        )

    async def _follow(self, work: _Work, known: SnapshotLog, snapshot_id: str) -> None:
        loop = self._invocation.loop

        def tell(stage: SnapshotStage) -> None:
            loop.call_soon_threadsafe(known.reach, snapshot_id, stage)

        try:
            if inspect.iscoroutinefunction(inspect.unwrap(work.method)):
                await self._invocation.coroutines.do(self._run_later(work, snapshot_id, tell))
            else:
                await self._invocation.compute.do(lambda: self._run(work, snapshot_id, tell))
        except asyncio.CancelledError:  # by the end of the worker, or raised by user code
            known.reach(snapshot_id, SnapshotStage.FAILED)
            raise
        except Exception:
            log.exception("%s: the %s %s has failed", self._executor.metas.name, work.verb, snapshot_id)
            known.reach(snapshot_id, SnapshotStage.FAILED)
        else:
            known.reach(snapshot_id, SnapshotStage.SUCCEEDED)

    def _run(self, work: _Work, snapshot_id: str, tell: Callable[[SnapshotStage], None]) -> None:
        tell(SnapshotStage.SCHEDULED)
        with self._lock:
            tell(SnapshotStage.RUNNING)
            try:
                work.method(str(work.begin(snapshot_id)))
                work.finish(snapshot_id)
            except BaseException:
                work.discard(snapshot_id)
                raise

    async def _run_later(self, work: _Work, snapshot_id: str, tell: Callable[[SnapshotStage], None]) -> None:
        tell(SnapshotStage.SCHEDULED)
        async with self._lock:
            tell(SnapshotStage.RUNNING)
            try:
                await work.method(str(work.begin(snapshot_id)))
                work.finish(snapshot_id)
            except BaseException:
                work.discard(snapshot_id)
                raise


class _Work(Protocol):
    """A method of the user's, and what happens to files around it."""

    verb: str
    method: Callable[[str], Any]

    def begin(self, snapshot_id: str) -> Path: ...

    def finish(self, snapshot_id: str) -> None: ...

    def discard(self, snapshot_id: str) -> None: ...


class _Taking:
    verb = "snapshot"

    def __init__(self, executor: Executor, folder: SnapshotFolder) -> None:
        self.method: Callable[[str], Any] = executor.snapshot
        self.begin = folder.begin
        self.finish = folder.finish
        self.discard = folder.discard


class _Restoring:
    """The file stays: it may be the only one that there is."""

    verb = "restoring"

    def __init__(self, executor: Executor, file: Path) -> None:
        self.method: Callable[[str], Any] = executor.restore
        self._file = file

    def begin(self, _: str) -> Path:
        return self._file

    def finish(self, _: str) -> None:
        """Nothing was made."""

    def discard(self, _: str) -> None:
        """Nothing was made."""


def takes_snapshots(executor: Executor) -> bool:
    """Whether the Executor has a `snapshot` of its own, and not an endpoint by that name."""
    method = type(executor).snapshot
    return method is not Executor.snapshot and binding_of(method) is None
