"""Answers on their way out, as the server's session sees them: pulled from a handler, or given to a reply."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Protocol

from thalweg.config import Limits
from thalweg.errors import DeadlineExceeded, PayloadTooLarge, ThalwegError, Unavailable
from thalweg.message import Buffer, Context, Pending, Response
from thalweg.transport.multiplex.frames import HEAD, MAX_FRAME_BYTES, Kind, framed, response_message
from thalweg.transport.multiplex.wire import Wire

STOPPED = "The server stopped before the answer was complete."


class Session(Protocol):
    """What an answer asks of the connection that it goes out on."""

    wire: Wire
    gone: bool

    @property
    def limits(self) -> Limits: ...

    def fail(self, stream: int, error: ThalwegError, context: Context | None = None) -> None:
        """Say that `stream` ended in `error`."""

    def settled(self, stream: int, admitted: int) -> None:
        """The last word on `stream` is said."""

    def answer_slowly(self, stream: int, response: Response, context: Context, admitted: int) -> None:
        """Send an answer that is large or has to wait, and settle `stream` after it."""


class Outgoing:
    """The answer of one request: items go out while the peer has room for them and the wire has."""

    __slots__ = ("_credit", "_session", "_stream", "_waiting")

    def __init__(self, session: Session, stream: int, window: int) -> None:
        self._session = session
        self._stream = stream
        self._credit = max(2, window)
        self._waiting: deque[asyncio.Future[None]] = deque()

    def send(self, response: Response) -> Awaitable[None] | None:
        """The `Send` of `dispatch`: an awaitable where the next item must wait."""
        self._credit -= 1
        parts = response_message(response)
        wire = self._session.wire
        length = sum(map(len, parts))
        if not wire.full and length <= MAX_FRAME_BYTES:
            wire.write([HEAD.pack(length, Kind.ITEM, self._stream), *parts])
            return None if self._credit > 0 else self._granted()
        return self.send_slowly(response, parts)

    async def send_slowly(self, response: Response, parts: list[Buffer]) -> None:
        limit = self._session.limits.max_message_bytes
        if response.size > limit:
            raise PayloadTooLarge(f"The answer has {response.size} bytes; at most {limit} are sent.")
        wire = self._session.wire
        for written in framed(Kind.ITEM, self._stream, parts):
            if wire.full:
                await wire.room()
            wire.write(written)
        if self._credit <= 0:
            await self._granted()

    async def _granted(self) -> None:
        while self._credit <= 0:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    def grant(self, items: int) -> None:
        self._credit += items
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)


class Submitted:
    """A request that went the short way: the `Reply` for its answer, and what may call it off."""

    __slots__ = ("_admitted", "_context", "_expiry", "_pending", "_session", "_stream")

    def __init__(self, session: Session, stream: int, context: Context, admitted: int) -> None:
        self._session = session
        self._stream = stream
        self._context = context
        self._admitted = admitted
        self._pending: Pending | None = None
        self._expiry: asyncio.TimerHandle | None = None

    def begin(self, pending: Pending) -> None:
        self._pending = pending
        remaining = self._context.remaining()
        if remaining is not None:
            self._expiry = asyncio.get_running_loop().call_later(remaining, self._expire)

    def answer(self, response: Response) -> None:
        session = self._session
        try:
            parts = response_message(response)
        except ThalwegError as error:
            self.fail(error)
            return
        length = sum(map(len, parts))
        if length <= MAX_FRAME_BYTES and not session.wire.full:
            session.wire.write([HEAD.pack(length, Kind.ANSWER, self._stream), *parts])
            self._settle()
        else:
            self._stop_clock()
            session.answer_slowly(self._stream, response, self._context, self._admitted)

    def fail(self, error: ThalwegError) -> None:
        self._session.fail(self._stream, error, self._context)
        self._settle()

    def cancel(self) -> None:
        """The peer called it off or is gone, or the server stops."""
        if self._stop() and not self._session.gone:
            self._session.fail(self._stream, Unavailable(STOPPED), self._context)
        self._settle()

    def _expire(self) -> None:
        self._stop()
        self.fail(DeadlineExceeded("The deadline of the request has passed."))

    def _stop(self) -> bool:
        self._context.cancel()
        if self._pending is not None:
            self._pending.cancel()
        return self._pending is not None

    def _stop_clock(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()

    def _settle(self) -> None:
        self._pending = None
        self._stop_clock()
        self._session.settled(self._stream, self._admitted)
