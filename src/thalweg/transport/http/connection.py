"""One connection of the server: uvicorn's protocol, and a guard around it.

The guard knows the task that answers, so that a caller who leaves cancels it at once and no request needs a task that
watches for that; and it bounds what uvicorn does not: the size of a request's head, and how long a silent peer may stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol, cast

from thalweg.config import ConnectionOptions
from thalweg.errors import MalformedRequest, ThalwegError
from thalweg.message import Buffer
from thalweg.transport.http.filling import Filling
from thalweg.transport.http.reader import RequestReader

DISCARD_BYTES = 16 << 20
"""How much of a body that was refused is read and dropped, so that its sender gets to the answer."""

_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

Phase = Literal["idle", "reading", "working", "answering"]


class Work(Protocol):
    """What answers a request and may be told to end it: a task, or what does without one."""

    def cancel(self) -> object: ...


class PlainWork(Work, Protocol):
    """A plain request that was recognised."""

    missing: int

    @property
    def head_size(self) -> int: ...

    def feed(self, data: bytes) -> bytes:
        """More of its body; returns what comes after it."""


Recognise = Callable[["HttpConnection", bytes], PlainWork | None]
"""The plain request that some bytes begin with, taken on; None where there is none."""


class HttpConnection(asyncio.Protocol):
    """Passes everything on to `inner`. Its `task` is the one that answers the request under way."""

    def __init__(
        self,
        opened: Callable[[HttpConnection], None],
        closed: Callable[[HttpConnection], None],
        recognise: Recognise | None,
        options: ConnectionOptions,
        **settings: Any,
    ) -> None:
        """`settings` are those that uvicorn gives its protocols. Without `recognise` no request is a plain one."""
        self._options = options
        self._left = options.max_requests
        self._largest_head = options.max_head_bytes
        self._opened = opened
        self._closed = closed
        settings["app_state"] = {"connection": self}
        self._inner = RequestReader(options.max_head_bytes, **settings)
        self._transport: asyncio.Transport | None = None
        self._recognise = recognise
        self._plain: PlainWork | None = None
        self._held = b""
        self._spoke = False
        self._unclaimed = 0
        self._allowance = self._options.max_head_bytes
        self._quiet = 0
        self._unsent = 0
        self.full = False
        self._room: asyncio.Future[None] | None = None
        self.phase: Phase = "idle"
        self.task: Work | None = None
        self.lost = False
        self.interruption: tuple[ThalwegError, int | None] | None = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by inheritance
        self._inner.connection_made(self._transport)
        self._opened(self)

    def data_received(self, data: bytes) -> None:
        if self._recognise is None or not self._receive_plainly(data):
            self._receive(data)

    def _receive_plainly(self, data: bytes) -> bool:
        """Whether `data` is a plain request, or belongs to one. The first that is not takes the connection, from its first
        byte on and for good, to uvicorn: so no two parsers ever share a message."""
        self._quiet = 0
        self._spoke = True
        if self._plain is not None and self._plain.missing:
            data = self._plain.feed(data)
        if self._plain is not None or self._held:
            self._hold(data)
            return True
        assert self._recognise is not None
        work = self._recognise(self, data)
        if work is None:
            self._recognise = None
            return False
        self._plain = work
        self._hold(work.feed(data[work.head_size :]))
        return True

    def _hold(self, data: bytes) -> None:
        """Keep what came too early until the request before it is answered."""
        if data:
            self._held += data
            if self._plain is None:
                asyncio.get_running_loop().call_soon(self._go_on)
            elif len(self._held) > self._options.max_head_bytes and self._transport is not None:
                self._transport.pause_reading()

    def _go_on(self) -> None:
        """The request before is answered: go on with what came meanwhile."""
        held, self._held = self._held, b""
        if held and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self.data_received(held)

    def _receive(self, data: bytes) -> None:
        if self.task is not None:
            self._quiet = 0
        else:
            if not self._unclaimed:
                self._quiet = 0
            self._spoke = True
            # Counted before this piece is parsed: whatever came before it was not the end of a head.
            if self._unclaimed > self._allowance:
                self._refuse()
                return
            self._unclaimed += len(data)
        self._inner.data_received(data)
        if self._inner.ws_protocol_class is not None:
            self._let_go()

    def _let_go(self) -> None:
        """Where the connection has become a WebSocket of an application, it is no longer ours."""
        if self._transport is not None and self._transport.get_protocol() is not self:
            self._transport = None
            self.lost = True
            self._closed(self)

    def eof_received(self) -> None:
        self._inner.eof_received()

    def pause_writing(self) -> None:
        self.full = True
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self.full = False
        self._wake()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._inner.connection_lost(exc)
        self._transport = None  # uvloop's own raises at whatever is asked of it from now on
        self._wake()
        if self.task is not None:
            self.task.cancel()
        self._closed(self)

    # What the application calls.

    def begin(self, phase: Phase) -> None:
        """The running task answers the next request."""
        task = asyncio.current_task()
        assert task is not None
        self.take(task, phase)

    def take(self, work: Work, phase: Phase) -> None:
        """`work` answers the next request."""
        self.task = work
        self.phase = phase
        self._quiet = 0
        self._unclaimed = 0
        if self._left is not None:
            self._left -= 1
        self._allowance = self._largest_head

    @property
    def spent(self) -> bool:
        """Whether the request under way is the last that the connection may bring."""
        return self._left == 0

    def end(self, unread: int) -> None:
        """The request is answered; `unread` bytes of its body may still come and are dropped."""
        self.task = None
        self.phase = "idle"
        self._quiet = 0
        self._unsent = 0
        if self._plain is not None:
            self._plain = None
            if self._held:
                asyncio.get_running_loop().call_soon(self._go_on)
        if unread:
            self._unclaimed = 1  # so that it does not pass for an idle connection
            self._allowance = self._options.max_head_bytes + min(unread, DISCARD_BYTES)

    def write(self, data: bytes) -> None:
        """Send `data`, where there still is somebody to send it to."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def write_parts(self, parts: Iterable[Buffer]) -> None:
        """The same for several, none of which is copied."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.writelines(parts)

    def fill(self, room: memoryview, heard: Callable[[int], None]) -> None:
        """Read what comes into `room` until that is full, each time telling `heard` how many bytes have come."""

        def told(count: int) -> None:
            self._quiet = 0
            heard(count)

        if self._transport is not None and not self._transport.is_closing():
            Filling(self, self._transport, room, told)

    async def room(self) -> None:
        """Return when the peer has read so much that there is room for more."""
        while self.full and not self.lost:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    async def sever(self) -> None:
        """Drop the connection with whatever is unsent, and return when it is gone."""
        self.task = None  # it is about to end by itself
        self.abort()
        while not self.lost:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def flush_each_write(self) -> None:
        """From now on there is room when the system has taken everything: nothing but its own buffers runs ahead of a
        reader."""
        if self._transport is not None:
            # Not 0: encrypted transports stop at "as much as", and with 0 would never go on.
            self._transport.set_write_buffer_limits(high=1)

    def buffer_writes(self) -> None:
        """Undo `flush_each_write`."""
        if self._transport is not None:
            self._transport.set_write_buffer_limits()

    def _wake(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    # What the server calls.

    def sweep(self) -> None:
        """Called once a second: end what has been silent for too long."""
        self._quiet += 1
        if self.phase == "answering":
            self._watch_reader()
        if self._quiet < self._options.silence_seconds:
            return
        if self.phase == "reading":
            self.interrupt(_stalled(self._options.silence_seconds), 408)
        elif self.phase == "answering" or (self.phase == "idle" and (self._unclaimed or not self._spoke)):
            self.abort()
        elif self.phase == "idle" and self._recognise is not None and self._quiet >= self._options.idle_seconds:
            self.close()

    def refuse(self) -> None:
        """There are as many connections as there may be."""
        if self._transport is not None:
            self._transport.write(_TOO_MANY)
            self._transport.close()

    def interrupt(self, error: ThalwegError, status: int | None = None) -> None:
        """Cancel the request under way, and have it answered with `error`."""
        if self.task is not None and self.interruption is None:
            self.interruption = (error, status)
            self.task.cancel()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close when what was written is sent."""
        if self._transport is not None:
            self._transport.close()

    def _watch_reader(self) -> None:
        unsent = 0 if self._transport is None else self._transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._quiet = 0
        self._unsent = unsent

    def _refuse(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_HEAD_TOO_LARGE)
            self._transport.close()


def _stalled(seconds: float) -> ThalwegError:
    return MalformedRequest(f"No byte of the body came for {seconds:g} seconds.")
