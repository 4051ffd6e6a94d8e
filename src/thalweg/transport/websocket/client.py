"""The channel: one connection that speaks `thalweg.frames`, and any number of requests on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from thalweg.config import ClientTlsOptions, Limits
from thalweg.errors import ConfigurationError, Unavailable
from thalweg.message import Context, Pending, Reply, Request, Response, ServiceDescription
from thalweg.transport.contract import Channel
from thalweg.transport.encryption import client_context
from thalweg.transport.http.failures import decode_failure, foreign_failure
from thalweg.transport.multiplex.client import ClientSession
from thalweg.transport.websocket.connection import WebSocketConnection
from thalweg.transport.websocket.frames import SUBPROTOCOL, SessionParty

if TYPE_CHECKING:
    from thalweg.transport.websocket.jina_client import JinaSession

CONNECT_SECONDS = 10.0
PING_SECONDS = 20.0
SWEEP_SECONDS = 1.0
SCHEMES = ("ws", "wss")
JINA = "bytes"
"""The sub-protocol of Jina's."""


class WebSocketChannel(Channel):
    def __init__(self, address: str, limits: Limits, tls: ClientTlsOptions | None = None) -> None:
        parts = urlsplit(address)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in SCHEMES or not parts.hostname or port == -1:
            raise ConfigurationError(f"{address!r} is no address of a WebSocket server; write ws://HOST:PORT.")
        self._address = address
        self._host = parts.hostname
        secure = parts.scheme == "wss"
        self._port = port or (443 if secure else 80)
        self._tls = client_context(tls or ClientTlsOptions()) if secure else None
        self._limits = limits
        self._session: ClientSession | JinaSession | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._connections: set[WebSocketConnection] = set()
        self._closed = False

    async def connect(self) -> None:
        if self._closed:
            raise Unavailable(f"The channel to {self._address} is closed.")
        if self.connected:
            return
        connection = await self._open(SUBPROTOCOL)
        if connection.protocol.subprotocol == SUBPROTOCOL:
            self._session = _Session(connection, self._limits, self._address, self._connections).session
        else:
            # Nothing was chosen of what was offered: Jina's servers say nothing, but understand the one that is theirs.
            await connection.end()
            self._session = await self._open_jina()
        if self._tick is None:
            self._sweep()

    async def _open_jina(self) -> JinaSession:
        from thalweg.transport.websocket.jina_client import JinaSession

        connection = await self._open(JINA)
        return JinaSession(connection, self._limits, self._address, self._connections)

    async def _open(self, subprotocol: str) -> WebSocketConnection:
        """A connection whose handshake is done. Raises what speaks against it."""
        protocol = ClientProtocol(parse_uri(self._address), subprotocols=[Subprotocol(subprotocol)])
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()
        connection = WebSocketConnection(protocol, lambda *_: None if answered.done() else answered.set_result(None))
        protocol.send_request(protocol.connect())
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(lambda: connection, self._host, self._port, ssl=self._tls)
                self._connections.add(connection)
                await answered
        except (OSError, TimeoutError) as error:
            connection.abort()
            why = getattr(error, "strerror", None) or str(error) or "no answer came"
            raise Unavailable(f"Nobody listens at {self._address}: {why}.") from error
        except BaseException:
            connection.abort()
            raise
        self._check(protocol)
        return connection

    def _check(self, protocol: ClientProtocol) -> None:
        """Raise what the server had against the connection."""
        problem = protocol.handshake_exc
        if isinstance(problem, InvalidStatus):
            response = problem.response
            body = bytes(response.body or b"")
            raise decode_failure(body) or foreign_failure(response.status_code, body, self._address)
        if problem is not None:
            raise Unavailable(f"{self._address} does not speak WebSocket: {problem}.")

    def _sweep(self) -> None:
        for connection in list(self._connections):
            connection.sweep(PING_SECONDS, PING_SECONDS)
        loop = asyncio.get_running_loop()
        self._tick = loop.call_later(SWEEP_SECONDS, self._sweep) if self._connections else None

    @property
    def session(self) -> ClientSession | JinaSession:
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
        session = self.session
        return await (session.describe() if isinstance(session, ClientSession) else super().describe())

    @property
    def connected(self) -> bool:
        return self._session is not None and self._session.accepting

    async def closed(self) -> None:
        if self._session is not None:
            await self._session.departed.wait()

    async def close(self) -> None:
        self._closed = True
        if self._tick is not None:
            self._tick.cancel()
        await asyncio.gather(*(connection.end() for connection in list(self._connections)))


class _Session(SessionParty):
    """The client's end of a connection that is open."""

    def __init__(
        self, connection: WebSocketConnection, limits: Limits, address: str, connections: set[WebSocketConnection]
    ) -> None:
        super().__init__(connection)
        self._connections = connections
        self.session: ClientSession = ClientSession(self.wire, limits, address)

    def lost(self, reason: BaseException | None) -> None:
        self._connections.discard(self.connection)
        super().lost(reason)
