"""The short way through the server, for what most requests are: a small JSON body by `POST`, and one answer.

uvicorn makes a task and an event for each request and writes an answer in two pieces; on a small request that is most of
the cost. Its parser, its pipelining and its care of the connection are kept.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from thalweg.errors import DeadlineExceeded, EndpointNotFound, InternalError, PayloadTooLarge, ThalwegError
from thalweg.message import JSON, Context, Pending, Request, Response, UnaryHandler
from thalweg.message.status import CODES, to_failure
from thalweg.transport.dispatch import defect, dispatch
from thalweg.transport.http import headers
from thalweg.transport.http.connection import HttpConnection
from thalweg.transport.http.exchange import Site
from thalweg.transport.http.failures import MethodNotAllowed, encode_failure
from thalweg.transport.http.headers import Head, Metadata
from thalweg.transport.http.payload import pack_content

LARGEST_BODY = 64 * 1024
"""Bytes of body that go the short way: what uvicorn, too, takes in without pausing the sender."""

_TYPES = frozenset((b"", b"application/json"))
_ACCEPTS = frozenset((b"", b"*/*", b"application/json"))


class ShortProtocol(HttpToolsProtocol):
    """uvicorn's protocol, where a request that can go the short way does not become a cycle of it."""

    def __init__(self, guard: HttpConnection, site: Site, **settings: Any) -> None:
        super().__init__(**settings)
        self._guard = guard
        self._site = site
        handler = site.serving.handler
        self._handler = handler if isinstance(handler, UnaryHandler) else None
        self._read: Submission | None = None

    def on_headers_complete(self) -> None:
        self._read = submission = self._submission() if self._handler is not None else None
        if submission is None:
            super().on_headers_complete()
        else:
            self.cycle = submission  # type: ignore[assignment]  # uvicorn asks its cycle whether one is under way

    def on_body(self, body: bytes) -> None:
        if self._read is not None:
            self._read.take(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._read is not None:
            self._read.begin()
        else:
            super().on_message_complete()

    def _submission(self) -> Submission | None:
        """The request whose headers were just read, where nothing about it is unusual."""
        head = Head(self.headers) if self._free() else None
        if head is None or not _usual(head, min(LARGEST_BODY, self._site.serving.limits.max_message_bytes)):
            return None
        path = self.url.decode("ascii")
        try:
            endpoint = self._site.endpoint(path)
        except (EndpointNotFound, MethodNotAllowed):
            return None
        if endpoint is None or endpoint.streaming:
            return None
        assert self._handler is not None
        return Submission(self, self._guard, self._site, self._handler, path, head)

    def _free(self) -> bool:
        """Whether a request with this first line can be taken on now."""
        url, parser = self.url, self.parser
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self._guard.full or self._site.draining or self.expect_100_continue:
            return False
        plain = url[:1] == b"/" and b"%" not in url and b"?" not in url and b"#" not in url
        return (
            plain
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and not parser.should_upgrade()
        )


def _usual(head: Head, largest: int) -> bool:
    return bool(
        head.content_length
        and 0 < int(head.content_length) <= largest
        and head.content_type in _TYPES
        and head.accept in _ACCEPTS
        and not (head.transfer_encoding or head.content_encoding or head.target or head.parameters or head.timeout)
    )


class Submission:
    """One request. Takes the place of uvicorn's cycle; is the `Reply` of the handler, and what the guard cancels."""

    __slots__ = (
        "_admitted",
        "_body",
        "_context",
        "_expiry",
        "_guard",
        "_handler",
        "_head",
        "_path",
        "_pending",
        "_protocol",
        "_site",
        "disconnected",
        "keep_alive",
        "message_event",
        "response_complete",
    )

    def __init__(
        self,
        protocol: ShortProtocol,
        guard: HttpConnection,
        site: Site,
        handler: UnaryHandler,
        path: str,
        head: Head,
    ) -> None:
        self._protocol = protocol
        self._guard = guard
        self._site = site
        self._handler = handler
        self._path = path
        self._head = head
        self._admitted: int | None = None
        self._context: Context | None = None
        self._pending: Pending | asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._body = b""
        # what uvicorn asks of its cycle
        self.disconnected = False
        self.keep_alive = protocol.parser.should_keep_alive()
        self.message_event = _NOBODY
        self.response_complete = False
        guard.take(self, "reading")
        site.entered(self)

    def take(self, piece: bytes) -> None:
        """More of the body."""
        self._body += piece

    def begin(self) -> None:
        """The body is here."""
        if self.response_complete:  # it came so slowly that it was given up
            return
        site, head = self._site, self._head
        self._guard.phase = "working"
        timeout = site.serving.timeout
        context = self._context = Context(
            deadline=None if timeout is None else monotonic() + timeout,
            metadata=Metadata(self._protocol.headers),
            trace=head.trace.decode("latin-1"),
            request_id=headers.parsed_request_id(head.request_id) if head.request_id else "",
        )
        request = Request(self._path, (self._body,), JSON)
        try:
            site.admission.admit(len(self._body))
            self._admitted = len(self._body)
            self._pending = self._handler.submit(request, context, self)
        except ThalwegError as error:
            self.fail(error)
            return
        except Exception as error:
            self.fail(defect(error, context))
            return
        if self._pending is None:
            self._pending = asyncio.get_running_loop().create_task(self._handle(request, context))
        elif timeout is not None:
            self._expiry = asyncio.get_running_loop().call_later(timeout, self._expire)

    async def _handle(self, request: Request, context: Context) -> None:
        """The long way, where the handler has no short one for this request."""
        given: list[Response] = []
        error = await dispatch(self._handler, request, context, given.append)
        if error is not None:
            self.fail(error)
        elif len(given) != 1:
            self.fail(InternalError(f"The handler gave {len(given)} answers where one was due."))
        else:
            self.answer(given[0])

    def answer(self, response: Response) -> None:
        parts, lines = response.body, b""
        if response.content_type != JSON or len(parts) != 1 or response.parameters:
            try:
                content = pack_content(response.content_type, parts, response.parameters)
            except ThalwegError as error:
                self.fail(error)
                return
            parts = tuple(content.parts)
            if content.parameters:
                lines = b"%b: %b\r\n" % (headers.PARAMETERS.encode(), content.parameters.encode())
        size, largest = response.size, self._site.serving.limits.max_message_bytes
        if size > largest:
            self.fail(PayloadTooLarge(f"The answer has {size} bytes; at most {largest} are sent."))
            return
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._write(b"200 OK", response.content_type.encode("latin-1"), lines, body)

    def fail(self, error: ThalwegError, status: int | None = None) -> None:
        context = self._context or Context()
        failure = to_failure(error, context.request_id)
        lines = b""
        if error.retry_after is not None:
            lines = b"retry-after: %d\r\n" % max(1, ceil(error.retry_after))
        number = status or CODES[error.status].http
        name = headers.parsed_request_id(failure.request_id.encode())
        if name:
            lines += b"x-request-id: %b\r\n" % name.encode()
        self._write(_status_line(number), b"application/json", lines, encode_failure(failure), named=True)

    def cancel(self) -> None:
        """The caller has left, or the server has something to say to it instead."""
        if self._context is not None:
            self._context.cancel()
        if self._pending is not None:
            self._pending.cancel()
        interruption, self._guard.interruption = self._guard.interruption, None
        if self._guard.lost or interruption is None or self._guard.phase == "answering":
            self._settle()
            self._guard.abort()
        else:
            self.fail(*interruption)

    def _expire(self) -> None:
        assert self._context is not None
        self._context.cancel()
        if self._pending is not None:
            self._pending.cancel()
        self.fail(DeadlineExceeded("The deadline of the request has passed."))

    def _write(self, status: bytes, content_type: bytes, lines: bytes, body: Any, *, named: bool = False) -> None:
        """The whole answer in one piece: a second write would be a second system call."""
        assert self._context is not None or named
        if not named and self._context is not None and self._context.given_request_id:
            lines += b"x-request-id: %b\r\n" % self._context.given_request_id.encode()
        if not self.keep_alive or self._site.draining:
            self.keep_alive = False
            lines += b"connection: close\r\n"
        transport = self._protocol.transport
        if not transport.is_closing():
            head = b"HTTP/1.1 %b\r\n%bcontent-type: %b\r\ncontent-length: %d\r\n%b\r\n" % (
                status,
                self._site.date_line,
                content_type,
                memoryview(body).nbytes,
                lines,
            )
            transport.write(head + body)
        if self._guard.full:
            self._guard.phase = "answering"
            self._pending = asyncio.get_running_loop().create_task(self._wait_for_reader())
        else:
            self._end()

    async def _wait_for_reader(self) -> None:
        """An answer of which much is unread still counts as under way."""
        await self._guard.room()
        self._end()

    def _end(self) -> None:
        self._settle()
        if not self.keep_alive:
            self._protocol.transport.close()

    def _settle(self) -> None:
        if self.response_complete:
            return
        self.response_complete = True
        self._pending = None
        if self._expiry is not None:
            self._expiry.cancel()
        if self._admitted is not None:
            self._site.admission.release(self._admitted)
        self._guard.end(int(self._head.content_length) - len(self._body))
        self._site.left(self)
        self._protocol.on_response_complete()


@lru_cache
def _status_line(number: int) -> bytes:
    try:
        return f"{number} {HTTPStatus(number).phrase}".encode()
    except ValueError:  # 499 is nginx's and in no standard
        return b"%d Client Closed Request" % number


class _Nobody:
    """Stands where uvicorn keeps the event that its application waits for."""

    def set(self) -> None:
        return


_NOBODY = _Nobody()
