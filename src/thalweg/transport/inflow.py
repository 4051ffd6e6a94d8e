"""The receiving end of an inflow: payloads that a caller sends while it reads answers. No transport in it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from thalweg.message import Buffer


class Arrivals(AsyncIterator[tuple[Buffer, ...]]):
    """The receiving end: what came and was not read yet. Used on one event loop; its sender is bounded by credit.

    `on_read` hears of each payload that is read, with the number that `put` was given for it.
    """

    __slots__ = ("_error", "_on_read", "_unread", "_waiter", "ended")

    def __init__(self, on_read: Callable[[int], None]) -> None:
        self._unread: deque[tuple[tuple[Buffer, ...], int]] = deque()
        self._on_read = on_read
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False
        self._error: Exception | None = None

    def put(self, body: tuple[Buffer, ...], size: int) -> None:
        self._unread.append((body, size))
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """Nothing follows. `error` is raised once all that came before it has been read."""
        if not self.ended:
            self.ended = True
            self._error = error
            self._wake()

    def drop(self) -> list[int]:
        """End it and forget what was not read; the numbers of that."""
        self.end()
        sizes = [size for _, size in self._unread]
        self._unread.clear()
        return sizes

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def __anext__(self) -> tuple[Buffer, ...]:
        while not self._unread:
            if self._error is not None:
                raise self._error
            if self.ended:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        body, size = self._unread.popleft()
        self._on_read(size)
        return body
