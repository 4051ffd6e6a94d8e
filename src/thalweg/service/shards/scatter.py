"""Several requests under way at once, each to a group of replicas of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from time import monotonic
from typing import NamedTuple, TypeAlias

from thalweg.errors import DeadlineExceeded, InternalError, ThalwegError, Unavailable
from thalweg.message import Context, Pending, Request, Response
from thalweg.routing import ReplicaPool
from thalweg.transport.dispatch import defect

GRACE_SECONDS = 1.0
"""How long shards that have no replica at all are waited for once all others have answered."""
SHARE_OF_TIME = 0.9
"""Of the time until the deadline: after it what is there is the answer, so that it arrives in time."""

Outcome: TypeAlias = Response | ThalwegError


class Leg(NamedTuple):
    """A request, and who is to answer it."""

    pool: ReplicaPool
    request: Request


class Scatter:
    """`calls` under way; `done` gets the outcomes, in their order, once all are there. It is never called before `begin`
    has returned.

    `partial` says that some answers are of use without the others: then those that come too late count as failed.
    """

    def __init__(
        self, calls: Sequence[Leg], context: Context, done: Callable[[list[Outcome]], None], partial: bool = False
    ) -> None:
        self._calls = [_Part(self, call) for call in calls]
        self._context = context
        self._done = done
        self._partial = partial
        self._left = len(calls)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Send all of them."""
        for call in self._calls:
            call.begin(self._context)
        if not self._left:
            self._loop.call_soon(self._finish)
        elif self._partial and self._context.deadline is not None:
            remaining = self._context.deadline - monotonic()
            self._timer = self._loop.call_later(max(0.0, remaining * SHARE_OF_TIME), self._cut_short)

    def cancel(self) -> None:
        """Leg all of them off; `done` is not called any more."""
        self._left = -1
        self._stop_timer()
        calls, self._calls = self._calls, []
        for call in calls:
            call.cancel()

    def arrived(self) -> None:
        """One more outcome is there."""
        self._left -= 1
        if self._left == 0:
            self._finish()
        elif self._partial and self._left > 0:
            self._look_for_absent()

    def _look_for_absent(self) -> None:
        waiting = [call for call in self._calls if call.outcome is None]
        answered = any(isinstance(call.outcome, Response) for call in self._calls)
        if answered and all(call.absent for call in waiting):
            self._stop_timer()
            self._timer = self._loop.call_later(GRACE_SECONDS, self._cut_short)

    def _cut_short(self) -> None:
        for call in self._calls:
            call.give_up()
        self._finish()

    def _finish(self) -> None:
        if self._left < 0:
            return
        self._left = -1
        self._stop_timer()
        # Each of the calls holds who made it: cut here, so that all are gone at once and not at a collection.
        calls, self._calls = self._calls, []
        self._done([call.outcome for call in calls if call.outcome is not None])

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Part:
    """One of the calls: the `Reply` of its group of replicas."""

    __slots__ = ("_pending", "_pool", "_request", "_scatter", "_task", "absent", "outcome")

    def __init__(self, scatter: Scatter, call: Leg) -> None:
        self._scatter = scatter
        self._pool, self._request = call
        self._pending: Pending | None = None
        self._task: asyncio.Task[None] | None = None
        self.outcome: Outcome | None = None
        self.absent = False
        """Whether nobody was there to take it."""

    def begin(self, context: Context) -> None:
        self.absent = not self._pool.connections
        try:
            self._pending = self._pool.submit(self._request, context, self)
        except ThalwegError as error:
            self.outcome = error
            self._scatter._left -= 1
            return
        if self._pending is None:
            self._task = asyncio.get_running_loop().create_task(self._handle(context))

    def answer(self, response: Response) -> None:
        self._end(response)

    def fail(self, error: ThalwegError) -> None:
        self._end(error)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def give_up(self) -> None:
        if self.outcome is None:
            self.cancel()
            self.outcome = (
                Unavailable("No replica of the shard is there.", retry_after=GRACE_SECONDS)
                if self.absent
                else DeadlineExceeded("The shard has not answered in time.")
            )

    async def _handle(self, context: Context) -> None:
        """By the long way: its request is large, or has to wait."""
        try:
            self._end(await first_of(self._pool.handle(self._request, context)))
        except ThalwegError as error:
            self._end(error)
        except Exception as error:
            self._end(defect(error, context))

    def _end(self, outcome: Outcome) -> None:
        self._pending = None
        self.outcome = outcome
        self._scatter.arrived()


async def first_of(answers: AsyncGenerator[Response, None]) -> Response:
    """The one answer. Raises `InternalError` where there is none."""
    async with aclosing(answers) as items:
        async for item in items:
            return item
    raise InternalError("A shard ended without an answer.")
