"""How much of one Executor runs at once, on which threads, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol, TypeGuard, TypeVar

from thalweg.errors import ExecutorFailed, Overloaded, ThalwegError, Unavailable
from thalweg.executor.forecast import Forecast
from thalweg.executor.lane import Lane
from thalweg.executor.thread import ComputeThreads, Job, Letter, LoopThread, Mailbox
from thalweg.message import Context, Request
from thalweg.message.throughput import LONGEST_SECONDS, SHORTEST_SECONDS, Throughput

T = TypeVar("T")


class Counted(Protocol):
    """Something that is counted in, and out at its end."""

    lane: Lane[Entrant] | None
    """That of its endpoint, where it has one; filled in when the request is let in."""
    size: int
    """Bytes of payload; filled in where there is a lane."""


class Entrant(Counted, Protocol):
    """A request that was let in."""

    context: Context
    request: Request

    def start(self) -> None:
        """Go to the thread that will do it: its lane has room for it now."""

    def refuse(self, error: ThalwegError) -> None:
        """End with `error`, where it waits for its lane still."""


class Closable(Counted, Protocol):
    """Something under way between two jobs of the compute thread: an iterator."""

    def close(self) -> None:
        """Have it closed on the compute thread."""


class Displaceable(Job, Protocol):
    """A job that somebody else may take the place of while it waits."""

    def displace(self, error: ThalwegError) -> None:
        """End with `error`. It has been taken out of the queue."""


class Invocation:
    """Admits requests and owns the threads they run on. Made and used on the I/O loop.

    At most `max_inflight` requests wait or run at a time, and of an endpoint with a `Lane` as many as that says. One that
    was called off while it waited counts no more. Where all places are taken, a newcomer gets that of a request with a
    lower priority which waits for a compute thread, or else of one whose key of sharing has more of them than the
    newcomer's own: who is told to come back is who has most.
    """

    def __init__(self, name: str, max_inflight: int, threads: int = 1) -> None:
        self._name = name
        self._max_inflight = max_inflight
        self.loop = asyncio.get_running_loop()
        self.home: Mailbox[Letter] = Mailbox(self.loop, _deliver)
        """Where every thread puts what is to be handed on to the I/O loop."""
        self.compute = ComputeThreads(f"{name}-compute", self.home, threads)
        self.lanes: dict[str, Lane[Entrant]] = {}
        """Path -> what its endpoint takes on, of those for which something is said."""
        self._coroutines: LoopThread | None = None
        self._iterators: set[Closable] = set()
        self._last_released: asyncio.Future[None] | None = None
        self._throughput = Throughput()
        self.inflight = 0
        self.ended = 0
        """Requests that have ended in any way."""
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

    def enter(self, priority: int = 0, share: str = "") -> None:
        """Count a request in.

        Raises:
            Unavailable: the Executor is being closed.
            Overloaded: the limit is reached.
        """
        if self.closing:
            raise self.closed()
        if self.inflight >= self._max_inflight:
            self._make_room(priority, share)
        self.inflight += 1

    def expect(self, context: Context, remaining: float) -> None:
        """Turn away what waits for a compute thread and cannot be done within `remaining` seconds.

        Raises:
            Overloaded: it says when all that is before it is done.
        """
        compute = self.compute
        forecast = compute.forecast
        if forecast is None:  # the first request that has a deadline
            forecast = compute.forecast = Forecast()
        ahead = compute.ahead(context.priority, context.share)
        if forecast.in_time(ahead, compute.number, remaining):
            return
        wait = forecast.wait(ahead, compute.number)
        raise Overloaded(
            f"{self._name} has {ahead} requests to do before this one, about {wait:.3g} s of work; it has "
            f"{max(0.0, remaining):.3g} s left.",
            retry_after=min(max(wait, SHORTEST_SECONDS), LONGEST_SECONDS),
            executor=self._name,
        )

    def admit(self, work: Entrant, path: str) -> bool:
        """Let `work` for the endpoint `path` in; True where it may start at once, False where its lane will start it.

        Raises as `enter` does.
        """
        context = work.context
        lane = self.lanes.get(path)
        if lane is None:
            self.enter(context.priority, context.share)
            return True
        work.size = work.request.size
        reason = lane.refusal(work.size)
        if reason:
            raise self._overloaded(f"{self._name} has at {path} {reason}.", lane.inflight)
        self.enter(context.priority, context.share)
        work.lane = lane
        return lane.enter(work, work.size, context.priority, context.share)

    def leave(self, work: Counted) -> None:
        """Count a request out, and start what waited for its lane."""
        self.inflight -= 1
        self.ended += 1
        if work.lane is not None:
            following = work.lane.leave(work.size)
            if following is not None:
                following.start()

    def withdraw(self, work: Entrant) -> bool:
        """Count `work` out if it waits for its lane still."""
        lane, context = work.lane, work.context
        if lane is None or not lane.withdraw(work, work.size, context.priority, context.share):
            return False
        self.inflight -= 1
        return True

    def keep(self, iterator: Closable) -> None:
        """`iterator` must be closed before the Executor is."""
        self._iterators.add(iterator)

    def release(self, iterator: Closable) -> None:
        """`iterator` has ended; counts its request out."""
        self._iterators.discard(iterator)
        self.leave(iterator)
        if self._last_released is not None and not self._iterators and not self._last_released.done():
            self._last_released.set_result(None)

    def abandon(self, reason: str) -> None:
        """The compute threads will not come back. Who waits for what runs there gets an error now that tells nobody to try
        again: the next replica would be lost over the same request."""
        for job in self.compute.running:
            abandon: Callable[[ThalwegError], None] | None = getattr(job, "abandon", None)
            if abandon is not None:
                abandon(ExecutorFailed(f"{self._name} is being replaced: {reason}.", executor=self._name))

    def closed(self) -> Unavailable:
        return Unavailable(f"{self._name} is shutting down.", executor=self._name)

    def _make_room(self, priority: int, share: str) -> None:
        """Have somebody else leave, where a newcomer with this priority and key comes first. Raises `Overloaded`."""
        job = self.compute.displaced(priority, share, _may_go)
        waiting = self.inflight
        if job is None:
            raise self._overloaded(
                f"{self._name} has {waiting} requests under way, as many as it takes at once.", waiting
            )
        assert _may_go(job)
        error = self._overloaded(
            f"{self._name} has {waiting} requests under way, as many as it takes at once, and another one came first.",
            waiting,
        )
        job.displace(error)

    def _overloaded(self, message: str, waiting: int) -> Overloaded:
        after = self._throughput.retry_after(waiting, self.ended, monotonic())
        return Overloaded(message, retry_after=after, executor=self._name)

    async def construct(self, make: Callable[[], T]) -> T:
        """Start the compute threads and have the first one call `make`, whose exceptions come out unchanged."""
        self.compute.start()
        return await self.compute.do(make)

    async def close(self, finish: Callable[[], object]) -> None:
        """Let the synchronous calls that run end, drop what waits, cancel coroutines, close iterators; then call `finish`
        on the first compute thread, await on the other loop what it returns, and end all threads."""
        self.closing = True
        for lane in self.lanes.values():
            for work in lane.waiting():
                work.refuse(self.closed())
        for iterator in list(self._iterators):
            iterator.close()
        try:
            while self._iterators:  # some have a thread of their own
                self._last_released = self.loop.create_future()
                await self._last_released
            if self._coroutines is not None:
                await self._coroutines.cancel_all()
            await self.compute.settle()
            closing = await self.compute.do(finish)
            if asyncio.iscoroutine(closing):
                await self.coroutines.do(closing)
        finally:
            await self.compute.stop()
            if self._coroutines is not None:
                await self._coroutines.stop()


def _deliver(letter: Letter) -> None:
    letter.deliver()


def _may_go(job: Job) -> TypeGuard[Displaceable]:
    return hasattr(job, "displace")
