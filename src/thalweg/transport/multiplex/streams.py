"""One answer on its way in, as the client's session sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from thalweg.errors import DeadlineExceeded, InternalError, ThalwegError
from thalweg.message import Reply, Response
from thalweg.message.credit import Credit
from thalweg.transport.multiplex.frames import Assembly


class Pulled:
    """Is read item by item; what came and was not read yet waits here."""

    __slots__ = ("_loop", "_waiter", "answered", "assembly", "credit", "ended", "error", "items", "large", "ready")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.items: deque[Response] = deque()
        self.assembly: Assembly | None = None
        self.error: Exception | None = None
        self.credit: Credit | None = None
        """Payloads that the server still takes, of a request that has an inflow."""
        self.large = False
        """Whether an item was so large that fewer of them are to wait here."""
        self.ended = False
        self.ready = False
        self.answered = False
        """Whether the server has said its last word on it, so that there is nothing to call off."""
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None

    @property
    def settled(self) -> bool:
        return self.ended or self.error is not None

    async def news(self) -> None:
        """Return when there is an item, an end or an error."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def add(self, item: Response) -> None:
        self.items.append(item)
        self._wake()

    def end(self) -> None:
        self.ended = self.answered = True
        self._wake()

    def refuse(self, error: ThalwegError) -> None:
        """The server's own error: its last word."""
        self.answered = True
        self.fail(error)

    def fail(self, error: Exception) -> None:
        if not self.settled:
            self.error = error
            self._wake()

    def expire(self) -> None:
        self.fail(DeadlineExceeded("The deadline of the request has passed."))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Pushed:
    """Goes to a `Reply` once it is whole. Is the `Pending` of `submit`."""

    __slots__ = ("_forget", "_item", "_reply", "assembly", "number")

    def __init__(self, number: int, reply: Reply, forget: Callable[[int, bool], None]) -> None:
        self.number = number
        self.assembly: Assembly | None = None
        self._item: Response | None = None
        self._reply = reply
        self._forget = forget

    def add(self, item: Response) -> None:
        if self._item is not None:
            self.fail(InternalError("The server gave several answers to a request for one."))
        self._item = item

    def end(self) -> None:
        self._forget(self.number, True)
        if self._item is None:
            self._reply.fail(InternalError("The server ended without an answer."))
        else:
            self._reply.answer(self._item)

    def refuse(self, error: ThalwegError) -> None:
        self._forget(self.number, True)
        self._reply.fail(error)

    def fail(self, error: ThalwegError) -> None:
        """An error on this side: the server is told that nobody waits any more."""
        self._forget(self.number, False)
        self._reply.fail(error)

    def cancel(self) -> None:
        self._forget(self.number, False)
