"""A stream of answers as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

A JSON item is an event without a name whose data is the item. An item of columns is an event `columns` whose data is its
framed body in base64; `arrow` and `docarray` are the same for the other content types. A comment says that a stream which is
silent is still there. The last event is `end`, or `error` with the body of an error. Parameters beside a JSON item stand
in a field `parameters`, which readers that do not know it pass over, as the standard tells them to.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from thalweg.errors import MalformedRequest, PayloadTooLarge
from thalweg.message import ARROW, COLUMNS, DOCARRAY, JSON, Buffer, Response
from thalweg.message.status import Failure
from thalweg.transport.http.failures import encode_failure
from thalweg.transport.http.payload import pack_content, unpack_content

END = b"event: end\ndata: {}\n\n"
PING = b": ping\n\n"
BINARY = {"columns": COLUMNS, "arrow": ARROW, "docarray": DOCARRAY}
"""Name of an event -> content type of what its data is in base64."""
_NAMES = {content_type: name for name, content_type in BINARY.items()}


class Event(NamedTuple):
    """One event, as it was parsed."""

    name: str
    data: bytes
    parameters: bytes


def item_event(response: Response) -> bytes:
    """`response` as an event."""
    content = pack_content(response.content_type, response.body, response.parameters)
    body = _joined(content.parts)
    start = b"parameters: " + content.parameters.encode() + b"\n" if content.parameters else b""
    name = _NAMES.get(response.content_type)
    if name is not None:
        return b"%bevent: %b\ndata: %b\n\n" % (start, name.encode(), b64encode(body))
    if b"\n" in body or b"\r" in body:
        body = b"\ndata: ".join(body.splitlines())
    return start + b"data: " + body + b"\n\n"


def named_event(name: str, data: bytes) -> bytes:
    """An event whose lines end with both characters that may end one."""
    if b"\n" in data or b"\r" in data:
        data = b"\r\ndata: ".join(data.splitlines())
    return b"event: %b\r\ndata: %b\r\n\r\n" % (name.encode(), data)


def error_event(failure: Failure) -> bytes:
    """`failure` as the last event."""
    return b"event: error\ndata: " + encode_failure(failure) + b"\n\n"


def event_response(event: Event) -> Response:
    """The answer in an event that carries one.

    Raises:
        MalformedRequest: it carries none.
    """
    content_type = BINARY.get(event.name)
    if content_type is not None:
        try:
            data = b64decode(event.data, validate=True)
        except ValueError as error:
            raise MalformedRequest(f"An event of {event.name} is not base64: {error}.") from None
        body, values = unpack_content(content_type, data, event.parameters)
        return Response(body, content_type, values)
    body, values = unpack_content(JSON, event.data, event.parameters)
    return Response(body, JSON, values)


class EventParser:
    """Makes events of bytes that arrive in pieces of any size, with any of the three line ends."""

    def __init__(self, largest: int) -> None:
        """`largest` is how many bytes one event may have; a longer one raises `PayloadTooLarge`."""
        self._largest = largest
        self._line: list[bytes] = []
        self._size = 0
        self._after_return = False
        self._first = True
        self._reset()

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that `chunk` completes."""
        if self._after_return and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_return = False
        if b"\r" in chunk:
            self._after_return = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._grow(line)
            event = self._take(b"".join(self._line))
            self._line.clear()
            if event is not None:
                yield event
        self._grow(rest)

    def _grow(self, piece: bytes) -> None:
        if piece:
            self._line.append(piece)
            self._size += len(piece)
            if self._size > self._largest:
                raise PayloadTooLarge(f"An event has more than {self._size} bytes; at most {self._largest} are taken.")

    def _take(self, line: bytes) -> Event | None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._name = value.decode(errors="replace")
        elif name == b"parameters":
            self._parameters = value
        return None

    def _dispatch(self) -> Event | None:
        data, name, values = self._data, self._name, self._parameters
        self._reset()
        return Event(name, data[0] if len(data) == 1 else b"\n".join(data), values) if data else None

    def _reset(self) -> None:
        self._size = 0
        self._name = ""
        self._data: list[bytes] = []
        self._parameters = b""


class LineParser:
    """Makes events of lines of JSON that arrive in pieces of any size: a last line with an error alone is one of that
    name, and every other is an item."""

    def __init__(self, largest: int) -> None:
        """`largest` is how many bytes one line may have; a longer one raises `PayloadTooLarge`."""
        self._largest = largest
        self._begun: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that `chunk` completes."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._grow(line)
            whole = b"".join(self._begun)
            self._begun.clear()
            self._size = 0
            if whole.strip():
                yield _line_event(whole)
        self._grow(rest)

    def _grow(self, piece: bytes) -> None:
        self._begun.append(piece)
        self._size += len(piece)
        if self._size > self._largest:
            raise PayloadTooLarge(f"A line has more than {self._largest} bytes; no more are taken.")


def _line_event(line: bytes) -> Event:
    if line.startswith(b'{"error":'):
        try:
            return Event("error", bytes(msgspec.json.decode(line, type=_ErrorLine).error), b"")
        except msgspec.DecodeError:
            pass  # then it is an item that has something of that name
    return Event("", line, b"")


class _ErrorLine(msgspec.Struct, forbid_unknown_fields=True):
    error: msgspec.Raw


def _joined(parts: list[Buffer]) -> bytes:
    return parts[0] if len(parts) == 1 and isinstance(parts[0], bytes) else b"".join(parts)
