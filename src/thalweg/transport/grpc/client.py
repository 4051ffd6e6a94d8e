"""The client's end of a gRPC connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from grpc import aio

from thalweg.config import Limits
from thalweg.errors import Unavailable
from thalweg.message import Context, Pending, Reply, Request, Response
from thalweg.message.proto.gateway import EXCHANGE, SERVICE
from thalweg.transport.contract import Channel
from thalweg.transport.grpc.settings import SCHEME, channel_options, target
from thalweg.transport.grpc.wire import GREETING, StreamWire, described, pack_frames, unpack_frames
from thalweg.transport.multiplex.client import ClientSession

CONNECT_SECONDS = 10.0
"""How long a peer may take to answer that it is there."""


def channel(address: str, limits: Limits) -> Channel:
    return GrpcChannel(address, limits)


class _Connection:
    """One channel of gRPC's own with one stream on it. Closes itself when the stream ends."""

    def __init__(self, rpc: aio.Channel, call: Any, wire: StreamWire, session: ClientSession) -> None:
        self._rpc = rpc
        self._call = call
        self._wire = wire
        self.task = asyncio.create_task(self._run(session))

    async def _run(self, session: ClientSession) -> None:
        try:
            await self._wire.run(session)
        finally:
            self._call.cancel()
            await self._rpc.close()

    async def close(self) -> None:
        self._wire.abort()
        await asyncio.wait([self.task])


class GrpcChannel(Channel):
    def __init__(self, address: str, limits: Limits) -> None:
        self._target = target(address)
        self._limits = limits
        self._connecting = asyncio.Lock()
        self._session: ClientSession | None = None
        self._connections: set[_Connection] = set()

    @property
    def _address(self) -> str:
        return SCHEME + self._target

    async def connect(self) -> None:
        async with self._connecting:
            if not self.connected:
                # The old connection stays while requests are under way on it: its server may be draining.
                self._session = await self._open()

    async def _open(self) -> ClientSession:
        rpc = aio.insecure_channel(self._target, options=channel_options(self._limits))
        try:
            call = await self._greeted(rpc)
        except BaseException:
            await rpc.close()
            raise
        wire = StreamWire(call)
        session = ClientSession(wire, self._limits, self._address)
        connection = _Connection(rpc, call, wire, session)
        self._connections.add(connection)
        connection.task.add_done_callback(lambda _: self._connections.discard(connection))
        return session

    async def _greeted(self, rpc: aio.Channel) -> Any:
        """A stream that the server has taken. Raises `Unavailable`."""
        call: Any = rpc.stream_stream(
            f"/{SERVICE}/{EXCHANGE}", request_serializer=pack_frames, response_deserializer=unpack_frames
        )()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                greeting = await call.initial_metadata()
                if any(key == GREETING for key, _ in greeting or ()):
                    return call
                why = f"{(await call.code()).name}: {await call.details() or 'no details'}"
        except aio.AioRpcError as error:
            why = described(error)
        except TimeoutError:
            why = f"no answer in {CONNECT_SECONDS} seconds"
        raise Unavailable(f"Nobody answers at {self._address} ({why}).")

    @property
    def session(self) -> ClientSession:
        if self._session is None:
            raise Unavailable(f"There is no connection to {self._address}.")
        return self._session

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        return self.session.handle(request, context)

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        return self.session.submit(request, context, reply)

    @property
    def connected(self) -> bool:
        return self._session is not None and self._session.accepting

    async def ready(self) -> bool:
        return await self.session.ready()

    async def closed(self) -> None:
        if self._session is not None:
            await self._session.departed.wait()

    async def close(self) -> None:
        await asyncio.gather(*(connection.close() for connection in list(self._connections)))
