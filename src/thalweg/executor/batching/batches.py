"""The batches of one endpoint: the thread on which requests are read, joined, taken apart and written.

It stands between the I/O loop and the thread of user code, and works while that one computes: reading and writing cost the
model no time. Decisions are those of `Batcher`; here is the waiting.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Hashable, Mapping
from copy import copy
from dataclasses import replace
from math import isfinite
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from thalweg.config.batching import BatchingOptions
from thalweg.docs import DocList
from thalweg.errors import Cancelled, DeadlineExceeded, Overloaded, ThalwegError, Unavailable, WrongReturnType
from thalweg.executor import parameters, payload
from thalweg.executor.batching.batcher import Batcher, Decision, Rules
from thalweg.executor.batching.call import BatchedCall
from thalweg.executor.batching.key import NOTHING, frozen
from thalweg.executor.batching.pace import Pace
from thalweg.executor.batching.run import BatchRun, Ticket
from thalweg.executor.batching.statistics import BatchingStatistics, Tally
from thalweg.executor.branches import without_branches
from thalweg.executor.endpoint import MethodKind
from thalweg.executor.executor import BoundEndpoint
from thalweg.executor.failures import Failures
from thalweg.executor.invocation import Invocation
from thalweg.executor.lane import Lane
from thalweg.executor.outcome import Documents, Outcomes
from thalweg.executor.procedure import Procedure
from thalweg.message import Context, Pending, Reply, Request
from thalweg.message.branches import BRANCHES
from thalweg.message.headers import checked_headers

log = logging.getLogger("thalweg.executor")


NEVER_AGAIN = (Overloaded, Unavailable, Cancelled, DeadlineExceeded)
"""Errors that say nothing about any document: calling again in parts would only make more calls."""

TOGETHER = 32
"""Answers that go to the I/O loop at once. Woken by the first of a batch, it would fight for the interpreter with the thread
that writes the others."""


class Batches:
    """Answers requests to one endpoint in batches. Made, started, used and closed on the I/O loop."""

    def __init__(
        self,
        invocation: Invocation,
        executor: str,
        path: str,
        bound: BoundEndpoint,
        options: BatchingOptions,
        failures: Failures,
    ) -> None:
        self._endpoint = endpoint = bound.endpoint
        self._invocation = invocation
        self._executor = executor
        self.path = path
        self._options = options
        self._failures = failures
        self._asynchronous = endpoint.kind is MethodKind.ASYNC
        self._coroutines = invocation.coroutines if self._asynchronous else None
        self._read = payload.reader(replace(endpoint, input_as_columns=False))
        self._outcomes = Outcomes(executor, path, endpoint)
        self._sees_parameters = "parameters" in endpoint.takes or endpoint.takes_rest
        self._sees_headers = "headers" in endpoint.takes
        self.function = bound.method
        self.as_columns = endpoint.input_as_columns
        self.wants_context = "context" in endpoint.takes
        slots = self._slots()
        # Only what has to wait for a thread in any case may be handed over before there is room for it.
        ahead = not self._asynchronous and slots == invocation.compute.number
        self._batcher = _batcher(options, slots, ahead)
        self._tally = Tally()
        self._wake: float | None = None
        self._letters: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"{executor}-batches", daemon=True)
        self._calls = 0
        self.called_off = 0
        self._settled: list[BatchedCall] = []
        self._closing: asyncio.Future[None] | None = None
        self.tell = self._letters.put
        """Have a function of no arguments called on the batching thread. It may be called on any thread."""

    def start(self) -> None:
        self._thread.start()

    def _slots(self) -> int | None:
        """How many batches run side by side. `max_concurrency` of an endpoint means its calls, so of requests that share
        one as many may wait as there is room for."""
        slots = None if self._asynchronous else self._invocation.compute.number
        lane = self._invocation.lanes.get(self.path)
        if lane is None or lane.max_concurrency is None:
            return slots
        self._invocation.lanes[self.path] = Lane(
            max_inflight=lane.max_inflight, max_inflight_bytes=lane.max_inflight_bytes
        )
        return lane.max_concurrency if slots is None else min(slots, lane.max_concurrency)

    @property
    def statistics(self) -> BatchingStatistics:
        """How batches were closed so far."""
        batcher = self._batcher
        return self._tally.snapshot(batcher.waiting, batcher.running, batcher.size)

    # --- on the I/O loop

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending:
        """See `UnaryHandler.submit`.

        Raises:
            Overloaded, Unavailable: it is not let in.
        """
        if self._closing is not None:
            raise self._invocation.closed()
        call = BatchedCall(self, request, context, reply)
        starts = self._invocation.admit(call, self.path)
        self._calls += 1
        if starts:
            call.start()
        return call

    def begin(self, call: BatchedCall) -> None:
        """See `Home`."""
        self.tell(lambda: self._arrive(call))

    def leave(self, call: BatchedCall) -> None:
        """See `Home`."""
        self._invocation.leave(call)
        self._calls -= 1
        if self._calls == 0 and self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    def drain(self) -> None:
        """From now on nothing waits for company: nobody comes any more."""
        self.tell(self._drain)

    async def close(self) -> None:
        """Answer what waits, then end. Waits for as long as user code takes. Idempotent."""
        if self._closing is None:
            self._closing = self._invocation.loop.create_future()
            self.drain()
            if self._calls == 0:
                self._closing.set_result(None)
        await asyncio.shield(self._closing)
        self._letters.put(None)
        await asyncio.to_thread(self._thread.join)

    # --- the thread

    def _work(self) -> None:
        take = self._letters.get
        while True:
            try:
                letter = take(timeout=None if self._wake is None else max(0.0, self._wake - monotonic()))
            except Empty:
                letter = self._tick
            if letter is None:
                return
            try:
                letter()
            except Exception:
                # A defect of ours. The request that it struck ends with its deadline; the others must go on.
                log.exception("the batches of %s at %s", self._executor, self.path)
            if self._settled:
                self._deliver()
            del letter

    def _tick(self) -> None:
        self._carry_out(self._batcher.tick(monotonic()))

    def _drain(self) -> None:
        self._carry_out(self._batcher.drain(monotonic()))

    def withdraw(self, call: BatchedCall) -> None:
        """See `Home`."""
        call.settle(Cancelled("The request was called off."))
        for run in call.runs:
            if all(part.request.called_off for part in run.slices):
                if run.context is not None:
                    run.context.cancel()
                if self._coroutines is not None:
                    self._coroutines.call(run.stop)
        self._carry_out(self._batcher.withdraw(call, monotonic()))

    def send(self, call: BatchedCall) -> None:
        """See `Home`."""
        self._settled.append(call)
        if len(self._settled) >= TOGETHER:
            self._deliver()

    def _deliver(self) -> None:
        settled, self._settled = self._settled, []
        self._invocation.home.put(Delivery(settled))

    # --- in

    def _arrive(self, call: BatchedCall) -> None:
        refusal = call.refusal()
        if refusal is not None:
            call.settle(refusal)
            return
        try:
            key = self._decode(call)
            if not call.docs:
                self._answer(call, self._outcomes.of_batch(DocList(), call.docs)[0], {})
                return
            costs = self._costs(call.docs)
        except BaseException as error:
            self._fail(call, error)
            return
        self._carry_out(self._batcher.arrive(call, key, len(call.docs), monotonic(), costs))

    def _decode(self, call: BatchedCall) -> Hashable:
        docs, sent = self._read(call.request)
        if BRANCHES in sent:
            sent = without_branches(sent)
        key: list[Hashable] = []
        arguments: dict[str, Any] = {}
        if self._sees_parameters:
            seen = parameters.seen_by(self._executor, sent)
            arguments["parameters"] = parameters.checked(self._endpoint, seen)
            key.append(frozen(seen) if seen else NOTHING)
        if self._sees_headers:
            arguments["headers"] = headers = call.context.metadata
            key.append(frozen(headers))
        call.decoded(docs if isinstance(docs, DocList) else docs.to_doc_list(), sent, arguments)
        return tuple(key)

    def _costs(self, docs: DocList[Any]) -> list[float] | None:
        metric = self._options.custom_metric if self._options.use_custom_metric else None
        if metric is None:
            return None
        costs = [metric(doc) for doc in docs]
        for cost in costs:
            if not isinstance(cost, (int, float)) or not isfinite(cost) or cost < 0:
                raise WrongReturnType(f"custom_metric gave {cost!r}; a number that is not below zero is expected.")
        return costs

    def fresh(self, call: BatchedCall) -> DocList[Any]:
        """See `Method`."""
        docs, _ = self._read(call.request)
        return docs if isinstance(docs, DocList) else docs.to_doc_list()

    # --- through

    def _carry_out(self, decision: Decision[BatchedCall]) -> None:
        self._wake = decision.wake
        for batch in decision.batches:
            self._tally.add(batch.reason, batch.size, batch.waited)
            self._begin(BatchRun(self, Ticket(batch), batch.slices, again=False))

    def _begin(self, run: BatchRun) -> None:
        for part in run.slices:
            part.request.runs.add(run)
        if not run.prepare():
            self.finished(run)
        elif self._coroutines is not None:
            self._coroutines.call(run.begin)
        else:
            # Over the I/O loop, which alone puts jobs: what is full goes ahead of time, so nothing is lost by that.
            self._invocation.home.put(Departure(self._invocation, run))

    def finished(self, run: BatchRun) -> None:
        """See `Method`."""
        self.tell(lambda: self._end(run))

    def _end(self, run: BatchRun) -> None:
        ticket = run.ticket
        self._tally.busy_seconds += run.seconds
        for call in run.dropped:
            call.runs.discard(run)
            self._end_call(call, call.refusal() or Cancelled("The request was called off."))
        for part in run.slices:
            part.request.runs.discard(run)
        if run.error is None and run.slices:
            if not run.again:
                ticket.seconds = run.seconds
            self._hand_out(run)
        if run.error is not None:
            ticket.seconds = None
            self._part(run, run.error)
        if ticket.left:
            self._begin(ticket.left.popleft())
            return
        if ticket.failure is not None:
            self._failures.passed_over(ticket.failure, self.path)
        self._carry_out(self._batcher.complete(ticket.batch, monotonic(), ticket.seconds))

    def _part(self, run: BatchRun, error: BaseException) -> None:
        """The call of `run` has failed: make it again in halves; one request alone gets the error."""
        waiting = [part for part in run.slices if not part.request.settled]
        # Whoever was in it when it failed counts: of two, the one that was called off meanwhile may be at fault.
        if len(run.slices) < 2 or not self._options.isolate_errors or isinstance(error, NEVER_AGAIN):
            run.ticket.failure = None
            for part in waiting:
                # Each caller gets an error of its own: it carries the id of the request.
                self._fail(part.request, copy(error) if isinstance(error, ThalwegError) else error)
            return
        self._failures.noticed(error, self.path)
        if waiting and not run.again:
            run.ticket.failure = error
        middle = len(waiting) // 2
        for half in (waiting[:middle], waiting[middle:]):
            if not half:
                continue
            self._tally.retried += 1
            run.ticket.left.append(BatchRun(self, run.ticket, half, again=True))

    # --- out

    def _hand_out(self, run: BatchRun) -> None:
        """Give each request its documents. Where what came is not fit for that, `run.error` says so."""
        try:
            docs = self._answers(run)
        except BaseException as error:
            run.error = error
            return
        begin = 0
        for call, start, stop in run.slices:
            end = begin + stop - start
            piece = docs if end - begin == len(docs) else docs[begin:end]
            begin = end
            if call.settled:
                continue
            whole = call.take(start, piece)
            if whole is not None:
                headers = run.context.given_answer_headers if run.context is not None else {}
                self._answer(call, whole, headers)

    def _answers(self, run: BatchRun) -> Documents:
        """What the method gave, one document for each that went in."""
        if isinstance(run.returned, dict):
            raise WrongReturnType(
                f"{self._executor} returned a dict at {self.path}; with dynamic batching a method answers "
                f"each document, and results of a batch belong to no request. Return documents, or None."
            )
        docs, _ = self._outcomes.of_batch(run.returned, run.docs)
        expected = sum(part.stop - part.start for part in run.slices)
        if len(docs) != expected:
            raise WrongReturnType(
                f"{self._executor} returned {len(docs)} documents for {expected} at {self.path}; dynamic "
                f"batching needs one for each, in the same order, to tell whose they are."
            )
        return docs

    def _answer(self, call: BatchedCall, docs: Documents, headers: Mapping[str, str]) -> None:
        try:
            response = payload.encoded(docs, call.parameters, call.request)
            if headers:
                response.headers = checked_headers(headers)
        except BaseException as error:
            self._fail(call, error)
        else:
            call.settle(response)

    def _fail(self, call: BatchedCall, error: BaseException) -> None:
        # Without the traceback, whose frames would keep the documents.
        self._end_call(call, self._failures.of(error, self.path, call.context).with_traceback(None))

    def _end_call(self, call: BatchedCall, error: ThalwegError) -> None:
        """`error` is what becomes of the request; what is left of it need not go."""
        if not call.settled:
            call.settle(error)
            self._carry_out(self._batcher.withdraw(call, monotonic()))


class Delivery:
    """Calls on their way back to the I/O loop."""

    __slots__ = ("_calls",)

    def __init__(self, calls: list[BatchedCall]) -> None:
        self._calls = calls

    def deliver(self) -> None:
        """Hand each outcome on."""
        for call in self._calls:
            call.deliver()


class Departure:
    """A run on its way to the compute thread."""

    __slots__ = ("_invocation", "_run")

    def __init__(self, invocation: Invocation, run: BatchRun) -> None:
        self._invocation = invocation
        self._run = run

    def deliver(self) -> None:
        """Put it, with the highest priority of its requests."""
        run = self._run
        self._invocation.compute.put(run, max((part.request.context.priority for part in run.slices), default=0))


def start_batches(
    options: Mapping[str, BatchingOptions],
    bound: Mapping[str, BoundEndpoint],
    invocation: Invocation,
    procedures: Mapping[str, Procedure],
    failures: Failures,
) -> list[Batches]:
    """Have the endpoints that `options` name answer in batches. From now on their procedures answer no request alone."""
    started = []
    for path, batching in options.items():
        procedure = procedures[path]
        batches = Batches(invocation, procedure.executor, path, bound[path], batching, failures)
        batches.start()
        procedure.batches = batches
        started.append(batches)
    return started


def _batcher(options: BatchingOptions, slots: int | None, ahead: bool) -> Batcher[BatchedCall]:
    most = float(options.preferred_batch_size or "inf")
    pace = Pace(options.objective_ms / 1000.0, most) if options.objective_ms is not None else None
    return Batcher(Rules(most, options.timeout / 1000.0, options.flush_all, slots, ahead), pace)
