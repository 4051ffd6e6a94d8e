"""The HTTP server: a socket, uvicorn's protocol on each connection, and an orderly end."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from thalweg.errors import ConfigurationError, PeerLost
from thalweg.message import UnaryHandler
from thalweg.transport.contract import Server, Serving
from thalweg.transport.encryption import HANDSHAKE_SECONDS, server_context
from thalweg.transport.http.application import Application
from thalweg.transport.http.connection import HttpConnection
from thalweg.transport.http.submission import ShortWay

if TYPE_CHECKING:
    from thalweg.transport.websocket.hall import Hall

BACKLOG = 2048
FLUSH_SECONDS = 1.0
"""How long a closing server waits for its peers to read the last answers."""


class HttpServer(Server):
    """Serves on the event loop that starts it; installs no signal handler and writes no access log."""

    everywhere = False
    """Whether it takes WebSocket connections at every path, not just at that of its options."""

    def __init__(self, address: str, serving: Serving) -> None:
        self._host, self._port = _host_and_port(address, serving.tls is not None)
        self._scheme = "http" if serving.tls is None else "https"
        self._context = None if serving.tls is None else server_context(serving.tls)
        self._application = Application(serving)
        self._connections: set[HttpConnection] = set()
        self._gone = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._closing = False
        self._hall: Hall | None = None

    @property
    def address(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._scheme}://{host}:{self._port}"

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        listening = await _bind(self._host, self._port)
        self._port = listening.getsockname()[1]
        serving = self._application.serving
        config = _configuration(self._application)
        self._state = uvicorn.Server(config).server_state

        handler = serving.handler
        short_way = ShortWay(self._application, handler) if isinstance(handler, UnaryHandler) else None

        def connection() -> HttpConnection:
            settings = {"config": config, "server_state": self._state, "_loop": loop}
            return HttpConnection(self._opened, self._closed, short_way, serving.connections, **settings)

        patience = None if self._context is None else HANDSHAKE_SECONDS
        try:
            await self._application.begin()
            factory = self._with_doors(connection)
            self._listener = await loop.create_server(
                factory, sock=listening, backlog=BACKLOG, ssl=self._context, ssl_handshake_timeout=patience
            )
        except BaseException:
            listening.close()
            raise
        if self._hall is not None:
            self._hall.start()
        self._sweep()

    def _with_doors(self, connection: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """What makes the protocol of a connection that may become a WebSocket."""
        serving = self._application.serving
        path = "" if self.everywhere else serving.websocket.path
        if not path and not self.everywhere:
            return connection
        from thalweg.transport.websocket.door import Doors
        from thalweg.transport.websocket.hall import Hall

        self._hall = Hall(serving)
        return Doors(self._hall, path, connection)

    def _opened(self, connection: HttpConnection) -> None:
        self._connections.add(connection)
        if self._closing:
            connection.abort()
        elif len(self._connections) > self._application.serving.connections.max_connections:
            connection.refuse()

    def _closed(self, connection: HttpConnection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._gone.set()

    def _sweep(self) -> None:
        """Once a second: tell the time, and end what has been silent for too long."""
        date = formatdate(usegmt=True).encode()
        self._state.default_headers = [(b"date", date)]
        self._application.date_line = b"date: %b\r\n" % date
        for connection in list(self._connections):
            connection.sweep()
        self._tick = asyncio.get_running_loop().call_later(1.0, self._sweep)

    async def stop(self, drain_seconds: float = 0.0) -> None:
        if self._listener is None:
            return
        self._application.draining = True
        self._listener.close()
        if self._hall is None:
            await self._end(drain_seconds)
        else:
            await asyncio.gather(self._end(drain_seconds), self._hall.stop(drain_seconds))

    async def _end(self, drain_seconds: float) -> None:
        """Let what is under way end, and close."""
        # Every call of `stop` has a timer of its own, so the shortest patience wins.
        timer = asyncio.get_running_loop().call_later(drain_seconds, self._call_off)
        for other in [other for other in self._state.connections if not isinstance(other, HttpToolsProtocol)]:
            other.shutdown()  # a WebSocket of an application, whose end nobody else would bring about
        try:
            while self._state.tasks:
                await asyncio.wait(self._state.tasks)
            await self._application.idle()
        finally:
            timer.cancel()
        await self._close()
        await self._application.end()

    def _call_off(self) -> None:
        for connection in self._connections:
            connection.interrupt(PeerLost(f"{self.address} was stopped before it had answered."))

    async def _close(self) -> None:
        self._closing = True
        if self._tick is not None:
            self._tick.cancel()
        if self._hall is not None:
            self._hall.turn_away()
        for connection in list(self._connections):
            connection.close()
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._empty()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await self._empty()

    async def _empty(self) -> None:
        while self._connections:
            self._gone.clear()
            await self._gone.wait()


def _configuration(application: Application) -> uvicorn.Config:
    config = uvicorn.Config(
        cast(Any, application),
        http="httptools",
        ws="auto" if application.apps else "none",
        ws_max_size=application.serving.limits.max_message_bytes,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        timeout_keep_alive=max(1, round(application.serving.connections.idle_seconds)),
        proxy_headers=False,
        server_header=False,
    )
    config.load()
    return config


def _host_and_port(address: str, encrypted: bool) -> tuple[str, int]:
    parts = urlsplit(address)
    if parts.scheme == "https" and not encrypted:
        raise ConfigurationError(f"{address!r}: a server needs a certificate for https://; see the option tls.")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    wrong = parts.path.rstrip("/") or parts.query or parts.username is not None
    if parts.scheme not in ("http", "https") or not host or port is None or wrong:
        raise ConfigurationError(
            f"{address!r} is no address to listen at; write http://HOST:PORT, with port 0 for any."
        )
    return host, port


async def _bind(host: str, port: int) -> socket.socket:
    """A socket bound to an address of `host`, of IPv4 where there is one. Raises `OSError` that names the address."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, where = min(found, key=lambda address: address[0] != socket.AF_INET)
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
    except OSError as error:
        bound.close()
        reason = "somebody listens there already" if error.errno == errno.EADDRINUSE else error.strerror
        raise OSError(error.errno, f"http://{host}:{port} cannot be had: {reason}") from None
    return bound
