"""The answer to one request on its way out: whole, or piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from thalweg.message import JSON, Buffer
from thalweg.transport.contract import Send, Serving
from thalweg.transport.http.coding import chosen_coding, packed_body
from thalweg.transport.http.connection import HttpConnection
from thalweg.transport.http.cors import Cors, Lines

LARGE_BYTES = 64 * 1024
"""From here on an answer waits until its reader has taken most of it before it counts as given, and is compressed on
another thread."""

OWN_HEADERS = frozenset(
    ("access-control-allow-origin", "thalweg-parameters", "vary", "x-accel-buffering", "x-request-id")
)
"""Headers that the server gives, so that nobody else does."""

CLOSE = (b"connection", b"close")


class AnswerSettings(Protocol):
    """What an answer asks of the server that it belongs to."""

    serving: Serving
    draining: bool
    cors: Cors | None


class AnswerWriter:
    """Writes the answer of one request."""

    started = False
    _written = 0

    def __init__(
        self, outlet: AnswerSettings, connection: HttpConnection, send: Send, origin: bytes, encodings: bytes
    ) -> None:
        self._outlet = outlet
        self._connection = connection
        self._send = send
        self._origin = origin
        self._encodings = encodings
        self.request_id = ""
        """The caller's name for the request, given back; empty where there is none."""

    async def start(self, status: int, lines: Lines) -> None:
        self.started = True
        if self.request_id:
            lines = [*lines, (b"x-request-id", self.request_id.encode())]
        if self._outlet.cors is not None:
            lines = [*lines, *self._outlet.cors.answer_headers(self._origin)]
        if self._outlet.draining or self._connection.spent:
            lines = [*lines, CLOSE]
        await self._send({"type": "http.response.start", "status": status, "headers": lines})

    async def whole(self, status: int, content_type: str, lines: Lines, parts: Sequence[Buffer], size: int) -> None:
        """A whole answer. One that is large returns when most of it is read."""
        least = self._outlet.serving.connections.compress_bytes
        if self._encodings and least is not None and size >= least and compressible(content_type):
            lines = [*lines, (b"vary", b"accept-encoding")]
            coding = chosen_coding(self._encodings)
            if coding:
                given = list(parts)
                large = size >= LARGE_BYTES
                body = await asyncio.to_thread(packed_body, coding, given) if large else packed_body(coding, given)
                parts, size = [body], len(body)
                lines.append((b"content-encoding", coding.encode()))
        await self.start(
            status,
            [(b"content-type", content_type.encode("latin-1")), *lines, (b"content-length", b"%d" % size)],
        )
        if size <= LARGE_BYTES:
            await self._send({"type": "http.response.body", "body": parts[0] if len(parts) == 1 else b"".join(parts)})
            return
        self._connection.phase = "answering"
        for part in parts:
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        await self._send({"type": "http.response.body"})  # waits for room first

    async def piece(self, data: bytes) -> None:
        """A piece of an answer that was started."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})  # waits for room first
        self._written += 1
        if self._written % self._outlet.serving.limits.stream_window == 0:
            # A producer that never waits fills the system's buffers first; others have their turn meanwhile.
            await asyncio.sleep(0)

    async def finish(self) -> None:
        """The end of an answer that was started."""
        await self._send({"type": "http.response.body"})


def compressible(content_type: str) -> bool:
    """Whether it is text: columns of numbers take long to compress and hardly become smaller."""
    return content_type.startswith((JSON, "text/", "image/svg"))


def header_lines(given: Mapping[str, str]) -> Lines:
    """Headers that an Executor gave, without those that the server gives itself."""
    return [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items() if name not in OWN_HEADERS
    ]
