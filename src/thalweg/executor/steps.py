"""Streams of answers on their way through the threads, as the I/O loop sees them: one class for each kind of iterator.

An iterator may be a fixed number of items ahead of its reader. Each item leaves its thread the moment it is made; what a
step between threads costs is shared by all items that one wake-up finds.
"""

from __future__ import annotations

import threading
from asyncio import Future
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, suppress
from time import monotonic

from thalweg.errors import Cancelled, Overloaded, ThalwegError
from thalweg.executor.calls import CoroutineWork, Outcome, Turn, Waiter, refusal, submit
from thalweg.executor.intake import Intake
from thalweg.executor.invocation import Entrant, Invocation
from thalweg.executor.lane import Lane
from thalweg.executor.procedure import Procedure
from thalweg.message import Context, Request, Response
from thalweg.message.credit import Credit

AHEAD = 32
"""Items that an iterator may be ahead of its reader."""

SLICE_SECONDS = 0.001
"""How long a synchronous iterator keeps the compute thread, as long as there are items; the calls behind it wait."""

MOST_CONVERSATIONS = 64
"""Streams that one synchronous method reads at once: each takes a thread."""


async def answers(
    invocation: Invocation, procedure: Procedure, request: Request, context: Context
) -> AsyncGenerator[Response, None]:
    """All answers to `request`. Closing it calls the request off, and does not wait for code that runs.

    Raises:
        Overloaded, Unavailable: it is not let in.
    """
    if not procedure.endpoint.streaming:
        waiter = Waiter()
        pending = submit(invocation, procedure, request, context, waiter)
        try:
            yield await waiter.future
        finally:
            if pending is not None:
                pending.cancel()
        return
    turn = Turn(invocation, request, context)
    await turn.wait(procedure.path)
    steps = _steps(invocation, procedure, request, context, turn)
    items = steps.outlet
    try:
        while True:
            while items.ready:
                yield items.ready.popleft()
                items.taken += 1
                if items.taken * 2 >= AHEAD:
                    steps.grant(items.take())
            if items.ended:
                return
            steps.grant(items.take())
            await items.news()
    finally:
        steps.close()


def _steps(
    invocation: Invocation, procedure: Procedure, request: Request, context: Context, turn: Turn
) -> Steps | CoroutineSteps | Conversation:
    """What makes the items of a stream that was let in with `turn`, and counts it out at its end."""
    endpoint = procedure.endpoint
    if endpoint.reads_stream and not endpoint.asynchronous and procedure.conversations >= MOST_CONVERSATIONS:
        invocation.leave(turn)
        raise Overloaded(
            f"{procedure.executor} has {procedure.conversations} streams to read at {procedure.path}, as many as it takes.",
            retry_after=1.0,
            executor=procedure.executor,
        )
    steps: Steps | CoroutineSteps | Conversation
    if endpoint.asynchronous:
        steps = CoroutineSteps(invocation, procedure, request, context)
        steps.start()
    else:
        steps = (Conversation if endpoint.reads_stream else Steps)(invocation, procedure, request, context)
    steps.lane, steps.size = turn.lane, turn.size
    return steps


class Outlet:
    """Items that came out of a thread and were not read yet. `put` is called on that thread, all else on the I/O loop.

    The loop is woken where its reader waits, and not for what it finds when it comes back for more.
    """

    __slots__ = ("_error", "_home", "_loop", "_waiter", "_waiting", "ready", "settled", "taken")

    def __init__(self, invocation: Invocation) -> None:
        self.ready: deque[Response] = deque()
        self._home = invocation.home
        self._waiting = False
        """Whether the reader has found nothing. Set before it looks once more, and read after an item was put: so that one
        of both sees the other."""
        self.taken = 0
        """Items that were read since credit was last given for any."""
        self.settled = False
        self._loop = invocation.loop
        self._error: ThalwegError | None = None
        self._waiter: Future[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing follows. Raises what went wrong."""
        if self._error is not None:
            raise self._error
        return self.settled

    def take(self) -> int:
        taken, self.taken = self.taken, 0
        return taken

    async def news(self) -> None:
        """Return when there is an item or the end."""
        if self.ready or self.settled:
            return
        self._waiting = True
        if self.ready:
            self._waiting = False
            return
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def put(self, item: Response) -> None:
        self.ready.append(item)
        if self._waiting:
            self._waiting = False
            self._home.put(self)

    def deliver(self) -> None:
        """An item is there."""
        self._wake()

    def end(self, outcome: Outcome) -> None:
        if isinstance(outcome, ThalwegError):
            self._error = outcome
        self.settled = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Steps:
    """A synchronous iterator. A job of the compute thread makes items for as long as there is credit and its slice of
    time lasts, so that several iterators and the calls beside them take turns. Where there are several threads all of it
    runs on the one where it began: what it holds open, such as a cursor of sqlite, belongs to that one."""

    def __init__(self, invocation: Invocation, procedure: Procedure, request: Request, context: Context) -> None:
        self._invocation = invocation
        self._procedure = procedure
        self.request = request
        self.context = context
        self._items: Generator[Response, None, None] | None = None
        self._outcome: Outcome = None
        self.lane: Lane[Entrant] | None = None
        self.size = 0
        self._credit = AHEAD
        self._budget = 0
        self._put = False
        self._closing = False
        self._finished = False
        self._thread: int | None = None
        """Where the user's iterator was made."""
        self.outlet = Outlet(invocation)
        invocation.keep(self)
        self._put_job()

    def grant(self, items: int) -> None:
        self._credit += items
        if not self._put and not self._finished and not self._closing and self._credit > 0:
            self._put_job()

    def close(self) -> None:
        """Have the user's iterator closed, on its own thread. Idempotent."""
        if self._finished or self._closing:
            return
        self._closing = True
        if self._put and self._invocation.compute.remove(self, self.context.priority, self.context.share):
            self._put = False
            self._finished = self._items is None  # then nothing of the user's has run, and there is nothing to close
        if self._finished:
            self._outcome = refusal(
                self._invocation, self.context, True
            )  # who still reads must not take it for the end
            self.deliver()
        elif not self._put:
            self._put_job()

    def abandon(self, error: ThalwegError) -> None:
        """Its thread will not come back: the caller gets `error` now, and nothing later."""
        self._closing = True
        self.outlet.end(error)

    def _put_job(self) -> None:
        self._put = True
        # The first item alone: a job that goes on keeps the interpreter, and the loop from sending it.
        self._budget = self._credit if self._items is not None else 1
        self._credit -= self._budget
        compute = self._invocation.compute
        if self._thread is None or compute.number == 1:
            compute.put(self, self.context.priority, self.context.share)
        else:
            compute.put_back(self, self._thread)

    def run(self) -> None:
        until = monotonic() + SLICE_SECONDS
        put = self.outlet.put
        while True:
            self._outcome = refusal(self._invocation, self.context, self._closing)
            if self._outcome is None:
                self._step()
            elif self._items is not None:
                with suppress(ThalwegError):  # logged where it arose, and nobody waits for it any more
                    self._items.close()
            if not isinstance(self._outcome, Response):
                self._finished = True
                return
            put(self._outcome)
            self._budget -= 1
            if self._budget <= 0 or monotonic() >= until:
                return

    def _step(self) -> None:
        try:
            if self._items is None:
                self._thread = threading.get_ident()
                self._items = self._procedure.items(self.request, self.context)
            self._outcome = next(self._items, None)
        except ThalwegError as error:
            self._outcome = error.with_traceback(None)

    def deliver(self) -> None:
        self._put = False
        self._credit += self._budget
        self._budget = 0
        if self._finished:
            self._invocation.release(self)
            self.outlet.end(_last_word(self._invocation, self._outcome))
        elif self._closing or self._credit > 0:
            self._put_job()


def _last_word(invocation: Invocation, outcome: Outcome) -> Outcome:
    """What whoever still reads is told: an iterator that is closed with its Executor was not called off by its caller."""
    return invocation.closed() if invocation.closing and isinstance(outcome, Cancelled) else outcome


class CoroutineSteps(CoroutineWork):
    """An asynchronous iterator. One task takes all its steps, since a timeout or a task group that is open in the user's
    code across a `yield` belongs to one task."""

    def __init__(self, invocation: Invocation, procedure: Procedure, request: Request, context: Context) -> None:
        self.outlet = Outlet(invocation)
        self._credit = Credit(AHEAD)
        self._intake = Intake.of(request, invocation.loop)
        super().__init__(invocation, procedure, request, context)

    def grant(self, items: int) -> None:
        if items and not self._ended:
            self._invocation.coroutines.call(lambda: self._credit.grant(items))

    def close(self) -> None:
        """Have the user's iterator closed, in its own task. Idempotent."""
        if self._intake is not None:
            self._intake.close()
        self.cancel()

    async def _work(self) -> Response | None:
        put, credit = self.outlet.put, self._credit
        async with aclosing(self._procedure.items_async(self.request, self.context, self._intake)) as items:
            await credit.take()
            async for response in items:
                put(response)
                await credit.take()
        return None

    def deliver(self) -> None:
        super().deliver()
        self.outlet.end(self._outcome)


class Conversation:
    """A synchronous method that reads a stream. It waits for its caller in the middle of its work, so it has a thread of
    its own: on the compute thread it would hold up every other call."""

    def __init__(self, invocation: Invocation, procedure: Procedure, request: Request, context: Context) -> None:
        self._invocation = invocation
        self._procedure = procedure
        self.request = request
        self.context = context
        self._outcome: Outcome = None
        self.lane: Lane[Entrant] | None = None
        self.size = 0
        self._room = threading.Semaphore(AHEAD)
        self._closing = False
        self._intake = Intake.of(request, invocation.loop)
        self.outlet = Outlet(invocation)
        invocation.keep(self)
        procedure.conversations += 1
        # A daemon: user code that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name=f"{procedure.executor}-conversation", daemon=True)
        self._thread.start()

    def grant(self, items: int) -> None:
        if items:
            self._room.release(items)

    def close(self) -> None:
        """Have the user's iterator closed, on its own thread. Idempotent."""
        if not self._closing:
            self._closing = True
            self._room.release()
            if self._intake is not None:
                self._intake.close()

    def _work(self) -> None:
        self._outcome = refusal(self._invocation, self.context, self._closing)
        if self._outcome is None:
            try:
                self._converse()
            except ThalwegError as error:
                self._outcome = error.with_traceback(None)
        self._invocation.home.put(self)

    def _converse(self) -> None:
        items = self._procedure.items(self.request, self.context, self._intake)
        try:
            for response in items:
                self.outlet.put(response)
                self._room.acquire()
                if self._closing:
                    raise Cancelled("The request was called off.")
                self.context.check()
        finally:
            items.close()

    def deliver(self) -> None:
        self._thread.join()  # which has nothing left to do
        self._procedure.conversations -= 1
        self._invocation.release(self)
        self.outlet.end(_last_word(self._invocation, self._outcome))
