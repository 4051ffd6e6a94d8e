"""What travels: a small header and a payload of opaque buffers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from thalweg.message.content import JSON

Buffer: TypeAlias = bytes | bytearray | memoryview


def payload_size(parts: Iterable[Buffer]) -> int:
    """Bytes in `parts` together."""
    size = 0
    for part in parts:
        size += len(part) if isinstance(part, bytes) else memoryview(part).nbytes
    return size


class Request(msgspec.Struct):
    """One call of one endpoint.

    `parameters` are those that travel in the header; a JSON payload may carry more in its body, and those win.
    `accept` is the content type that the caller wants back, `content_type` where it is empty. `target` is a regular
    expression: only Executors whose whole name matches it do their work, the others pass the documents on.
    """

    endpoint: str
    body: tuple[Buffer, ...] = ()
    content_type: str = JSON
    accept: str = ""
    parameters: dict[str, Any] = {}
    target: str = ""

    @property
    def size(self) -> int:
        """Bytes of payload."""
        return payload_size(self.body)


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
        return payload_size(self.body)
