"""What travels: a small header and a payload of opaque buffers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any, TypeAlias

import msgspec

from thalweg.message.content import JSON

Buffer: TypeAlias = bytes | bytearray | memoryview

Inflow: TypeAlias = AsyncIterator[tuple[Buffer, ...]]
"""Payloads that come while answers go out."""


def payload_size(parts: Iterable[Buffer]) -> int:
    """Bytes in `parts` together."""
    size = 0
    for part in parts:
        size += len(part) if isinstance(part, bytes) else memoryview(part).nbytes
    return size


def _body_size(body: tuple[Buffer, ...]) -> int:
    """As `payload_size`, soonest for what most bodies are."""
    return len(body[0]) if len(body) == 1 and isinstance(body[0], bytes) else payload_size(body)


class Request(msgspec.Struct):
    """One call of one endpoint.

    `parameters` are those that travel in the header; a JSON payload may carry more in its body, and those win.
    `accept` is the content type that the caller wants back, `content_type` where it is empty. `target` is a regular
    expression: only Executors whose whole name matches it do their work, the others pass the documents on.

    `inflow` is there where the caller goes on sending while it reads: further payloads after `body` (which may be empty,
    and then is none), of the same content type; their end is the end of what the caller has to say. It belongs to whoever
    made the request, who closes it: a handler iterates it in one task at a time and not past its own end. It is never
    read further ahead than a fixed number of payloads, and raises `ThalwegError` where the caller failed. Such a request
    goes to `handle`, never to `submit`.
    """

    endpoint: str
    body: tuple[Buffer, ...] = ()
    content_type: str = JSON
    accept: str = ""
    parameters: dict[str, Any] = {}
    target: str = ""
    inflow: Inflow | None = None

    @property
    def size(self) -> int:
        """Bytes of payload; those of the inflow are not known yet."""
        return _body_size(self.body)

    async def payloads(self) -> AsyncGenerator[tuple[Buffer, ...], None]:
        """Its payloads, one after the other: the body, unless it is empty and more follow, and then the inflow's."""
        if self.body or self.inflow is None:
            yield self.body
        if self.inflow is not None:
            async for body in self.inflow:
                yield body


class Response(msgspec.Struct):
    """One answer, or one item of a stream of them. `parameters` are those of the header, as in a request. `headers` are
    what the Executor wants the caller to see beside it, names in lower case; those of a stream are its first item's."""

    body: tuple[Buffer, ...] = ()
    content_type: str = JSON
    parameters: dict[str, Any] = {}
    headers: dict[str, str] = {}

    @property
    def size(self) -> int:
        """Bytes of payload."""
        return _body_size(self.body)
