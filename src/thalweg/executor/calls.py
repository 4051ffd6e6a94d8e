"""Requests on their way through the threads, as the I/O loop sees them: one class for each kind of method.

Each object is the job that the other thread gets, and the letter that it sends back. That is why a plain call needs no
task, event or closure: it costs one object and one hop each way.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from asyncio import Future, Task
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, suppress
from typing import TypeAlias

from thalweg.errors import Cancelled, ThalwegError
from thalweg.executor.endpoint import MethodKind
from thalweg.executor.invocation import Invocation
from thalweg.executor.procedure import Procedure
from thalweg.message import Context, Pending, Reply, Request, Response

AHEAD = 4
"""Items that an asynchronous iterator may be ahead of its reader. A synchronous one never is."""

Outcome: TypeAlias = Response | ThalwegError | None
"""What came of one step. None is the end of an iterator."""


def submit(
    invocation: Invocation, procedure: Procedure, request: Request, context: Context, reply: Reply
) -> Pending | None:
    """Begin `request`, which gets one answer; None where it gets a stream of them. See `UnaryHandler.submit`.

    Raises:
        Overloaded, Unavailable: it is not let in.
    """
    kind = procedure.endpoint.kind
    if kind is MethodKind.PLAIN:
        invocation.enter()
        call = Call(invocation, procedure, request, context, reply)
        invocation.compute.put(call)
        return call
    if kind is MethodKind.ASYNC:
        invocation.enter()
        return CoroutineCall(invocation, procedure, request, context, reply)
    return None


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
    invocation.enter()
    steps = (CoroutineSteps if procedure.endpoint.asynchronous else Steps)(invocation, procedure, request, context)
    try:
        while (response := await steps.next()) is not None:
            yield response
    finally:
        steps.close()


class Waiter:
    """A reply that can be awaited."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: Future[Response] = asyncio.get_running_loop().create_future()

    def answer(self, response: Response) -> None:
        if not self.future.done():
            self.future.set_result(response)

    def fail(self, error: ThalwegError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


def _refusal(invocation: Invocation, context: Context, called_off: bool) -> ThalwegError | None:
    """Why work need not be begun now that its turn has come. Called on the thread of the work."""
    if called_off or context.cancelled:
        return Cancelled("The request was called off before its turn came.")
    if invocation.closing:
        return invocation.closed()
    if context.deadline is not None:
        try:
            context.check()
        except ThalwegError as error:
            return error.with_traceback(None)
    return None


class Call:
    """One call of a plain method."""

    __slots__ = ("_called_off", "_context", "_invocation", "_outcome", "_procedure", "_reply", "_request")

    def __init__(
        self, invocation: Invocation, procedure: Procedure, request: Request, context: Context, reply: Reply
    ) -> None:
        self._invocation = invocation
        self._procedure = procedure
        self._request = request
        self._context = context
        self._reply = reply
        self._outcome: Outcome = None
        self._called_off = False

    def cancel(self) -> None:
        self._called_off = True

    def run(self) -> None:
        outcome: Outcome = _refusal(self._invocation, self._context, self._called_off)
        if outcome is None:
            try:
                outcome = self._procedure.answer(self._request, self._context)
            except ThalwegError as error:
                outcome = error.with_traceback(None)
        self._outcome = outcome

    def deliver(self) -> None:
        self._invocation.leave()
        if not self._called_off:
            _tell(self._reply, self._outcome)


def _tell(reply: Reply, outcome: Outcome) -> None:
    if isinstance(outcome, Response):
        reply.answer(outcome)
    elif outcome is not None:
        reply.fail(outcome)


class Steps:
    """A synchronous iterator. Each item is one job, put when the reader asks for it, so that several take turns."""

    def __init__(self, invocation: Invocation, procedure: Procedure, request: Request, context: Context) -> None:
        self._invocation = invocation
        self._procedure = procedure
        self._request = request
        self._context = context
        self._items: Generator[Response, None, None] | None = None
        self._outcome: Outcome = None
        self._future: Future[Response | None] | None = None
        self._put = False
        self._closing = False
        self._finished = False
        invocation.keep(self)

    def next(self) -> Future[Response | None]:
        """The next item; None at the end."""
        if self._closing:
            raise self._invocation.closed()
        self._future = self._invocation.loop.create_future()
        self._put_job()
        return self._future

    def close(self) -> None:
        """Have the user's iterator closed, on its own thread. Idempotent."""
        if self._finished or self._closing:
            return
        self._closing = True
        if not self._put:
            self._put_job()

    def _put_job(self) -> None:
        self._put = True
        self._invocation.compute.put(self)

    def run(self) -> None:
        self._outcome = _refusal(self._invocation, self._context, self._closing)
        if self._outcome is None:
            self._step()
        elif self._items is not None:
            with suppress(ThalwegError):  # logged where it arose, and nobody waits for it any more
                self._items.close()
        self._finished = not isinstance(self._outcome, Response)

    def _step(self) -> None:
        try:
            if self._items is None:
                self._items = self._procedure.items(self._request, self._context)
            self._outcome = next(self._items, None)
        except ThalwegError as error:
            self._outcome = error.with_traceback(None)

    def deliver(self) -> None:
        self._put = False
        if self._finished:
            self._invocation.release(self)
        elif self._closing:  # it was called off while this step ran
            self._put_job()
        _settle(self._future, self._outcome)


def _settle(future: Future[Response | None] | None, outcome: Outcome) -> None:
    if future is None or future.done():
        return
    if isinstance(outcome, ThalwegError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


class CoroutineWork(ABC):
    """A task on the loop of the asynchronous methods, and its end as a letter home."""

    def __init__(self, invocation: Invocation, procedure: Procedure, request: Request, context: Context) -> None:
        self._invocation = invocation
        self._procedure = procedure
        self._request = request
        self._context = context
        self._outcome: Outcome = None
        self._task: Task[Response | None] | None = None
        self._called_off = False
        self._ended = False
        invocation.coroutines.call(self._begin)

    def cancel(self) -> None:
        """Call it off, wherever it is. Idempotent, and without effect on what has ended."""
        if not self._called_off and not self._ended:
            self._called_off = True
            self._invocation.coroutines.call(self._cancel)

    @abstractmethod
    async def _work(self) -> Response | None: ...

    def deliver(self) -> None:
        self._ended = True
        self._invocation.leave()

    def _begin(self) -> None:
        self._outcome = _refusal(self._invocation, self._context, self._called_off)
        if self._outcome is not None:
            self._invocation.home.put(self)
            return
        self._task = asyncio.get_running_loop().create_task(self._work())
        # Not a `finally` in the coroutine: one that is cancelled before its first step never gets there.
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, task: Task[Response | None]) -> None:
        if task.cancelled():
            closing = self._invocation.closing
            self._outcome = self._invocation.closed() if closing else Cancelled("The request was called off.")
        else:
            error = task.exception()
            self._outcome = error.with_traceback(None) if isinstance(error, ThalwegError) else task.result()
        self._invocation.home.put(self)


class CoroutineCall(CoroutineWork):
    """One call of an asynchronous method."""

    def __init__(
        self, invocation: Invocation, procedure: Procedure, request: Request, context: Context, reply: Reply
    ) -> None:
        self._reply = reply
        super().__init__(invocation, procedure, request, context)

    async def _work(self) -> Response | None:
        return await self._procedure.answer_async(self._request, self._context)

    def deliver(self) -> None:
        super().deliver()
        if not self._called_off:
            _tell(self._reply, self._outcome)


class CoroutineSteps(CoroutineWork):
    """An asynchronous iterator. One task takes all its steps, since a timeout or a task group that is open in the user's
    code across a `yield` belongs to one task."""

    def __init__(self, invocation: Invocation, procedure: Procedure, request: Request, context: Context) -> None:
        self._future: Future[Response | None] | None = None
        self._ready: deque[Response] = deque()
        self._room = asyncio.Semaphore(AHEAD)
        super().__init__(invocation, procedure, request, context)

    def next(self) -> Future[Response | None]:
        """The next item; None at the end."""
        self._future = self._invocation.loop.create_future()
        if self._ready:
            self._hand_on(self._ready.popleft())
        elif self._ended:
            _settle(self._future, self._outcome)
        return self._future

    def close(self) -> None:
        """Have the user's iterator closed, in its own task. Idempotent."""
        self.cancel()

    async def _work(self) -> Response | None:
        home = self._invocation.home
        async with aclosing(self._procedure.items_async(self._request, self._context)) as items:
            await self._room.acquire()
            async for response in items:
                home.put(_Item(self, response))
                await self._room.acquire()
        return None

    def arrive(self, response: Response) -> None:
        """Take an item, on the I/O loop."""
        if self._future is None or self._future.done():
            self._ready.append(response)
        else:
            self._hand_on(response)

    def _hand_on(self, response: Response) -> None:
        _settle(self._future, response)
        if not self._ended:
            self._invocation.coroutines.call(self._room.release)

    def deliver(self) -> None:
        super().deliver()
        _settle(self._future, self._outcome)


class _Item:
    """An item on its way to the I/O loop."""

    __slots__ = ("_response", "_steps")

    def __init__(self, steps: CoroutineSteps, response: Response) -> None:
        self._steps = steps
        self._response = response

    def deliver(self) -> None:
        self._steps.arrive(self._response)
