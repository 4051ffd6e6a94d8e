"""The server's end: our own connections, plain calls, health and reflection on one port."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import grpc
import msgspec
from grpc import aio

from thalweg.errors import ThalwegError
from thalweg.message.proto import health as health_proto
from thalweg.message.proto.gateway import CALL, DESCRIBE, EXCHANGE, SERVICE, DescribeRequest, DescribeResponse
from thalweg.transport.contract import Server, Serving
from thalweg.transport.grpc.call import Calls
from thalweg.transport.grpc.credentials import server_credentials
from thalweg.transport.grpc.failure import abort, message_reader, readable_message
from thalweg.transport.grpc.health import Health
from thalweg.transport.grpc.ongoing import Ongoing
from thalweg.transport.grpc.reflection import Reflection
from thalweg.transport.grpc.settings import SCHEME, SECURE_SCHEME, compression, server_options, target
from thalweg.transport.grpc.wire import FLUSH_SECONDS, GREETING, StreamWire, pack_frames, unpack_frames
from thalweg.transport.jina.services import JinaServices
from thalweg.transport.multiplex.server import Sessions


def server(address: str, serving: Serving) -> Server:
    return GrpcServer(address, serving)


class GrpcServer(Server):
    def __init__(self, address: str, serving: Serving) -> None:
        self._target = target(address)
        self._serving = serving
        self._rpc: aio.Server | None = None
        self._wires: set[StreamWire] = set()

    @property
    def address(self) -> str:
        return (SCHEME if self._serving.tls is None else SECURE_SCHEME) + self._target

    async def start(self) -> None:
        self._sessions = Sessions(self._serving)
        self._ongoing = Ongoing(self._serving, self._sessions.admission)
        self._jina = JinaServices(self._ongoing)
        self._health = Health(self._serving.ready, (SERVICE, *self._jina.services), self._serving.alive)
        serving = self._serving
        credentials = None if serving.tls is None else server_credentials(serving.tls)
        rpc = aio.server(
            handlers=self._handlers(),
            options=server_options(serving.limits, serving.grpc_options),
            compression=compression(serving.compression),
        )
        try:
            port = (
                rpc.add_insecure_port(self._target)
                if credentials is None
                else rpc.add_secure_port(self._target, credentials)
            )
        except RuntimeError as error:
            await rpc.stop(None)
            raise OSError(errno.EADDRINUSE, f"cannot listen at {self.address}: {error}") from error
        self._target = f"{self._target.rpartition(':')[0]}:{port}"
        await rpc.start()
        self._rpc = rpc

    def _handlers(self) -> list[grpc.GenericRpcHandler]:
        exchange = grpc.stream_stream_rpc_method_handler(
            self._exchange, request_deserializer=unpack_frames, response_serializer=pack_frames
        )
        describe = grpc.unary_unary_rpc_method_handler(
            self._describe,
            request_deserializer=message_reader(DescribeRequest),
            response_serializer=DescribeResponse.SerializeToString,
        )
        gateway = grpc.method_handlers_generic_handler(
            SERVICE, {EXCHANGE: exchange, CALL: Calls(self._ongoing).method(), DESCRIBE: describe}
        )
        reflection = Reflection([SERVICE, health_proto.SERVICE, *self._jina.services])
        return [gateway, self._jina, self._health.handler(), *reflection.handlers()]

    async def _describe(self, message: Any, context: aio.ServicerContext[Any, Any]) -> Any:
        await readable_message(message, context)
        try:
            return DescribeResponse(service=msgspec.json.encode(self._serving.describe()).decode())
        except ThalwegError as error:
            await abort(context, error, "")

    async def _exchange(self, _: object, context: aio.ServicerContext[Any, Any]) -> None:
        if self._sessions.draining:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The server is shutting down.")
        await context.send_initial_metadata(((GREETING, "1"),))
        wire = StreamWire(context, holds_back=True)
        self._wires.add(wire)
        try:
            await wire.run(self._sessions.open(wire))
        finally:
            self._wires.discard(wire)

    async def stop(self, drain_seconds: float = 0.0) -> None:
        if self._rpc is None:
            return
        self._health.stop()
        self._ongoing.draining = True
        self._sessions.drain()
        await asyncio.gather(self._sessions.finished(drain_seconds), self._ongoing.finished(drain_seconds))
        await self._sessions.close()
        await asyncio.gather(*(wire.end() for wire in list(self._wires)))
        # Only now, as gRPC itself would answer what comes meanwhile with CANCELLED, which nobody tries again. And with
        # grace, for what others opened: their clients print a warning else.
        await self._rpc.stop(FLUSH_SECONDS)
