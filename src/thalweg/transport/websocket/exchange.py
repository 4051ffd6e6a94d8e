"""One request on a connection whose messages are requests and answers, from its arrival to its last message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from thalweg.errors import DeadlineExceeded, PayloadTooLarge, ThalwegError
from thalweg.message import Context, Pending, Request, Response
from thalweg.message.status import Failure, to_failure
from thalweg.transport.dispatch import defect, dispatch
from thalweg.transport.inflow import Arrivals
from thalweg.transport.websocket.connection import WebSocketConnection
from thalweg.transport.websocket.hall import Hall


class Voice(Protocol):
    """How a sub-protocol puts the answer of one request into messages."""

    def item(self, response: Response) -> bytes | None:
        """`response`, after which more may follow; None where it is kept for the end. Raises `ThalwegError`."""

    def end(self, response: Response | None) -> bytes:
        """The last message, with `response` in it where there is one that was not said yet. Raises `ThalwegError`."""

    def failure(self, error: ThalwegError, failure: Failure) -> bytes | None:
        """The last message of a request that failed; None where the connection says it by its end."""


class Line(Protocol):
    """The conversation that an exchange belongs to."""

    hall: Hall
    connection: WebSocketConnection

    def say(self, message: bytes) -> Awaitable[None] | None:
        """Send; an awaitable where the next message has to wait."""

    def settled(self, key: bytes, error: ThalwegError | None) -> None:
        """The last word on `key` is said."""


class MessageExchange:
    """Made for one request and begun once. Is the `Reply` of the handler. Whatever happens, one last word is said."""

    __slots__ = (
        "_context",
        "_expiry",
        "_items",
        "_kept",
        "_key",
        "_line",
        "_pending",
        "_request",
        "_settled",
        "_size",
        "_streaming",
        "_voice",
        "arrivals",
        "unread",
    )

    def __init__(self, line: Line, key: bytes, voice: Voice, request: Request, context: Context) -> None:
        self._line = line
        self._key = key
        self._voice = voice
        self._request = request
        self._context = context
        self._size = request.size
        self._streaming = False
        self._settled = False
        self._items = 0
        self._kept: Response | None = None
        self._pending: Pending | asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self.arrivals: Arrivals | None = None
        self.unread = 0
        """Payloads of the inflow that came and were not read."""

    def begin(self, *, streaming: bool) -> None:
        """Ask the handler. The request was admitted already."""
        self._streaming = streaming
        hall, context = self._line.hall, self._context
        if hall.submit is not None and not streaming:
            try:
                self._pending = hall.submit(self._request, context, self)
            except ThalwegError as error:
                self.fail(error)
                return
            except Exception as error:
                self.fail(defect(error, context))
                return
        if self._pending is None:
            self._pending = hall.run(self._handle())
        elif context.deadline is not None:
            remaining = context.remaining() or 0.0
            self._expiry = asyncio.get_running_loop().call_later(remaining, self._expire)

    async def _handle(self) -> None:
        """The long way: for streams, and for what the handler has no short way for."""
        error = await dispatch(self._line.hall.serving.handler, self._request, self._context, self._take)
        if self._settled:
            return
        if error is not None:
            self.fail(error)
            return
        kept, self._kept = self._kept, None
        await self._finish(kept)

    def _take(self, response: Response) -> Awaitable[None] | None:
        """The `Send` of `dispatch`."""
        self._check(response)
        if not self._streaming:  # kept until it is known whether it is the only one
            response, self._kept = self._kept, response  # type: ignore[assignment]
            if response is None:
                return None
        message = self._voice.item(response)
        if message is None:
            return None
        self._items += 1
        room = self._line.say(message)
        if room is None and self._items % self._line.hall.serving.limits.stream_window == 0:
            return asyncio.sleep(0)  # others have their turn beside a producer that never waits
        return room

    def answer(self, response: Response) -> None:
        """By the short way."""
        self._pending = None
        if self._line.connection.full:
            self._stop_clock()
            self._pending = self._line.hall.run(self._finish(response))
        else:
            self._say_last(response)

    async def _finish(self, response: Response | None) -> None:
        """The end, once there is room for it: until then the answer counts as under way."""
        await self._line.connection.room()
        if not self._settled:
            self._say_last(response)

    def _say_last(self, response: Response | None) -> None:
        try:
            if response is not None:
                self._check(response)
            message = self._voice.end(response)
        except ThalwegError as error:
            self.fail(error)
            return
        self._line.say(message)
        self._settle(None)

    def fail(self, error: ThalwegError) -> None:
        if self._settled:
            return
        failure = to_failure(error, self._context.request_id)
        message = self._voice.failure(error, failure)
        if message is not None:
            self._line.say(message)
        self._settle(error)

    def call_off(self, error: ThalwegError | None) -> None:
        """Stop whatever works for it. `error` is said to the caller, where there still is one."""
        self._context.cancel()
        pending, self._pending = self._pending, None
        if error is not None:
            self.fail(error)
        else:
            self._settle(None)
        if pending is not None:
            pending.cancel()

    def _expire(self) -> None:
        self.call_off(DeadlineExceeded("The deadline of the request has passed."))

    def _check(self, response: Response) -> None:
        size, largest = response.size, self._line.hall.serving.limits.max_message_bytes
        if size > largest:
            raise PayloadTooLarge(f"The answer has {size} bytes; at most {largest} are sent.")

    def _stop_clock(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()

    def _settle(self, error: ThalwegError | None) -> None:
        if self._settled:
            return
        self._settled = True
        self._stop_clock()
        if self.arrivals is not None:
            for size in self.arrivals.drop():
                self._line.hall.admission.release(size)
            self.unread = 0
        self._line.hall.admission.release(self._size)
        self._line.settled(self._key, error)
