"""The client's end of a gRPC connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from grpc import aio

from thalweg.config import Limits
from thalweg.errors import Unavailable
from thalweg.message import Context, Request, Response
from thalweg.message.proto.gateway import EXCHANGE, SERVICE
from thalweg.transport.contract import Channel
from thalweg.transport.grpc.settings import SCHEME, channel_options, target
from thalweg.transport.grpc.wire import StreamWire, described, pack_frames, unpack_frames
from thalweg.transport.multiplex.client import ClientSession

CONNECT_SECONDS = 10.0
"""How long a peer may take to answer that it is there."""


def channel(address: str, limits: Limits) -> Channel:
    return GrpcChannel(address, limits)


class _Connection:
    """One gRPC channel with one stream on it."""

    def __init__(self, rpc: aio.Channel, call: Any, session: ClientSession, wire: StreamWire) -> None:
        self._rpc = rpc
        self._call = call
        self.session = session
        self.wire = wire
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self.wire.run(self.session)
        finally:
            self._call.cancel()
            await self._rpc.close()

    async def closed(self) -> None:
        await asyncio.wait([self._task])

    async def close(self) -> None:
        self.wire.abort()
        await self.closed()


class GrpcChannel(Channel):
    def __init__(self, address: str, limits: Limits) -> None:
        self._target = target(address)
        self._limits = limits
        self._connecting = asyncio.Lock()
        self._connection: _Connection | None = None

    @property
    def _address(self) -> str:
        return SCHEME + self._target

    async def connect(self) -> None:
        async with self._connecting:
            if not self.connected:
                await self._release()
                self._connection = await self._open()

    async def _open(self) -> _Connection:
        rpc = aio.insecure_channel(self._target, options=channel_options(self._limits))
        try:
            call: Any = rpc.stream_stream(
                f"/{SERVICE}/{EXCHANGE}", request_serializer=pack_frames, response_deserializer=unpack_frames
            )()
            async with asyncio.timeout(CONNECT_SECONDS):
                await call.wait_for_connection()
        except (aio.AioRpcError, TimeoutError) as error:
            await rpc.close()
            why = described(error) if isinstance(error, aio.AioRpcError) else f"no answer in {CONNECT_SECONDS} seconds"
            raise Unavailable(f"Nobody answers at {self._address} ({why}).") from error
        except BaseException:
            await rpc.close()
            raise
        wire = StreamWire(call)
        return _Connection(rpc, call, ClientSession(wire, self._limits, self._address), wire)

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        return self._session().handle(request, context)

    def _session(self) -> ClientSession:
        if self._connection is None:
            raise Unavailable(f"There is no connection to {self._address}.")
        return self._connection.session

    @property
    def connected(self) -> bool:
        return self._connection is not None and self._connection.session.accepting

    async def ready(self) -> bool:
        return await self._session().ready()

    async def closed(self) -> None:
        if self._connection is not None:
            await self._connection.closed()

    async def close(self) -> None:
        await self._release()

    async def _release(self) -> None:
        if self._connection is not None:
            await self._connection.close()
