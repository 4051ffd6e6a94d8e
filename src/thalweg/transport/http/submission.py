"""The short way through the server, for what most requests are: documents by `POST`, and one answer.

uvicorn makes a task and an event for each request and writes an answer in two pieces; on a small request that is most of
the cost. A connection stays on the short way for as long as every request on it is a plain one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import Any

from thalweg.errors import DeadlineExceeded, InternalError, PayloadTooLarge, ThalwegError
from thalweg.message import JSON, Buffer, Context, Pending, Request, Response, UnaryHandler
from thalweg.message.status import http_status, to_failure
from thalweg.transport.dispatch import defect, dispatch
from thalweg.transport.http import headers
from thalweg.transport.http.addressing import NOWHERE, Address, address, addressed_answer, may_address
from thalweg.transport.http.coding import chosen_coding, packed_body
from thalweg.transport.http.connection import HttpConnection
from thalweg.transport.http.exchange import Site
from thalweg.transport.http.failures import encode_failure
from thalweg.transport.http.filling import room_for
from thalweg.transport.http.headers import Metadata
from thalweg.transport.http.outgoing import LARGE_BYTES, compressible, header_lines
from thalweg.transport.http.payload import pack_content, unpack_content
from thalweg.transport.http.plain import PlainHead, read_head

LARGE_BODY = 256 * 1024
"""Bytes of body that are worth being read to where they stay. JSON is not: it takes so long that a copy is nothing."""
SMALL_BODY = 64 * 1024
"""Bytes of body that are taken in before they are counted; of a larger one nothing is read before there is room for it."""


class ShortWay:
    """Takes on what can go the short way. The `Recognise` of a connection."""

    def __init__(self, site: Site, handler: UnaryHandler) -> None:
        self.site = site
        self.handler = handler
        self.largest = site.serving.limits.max_message_bytes
        self.least_packed = site.serving.connections.compress_bytes
        """Bytes of an answer from which on it is compressed."""
        self._largest_head = site.serving.connections.max_head_bytes

    def __call__(self, guard: HttpConnection, data: bytes) -> Submission | None:
        """The request that `data` begins with, where nothing about it is unusual."""
        if guard.full or self.site.draining:
            return None
        head = read_head(data)
        if head is None or head.length > self.largest or head.size > self._largest_head:
            return None
        if self.site.plain(head.path) is None or (head.origin and self.site.cors):
            return None
        if head.length > SMALL_BODY:
            try:
                self.site.admission.admit(head.length)
            except ThalwegError:
                return None  # there is more to be done about the body of a request that is refused
        return Submission(self, guard, head)


class Submission:
    """One request: the `Reply` of the handler, and what the guard cancels."""

    __slots__ = (
        "_address",
        "_admitted",
        "_body",
        "_context",
        "_expiry",
        "_guard",
        "_handler",
        "_head",
        "_pending",
        "_settled",
        "_site",
        "_way",
        "missing",
    )

    def __init__(self, way: ShortWay, guard: HttpConnection, head: PlainHead) -> None:
        self._way = way
        self._site = way.site
        self._handler = way.handler
        self._guard = guard
        self._head = head
        self._admitted = head.length if head.length > SMALL_BODY else None
        self._address: Address | None = None
        self._context: Context | None = None
        self._pending: Pending | asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._settled = False
        self._body: list[bytes] = []
        self.missing = head.length
        """Bytes of the body that are still to come."""
        guard.take(self, "reading")
        way.site.entered(self)

    @property
    def head_size(self) -> int:
        return self._head.size

    def feed(self, data: bytes) -> bytes:
        """More of the body; returns what comes after it. Begins once the body is whole."""
        rest = b""
        size = len(data)
        if size > self.missing:
            data, rest = data[: self.missing], data[self.missing :]
            size = self.missing
        self.missing -= size
        if not self._body and self.missing >= LARGE_BODY and self._head.content_type != JSON:
            self._fill(data)
            return rest
        if self._body or self.missing:
            self._body.append(data)
        if not self.missing and not self._settled:  # it may have come so slowly that it was given up
            self._begin(b"".join(self._body) if self._body else data)
        return rest

    def _fill(self, data: bytes) -> None:
        """Have the rest of the body read to where it stays; `data` is what has come of it."""
        whole = room_for(self._head.length)
        whole[: len(data)] = data

        def heard(count: int) -> None:
            self.missing -= count
            if not self.missing and not self._settled:
                self._begin(whole.toreadonly())

        self._guard.fill(whole[len(data) :], heard)

    def _begin(self, body: Buffer) -> None:
        self._body.clear()
        self._guard.phase = "working"
        try:
            request, timeout = self._open(body)
            if self._admitted is None:
                self._site.admission.admit(self._head.length)
                self._admitted = self._head.length
            assert self._context is not None
            self._pending = self._handler.submit(request, self._context, self)
        except ThalwegError as error:
            self.fail(error)
            return
        except Exception as error:
            self.fail(defect(error, self._context or Context()))
            return
        if self._pending is None:
            self._pending = asyncio.get_running_loop().create_task(self._handle(request, self._context))
        elif timeout is not None:
            self._expiry = asyncio.get_running_loop().call_later(timeout, self._expire)

    def _open(self, body: Buffer) -> tuple[Request, float | None]:
        """The request, and the seconds that it may take; makes its context."""
        head = self._head
        timeout = headers.parsed_timeout(head.timeout) if head.timeout else self._site.serving.timeout
        name, target = headers.parsed_request_id(head.request_id) if head.request_id else "", ""
        if head.content_type == JSON:
            text = bytes(body)
            parts: tuple[Buffer, ...] = (text,)
            values: dict[str, Any] = {}
            if may_address(text) and (where := address(text)) is not NOWHERE:
                self._address, target = where, where.target
                name = name or headers.parsed_request_id(where.request_id.encode())
        else:
            parts, values = unpack_content(head.content_type, body, b"")
        context = self._context = Context(
            deadline=None if timeout is None else monotonic() + timeout,
            metadata=Metadata(head.block),
            trace=head.trace.decode("latin-1"),
            request_id=name,
        )
        if head.priority or head.share:
            context.priority, context.share = headers.parsed_precedence(head.priority, head.share)
        return Request(head.path, parts, head.content_type, head.accepted.content_type, values, target), timeout

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
        size, largest = response.size, self._way.largest
        if size > largest:
            self.fail(PayloadTooLarge(f"The answer has {size} bytes; at most {largest} are sent."))
            return
        parts, lines, content_type = response.body, b"", response.content_type
        if content_type != JSON or len(parts) != 1 or response.parameters:
            try:
                content = pack_content(content_type, parts, response.parameters)
            except ThalwegError as error:
                self.fail(error)
                return
            parts, size = tuple(content.parts), content.size
            if content.parameters:
                lines = b"%b: %b\r\n" % (headers.PARAMETERS.encode(), content.parameters.encode())
        if response.headers:
            lines += b"".join(b"%b: %b\r\n" % line for line in header_lines(response.headers))
        if self._address is not None and content_type == JSON:
            assert self._context is not None
            body = addressed_answer(b"".join(parts), self._address, self._context.request_id)
            parts, size = (body,), len(body)
        least = self._way.least_packed if self._head.encodings else None
        if least is not None and size >= least and compressible(content_type):
            self._pending = asyncio.get_running_loop().create_task(
                self._compress(content_type, lines, list(parts), size)
            )
            return
        self._write(b"200 OK", content_type.encode("latin-1"), lines, parts, size)

    async def _compress(self, content_type: str, lines: bytes, parts: list[Buffer], size: int) -> None:
        """Answer with a body as the caller may have it, compressed beside the other requests where it is large."""
        lines += b"vary: accept-encoding\r\n"
        coding = chosen_coding(self._head.encodings)
        if coding:
            large = size >= LARGE_BYTES
            body = await asyncio.to_thread(packed_body, coding, parts) if large else packed_body(coding, parts)
            lines += b"content-encoding: %b\r\n" % coding.encode()
            parts, size = [body], len(body)
        self._write(b"200 OK", content_type.encode("latin-1"), lines, parts, size)

    def fail(self, error: ThalwegError, status: int | None = None) -> None:
        context = self._context or Context()
        failure = to_failure(error, context.request_id)
        lines = b""
        if error.retry_after is not None:
            lines = b"retry-after: %d\r\n" % max(1, ceil(error.retry_after))
        number = status or http_status(error)
        name = headers.parsed_request_id(failure.request_id.encode())
        if name:
            lines += b"x-request-id: %b\r\n" % name.encode()
        body = encode_failure(failure)
        self._write(_status_line(number), b"application/json", lines, (body,), len(body), named=True)

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

    def _write(
        self,
        status: bytes,
        content_type: bytes,
        lines: bytes,
        parts: Sequence[Buffer],
        size: int,
        *,
        named: bool = False,
    ) -> None:
        """The whole answer in one piece: a second write would be a second system call."""
        assert self._context is not None or named
        if not named and self._context is not None and self._context.given_request_id:
            lines += b"x-request-id: %b\r\n" % self._context.given_request_id.encode()
        last = self._site.draining or self.missing > 0 or self._guard.spent
        if last:
            lines += b"connection: close\r\n"
        head = b"HTTP/1.1 %b\r\n%bcontent-type: %b\r\ncontent-length: %d\r\n%b\r\n" % (
            status,
            self._site.date_line,
            content_type,
            size,
            lines,
        )
        if size > LARGE_BYTES:
            self._guard.write_parts((head, *parts))
        else:
            self._guard.write(head + (parts[0] if len(parts) == 1 else b"".join(parts)))
        if self._guard.full:
            self._guard.phase = "answering"
            self._pending = asyncio.get_running_loop().create_task(self._wait_for_reader(last))
        else:
            self._end(last)

    async def _wait_for_reader(self, last: bool) -> None:
        """An answer of which much is unread still counts as under way."""
        await self._guard.room()
        self._end(last)

    def _end(self, last: bool) -> None:
        self._settle()
        if last:
            self._guard.close()

    def _settle(self) -> None:
        if self._settled:
            return
        self._settled = True
        self._pending = None
        if self._expiry is not None:
            self._expiry.cancel()
        if self._admitted is not None:
            self._site.admission.release(self._admitted)
        self._site.left(self)
        self._guard.end(0)


@lru_cache
def _status_line(number: int) -> bytes:
    try:
        return f"{number} {HTTPStatus(number).phrase}".encode()
    except ValueError:  # 499 is nginx's and in no standard
        return b"%d Client Closed Request" % number
