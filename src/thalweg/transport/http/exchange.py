"""One request of an endpoint, from its headers to the last byte of its answer."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from time import monotonic
from typing import Any, Protocol

from thalweg.errors import InternalError, PayloadTooLarge, ThalwegError, Unavailable, UnsupportedContent
from thalweg.message import JSON, Buffer, Context, EndpointDescription, Request, Response
from thalweg.message.status import Failure, http_status, to_failure
from thalweg.transport.admission import RETRY_AFTER_SECONDS, Admission
from thalweg.transport.contract import Serving
from thalweg.transport.dispatch import dispatch
from thalweg.transport.http import headers
from thalweg.transport.http.connection import DISCARD_BYTES, HttpConnection
from thalweg.transport.http.events import END, error_event, item_event
from thalweg.transport.http.failures import MethodNotAllowed, encode_failure
from thalweg.transport.http.headers import Accepted, Head, Metadata
from thalweg.transport.http.pages import Page
from thalweg.transport.http.payload import pack_content, unpack_content

log = logging.getLogger("thalweg.server")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

LARGE_BYTES = 64 * 1024
"""From here on an answer waits until its reader has taken most of it before it counts as given."""

_TYPE_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")
_PAGE: Headers = [(b"cache-control", b"no-cache"), (b"x-content-type-options", b"nosniff")]
_EVENTS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Site(Protocol):
    """What an exchange asks of the server that it belongs to."""

    serving: Serving
    admission: Admission
    draining: bool
    date_line: bytes
    """The `date` header of answers, as a line."""

    def endpoint(self, path: str) -> EndpointDescription | None:
        """The description of what answers at `path`; None where nothing is known. Raises `EndpointNotFound`."""

    async def page(self, method: str, path: str) -> Page:
        """What is shown at `path`. Raises `EndpointNotFound`."""

    def entered(self, work: object) -> None:
        """`work` is under way without a task that uvicorn knows."""

    def left(self, work: object) -> None:
        """It has ended."""


class Exchange:
    """Made for one request and run once. Everything that goes wrong ends in an answer."""

    # What most requests never change stays with the class.
    _admitted = 0
    _response: Response | None = None
    _started = False
    _written = 0
    _watch: asyncio.Future[Any] | None = None

    def __init__(self, site: Site, scope: Scope, receive: Receive, send: Send) -> None:
        self._site = site
        self._scope = scope
        self._receive = receive
        self._send = send
        self._connection: HttpConnection = scope["state"]["connection"]
        self._head = head = Head(scope["headers"])
        self._request_id = headers.parsed_request_id(head.request_id) if head.request_id else ""
        self._unread = DISCARD_BYTES if head.transfer_encoding else 0

    async def run(self) -> None:
        connection = self._connection
        if connection.lost:
            return
        connection.begin("reading")
        try:
            await (self._call() if self._scope["method"] == "POST" else self._show())
        except asyncio.CancelledError:
            if not connection.lost:
                await self._interrupted()
        except ThalwegError as error:
            await self._fail(error)
        except Exception as error:
            log.error("request %s failed unexpectedly", self._name(), exc_info=error)
            await self._fail(InternalError("An unexpected error; the server's log has it under this request id."))
        finally:
            connection.end(self._unread)

    async def _show(self) -> None:
        """Answer with a page."""
        self._length()
        page = await self._site.page(self._scope["method"], self._scope["path"])
        lines = [(b"content-type", page.content_type.encode("latin-1")), *_PAGE]
        await self._write(page.status, lines, [page.body], len(page.body))

    async def _call(self) -> None:
        """Ask the handler."""
        site, size = self._site, self._length()
        endpoint, content_type, context = self._opening()
        site.admission.admit(size)
        self._admitted = size
        try:
            message = await self._receive()
            data: Buffer = message.get("body", b"")
            if message.get("more_body"):
                data = await self._read_on(data)
            self._unread = 0
            request, events = self._request(content_type, data)
            self._connection.phase = "working"
            if events.only_events or (events.events if endpoint is None else endpoint.streaming):
                await self._stream(request, context)
            else:
                await self._answer(request, context)
        finally:
            site.admission.release(self._admitted)

    def _length(self) -> int:
        """Bytes of body that the headers announce; 0 where they do not tell."""
        if self._head.content_length:
            self._unread = int(self._head.content_length)  # the parser has let digits through only
            return self._unread
        return 0

    def _opening(self) -> tuple[EndpointDescription | None, str, Context]:
        """What the headers tell, and whether it makes sense to read on."""
        head, site = self._head, self._site
        if site.draining:
            raise Unavailable("The server is stopping.", retry_after=RETRY_AFTER_SECONDS)
        endpoint = site.endpoint(self._scope["path"])
        content_type = headers.parsed_content_type(head.content_type)
        if head.content_encoding and head.content_encoding.lower() != b"identity":
            raise UnsupportedContent(
                f"The body is encoded as {head.content_encoding.decode('latin-1')}; this server reads it as it is."
            )
        timeout = headers.parsed_timeout(head.timeout) if head.timeout else site.serving.timeout
        context = Context(
            deadline=None if timeout is None else monotonic() + timeout,
            metadata=Metadata(self._scope["headers"]),
            trace=head.trace.decode("latin-1"),
            request_id=self._request_id,
        )
        return endpoint, content_type, context

    def _request(self, content_type: str, data: Buffer) -> tuple[Request, Accepted]:
        head = self._head
        accepted = headers.accepted(head.accept)
        body, parameters = unpack_content(content_type, data, head.parameters)
        target = headers.parsed_target(head.target) if head.target else ""
        return Request(self._scope["path"], body, content_type, accepted.content_type, parameters, target), accepted

    async def _read_on(self, first: Buffer) -> Buffer:
        """The rest of a body that comes in several pieces, counted as it grows where it did not say its size."""
        body = bytearray(first)
        more = True
        while more:
            self._count(len(body))
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise asyncio.CancelledError
            body += message["body"]
            more = message["more_body"]
        self._count(len(body))
        # uvicorn stops reading from the socket while a large piece of body waits, and then would not see the caller
        # leave; whoever waits for its next message makes it read on. This ends with the answer.
        self._watch = asyncio.ensure_future(self._receive())
        return body

    def _count(self, came: int) -> None:
        """`came` bytes of the body are here."""
        if self._head.content_length:
            self._unread = max(0, int(self._head.content_length) - came)
        else:
            self._site.admission.grow(self._admitted, came)
            self._admitted = came

    async def _answer(self, request: Request, context: Context) -> None:
        error = await dispatch(self._site.serving.handler, request, context, self._collect)
        if error is not None:
            await self._fail(error)
            return
        response = self._response
        if response is None:
            raise InternalError("The handler ended without an answer.")
        parts = response.body
        if response.content_type == JSON and len(parts) == 1 and not response.parameters:
            await self._write(200, [_TYPE_JSON], parts, response.size)
            return
        content = pack_content(response.content_type, parts, response.parameters)
        lines = [(b"content-type", response.content_type.encode("latin-1"))]
        if content.parameters:
            lines.append((headers.PARAMETERS.encode(), content.parameters.encode()))
        await self._write(200, lines, content.parts, content.size)

    def _collect(self, response: Response) -> None:
        if self._response is not None:
            raise InternalError(
                f"The handler answered more than once. Ask with 'accept: {headers.EVENTS}', or describe the endpoint as "
                "streaming."
            )
        self._check(response)
        self._response = response

    async def _stream(self, request: Request, context: Context) -> None:
        connection = self._connection
        connection.flush_each_write()
        try:
            error = await dispatch(self._site.serving.handler, request, context, self._write_item)
            if error is not None:
                await self._fail(error)
                return
            await self._write_event(END)
            await self._send({"type": "http.response.body"})
        finally:
            connection.buffer_writes()

    def _write_item(self, response: Response) -> Awaitable[None]:
        self._check(response)
        return self._write_event(item_event(response))

    async def _write_event(self, event: bytes) -> None:
        if not self._started:
            await self._start(200, _EVENTS)
        await self._send({"type": "http.response.body", "body": event, "more_body": True})  # waits for room first
        self._written += 1
        if self._written % self._site.serving.limits.stream_window == 0:
            # A producer that never waits fills the system's buffers first; others have their turn meanwhile.
            await asyncio.sleep(0)

    def _check(self, response: Response) -> None:
        size, largest = response.size, self._site.serving.limits.max_message_bytes
        if size > largest:
            raise PayloadTooLarge(f"The answer has {size} bytes; at most {largest} are sent.")

    def _start(self, status: int, lines: Headers) -> Awaitable[None]:
        self._started = True
        if self._request_id:
            lines = [*lines, (b"x-request-id", self._request_id.encode())]
        if self._site.draining:
            lines = [*lines, _CLOSE]
        return self._send({"type": "http.response.start", "status": status, "headers": lines})

    async def _write(self, status: int, lines: Headers, parts: Sequence[Buffer], size: int) -> None:
        """A whole answer. One that is large returns when most of it is read."""
        await self._start(status, [*lines, (b"content-length", b"%d" % size)])
        if size <= LARGE_BYTES:
            await self._send({"type": "http.response.body", "body": parts[0] if len(parts) == 1 else b"".join(parts)})
            return
        self._connection.phase = "answering"
        for part in parts:
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        await self._send({"type": "http.response.body"})  # waits for room first

    async def _interrupted(self) -> None:
        """The task was cancelled, and not because the caller left: the server has something to say."""
        connection = self._connection
        interruption, connection.interruption = connection.interruption, None
        if interruption is None:
            await connection.sever()
            return
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        await self._fail(*interruption)

    async def _fail(self, error: ThalwegError, status: int | None = None) -> None:
        failure = to_failure(error, self._name())
        if self._started:
            await self._fail_late(failure)
            return
        lines = [_TYPE_JSON]
        if isinstance(error, MethodNotAllowed):
            status = 405
            lines.append((b"allow", ", ".join(error.allow).encode()))
        if error.retry_after is not None:
            lines.append((b"retry-after", b"%d" % max(1, ceil(error.retry_after))))
        self._request_id = headers.parsed_request_id(failure.request_id.encode())
        body = encode_failure(failure)
        await self._write(status or http_status(error), lines, [body], len(body))

    async def _fail_late(self, failure: Failure) -> None:
        """A stream ends with an event that tells, unless nobody reads it; another answer cannot be changed any more."""
        if self._connection.phase == "answering" or self._connection.full:
            await self._connection.sever()
            return
        await self._send({"type": "http.response.body", "body": error_event(failure), "more_body": True})
        await self._send({"type": "http.response.body"})

    def _name(self) -> str:
        """The request's id, made up now if there is none yet."""
        if not self._request_id:
            self._request_id = secrets.token_hex(16)
        return self._request_id
