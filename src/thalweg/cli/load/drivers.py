"""Ways to send requests and hear of their answers, cheap enough to load a service from one core."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import httptools

from thalweg.errors import ThalwegError, Unavailable
from thalweg.message import Context, Request, Response
from thalweg.transport import registry
from thalweg.transport.contract import Channel

CONNECT_SECONDS = 10.0


class Shot(Protocol):
    """One request, for whoever keeps the record."""

    sent: float
    """Set to `perf_counter()` by the driver when it goes out."""

    def done(self, failure: str) -> None:
        """Called once: with an empty text, or with what went wrong."""
        ...


class Driver(Protocol):
    """Sends the same few bodies over and over. Used on one event loop."""

    async def open(self) -> None:
        """Raises `Unavailable` where nobody is there."""
        ...

    def send(self, shot: Shot) -> None:
        """Send the next body, now or as soon as there is a connection for it."""
        ...

    async def close(self) -> None: ...


class HttpDriver:
    """HTTP/1.1 over a fixed number of connections, one request on each at a time. What the requests say is put together
    once; of the answers only status and end are looked for."""

    def __init__(
        self, address: str, endpoint: str, bodies: Sequence[bytes], headers: Mapping[str, str], connections: int
    ) -> None:
        parts = urlsplit(address)
        self._address = address
        self._host = parts.hostname or "localhost"
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._ssl else 80)
        lines = {"host": parts.netloc, "content-type": "application/json", "accept": "application/json", **headers}
        path = quote(parts.path.rstrip("/") + endpoint)
        head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._requests = [f"{head}content-length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
        self._number = connections
        self._next = 0
        self._free: list[_Connection] = []
        self._all: list[_Connection] = []
        self._waiting: deque[Shot] = deque()
        self._connecting = 0
        """Connections that are to take the place of lost ones."""
        self._closed = False

    async def open(self) -> None:
        await asyncio.gather(*(self._connect() for _ in range(self._number)))

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self._released, self._lost), self._host, self._port, ssl=self._ssl
                )
        except OSError as error:  # a timeout is one too
            raise Unavailable(f"Nobody answers at {self._address}: {error}.") from None
        self._all.append(connection)
        self._released(connection)

    def send(self, shot: Shot) -> None:
        if self._free:
            self._write(self._free.pop(), shot)
        elif self._all or self._connecting:
            self._waiting.append(shot)
        else:
            asyncio.get_running_loop().call_soon(shot.done, "no connection")

    def _write(self, connection: _Connection, shot: Shot) -> None:
        number = self._next
        self._next = number + 1 if number + 1 < len(self._requests) else 0
        shot.sent = perf_counter()
        connection.write(self._requests[number], shot)

    def _released(self, connection: _Connection) -> None:
        if self._waiting:
            self._write(connection, self._waiting.popleft())
        else:
            self._free.append(connection)

    def _lost(self, connection: _Connection) -> None:
        """Another one takes its place."""
        self._all.remove(connection)
        if connection in self._free:
            self._free.remove(connection)
        if not self._closed:
            self._connecting += 1
            asyncio.get_running_loop().create_task(self._connect()).add_done_callback(self._connected_again)

    def _connected_again(self, task: asyncio.Task[None]) -> None:
        self._connecting -= 1
        failed = task.cancelled() or task.exception() is not None
        while failed and self._waiting and not self._all and not self._connecting:
            self._waiting.popleft().done("no connection")

    async def close(self) -> None:
        self._closed = True
        for connection in self._all:
            connection.abort()


class _Connection(asyncio.Protocol):
    def __init__(self, released: Callable[[_Connection], None], lost: Callable[[_Connection], None]) -> None:
        self._released = released
        self._lost = lost
        self._shot: Shot | None = None
        self._transport: Any = None
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def write(self, data: bytes, shot: Shot) -> None:
        self._shot = shot
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == 100:
            return
        shot, self._shot = self._shot, None
        going_on = self._parser.should_keep_alive()
        self._parser = httptools.HttpResponseParser(self)
        if shot is not None:
            shot.done("" if status == 200 else f"status {status}")
        if going_on:
            self._released(self)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        shot, self._shot = self._shot, None
        self._lost(self)
        if shot is not None:
            shot.done("connection lost")

    def abort(self) -> None:
        self._shot = None
        self._transport.abort()


class ChannelDriver:
    """Everything that has a channel: gRPC, WebSocket, Unix sockets. All requests share one connection, as those of a
    client do."""

    def __init__(self, address: str, endpoint: str, bodies: Sequence[bytes], headers: Mapping[str, str]) -> None:
        self._requests = [Request(endpoint, (body,)) for body in bodies]
        self._headers = dict(headers)
        self._channel: Channel = registry.channel(address)
        self._submit = getattr(self._channel, "submit", None)
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        await self._channel.connect()
        if self._submit is not None and await self._streams():
            self._submit = None

    async def _streams(self) -> bool:
        """Whether the endpoint gives several answers, for which there is no short way: what the service says of it, or what
        it gives when it is asked once. An error is met again, and counted, under load."""
        request = self._requests[0]
        with suppress(Unavailable):  # not every protocol has words for that
            endpoint = (await self._channel.describe()).find(request.endpoint)
            return bool(endpoint is not None and endpoint.streaming)
        try:
            return len([answer async for answer in self._channel.handle(request, Context(metadata=self._headers))]) != 1
        except ThalwegError:
            return False

    def send(self, shot: Shot) -> None:
        number = self._next
        self._next = number + 1 if number + 1 < len(self._requests) else 0
        request, context = self._requests[number], Context(metadata=self._headers)
        shot.sent = perf_counter()
        if self._submit is not None:
            try:
                if self._submit(request, context, _Answered(shot)) is not None:
                    return
            except ThalwegError as error:
                asyncio.get_running_loop().call_soon(shot.done, error.code)
                return
        task = asyncio.get_running_loop().create_task(self._handled(request, context, shot))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handled(self, request: Request, context: Context, shot: Shot) -> None:
        try:
            async for _ in self._channel.handle(request, context):
                pass
        except ThalwegError as error:
            shot.done(error.code)
        else:
            shot.done("")

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await self._channel.close()


class _Answered:
    """A reply that only counts."""

    __slots__ = ("_shot",)

    def __init__(self, shot: Shot) -> None:
        self._shot = shot

    def answer(self, response: Response) -> None:
        self._shot.done("")

    def fail(self, error: ThalwegError) -> None:
        self._shot.done(error.code)
