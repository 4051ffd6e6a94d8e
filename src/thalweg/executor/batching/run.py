"""One call of user code with the documents of several requests."""

from __future__ import annotations

import asyncio
from asyncio import Task
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from time import monotonic
from typing import Any, Protocol

from thalweg.docs import DocList
from thalweg.errors import InvalidDocument, ThalwegError
from thalweg.executor.batching.batcher import Batch, Slice
from thalweg.executor.batching.call import BatchedCall, together
from thalweg.executor.outcome import Documents
from thalweg.message import Context


class Method(Protocol):
    """What a run calls, and whom it tells."""

    as_columns: bool
    wants_context: bool
    called_off: int
    """Calls that were called off so far."""

    @property
    def function(self) -> Callable[..., Any]: ...

    def fresh(self, call: BatchedCall) -> DocList[Any]:
        """The documents of a call as they came. Raises a `ThalwegError` where they cannot be read."""

    def finished(self, run: BatchRun) -> None:
        """`run` has ended. Called on the thread of user code."""


class Ticket:
    """A batch that was given out; it is complete when a run has ended and none is `left`. They are made one after the
    other, so that a batch takes no more than its slot. `seconds` is what its first call took, None
    where that failed; `failure` why it did, as long as no request is to blame."""

    __slots__ = ("batch", "failure", "left", "seconds")

    def __init__(self, batch: Batch[BatchedCall]) -> None:
        self.batch = batch
        self.left: deque[BatchRun] = deque()
        self.failure: BaseException | None = None
        self.seconds: float | None = None


class BatchRun:
    """Documents of one or more requests in one call. Prepared on the batching thread, run where user code runs.

    `again`: an earlier call with these documents has failed, and may have changed them before it did.
    """

    __slots__ = (
        "_arguments",
        "_called_off",
        "_exit",
        "_first_deadline",
        "_method",
        "_task",
        "again",
        "context",
        "docs",
        "dropped",
        "error",
        "returned",
        "seconds",
        "slices",
        "ticket",
    )

    def __init__(self, method: Method, ticket: Ticket, slices: Sequence[Slice[BatchedCall]], again: bool) -> None:
        self._method = method
        self._task: Task[Any] | None = None
        self._arguments: dict[str, Any] = {}
        self._called_off = -1
        self._exit: BaseException | None = None
        self._first_deadline: float | None = None
        self.ticket = ticket
        self.slices = slices
        self.again = again
        self.dropped: list[BatchedCall] = []
        """Requests that need no answer any more, or get none in time."""
        self.docs: Documents = DocList()
        self.context: Context | None = None
        self.returned: Any = None
        self.error: BaseException | None = None
        self.seconds = 0.0

    def prepare(self) -> bool:
        """Join the documents of those that still wait. False where there is nothing to call; `error` says whether
        something was wrong.

        Documents that do not fit together, such as tensors of unlike shapes in columns, are an error of the call: in
        parts they fit.
        """
        self._called_off = self._method.called_off
        if refused := [part for part in self.slices if part.request.settled or part.request.refusal() is not None]:
            self.dropped += [part.request for part in refused]
            self.slices = [part for part in self.slices if part not in refused]
        if not self.slices:
            return False
        try:
            complete = self._join()
        except BaseException as error:
            self.error = error
            return False
        return complete or self.prepare()

    def _join(self) -> bool:
        """False where a request was settled meanwhile, on the other thread: its documents are gone."""
        parts: list[Documents] = []
        self._first_deadline = None
        for call, start, stop in self.slices:
            own = self._method.fresh(call) if self.again else call.docs
            if call.settled:
                return False
            parts.append(own if stop - start == len(own) else own[start:stop])
            deadline = call.context.deadline
            if deadline is not None and (self._first_deadline is None or deadline < self._first_deadline):
                self._first_deadline = deadline
        docs = together(parts)
        if self._method.as_columns and isinstance(docs, DocList):
            try:
                docs = docs.to_doc_vec()
            except ValueError as error:
                raise InvalidDocument(f"data: {error}") from None
        elif len(parts) == 1 and docs is self.slices[0].request.docs:
            docs = docs[:]  # the method may put documents in or take them out
        self.docs = docs
        first = self.slices[0].request
        self._arguments = {"docs": docs, **first.arguments}
        if self._method.wants_context:
            self.context = self._arguments["context"] = self._shared_context(first)
        return True

    def _shared_context(self, first: BatchedCall) -> Context:
        """That of the batch: until the last of its requests ends, with headers where all of them have the same."""
        deadlines = [part.request.context.deadline for part in self.slices]
        deadline = None if None in deadlines else max(moment for moment in deadlines if moment is not None)
        return Context(deadline=deadline, metadata=first.arguments.get("headers"))

    def abandon(self, error: ThalwegError) -> None:
        """The thread that it runs on will not come back: who waits for it gets `error`. Called on the I/O loop."""
        for part in self.slices:
            part.request.refuse(copy(error))

    # --- on the thread of user code

    def run(self) -> None:
        """Call a plain method."""
        if self._still_wanted():
            begin = monotonic()
            try:
                self.returned = self._method.function(**self._arguments)
            except BaseException as error:
                self.error = error
            self.seconds = monotonic() - begin
        self._method.finished(self)

    def deliver(self) -> None:
        """Whoever has to know has been told by `run`."""

    def begin(self) -> None:
        """Call a coroutine, on the loop of the asynchronous methods."""
        if not self._still_wanted():
            self._method.finished(self)
            return
        self.seconds = monotonic()
        self._task = asyncio.get_running_loop().create_task(self._call())
        # Not a `finally` in the coroutine: one that is cancelled before its first step never gets there.
        self._task.add_done_callback(self._ended)

    async def _call(self) -> Any:
        try:
            return await self._method.function(**self._arguments)
        except (SystemExit, KeyboardInterrupt) as error:  # either would end the loop, and with it all other calls
            self._exit = error

    def _ended(self, task: Task[Any]) -> None:
        self.seconds = monotonic() - self.seconds
        self.error = asyncio.CancelledError() if task.cancelled() else self._exit or task.exception()
        if self.error is None:
            self.returned = task.result()
        self._method.finished(self)

    def stop(self) -> None:
        """Nobody waits for it any more: cancel the coroutine. Called on its loop."""
        if self._task is not None:
            self._task.cancel()

    def _still_wanted(self) -> bool:
        """Whether there is something to call. What was called off while it waited for the thread is left out."""
        overdue = self._first_deadline is not None and monotonic() >= self._first_deadline
        if self._called_off == self._method.called_off and not overdue:
            return True  # as it was when the documents were joined
        return self.prepare()
