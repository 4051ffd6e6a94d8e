"""The client's end of a gRPC connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import grpc
import msgspec
from grpc import aio

from thalweg.config import ChannelOptions, ClientTlsOptions, Limits
from thalweg.errors import Unavailable
from thalweg.message import Context, Pending, Reply, Request, Response, ServiceDescription
from thalweg.message.proto.gateway import DESCRIBE, EXCHANGE, SERVICE, DescribeRequest, DescribeResponse
from thalweg.transport.contract import Channel
from thalweg.transport.grpc.credentials import channel_credentials
from thalweg.transport.grpc.settings import SECURE_SCHEME, channel_options, compression, target
from thalweg.transport.grpc.wire import GREETING, StreamWire, described, pack_frames, unpack_frames
from thalweg.transport.jina.client import JinaPeer
from thalweg.transport.multiplex.client import ClientSession

CONNECT_SECONDS = 10.0
"""How long a peer may take to answer that it is there."""


def channel(
    address: str, limits: Limits, tls: ClientTlsOptions | None = None, options: ChannelOptions | None = None
) -> Channel:
    return GrpcChannel(address, limits, tls, options)


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
    """Thalweg's own session where the peer has it; else what a peer of Jina's has."""

    def __init__(
        self,
        address: str,
        limits: Limits,
        tls: ClientTlsOptions | None = None,
        options: ChannelOptions | None = None,
    ) -> None:
        self._target = target(address)
        self._address = address.rstrip("/")
        self._limits = limits
        self._options = options or ChannelOptions()
        secure = tls is not None or address.startswith(SECURE_SCHEME)
        self._credentials = channel_credentials(tls or ClientTlsOptions()) if secure else None
        self._connecting = asyncio.Lock()
        self._session: ClientSession | None = None
        self._connections: set[_Connection] = set()
        self._foreign: JinaPeer | None = None
        self.executor = ""
        """The name that the peer has as an Executor of a Flow; empty for a client."""

    async def connect(self) -> None:
        async with self._connecting:
            if not self.connected:
                await self._open()

    async def _open(self) -> None:
        rpc = self._rpc()
        try:
            call = await self._greeted(rpc)
            if call is None:
                await self._take_foreign(await JinaPeer.of(rpc, self._address, self._limits, self._options))
                return
        except BaseException:
            await rpc.close()
            raise
        # The old connection stays while requests are under way on it: its server may be draining.
        self._session = self._begin(rpc, call)
        await self._take_foreign(None)

    async def _take_foreign(self, peer: JinaPeer | None) -> None:
        before, self._foreign = self._foreign, peer
        if peer is not None:
            peer.executor = self.executor
        if before is not None:
            await before.close()

    def _rpc(self) -> aio.Channel:
        options = channel_options(self._limits, self._options)
        packing = compression(self._options.compression)
        if self._credentials is None:
            return aio.insecure_channel(self._target, options=options, compression=packing)
        return aio.secure_channel(self._target, self._credentials, options=options, compression=packing)

    def _begin(self, rpc: aio.Channel, call: Any) -> ClientSession:
        wire = StreamWire(call)
        session = ClientSession(wire, self._limits, self._address)
        connection = _Connection(rpc, call, wire, session)
        self._connections.add(connection)
        connection.task.add_done_callback(lambda _: self._connections.discard(connection))
        return session

    async def _greeted(self, rpc: aio.Channel) -> Any:
        """A stream that the server has taken; None where it knows no such streams. Raises `Unavailable`."""
        call: Any = rpc.stream_stream(
            f"/{SERVICE}/{EXCHANGE}", request_serializer=pack_frames, response_deserializer=unpack_frames
        )()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                greeting = await call.initial_metadata()
                if any(key == GREETING for key, _ in greeting or ()):
                    return call
                if await call.code() is grpc.StatusCode.UNIMPLEMENTED:
                    return None
                why = f"{(await call.code()).name}: {await call.details() or 'no details'}"
        except aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return None
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
        if self._foreign is not None:
            return self._foreign.handle(request, context)
        return self.session.handle(request, self._addressed(context))

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        if self._foreign is not None:
            return None
        return self.session.submit(request, self._addressed(context), reply)

    def _addressed(self, context: Context) -> Context:
        """`context`, for this peer alone where it is to be sent metadata of its own."""
        if not self._options.metadata:
            return context
        own = Context(
            deadline=context.deadline,
            metadata={**context.metadata, **dict(self._options.metadata)},
            trace=context.trace,
            request_id=context.given_request_id,
            priority=context.priority,
            share=context.share,
        )
        context.on_cancel(own.cancel)
        return own

    @property
    def connected(self) -> bool:
        if self._foreign is not None:
            return self._foreign.connected
        return self._session is not None and self._session.accepting

    async def ready(self) -> bool:
        return await (self.session if self._foreign is None else self._foreign).ready()

    async def describe(self) -> ServiceDescription:
        """What the peer says of itself.

        Raises:
            Unavailable: there is no connection, or the peer cannot say yet.
        """
        if self._foreign is not None:
            return self._foreign.description
        async with asyncio.timeout(CONNECT_SECONDS):
            return await self._described()

    async def _described(self) -> ServiceDescription:
        rpc = self._rpc()
        try:
            told: Any = await rpc.unary_unary(
                f"/{SERVICE}/{DESCRIBE}",
                request_serializer=DescribeRequest.SerializeToString,
                response_deserializer=DescribeResponse.FromString,
            )(DescribeRequest(), metadata=self._options.metadata)
        except aio.AioRpcError as error:
            raise Unavailable(f"{self._address} does not describe itself ({described(error)}).") from None
        finally:
            await rpc.close()
        return msgspec.json.decode(told.service, type=ServiceDescription)

    async def closed(self) -> None:
        if self._foreign is not None:
            await self._foreign.departed.wait()
        elif self._session is not None:
            await self._session.departed.wait()

    async def close(self) -> None:
        await self._take_foreign(None)
        await asyncio.gather(*(connection.close() for connection in list(self._connections)))
