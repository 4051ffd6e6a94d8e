"""Requests with one answer on their way through the threads, as the I/O loop sees them: one class for each kind of method.

Each object is the job that the other thread gets, and the letter that it sends back. That is why a plain call needs no
task, event or closure: it costs one object and one hop each way.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from asyncio import Future, Task
from time import monotonic
from typing import TypeAlias

from thalweg.errors import Cancelled, ThalwegError
from thalweg.executor.endpoint import MethodKind
from thalweg.executor.invocation import Entrant, Invocation
from thalweg.executor.lane import Lane
from thalweg.executor.procedure import Procedure
from thalweg.message import Context, Pending, Reply, Request, Response

Outcome: TypeAlias = Response | ThalwegError | None
"""What came of one step. None is the end of an iterator."""


def submit(
    invocation: Invocation, procedure: Procedure, request: Request, context: Context, reply: Reply
) -> Pending | None:
    """Begin `request`, which gets one answer; None where it gets a stream of them. See `UnaryHandler.submit`.

    Raises:
        Overloaded, Unavailable: it is not let in.
    """
    if procedure.batches is not None:
        return procedure.batches.submit(request, context, reply)
    kind = procedure.endpoint.kind
    if kind is MethodKind.PLAIN:
        if context.deadline is not None:
            invocation.expect(context, context.deadline - monotonic())
        call = Call(invocation, procedure, request, context, reply)
        if not invocation.lanes:
            invocation.enter(context.priority, context.share)
        elif not invocation.admit(call, procedure.path):
            return call
        invocation.compute.put(call, context.priority, context.share)
        return call
    if kind is MethodKind.ASYNC:
        coroutine = CoroutineCall(invocation, procedure, request, context, reply)
        if invocation.admit(coroutine, procedure.path):
            coroutine.start()
        return coroutine
    return None


class Turn:
    """A stream that was let in, and waits until its lane has room for it."""

    def __init__(self, invocation: Invocation, request: Request, context: Context) -> None:
        self._invocation = invocation
        self.request = request
        self.context = context
        self.lane: Lane[Entrant] | None = None
        self.size = 0
        self._come: Future[None] = invocation.loop.create_future()
        self._refused = False

    async def wait(self, path: str) -> None:
        """Count it in; return when it may begin. Raises as `Invocation.admit` does, and then it is not counted."""
        if self._invocation.admit(self, path):
            return
        try:
            await self._come
        except asyncio.CancelledError:
            if not self._refused and not self._invocation.withdraw(self):
                self._invocation.leave(self)
            raise

    def start(self) -> None:
        if not self._come.done():
            self._come.set_result(None)

    def refuse(self, error: ThalwegError) -> None:
        if self._invocation.withdraw(self):
            self._refused = True
            if not self._come.done():
                self._come.set_exception(error)


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


def refusal(invocation: Invocation, context: Context, called_off: bool) -> ThalwegError | None:
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

    __slots__ = ("_called_off", "_invocation", "_outcome", "_procedure", "_reply", "context", "lane", "request", "size")

    size: int

    def __init__(
        self, invocation: Invocation, procedure: Procedure, request: Request, context: Context, reply: Reply
    ) -> None:
        self._invocation = invocation
        self._procedure = procedure
        self.request = request
        self.context = context
        self.lane: Lane[Entrant] | None = None
        self._reply = reply
        self._outcome: Outcome = None
        self._called_off = False

    def start(self) -> None:
        self._invocation.compute.put(self, self.context.priority, self.context.share)

    def cancel(self) -> None:
        """Call it off. While it waits it is gone at once; while it runs its answer is thrown away."""
        if self._called_off:
            return
        self._called_off = True
        invocation, context = self._invocation, self.context
        if not invocation.withdraw(self) and invocation.compute.remove(self, context.priority, context.share):
            invocation.leave(self)

    def refuse(self, error: ThalwegError) -> None:
        if self._invocation.withdraw(self):
            self._reply.fail(error)

    def displace(self, error: ThalwegError) -> None:
        self._invocation.leave(self)
        if not self._called_off:
            self._reply.fail(error)

    def abandon(self, error: ThalwegError) -> None:
        """Its thread will not come back: the caller gets `error` now, and nothing later."""
        if not self._called_off:
            self._called_off = True
            self._reply.fail(error)

    def run(self) -> None:
        outcome: Outcome = refusal(self._invocation, self.context, self._called_off)
        if outcome is None:
            try:
                outcome = self._procedure.answer(self.request, self.context)
            except ThalwegError as error:
                outcome = error.with_traceback(None)
        self._outcome = outcome

    def deliver(self) -> None:
        self._invocation.leave(self)
        if not self._called_off:
            _tell(self._reply, self._outcome)


def _tell(reply: Reply, outcome: Outcome) -> None:
    if isinstance(outcome, Response):
        reply.answer(outcome)
    elif outcome is not None:
        reply.fail(outcome)


class CoroutineWork(ABC):
    """A task on the loop of the asynchronous methods, and its end as a letter home."""

    def __init__(self, invocation: Invocation, procedure: Procedure, request: Request, context: Context) -> None:
        self._invocation = invocation
        self._procedure = procedure
        self.request = request
        self.context = context
        self.lane: Lane[Entrant] | None = None
        self.size = 0
        self._outcome: Outcome = None
        self._task: Task[Response | None] | None = None
        self._called_off = False
        self._ended = False

    def start(self) -> None:
        self._invocation.coroutines.call(self._begin)

    def cancel(self) -> None:
        """Call it off, wherever it is. Idempotent, and without effect on what has ended."""
        if not self._called_off and not self._ended:
            self._called_off = True
            self._invocation.coroutines.call(self._cancel)

    @abstractmethod
    async def _work(self) -> Response | None: ...

    def deliver(self) -> None:
        self._ended = True
        self._invocation.leave(self)

    def _begin(self) -> None:
        self._outcome = refusal(self._invocation, self.context, self._called_off)
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
        return await self._procedure.answer_async(self.request, self.context)

    def cancel(self) -> None:
        if self._invocation.withdraw(self):
            self._called_off = self._ended = True
        else:
            super().cancel()

    def refuse(self, error: ThalwegError) -> None:
        if self._invocation.withdraw(self):
            self._ended = True
            self._reply.fail(error)

    def deliver(self) -> None:
        super().deliver()
        if not self._called_off:
            _tell(self._reply, self._outcome)
