"""The format on a multiplexed connection; pure.

A frame is a 12-byte head (little endian: `u32` length of the body, `u8` kind, three zero bytes, `u32` stream) and its body.
Stream 0 is the connection itself; a client numbers its requests from 1.

A message (a request, or one item of an answer) is `u32` length of the head, the head as msgpack, then the payload buffers,
each beginning on a multiple of 8 bytes so that arrays can be used where they arrived. A message that fits goes in one
frame; a larger one is announced by BEGIN with its length and follows in CHUNKs, between which other streams have their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Final

import msgspec

from thalweg.errors import MalformedRequest, PayloadTooLarge, WrongReturnType
from thalweg.message import Buffer, Request, Response
from thalweg.message.status import Failure, clipped

VERSION = 1
HEAD = Struct("<IB3xI")
LENGTH = Struct("<I")
TOTAL = Struct("<Q")
MAX_FRAME_BYTES = 512 * 1024
"""Longest body of a frame: it bounds what one stream may hold up the others by, a fraction of a millisecond, and what a
reader must keep. A message in one frame takes the short way and is copied half as often as one in chunks."""
MOST_PIECES = 64
"""Pieces of a body that are kept apart: each takes more memory than its bytes."""
LARGE_BUFFER_BYTES = 32 * 1024
"""From here on a buffer is a view of its message, and not a copy."""
LONGEST_ERROR_TEXT = 8192
"""Characters of each text of an error, where it does not fit into a frame as a whole."""


class Kind:
    """What a frame says. REQUEST, ITEM and ANSWER carry a whole message in one frame.

    Plain integers: looking up a member of an enumeration costs more than comparing what it stands for.
    """

    HELLO: Final = 0  # client: u32 version, the first frame of a connection
    REQUEST: Final = 1  # client
    BEGIN: Final = 2  # either: u64 length of a message that follows in chunks
    CHUNK: Final = 3  # either
    CANCEL: Final = 4  # client: nobody waits for this stream any more
    CREDIT: Final = 5  # either: u32 further items that the other side may send
    ITEM: Final = 6  # server: an answer; client: a payload of the inflow, in the form of an answer
    END: Final = 7  # server: the answer is complete; client: the inflow is
    ERROR: Final = 8  # server: a Failure; on stream 0 it concerns the connection, which is then closed
    GOAWAY: Final = 9  # server: takes no new requests; those under way go on
    ANSWER: Final = 11  # server: an ITEM and an END in one
    READY: Final = 10  # client: asks whether the server is ready; server: one byte, 1 where it is
    MORE: Final = 12  # client: u64 length of a payload of the inflow that follows in chunks
    DESCRIBE: Final = 13  # client: asks what the server serves, which is an ITEM of JSON


class RequestHead(msgspec.Struct, array_like=True):
    endpoint: str
    content_type: str
    sizes: list[int]
    accept: str = ""
    parameters: dict[str, Any] = {}
    target: str = ""
    timeout: float | None = None
    metadata: dict[str, str] = {}
    trace: str = ""
    request_id: str = ""
    window: int = 16
    priority: int = 0
    share: str = ""
    inflow: bool = False


class ResponseHead(msgspec.Struct, array_like=True):
    content_type: str
    sizes: list[int]
    parameters: dict[str, Any] = {}
    headers: dict[str, str] = {}


UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not what they should be."""

UNENCODABLE = (TypeError, OverflowError, RecursionError, msgspec.MsgspecError)
"""What msgspec raises for a value that msgpack has no form for."""

_encode = msgspec.msgpack.Encoder().encode
_decode_request = msgspec.msgpack.Decoder(RequestHead).decode
_decode_response = msgspec.msgpack.Decoder(ResponseHead).decode
_decode_failure = msgspec.msgpack.Decoder(Failure).decode
_PADDING = [b"\0" * n for n in range(8)]

LONGEST_OPENING = 256
KNOWN_OPENINGS = 1024
_openings: dict[bytes, tuple[str, int]] = {}
"""What stands before the payload of answers of one buffer without parameters -> content type and size: sizes repeat, so
it is read once. Of no more than `KNOWN_OPENINGS` of them, each of `LONGEST_OPENING` bytes at most."""


def frame(kind: int, stream: int, body: bytes = b"") -> bytes:
    return HEAD.pack(len(body), kind, stream) + body


def failure_frame(stream: int, failure: Failure) -> bytes:
    """An ERROR frame. Findings that do not fit are left out: the first ones say what is wrong."""
    body = _encode(failure)
    if len(body) > MAX_FRAME_BYTES:
        failure = clipped(failure, LONGEST_ERROR_TEXT)
        body = _encode(failure)
    while len(body) > MAX_FRAME_BYTES:
        failure = msgspec.structs.replace(failure, details=failure.details[: len(failure.details) // 2])
        body = _encode(failure)
    return frame(Kind.ERROR, stream, body)


def read_failure(body: bytes) -> Failure:
    """Raises `MalformedRequest`."""
    try:
        return _decode_failure(body)
    except UNREADABLE as error:
        raise MalformedRequest(f"The error cannot be read: {error}") from error


def credit_frame(stream: int, items: int) -> bytes:
    return frame(Kind.CREDIT, stream, LENGTH.pack(items))


def hello_frame() -> bytes:
    return frame(Kind.HELLO, 0, LENGTH.pack(VERSION))


def bare(part: Buffer) -> Buffer:
    """`part` with one item a byte, so that its length is its size."""
    return part if isinstance(part, (bytes, bytearray)) else part.cast("B")


def request_message(request: Request, head: RequestHead) -> list[Buffer]:
    """The message of `request`, in parts."""
    try:
        packed = _encode(head)
    except UNENCODABLE as error:
        raise MalformedRequest(f"The parameters of the request cannot be sent: {error}") from error
    return _message(packed, request.body)


@lru_cache(maxsize=1024)
def request_opening(endpoint: str, content_type: str, size: int, accept: str, window: int) -> bytes:
    """All that stands before the payload of a request of one buffer with nothing else to say: most are like one before."""
    return b"".join(_message(_encode(RequestHead(endpoint, content_type, [size], accept, window=window)), (b"",)))


def response_message(response: Response) -> list[Buffer]:
    """The message of `response`, in parts."""
    body = response.body
    if not response.parameters and not response.headers and len(body) == 1 and isinstance(body[0], bytes):
        return [_opening(response.content_type, len(body[0])), body[0]]
    sizes = [len(bare(part)) for part in body]
    try:
        packed = _encode(ResponseHead(response.content_type, sizes, response.parameters, response.headers))
    except UNENCODABLE as error:
        raise WrongReturnType(f"The parameters of the answer cannot be sent: {error}") from error
    return _message(packed, body)


@lru_cache(maxsize=1024)
def _opening(content_type: str, size: int) -> bytes:
    """All that stands before the payload of an answer of one buffer without parameters: sizes repeat."""
    return b"".join(_message(_encode(ResponseHead(content_type, [size], {})), (b"",)))


def _message(head: bytes, body: Sequence[Buffer]) -> list[Buffer]:
    parts: list[Buffer] = [LENGTH.pack(len(head)), head]
    length = 4 + len(head)
    for part in body:
        flat = bare(part)
        if length & 7:
            parts.append(_PADDING[-length & 7])
            length += -length & 7
        parts.append(flat)
        length += len(flat)
    return parts


def framed(kind: int, stream: int, parts: Sequence[Buffer], begin: int = Kind.BEGIN) -> Iterator[list[Buffer]]:
    """The frames of a message: one of `kind` where it fits, else `begin` and CHUNKs. Parts are sliced, not copied."""
    length = sum(map(len, parts))
    if length <= MAX_FRAME_BYTES:
        yield [HEAD.pack(length, kind, stream), *parts]
        return
    yield [frame(begin, stream, TOTAL.pack(length))]
    chunk: list[Buffer] = []
    room = MAX_FRAME_BYTES
    for part in parts:
        view = memoryview(part)
        while view:
            piece, view = view[:room], view[room:]
            chunk.append(piece)
            room -= len(piece)
            if not room:
                yield [HEAD.pack(MAX_FRAME_BYTES, Kind.CHUNK, stream), *chunk]
                chunk, room = [], MAX_FRAME_BYTES
    if chunk:
        yield [HEAD.pack(MAX_FRAME_BYTES - room, Kind.CHUNK, stream), *chunk]


def read_request(message: bytes | bytearray) -> tuple[Request, RequestHead]:
    """Raises `MalformedRequest`. Buffers are views of `message`."""
    packed, start = _head(message)
    try:
        head = _decode_request(packed)
    except UNREADABLE as error:
        raise MalformedRequest(f"The head of the request cannot be read: {error}") from error
    body = _buffers(message, start, head.sizes)
    return Request(head.endpoint, body, head.content_type, head.accept, head.parameters, head.target), head


def read_response(message: bytes | bytearray) -> Response:
    """Raises `MalformedRequest`. Buffers are views of `message`."""
    opening = b""
    if isinstance(message, bytes):
        begin = 4 + int.from_bytes(message[:4], "little")
        begin += -begin & 7
        if begin <= LONGEST_OPENING:
            opening = message[:begin]
            plain = _openings.get(opening)
            if plain is not None and len(message) - begin == plain[1]:
                whole = plain[1] < LARGE_BUFFER_BYTES
                return Response((message[begin:] if whole else memoryview(message)[begin:],), plain[0])
    packed, start = _head(message)
    try:
        head = _decode_response(packed)
    except UNREADABLE as error:
        raise MalformedRequest(f"The head of the answer cannot be read: {error}") from error
    body = _buffers(message, start, head.sizes)
    if opening and len(body) == 1 and not head.parameters and not head.headers:
        if len(_openings) >= KNOWN_OPENINGS:
            _openings.clear()
        _openings[opening] = head.content_type, head.sizes[0]
    return Response(body, head.content_type, head.parameters, head.headers)


def _head(message: bytes | bytearray) -> tuple[memoryview, int]:
    if len(message) < 4:
        raise MalformedRequest("The message ends before its head.")
    (length,) = LENGTH.unpack_from(message)
    if 4 + length > len(message):
        raise MalformedRequest("The message ends within its head.")
    return memoryview(message)[4 : 4 + length], 4 + length


def _buffers(message: bytes | bytearray, start: int, sizes: list[int]) -> tuple[Buffer, ...]:
    if (
        len(sizes) == 1
        and sizes[0] < LARGE_BUFFER_BYTES
        and isinstance(message, bytes)
        and start + (-start & 7) + sizes[0] == len(message)
    ):
        return (message[start + (-start & 7) :],)
    view = memoryview(message)
    buffers: list[Buffer] = []
    for size in sizes:
        start += -start & 7
        if size < 0 or start + size > len(view):
            raise MalformedRequest("The message ends within its payload.")
        buffers.append(view[start : start + size])
        start += size
    return tuple(buffers)


class FrameReader:
    """Bytes as they come, split anywhere, to calls of `on_frame(kind, stream, body)`.

    A body is copied once, whether it came whole or in pieces: so it begins where memory is aligned, and what came with it is
    not kept.
    """

    __slots__ = ("_missing", "_of", "_on_frame", "_pieces", "_rest")

    def __init__(self, on_frame: Callable[[int, int, bytes], None]) -> None:
        self._on_frame = on_frame
        self._rest = b""
        """Less than a head."""
        self._of = (0, 0)
        """Kind and stream of the frame whose body has come in part."""
        self._pieces: list[Buffer] = []
        self._missing = 0

    def feed(self, data: Buffer) -> None:
        """Raises `MalformedRequest` for a frame longer than any we send; the connection is of no more use then."""
        offset = 0
        if self._missing:
            offset = self._complete(data)
        elif self._rest:
            data = self._rest + data
            self._rest = b""
        available = len(data)
        on_frame, unpack = self._on_frame, HEAD.unpack_from
        while available - offset >= 12:
            length, kind, stream = unpack(data, offset)
            if length > MAX_FRAME_BYTES:
                raise MalformedRequest(f"A frame of {length} bytes; the longest has {MAX_FRAME_BYTES}.")
            offset += 12
            end = offset + length
            if end > available:
                self._of = kind, stream
                self._pieces.append(memoryview(data)[offset:])
                self._missing = end - available
                return
            on_frame(kind, stream, bytes(data[offset:end]))
            offset = end
        if offset < available:
            self._rest = bytes(data[offset:])

    def _complete(self, data: Buffer) -> int:
        """Go on with the body that has come in part; how much of `data` belongs to it."""
        pieces, taken = self._pieces, min(self._missing, len(data))
        pieces.append(memoryview(data)[:taken])
        self._missing -= taken
        if not self._missing:
            self._pieces = []
            self._on_frame(*self._of, b"".join(pieces))
        elif len(pieces) >= MOST_PIECES:
            self._pieces = [b"".join(pieces)]
        return taken


class Assembly:
    """A message that comes in chunks."""

    __slots__ = ("_filled", "message")

    def __init__(self, announcement: bytes, limit: int) -> None:
        """Raises `PayloadTooLarge` before anything is set aside."""
        size = announced(announcement)
        if size > limit:
            raise PayloadTooLarge(f"The message has {size} bytes; at most {limit} are taken.")
        self.message = bytearray(size)
        self._filled = 0

    def add(self, chunk: bytes) -> bool:
        """Take the next chunk; return whether the message is whole. Raises `MalformedRequest` for one too many."""
        end = self._filled + len(chunk)
        if end > len(self.message):
            raise MalformedRequest("More chunks than were announced.")
        self.message[self._filled : end] = chunk
        self._filled = end
        return end == len(self.message)


def announced(body: bytes) -> int:
    """The length that a BEGIN frame announces."""
    if len(body) != TOTAL.size:
        raise MalformedRequest("A BEGIN frame of the wrong length.")
    return int(TOTAL.unpack(body)[0])
