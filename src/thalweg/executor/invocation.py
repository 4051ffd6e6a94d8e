"""How much of one Executor runs at once, on which threads, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from thalweg.errors import Overloaded, Unavailable
from thalweg.executor.thread import ComputeThread, Letter, LoopThread, Mailbox

T = TypeVar("T")

RETRY_AFTER_SECONDS = 1.0


class Closable(Protocol):
    """Something under way between two jobs of the compute thread: an iterator."""

    def close(self) -> None:
        """Have it closed on the compute thread."""


class Invocation:
    """Admits requests and owns the threads they run on. Made and used on the I/O loop.

    At most `max_inflight` requests wait or run at a time. One that was called off while it waited counts until its turn
    comes, when it is dropped without running: what waits can never grow past the limit.
    """

    def __init__(self, name: str, max_inflight: int) -> None:
        self._name = name
        self._max_inflight = max_inflight
        self.loop = asyncio.get_running_loop()
        self.home: Mailbox[Letter] = Mailbox(self.loop, _deliver)
        """Where every thread puts what is to be handed on to the I/O loop."""
        self.compute = ComputeThread(f"{name}-compute", self.home)
        self._coroutines: LoopThread | None = None
        self._iterators: set[Closable] = set()
        self.inflight = 0
        self.closing = False

    @property
    def coroutines(self) -> LoopThread:
        """The loop of the asynchronous methods; started when it is first asked for."""
        if self._coroutines is None:
            self._coroutines = LoopThread(f"{self._name}-coroutines")
            self._coroutines.start()
        return self._coroutines

    @property
    def silent_for(self) -> float:
        """Seconds for which the thread that has been stuck longest has not got to anything new; 0 where none is."""
        silent = self.compute.busy_for
        return silent if self._coroutines is None else max(silent, self._coroutines.silent_for())

    @property
    def alive(self) -> bool:
        """Whether the threads live that should."""
        return self.compute.alive and (self._coroutines is None or self._coroutines.alive)

    def enter(self) -> None:
        """Count a request in.

        Raises:
            Unavailable: the Executor is being closed.
            Overloaded: the limit is reached.
        """
        if self.closing:
            raise self.closed()
        if self.inflight >= self._max_inflight:
            raise Overloaded(
                f"{self._name} has {self.inflight} requests under way, as many as it takes at once.",
                retry_after=RETRY_AFTER_SECONDS,
                executor=self._name,
            )
        self.inflight += 1

    def leave(self) -> None:
        """Count it out."""
        self.inflight -= 1

    def keep(self, iterator: Closable) -> None:
        """`iterator` must be closed before the Executor is."""
        self._iterators.add(iterator)

    def release(self, iterator: Closable) -> None:
        """`iterator` has ended; counts its request out."""
        self._iterators.discard(iterator)
        self.inflight -= 1

    def closed(self) -> Unavailable:
        return Unavailable(f"{self._name} is shutting down.", executor=self._name)

    async def construct(self, make: Callable[[], T]) -> T:
        """Start the compute thread and have it call `make`, whose exceptions come out unchanged."""
        self.compute.start()
        return await self.compute.do(make)

    async def close(self, finish: Callable[[], object]) -> None:
        """Let the synchronous call that runs end, drop what waits, cancel coroutines, close iterators; then call `finish`
        on the compute thread, await on the other loop what it returns, and end both threads."""
        self.closing = True
        for iterator in list(self._iterators):
            iterator.close()
        try:
            if self._coroutines is not None:
                await self._coroutines.cancel_all()
            closing = await self.compute.do(finish)
            if asyncio.iscoroutine(closing):
                await self.coroutines.do(closing)
        finally:
            await self.compute.stop()
            if self._coroutines is not None:
                await self._coroutines.stop()


def _deliver(letter: Letter) -> None:
    letter.deliver()
