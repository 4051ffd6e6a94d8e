"""The channel: a pool of connections to one HTTP server, by aiohttp, and one more that only watches whether it is there."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast
from urllib.parse import quote, urlsplit

import aiohttp

from thalweg.config import ChannelOptions, ClientTlsOptions, Limits
from thalweg.errors import (
    ConfigurationError,
    DeadlineExceeded,
    MalformedRequest,
    PayloadTooLarge,
    PeerLost,
    ThalwegError,
    Unavailable,
    UnsupportedContent,
)
from thalweg.message import JSON, Buffer, Context, Request, Response
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.message.headers import RESERVED
from thalweg.transport.contract import Channel
from thalweg.transport.encryption import client_context
from thalweg.transport.forms import in_form
from thalweg.transport.http import headers
from thalweg.transport.http.events import EventParser, LineParser, event_response
from thalweg.transport.http.failures import check_dry_run, decode_failure, foreign_failure
from thalweg.transport.http.foreign import json_request
from thalweg.transport.http.negotiation import EVENTS, LINES_TYPES
from thalweg.transport.http.outgoing import OWN_HEADERS
from thalweg.transport.http.payload import pack_content, unpack_content
from thalweg.transport.precedence import PRIORITY, SHARE

CONNECTIONS = 512
"""Requests that are under way at once; the others wait for a connection."""
CONNECT_SECONDS = 10.0
TIMER_SECONDS = 0.002
"""How much before its time a timer may fire, ours or the server's: event loops count in milliseconds."""
KEEP_ALIVE_SECONDS = 30.0
"""How long a connection rests before it is closed: shorter than any server's patience, so that none dies in our hands."""
PIECE_BYTES = 256 * 1024
PACKED_BYTES = 1024
"""A smaller body is not packed: it would hardly get smaller."""
GZIP_LEVEL = 4
_SERVER_HEADERS = RESERVED | OWN_HEADERS | {"cache-control", "server"}
ERROR_BYTES = 1 << 20

T = TypeVar("T")


class HttpChannel(Channel):
    """Works without `connect` too: connections are made as requests need them."""

    def __init__(
        self,
        address: str,
        limits: Limits,
        tls: ClientTlsOptions | None = None,
        options: ChannelOptions = ChannelOptions(),  # noqa: B008  # frozen
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"{address!r} is no address of an HTTP server; write http://HOST:PORT.")
        self._address = address.rstrip("/")
        self._host, self._secure = parts.hostname, parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._limits = limits
        self._options = options
        if options.compression not in (None, "gzip"):
            raise ConfigurationError(f"Over HTTP requests are packed by gzip, not by {options.compression}.")
        if tls is not None and not self._secure:
            raise ConfigurationError(f"{address!r} is not encrypted; write https://, or leave out tls.")
        self._context = client_context(tls or ClientTlsOptions()) if self._secure else None
        self._session: aiohttp.ClientSession | None = None
        self._sentinel: _Sentinel | None = None
        self._looking: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._connecting = asyncio.Lock()
        self._closed = False
        self._foreign: bool | None = None

    async def connect(self) -> None:
        async with self._connecting:
            self._check_open()
            if self._sentinel is None:
                sentinel = await self._watch()
                if self._closed:
                    sentinel.abort()
                self._check_open()
                self._sentinel = sentinel
                self._lost = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._sentinel is not None

    async def ready(self) -> bool:
        response = await self._within(Context.with_timeout(CONNECT_SECONDS), self._get("/readyz"))
        response.close()
        return response.status < 500

    async def closed(self) -> None:
        await self._lost.wait()

    async def close(self) -> None:
        self._closed = True
        self._lose()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        if self._session is not None:
            await self._session.close()

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        context.check()
        if request.inflow is not None:
            raise UnsupportedContent(
                "Over HTTP/1.1 nothing can be sent while the answer is read. Send all documents at once, or call it over "
                "gRPC or WebSocket."
            )
        accept = request.accept or request.content_type
        foreign = JSON not in (request.content_type, accept) and await self._is_foreign(context)
        if foreign:
            request = json_request(request, context)
        dry_run = request.endpoint == DRY_RUN_ENDPOINT
        call = self._get("/dry_run") if dry_run else self._post(request, context)
        response = await self._within(context, call)
        try:
            if response.status != 200:
                raise await self._within(context, self._failure(response))
            if dry_run:
                given = check_dry_run(await self._within(context, response.read()))
                yield Response(request.body, request.content_type, request.parameters, given)
                return
            if response.content_type == EVENTS or response.content_type in LINES_TYPES:
                async for item in self._items(response, context):
                    yield item
            else:
                answer = await self._within(context, self._answer(response))
                yield in_form(answer, accept) if foreign else answer
        finally:
            response.close()

    async def _is_foreign(self, context: Context) -> bool:
        """Whether the server is none of Thalweg's, and knows JSON alone; asked once."""
        if self._foreign is None:
            # closed after it: a connection that has had a GET does not take the short way through the server any more
            response = await self._within(context, self._get("/healthz", {"connection": "close"}))
            response.close()
            self._foreign = response.status in (404, 405)
        return self._foreign

    # Requests.

    async def _post(self, request: Request, context: Context) -> aiohttp.ClientResponse:
        content = pack_content(request.content_type, request.body, request.parameters)
        if content.size > self._limits.max_message_bytes:
            raise PayloadTooLarge(
                f"The request has {content.size} bytes; at most {self._limits.max_message_bytes} are sent."
            )
        lines = self._lines(request, context)
        lines["content-length"] = str(content.size)
        if content.parameters:
            lines[headers.PARAMETERS] = content.parameters
        body: bytes | AsyncGenerator[memoryview, None]
        if self._options.compression is not None and content.size >= PACKED_BYTES:
            body = await asyncio.to_thread(gzip.compress, b"".join(content.parts), GZIP_LEVEL)
            lines["content-encoding"], lines["content-length"] = "gzip", str(len(body))
        else:
            body = b"".join(content.parts) if content.size <= PIECE_BYTES else _pieces(content.parts)
        path = request.endpoint if request.endpoint.startswith("/") else f"/{request.endpoint}"
        url = self._address + quote(path)
        try:
            return await self._open().post(url, data=body, headers=lines, allow_redirects=False)
        except aiohttp.ClientError:  # of which some are ValueErrors too
            raise
        except ValueError as error:  # a line break in a header
            raise MalformedRequest(f"The metadata cannot be sent as headers: {error}.") from None

    def _lines(self, request: Request, context: Context) -> dict[str, str]:
        """The headers of `request`, but for what its body decides."""
        lines = {name: value for name, value in context.metadata.items() if name not in headers.NO_METADATA}
        lines.pop("host", None)
        lines.update((name.lower(), value) for name, value in self._options.metadata)
        lines["content-type"] = request.content_type
        lines["accept"] = f"{request.accept or request.content_type}, {EVENTS}"
        if request.content_type == JSON:
            lines[headers.ENVELOPE] = "true"
        if context.priority:
            lines[PRIORITY] = str(context.priority)
        if context.share:
            lines[SHARE] = context.share
        if request.target:
            lines[headers.TARGET] = headers.target_text(request.target)
        if context.given_request_id:
            lines[headers.REQUEST_ID] = context.given_request_id
        if context.trace:
            lines[headers.TRACE] = context.trace
        remaining = context.remaining()
        if remaining is not None:
            lines[headers.TIMEOUT] = f"{remaining:.6f}"
        return lines

    async def _get(self, path: str, lines: Mapping[str, str] | None = None) -> aiohttp.ClientResponse:
        return await self._open().get(self._address + path, headers=lines, allow_redirects=False)

    def _open(self) -> aiohttp.ClientSession:
        self._check_open()
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=self._context or True
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=self._options.proxy,
                auto_decompress=False,
                response_class=_Answer,
                skip_auto_headers=("accept-encoding", "user-agent"),
                max_field_size=2 * headers.PARAMETERS_BYTES,
            )
        return self._session

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable(f"The channel to {self._address} is closed.")

    async def _within(self, context: Context, work: Awaitable[T]) -> T:
        """`work`, as far as there is time for it. Raises what a channel raises for whatever goes wrong."""
        limit = asyncio.timeout(context.remaining())
        try:
            async with limit:
                return await work
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # Where the time is up, that is what ended it, even if the server was quicker to hang up.
            remaining = context.remaining()
            if limit.expired() or (remaining is not None and remaining < TIMER_SECONDS):
                raise DeadlineExceeded("The deadline of the request has passed.") from None
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> ThalwegError:
        if self._closed:
            return PeerLost(f"The channel to {self._address} was closed before the answer was complete.")
        if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
            self._lose()
            return Unavailable(f"Nobody answers at {self._address}: {error}.")
        return PeerLost(f"The connection to {self._address} broke before the answer was complete: {error}.")

    # Answers.

    async def _answer(self, response: aiohttp.ClientResponse) -> Response:
        parameters = response.headers.get(headers.PARAMETERS, "")
        data = await self._read(response, self._limits.max_message_bytes)
        body, values = unpack_content(response.content_type, data, parameters.encode())
        return Response(body, response.content_type, values, _given_headers(response))

    async def _read(self, response: aiohttp.ClientResponse, largest: int) -> bytes:
        size = response.content_length or 0
        pieces: list[bytes] = []
        if size <= largest:
            size = 0
            async for piece in response.content.iter_any():
                pieces.append(piece)
                size += len(piece)
                if size > largest:
                    break
        if size > largest:
            raise PayloadTooLarge(f"The answer has {size} bytes or more; at most {largest} are taken.")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _items(self, response: aiohttp.ClientResponse, context: Context) -> AsyncGenerator[Response, None]:
        largest = self._limits.max_message_bytes
        lines = response.content_type in LINES_TYPES
        parser = LineParser(largest) if lines else EventParser(largest * 4 // 3 + PIECE_BYTES)
        first = True
        while piece := await self._within(context, response.content.readany()):
            for event in parser.feed(piece):
                context.check()
                if event.name == "end":
                    await self._within(context, _finish(response))
                    return
                if event.name == "error":
                    raise decode_failure(event.data) or foreign_failure(500, event.data, str(response.url))
                item = event_response(event)
                if first:
                    item.headers, first = _given_headers(response), False
                if item.size > largest:
                    raise PayloadTooLarge(f"The answer has {item.size} bytes; at most {largest} are taken.")
                yield item
        if not lines:  # those have no last event; a body of theirs that is cut off is found out by its encoding
            raise PeerLost(f"The stream from {self._address} ended before it was complete.")

    async def _failure(self, response: aiohttp.ClientResponse) -> ThalwegError:
        body = await self._read(response, ERROR_BYTES)
        error = decode_failure(body)
        if error is None:
            error = foreign_failure(response.status, body, str(response.url))
            after = response.headers.get("retry-after", "")
            error.retry_after = float(after) if after.isdigit() else None
        return error

    # Whether the server is there.

    async def _watch(self) -> _Sentinel:
        """Open a connection that is there to be lost; behind a proxy there is none to be had."""
        if self._options.proxy:
            return self._make_sentinel()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                loop = asyncio.get_running_loop()
                _, sentinel = await loop.create_connection(
                    self._make_sentinel, self._host, self._port, ssl=self._context
                )
        except OSError as error:  # a timeout is one too
            raise Unavailable(f"Nobody answers at {self._address}: {error}.") from None
        return sentinel

    def _make_sentinel(self) -> _Sentinel:
        return _Sentinel(self._on_loss)

    def _on_loss(self, sentinel: _Sentinel) -> None:
        """Servers close connections that rest; only one that cannot be opened again means that nobody is there."""
        if sentinel is self._sentinel:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        try:
            sentinel = await self._watch()
        except Unavailable:
            self._lose()
            return
        if self._sentinel is None:  # a request found nobody there in the meantime, and said so
            sentinel.abort()
        else:
            self._sentinel = sentinel

    def _lose(self) -> None:
        sentinel, self._sentinel = self._sentinel, None
        self._lost.set()
        if sentinel is not None:
            sentinel.abort()


class _Answer(aiohttp.ClientResponse):
    """One whose connection, where the answer is left unread, ends at once: TLS would wait for the server's goodbye, and the
    event loop may be gone before it comes."""

    def close(self) -> None:
        connection = self.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        super().close()


class _Sentinel(asyncio.Protocol):
    """A connection without requests."""

    def __init__(self, lost: Callable[[_Sentinel], None]) -> None:
        self._lost = lost
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _given_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Those of the answer that an Executor may have given."""
    return {lower: value for name, value in response.headers.items() if (lower := name.lower()) not in _SERVER_HEADERS}


async def _finish(response: aiohttp.ClientResponse) -> None:
    """Read what ends a body, so that its connection can be used again."""
    await response.content.readany()


async def _pieces(parts: Sequence[Buffer]) -> AsyncGenerator[memoryview, None]:
    """A large body in pieces between which others have their turn."""
    for part in parts:
        view = memoryview(part).cast("B")
        for start in range(0, len(view), PIECE_BYTES):
            yield view[start : start + PIECE_BYTES]
