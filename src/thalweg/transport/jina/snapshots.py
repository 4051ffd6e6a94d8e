"""Jina's services for snapshots, in front of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from grpc import aio

from thalweg.errors import ThalwegError, Unavailable
from thalweg.message import Context
from thalweg.message.proto import jina
from thalweg.message.snapshot import SnapshotProgress, SnapshotStage
from thalweg.transport.contract import Snapshots
from thalweg.transport.grpc.call import context_of
from thalweg.transport.grpc.failure import abort
from thalweg.transport.grpc.ongoing import Ongoing
from thalweg.transport.jina.exchange import message_of

Rpc = aio.ServicerContext[Any, Any]

RESTORE_STATUSES = {
    SnapshotStage.SUCCEEDED: jina.RestoreStatus.SUCCEEDED,
    SnapshotStage.FAILED: jina.RestoreStatus.FAILED,
    SnapshotStage.NOT_FOUND: jina.RestoreStatus.NOT_FOUND,
}
"""As Jina calls the stages that are not RUNNING to it."""


class SnapshotServices:
    """Their methods, by path. An error ends the call with a status of gRPC's, as there is no answer to put it in."""

    def __init__(self, ongoing: Ongoing, snapshots: Snapshots) -> None:
        self._ongoing = ongoing
        unary = grpc.unary_unary_rpc_method_handler

        def taken(data: bytes, context: Context) -> bytes:
            return _state(snapshots.taken(message_of(jina.SnapshotId, data).value, context))

        def restore(data: bytes, context: Context) -> bytes:
            file = message_of(jina.RestoreCommand, data).snapshot_file
            return _restore_state(snapshots.restore(file, context))

        def restored(data: bytes, context: Context) -> bytes:
            return _restore_state(snapshots.restored(message_of(jina.RestoreId, data).value, context))

        self.methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            f"{jina.SNAPSHOT_SERVICE}/snapshot": unary(
                self._answering(lambda _, context: _state(snapshots.take(context)))
            ),
            f"{jina.SNAPSHOT_PROGRESS_SERVICE}/snapshot_status": unary(self._answering(taken)),
            f"{jina.RESTORE_SERVICE}/restore": unary(self._answering(restore)),
            f"{jina.RESTORE_PROGRESS_SERVICE}/restore_status": unary(self._answering(restored)),
        }

    def _answering(self, answer: Callable[[bytes, Context], bytes]) -> Callable[[bytes, Rpc], Any]:
        async def method(data: bytes, rpc: Rpc) -> bytes:
            context = context_of(rpc, self._ongoing.serving.timeout)
            try:
                if self._ongoing.draining:
                    raise Unavailable("The server is shutting down.")
                return answer(data, context)
            except ThalwegError as error:
                await abort(rpc, error, context.request_id)

        return method


def _state(progress: SnapshotProgress) -> bytes:
    status = jina.SnapshotStatus[progress.stage.name]
    message = jina.SnapshotState(
        id=jina.SnapshotId(value=progress.id), status=status.value, snapshot_file=progress.file
    )
    data: bytes = message.SerializeToString()
    return data


def _restore_state(progress: SnapshotProgress) -> bytes:
    status = RESTORE_STATUSES.get(progress.stage, jina.RestoreStatus.RUNNING)
    data: bytes = jina.RestoreState(id=jina.RestoreId(value=progress.id), status=status.value).SerializeToString()
    return data
