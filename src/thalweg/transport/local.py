"""Frames over a Unix socket: how processes of one machine talk. `unix:///path/to.sock`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import cast

from thalweg.config import Limits
from thalweg.errors import ConfigurationError, Unavailable
from thalweg.message import Buffer, Context, Pending, Reply, Request, Response, ServiceDescription
from thalweg.transport.contract import Channel, Server, Serving
from thalweg.transport.multiplex.client import ClientSession
from thalweg.transport.multiplex.server import ServerSession, Sessions

HIGH_WATER_BYTES = 1 << 20
"""Bytes that may wait in a socket's buffer before senders wait: several chunks, so that the socket never runs dry."""
JOIN_BYTES = 32 * 1024
"""Up to here one copy into one buffer is quicker than a gathering write."""
LONGEST_PATH = 107
FLUSH_SECONDS = 1.0
"""How long a closing server waits for its peer to read the last answers."""


def server(address: str, serving: Serving) -> Server:
    return LocalServer(address, serving)


def channel(address: str, limits: Limits) -> Channel:
    return LocalChannel(address, limits)


def _path(address: str) -> str:
    path = address.removeprefix("unix://")
    if not path.startswith("/") or len(os.fsencode(path)) > LONGEST_PATH:
        raise ConfigurationError(f"{address!r}: a Unix socket needs an absolute path of at most {LONGEST_PATH} bytes.")
    return path


class _Connection(asyncio.Protocol):
    """Joins a socket and a session; is the session's `Wire`."""

    def __init__(
        self,
        opened: Callable[[_Connection], ServerSession | ClientSession],
        closed: Callable[[_Connection], None] = lambda _: None,
    ) -> None:
        self._opened = opened
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._session: ServerSession | ClientSession | None = None
        self._loop = asyncio.get_running_loop()
        self._room: list[asyncio.Future[None]] = []
        self._turn_taken = False
        self._waiting: list[Buffer] = []
        self._waiting_bytes = 0
        self.full = False
        self.gone = asyncio.Event()

    @property
    def session(self) -> ServerSession | ClientSession:
        assert self._session is not None
        return self._session

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by inheritance
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._session = self._opened(self)

    def data_received(self, data: bytes) -> None:
        self.session.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()
        self.session.lost(exc)
        self._transport = None
        self.gone.set()
        self._closed(self)

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        waiting, self._room = self._room, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def write(self, parts: Sequence[Buffer]) -> None:
        """The first parts of a turn of the event loop go at once, so that the peer can begin; all that follow in that turn
        go together at its end. A write wakes the peer, and that costs more than the rest of a small request."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._turn_taken:
            self._waiting += parts
            self._waiting_bytes += sum(map(len, parts))
            if self._waiting_bytes > HIGH_WATER_BYTES:
                self._flush()
            return
        self._turn_taken = True
        self._loop.call_soon(self._end_turn)
        self._send(parts)

    def _end_turn(self) -> None:
        self._turn_taken = False
        self._flush()

    def _flush(self) -> None:
        if self._waiting:
            parts, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._send(parts)

    def _send(self, parts: Sequence[Buffer]) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if len(parts) == 1:
            transport.write(parts[0])
        elif sum(map(len, parts)) <= JOIN_BYTES:
            transport.write(b"".join(parts))
        else:
            transport.writelines(parts[:-1])
            transport.write(parts[-1])  # Python 3.12 and 3.13.0 look at the buffer's size here, and not in `writelines`

    async def room(self) -> None:
        # Once and not until it is false: who waited has a turn, even where others who woke first have filled it again.
        # A message of many chunks would else have every turn, and a small one behind it none.
        if self.full and self._transport is not None:
            future = self._loop.create_future()
            self._room.append(future)
            await future

    def close(self) -> None:
        self._flush()
        if self._transport is not None:
            self._transport.close()

    async def end(self) -> None:
        """Close, and do not wait for ever for a peer that does not read."""
        self.close()
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.gone.wait()
        except TimeoutError:
            self.abort()
            await self.gone.wait()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class LocalServer(Server):
    """Owns the socket file: made at `start`, readable by this user only, gone after `stop`."""

    def __init__(self, address: str, serving: Serving) -> None:
        self._path = _path(address)
        self._serving = serving
        self._sessions: Sessions | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._inode: int | None = None

    @property
    def address(self) -> str:
        return f"unix://{self._path}"

    async def start(self) -> None:
        self._sessions = Sessions(self._serving)
        listener = _listen(self._path)
        self._inode = os.stat(self._path).st_ino
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: _Connection(self._open, self._closed), sock=listener, backlog=1024
        )

    def _open(self, connection: _Connection) -> ServerSession:
        assert self._sessions is not None
        self._connections.add(connection)
        return self._sessions.open(connection)

    def _closed(self, connection: _Connection) -> None:
        self._connections.discard(connection)

    async def stop(self, drain_seconds: float = 0.0) -> None:
        if self._server is None or self._sessions is None:
            return
        await asyncio.sleep(0)  # asyncio loses a socket that it has accepted and not yet made a connection of
        self._server.close()
        self._unlink()
        self._sessions.drain()
        await self._sessions.finished(drain_seconds)
        await self._sessions.close()
        await asyncio.gather(*(connection.end() for connection in list(self._connections)))

    def _unlink(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)


def _listen(path: str) -> socket.socket:
    """A listening socket at `path`. A file that a dead process left there is replaced, a live one's is not."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _remove_stale(path)
        mask = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(mask)
        listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_stale(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "there is a file that is no socket", path)
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        else:
            raise OSError(errno.EADDRINUSE, "another server listens there", path)


class LocalChannel(Channel):
    def __init__(self, address: str, limits: Limits) -> None:
        self._address = address
        self._path = _path(address)
        self._limits = limits
        self._session: ClientSession | None = None
        self._connections: set[_Connection] = set()

    async def connect(self) -> None:
        if self.connected:
            return
        loop = asyncio.get_running_loop()
        # a socket of our own: uvloop leaves the one that it makes open where nobody listens
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await loop.sock_connect(connecting, self._path)
            await loop.create_unix_connection(
                lambda: _Connection(self._open, self._connections.discard), sock=connecting
            )
        except BaseException as error:
            connecting.close()
            if isinstance(error, OSError):
                raise Unavailable(f"Nobody listens at {self._address}: {error.strerror or error}.") from error
            raise

    def _open(self, connection: _Connection) -> ClientSession:
        self._connections.add(connection)
        self._session = ClientSession(connection, self._limits, self._address)
        return self._session

    @property
    def session(self) -> ClientSession:
        if self._session is None:
            raise Unavailable(f"There is no connection to {self._address}.")
        return self._session

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        return self.session.handle(request, context)

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        return self.session.submit(request, context, reply)

    async def ready(self) -> bool:
        return await self.session.ready()

    async def describe(self) -> ServiceDescription:
        return await self.session.describe()

    @property
    def connected(self) -> bool:
        return self._session is not None and self._session.accepting

    async def closed(self) -> None:
        if self._session is not None:
            await self._session.departed.wait()

    async def close(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.gone.wait() for connection in connections))
