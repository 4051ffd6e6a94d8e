"""One request of an endpoint, from its headers to the last byte of its answer."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable
from functools import partial
from math import ceil
from time import monotonic
from typing import Any, Protocol

from thalweg.errors import InternalError, PayloadTooLarge, ThalwegError, Unavailable
from thalweg.message import JSON, Buffer, Context, EndpointDescription, Response
from thalweg.message.status import Failure, http_status, to_failure
from thalweg.transport.admission import RETRY_AFTER_SECONDS, Admission
from thalweg.transport.contract import AsgiApp, Receive, Scope, Send
from thalweg.transport.dispatch import dispatch
from thalweg.transport.http import headers
from thalweg.transport.http.addressing import NOWHERE, addressed_answer
from thalweg.transport.http.coding import parsed_coding, unpacked_body
from thalweg.transport.http.connection import DISCARD_BYTES, HttpConnection
from thalweg.transport.http.cors import Lines
from thalweg.transport.http.failures import MethodNotAllowed, bare_places, encode_failure
from thalweg.transport.http.headers import Head, Metadata
from thalweg.transport.http.heartbeat import Heartbeat
from thalweg.transport.http.intake import Incoming, Inquiry, asked
from thalweg.transport.http.mount import Lifespan, Mounted
from thalweg.transport.http.negotiation import EVENTS, accepted
from thalweg.transport.http.outgoing import AnswerSettings, AnswerWriter, header_lines
from thalweg.transport.http.pages import Page
from thalweg.transport.http.payload import pack_content
from thalweg.transport.http.streams import StreamForm, bare_body, stream_form

log = logging.getLogger("thalweg.server")

_PAGE: Lines = [(b"cache-control", b"no-cache"), (b"x-content-type-options", b"nosniff")]
_STREAM: Lines = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]


class Site(AnswerSettings, Protocol):
    """What an exchange asks of the server that it belongs to."""

    admission: Admission
    lifespans: dict[str, Lifespan]
    """Of the applications, by the prefix that each stands at."""
    date_line: bytes
    """The `date` header of answers, as a line."""

    def plain(self, path: str) -> EndpointDescription | None:
        """The description of what answers `POST` at `path` with one answer in an envelope; None where nothing does, or
        where it is not as simple as that."""

    def endpoint(self, path: str) -> EndpointDescription | None:
        """The description of what answers at `path`; None where nothing is known. Raises `EndpointNotFound`."""

    def posted(self, path: str) -> EndpointDescription | None:
        """The same; None too where the body is to say what answers."""

    def streams(self, path: str) -> bool:
        """Whether `GET` at `path` is a stream."""

    def app(self, path: str) -> tuple[str, AsgiApp] | None:
        """The application that answers at `path`, and the prefix that it stands at."""

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
    _asked: Inquiry | None = None
    _form: StreamForm | None = None
    _pulse: Heartbeat | None = None
    _watch: asyncio.Future[Any] | None = None

    def __init__(self, site: Site, scope: Scope, receive: Receive, send: Send) -> None:
        self._site = site
        self._scope = scope
        self._receive = receive
        self._send = send
        self._connection: HttpConnection = scope["state"]["connection"]
        self._head = head = Head(scope["headers"])
        self._out = AnswerWriter(site, self._connection, send, head.origin, head.accept_encoding)
        self._out.request_id = headers.parsed_request_id(head.request_id) if head.request_id else ""
        self._unread = DISCARD_BYTES if head.transfer_encoding else 0

    async def run(self) -> None:
        connection = self._connection
        if connection.lost:
            return
        connection.begin("reading")
        try:
            await self._respond()
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

    def _respond(self) -> Awaitable[None]:
        method, path = self._scope["method"], self._scope["path"]
        if method == "OPTIONS" and self._site.cors is not None:
            return self._preflight()
        mounted = self._site.app(path)
        if mounted is not None:
            return self._hand_over(*mounted)
        if method == "POST" or (method == "GET" and self._site.streams(path)):
            return self._call()
        return self._show()

    async def _preflight(self) -> None:
        """Answer a browser that asks what pages of another origin may do."""
        self._length()
        assert self._site.cors is not None
        wanted = dict(self._scope["headers"]).get(b"access-control-request-headers", b"")
        lines = self._site.cors.preflight_headers(self._head.origin, wanted)
        self._out.started = True
        await self._send({"type": "http.response.start", "status": 204, "headers": lines})
        await self._out.finish()

    async def _hand_over(self, prefix: str, app: AsgiApp) -> None:
        """Let an application answer that stands beside the endpoints."""
        self._unread = self._length() or self._unread
        state = self._site.lifespans[prefix].state
        mounted = Mounted(app, prefix, self._site.serving, self._connection, state)
        try:
            await mounted(self._scope, self._receive, self._send)
        except Exception as error:
            if not mounted.finished and mounted.refused is None:
                raise
            if mounted.refused is None:
                log.error("the application at %s failed", prefix, exc_info=error)
        finally:
            self._out.started = mounted.started
            if mounted.read:
                self._unread = 0
        if mounted.refused is not None:
            raise mounted.refused
        if not mounted.finished:
            await self._connection.sever()

    async def _show(self) -> None:
        """Answer with a page."""
        self._length()
        page = await self._site.page(self._scope["method"], self._scope["path"])
        await self._out.whole(page.status, page.content_type, _PAGE, [page.body], len(page.body))

    async def _call(self) -> None:
        """Ask the handler."""
        site, size = self._site, self._length()
        endpoint, deadline = self._opening()
        media = headers.parsed_content_type(self._head.content_type)
        wanted = accepted(self._head.accept)
        coding = parsed_coding(self._head.content_encoding)
        site.admission.admit(size)
        self._admitted = size
        try:
            data = await self._body(coding)
            reading = self._scope["method"] == "GET"
            call = Incoming(self._scope["path"], self._scope["query_string"], self._head, media, wanted, data, reading)
            self._asked = found = asked(call, endpoint, site.endpoint)
            context = self._context(found, deadline)
            self._connection.phase = "working"
            streams = found.endpoint is not None and found.endpoint.streaming
            if wanted.only_stream or (wanted.stream != "" if found.endpoint is None else streams):
                self._form = stream_form(wanted.stream or EVENTS, bare=found.bare, reading=reading)
                await self._stream(found, context, self._form)
            else:
                await self._answer(found, context)
        finally:
            site.admission.release(self._admitted)

    def _length(self) -> int:
        """Bytes of body that the headers announce; 0 where they do not tell."""
        if self._head.content_length:
            self._unread = int(self._head.content_length)  # the parser has let digits through only
            return self._unread
        return 0

    def _opening(self) -> tuple[EndpointDescription | None, float | None]:
        """What answers, and until when; raises where it makes no sense to read on."""
        head, site = self._head, self._site
        if site.draining:
            raise Unavailable("The server is stopping.", retry_after=RETRY_AFTER_SECONDS)
        endpoint = site.posted(self._scope["path"])
        timeout = headers.parsed_timeout(head.timeout) if head.timeout else site.serving.timeout
        return endpoint, None if timeout is None else monotonic() + timeout

    def _context(self, found: Inquiry, deadline: float | None) -> Context:
        head, out = self._head, self._out
        if found.address.header and not out.request_id:
            out.request_id = headers.parsed_request_id(found.address.request_id.encode())
            self._name()
        priority, share = headers.parsed_precedence(head.priority, head.share)
        return Context(
            deadline=deadline,
            metadata=Metadata(self._scope["headers"]),
            trace=head.trace.decode("latin-1"),
            request_id=out.request_id,
            priority=priority,
            share=share,
        )

    async def _body(self, coding: str) -> Buffer:
        """All of the body, as it was before it was encoded."""
        message = await self._receive()
        data: Buffer = message.get("body", b"")
        if message.get("more_body"):
            data = await self._read_on(data)
        self._unread = 0
        if coding:
            size, largest = memoryview(data).nbytes, self._site.serving.limits.max_message_bytes
            unpack = partial(unpacked_body, coding, data, largest)
            # A small body may hold a large one, so this is never done between the other requests.
            data = await asyncio.to_thread(unpack)
            if len(data) > size:
                self._site.admission.grow(self._admitted, len(data))
                self._admitted = len(data)
        return data

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

    def _count(self, size: int) -> None:
        if size > self._admitted:
            self._site.admission.grow(self._admitted, size)
            self._admitted = size

    async def _answer(self, found: Inquiry, context: Context) -> None:
        error = await dispatch(self._site.serving.handler, found.request, context, self._collect)
        if error is not None:
            await self._fail(error)
            return
        response = self._response
        if response is None:
            raise InternalError("The handler did not answer.")
        lines = header_lines(response.headers) if response.headers else []
        parts: list[Buffer] = list(response.body)
        if response.content_type == JSON and (found.bare or found.address is not NOWHERE):
            if found.bare:
                body = bare_body(response)
            else:
                body = addressed_answer(b"".join(parts), found.address, context.request_id)
            await self._out.whole(200, JSON, lines, [body], len(body))
            return
        content = pack_content(response.content_type, parts, response.parameters)
        if content.parameters:
            lines.append((headers.PARAMETERS.encode(), content.parameters.encode()))
        await self._out.whole(200, response.content_type, lines, content.parts, content.size)

    def _collect(self, response: Response) -> None:
        if self._response is not None:
            raise InternalError(
                f"The handler answered more than once. Ask with 'accept: {EVENTS}', or describe the endpoint as streaming."
            )
        self._check(response)
        self._response = response

    async def _stream(self, found: Inquiry, context: Context, form: StreamForm) -> None:
        connection = self._connection
        connection.flush_each_write()
        if form.ping:
            self._pulse = Heartbeat(self._site.serving.connections.ping_seconds, self._ping)
        try:
            error = await dispatch(self._site.serving.handler, found.request, context, self._write_item)
            if error is not None:
                await self._fail(error)
                return
            await self._stop_pulse()
            if form.end or not self._out.started:
                await self._write_piece(form.end)
            await self._out.finish()
        finally:
            await self._stop_pulse()
            connection.buffer_writes()

    async def _stop_pulse(self) -> None:
        if self._pulse is not None:
            pulse, self._pulse = self._pulse, None
            await pulse.stop()

    def _write_item(self, response: Response) -> Awaitable[None]:
        self._check(response)
        assert self._form is not None
        return self._write_piece(self._form.item(response), response)

    async def _write_piece(self, data: bytes, response: Response | None = None) -> None:
        if not self._out.started:
            assert self._form is not None
            given = header_lines(response.headers) if response is not None and response.headers else []
            kind = (b"content-type", self._form.content_type.encode("latin-1"))
            await self._out.start(200, [kind, *_STREAM, *given])
        if self._pulse is not None:
            self._pulse.note()
        await self._out.piece(data)

    async def _ping(self) -> None:
        if not self._connection.full:  # a reader that does not read learns nothing from it
            assert self._form is not None
            await self._write_piece(self._form.ping)

    def _check(self, response: Response) -> None:
        size, largest = response.size, self._site.serving.limits.max_message_bytes
        if size > largest:
            raise PayloadTooLarge(f"The answer has {size} bytes; at most {largest} are sent.")

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
        await self._stop_pulse()
        failure = to_failure(error, self._name())
        if self._asked is not None and self._asked.bare:
            failure = bare_places(failure)
        if self._out.started:
            await self._fail_late(failure)
            return
        lines: Lines = []
        if isinstance(error, MethodNotAllowed):
            lines.append((b"allow", ", ".join(error.allow).encode()))
        if error.retry_after is not None:
            lines.append((b"retry-after", b"%d" % max(1, ceil(error.retry_after))))
        self._out.request_id = headers.parsed_request_id(failure.request_id.encode())
        body = encode_failure(failure)
        await self._out.whole(status or http_status(error), JSON, lines, [body], len(body))

    async def _fail_late(self, failure: Failure) -> None:
        """A stream ends with what tells of it, unless nobody reads it; another answer cannot be changed any more."""
        if self._form is None or self._connection.phase == "answering" or self._connection.full:
            await self._connection.sever()
            return
        await self._out.piece(self._form.error(failure))
        await self._out.finish()

    def _name(self) -> str:
        """The request's id, made up now if there is none yet."""
        if not self._out.request_id:
            self._out.request_id = secrets.token_hex(16)
        return self._out.request_id
