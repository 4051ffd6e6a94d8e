"""The client's end of a multiplexed connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic

import msgspec

from thalweg.config import Limits
from thalweg.errors import PayloadTooLarge, PeerLost, ThalwegError, Unavailable
from thalweg.message import Buffer, Context, Pending, Reply, Request, Response, ServiceDescription
from thalweg.message.credit import Credit
from thalweg.message.status import from_failure
from thalweg.transport.multiplex.frames import (
    HEAD,
    LENGTH,
    MAX_FRAME_BYTES,
    Assembly,
    FrameReader,
    Kind,
    RequestHead,
    bare,
    credit_frame,
    framed,
    hello_frame,
    read_failure,
    read_response,
    request_message,
    request_opening,
    response_message,
)
from thalweg.transport.multiplex.server import HEAD_ALLOWANCE
from thalweg.transport.multiplex.streams import Pulled, Pushed
from thalweg.transport.multiplex.wire import Wire

LAST_STREAM = 0xFFFF_FFFF
LARGEST_SUBMITTED_BYTES = MAX_FRAME_BYTES // 2
SMALL_ITEM_BYTES = 16 * 1024
WIDER = 4
"""Times as many items of a stream may be unread as its window says, while all of them were small: giving credit costs a
message of its own, more than a small item does."""


class ClientSession:
    """One connection to a server; a `Handler` for any number of requests at once."""

    def __init__(self, wire: Wire, limits: Limits, peer: str) -> None:
        self.wire = wire
        self.departed = asyncio.Event()
        """Set once the server said that it takes no new requests, or the connection is gone."""
        self._limits = limits
        self._window = max(2, limits.stream_window)
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(self._on_frame)
        self._streams: dict[int, Pulled | Pushed] = {}
        self._number = 0
        self._lost: ThalwegError | None = None
        self._refusal: ThalwegError | None = None
        wire.write([hello_frame()])

    @property
    def accepting(self) -> bool:
        return not self.departed.is_set()

    def receive(self, data: Buffer) -> None:
        """Bytes from the peer. After bytes that make no sense the connection is closed."""
        try:
            self._reader.feed(data)
        except ThalwegError as error:
            self._refusal = error
            self.wire.abort()

    def lost(self, reason: BaseException | None = None) -> None:
        """The connection is gone: fail what is under way with `PeerLost`."""
        self.departed.set()
        if self._lost is None:
            why = self._refusal or reason
            told = f": {why}" if why is not None and str(why) else "."
            self._lost = PeerLost(f"The connection to {self._peer} was lost{told}")
        for stream in list(self._streams.values()):
            # one each: an exception that is raised thousands of times collects the tracebacks of all
            stream.fail(PeerLost(self._lost.message))

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """See `Channel.handle`."""
        if self.departed.is_set():
            raise Unavailable(f"There is no connection to {self._peer}.")
        context.check()
        number = self._next_number()
        stream = Pulled(self._loop)
        self._streams[number] = stream
        expiry: asyncio.TimerHandle | None = None
        feeding: asyncio.Task[None] | None = None
        try:
            remaining = None
            if context.deadline is not None:
                remaining = context.deadline - monotonic()
                expiry = self._loop.call_later(max(0.0, remaining), stream.expire)
            await self._send(number, stream, request, self._head(request, context, remaining))
            if request.inflow is not None:
                stream.credit = Credit()
                feeding = self._loop.create_task(self._feed(number, stream, stream.credit, request))
            taken, window, items = 0, self._window, stream.items
            while True:
                while items:
                    yield items.popleft()
                    taken += 1
                    if taken * 2 >= window and not stream.ended:
                        taken, window = self._give_credit(number, taken, window, stream.large)
                if stream.error is not None:
                    raise stream.error
                if stream.ended:
                    return
                await stream.news()
        finally:
            if expiry is not None:
                expiry.cancel()
            del self._streams[number]
            if not stream.answered and self._lost is None:
                self.wire.write([HEAD.pack(0, Kind.CANCEL, number)])
            if feeding is not None:
                feeding.cancel()
                await asyncio.wait([feeding])

    def _give_credit(self, number: int, taken: int, window: int, large: bool) -> tuple[int, int]:
        """Give credit for `taken` items. What is left of them, and the window from now on, which is narrow again once an
        item was large: what was given too much, a negative number, is worked off first."""
        wanted = self._window if large else self._window * WIDER
        credit = taken + wanted - window
        if credit > 0:
            self.wire.write([credit_frame(number, credit)])
        return min(credit, 0), wanted

    async def _feed(self, number: int, stream: Pulled, credit: Credit, request: Request) -> None:
        """Send the payloads of the inflow, each when the server has room for it. What the inflow raises ends the request."""
        assert request.inflow is not None
        try:
            while True:
                await credit.take()
                body = await anext(request.inflow, None)
                if body is None:
                    break
                message = Response(body, request.content_type)
                if message.size > self._limits.max_message_bytes:
                    limit = self._limits.max_message_bytes
                    raise PayloadTooLarge(f"A payload has {message.size} bytes; at most {limit} are sent.")
                await self._send_slowly(number, stream, response_message(message), Kind.ITEM, Kind.MORE)
        except Exception as error:
            stream.fail(error)
        else:
            self.wire.write([HEAD.pack(0, Kind.END, number)])

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler.submit`. Large requests, and those that would have to wait for the wire, need `handle`."""
        if self.departed.is_set():
            raise Unavailable(f"There is no connection to {self._peer}.")
        context.check()
        if self.wire.full:
            return None
        if _plain(request, context):
            payload = request.body[0]
            size = len(payload)
            if size > LARGEST_SUBMITTED_BYTES:
                return None
            opening = request_opening(request.endpoint, request.content_type, size, request.accept, self._window)
            parts: list[Buffer] = [opening, payload]
            length = len(opening) + size
        else:
            remaining = None if context.deadline is None else context.deadline - monotonic()
            head = self._head(request, context, remaining)
            if sum(head.sizes) > LARGEST_SUBMITTED_BYTES:
                return None
            parts = request_message(request, head)
            length = sum(map(len, parts))
        if length > MAX_FRAME_BYTES:
            return None
        number = self._next_number()
        stream = self._streams[number] = Pushed(number, reply, self._forget)
        self.wire.write([HEAD.pack(length, Kind.REQUEST, number), *parts])
        return stream

    def _forget(self, number: int, answered: bool) -> None:
        if self._streams.pop(number, None) is not None and not answered and self._lost is None:
            self.wire.write([HEAD.pack(0, Kind.CANCEL, number)])

    async def ready(self) -> bool:
        """Ask the server whether it is ready. Raises `Unavailable` where the connection is lost."""
        return (await self._asked(Kind.READY)).ready

    async def describe(self) -> ServiceDescription:
        """Ask the server what it serves. Raises `Unavailable` where the connection is lost."""
        items = (await self._asked(Kind.DESCRIBE)).items
        return msgspec.json.decode(b"".join(items[0].body), type=ServiceDescription)

    async def _asked(self, kind: int) -> Pulled:
        """The answer to a question that is no request."""
        if self._lost is not None:
            raise self._lost
        number = self._next_number()
        stream = self._streams[number] = Pulled(self._loop)
        try:
            self.wire.write([HEAD.pack(0, kind, number)])
            while not stream.settled:
                await stream.news()
            if stream.error is not None:
                raise stream.error
            return stream
        finally:
            del self._streams[number]

    def _head(self, request: Request, context: Context, remaining: float | None) -> RequestHead:
        return RequestHead(
            request.endpoint,
            request.content_type,
            [len(bare(part)) for part in request.body],
            request.accept,
            request.parameters,
            request.target,
            remaining,
            dict(context.metadata),
            context.trace,
            context.given_request_id,
            self._window,
            context.priority,
            context.share,
            request.inflow is not None,
        )

    async def _send(self, number: int, stream: Pulled, request: Request, head: RequestHead) -> None:
        size = sum(head.sizes)
        if size > self._limits.max_message_bytes:
            stream.answered = True
            raise PayloadTooLarge(f"The request has {size} bytes; at most {self._limits.max_message_bytes} are sent.")
        parts = request_message(request, head)
        length = sum(map(len, parts))
        if length <= MAX_FRAME_BYTES and not self.wire.full:
            self.wire.write([HEAD.pack(length, Kind.REQUEST, number), *parts])
        else:
            await self._send_slowly(number, stream, parts, Kind.REQUEST, Kind.BEGIN)

    async def _send_slowly(self, number: int, stream: Pulled, parts: list[Buffer], kind: int, begin: int) -> None:
        for written in framed(kind, number, parts, begin):
            if self.wire.full:
                await self.wire.room()
            if stream.settled:
                return  # refused, expired or lost while it was still going out
            self.wire.write(written)

    def _next_number(self) -> int:
        number = self._number
        while True:
            number = number + 1 if number < LAST_STREAM else 1
            if number not in self._streams:
                self._number = number
                return number

    # frames in -------------------------------------------------------------------------------------------------------

    def _on_frame(self, kind: int, number: int, body: bytes) -> None:
        stream = self._streams.get(number)
        if stream is None:
            self._on_other_frame(kind, number, body)
        elif kind == Kind.ANSWER:
            stream.add(read_response(body))
            stream.end()
        elif kind == Kind.ITEM:
            if len(body) > SMALL_ITEM_BYTES and isinstance(stream, Pulled):
                stream.large = True
            stream.add(read_response(body))
        elif kind == Kind.END:
            stream.end()
        elif kind == Kind.ERROR:
            stream.refuse(from_failure(read_failure(body)))
        elif kind == Kind.BEGIN:
            self._on_begin(stream, body)
        elif kind == Kind.CHUNK and stream.assembly is not None and stream.assembly.add(body):
            message, stream.assembly = stream.assembly.message, None
            stream.add(read_response(message))
        elif kind == Kind.CREDIT:
            self._on_credit(stream, body)
        elif kind == Kind.READY and isinstance(stream, Pulled):
            stream.ready = body == b"\1"
            stream.end()

    def _on_other_frame(self, kind: int, number: int, body: bytes) -> None:
        """Of the connection, or of a stream that nobody reads any more."""
        if kind == Kind.GOAWAY:
            self.departed.set()
        elif kind == Kind.ERROR and number == 0:
            self._refusal = from_failure(read_failure(body))

    def _on_credit(self, stream: Pulled | Pushed, body: bytes) -> None:
        if isinstance(stream, Pulled) and stream.credit is not None and len(body) == LENGTH.size:
            stream.credit.grant(LENGTH.unpack(body)[0])

    def _on_begin(self, stream: Pulled | Pushed, body: bytes) -> None:
        if isinstance(stream, Pulled):
            stream.large = True
        try:
            stream.assembly = Assembly(body, self._limits.max_message_bytes + HEAD_ALLOWANCE)
        except PayloadTooLarge as error:
            stream.fail(error)


def _plain(request: Request, context: Context) -> bool:
    """Whether `request` says no more than where it goes and what it carries, in one buffer."""
    body = request.body
    return (
        len(body) == 1
        and isinstance(body[0], bytes)
        and not request.parameters
        and not request.target
        and request.inflow is None
        and context.deadline is None
        and not context.metadata
        and not context.trace
        and not context.given_request_id
        and not context.priority
        and not context.share
    )
