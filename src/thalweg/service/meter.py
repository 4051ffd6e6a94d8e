"""The handler that counts: how many requests, how many errors, and how long each took."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from math import log
from time import perf_counter_ns

from thalweg.errors import ThalwegError
from thalweg.message import Context, Pending, Reply, Request, Response, UnaryHandler
from thalweg.message.vitals import Vitals

PER_BUCKET = 1.0 / log(1.1)
"""Buckets of a unit of the logarithm; see `Vitals.latencies`."""
STATM = "/proc/self/statm"
PAGE = os.sysconf("SC_PAGE_SIZE")


class Meter:
    """Stands before a handler. Counting costs well under a microsecond a request; all else is done where it is asked."""

    __slots__ = ("_handler", "errors", "inflight", "latencies", "requests")

    def __init__(self, handler: UnaryHandler) -> None:
        self._handler = handler
        self.requests = 0
        self.errors = 0
        self.inflight = 0
        self.latencies: dict[int, int] = {}

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """See `Handler`. A stream counts when it ends; one that its caller leaves is no error."""
        began = perf_counter_ns()
        self.inflight += 1
        answers = self._handler.handle(request, context)
        try:
            async for response in answers:
                yield response
        except ThalwegError:
            self.errors += 1
            raise
        finally:
            self.ended(began)
            await answers.aclose()

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler`."""
        counted = _Counted(self, reply)
        self.inflight += 1
        try:
            pending = self._handler.submit(request, context, counted)
        except BaseException:
            self.errors += 1
            self.ended(counted.began)
            raise
        if pending is None:
            self.inflight -= 1
            return None
        counted.pending = pending
        return counted

    def ended(self, began: int) -> None:
        """A request has ended that began then, in nanoseconds."""
        self.inflight -= 1
        self.requests += 1
        bucket = int(log((perf_counter_ns() - began) * 1e-3 + 1.0) * PER_BUCKET) + 1
        latencies = self.latencies
        latencies[bucket] = latencies.get(bucket, 0) + 1

    def vitals(self, queued: int = 0, batches: int = 0, batched: int = 0) -> Vitals:
        """All that is counted, with what the handler itself says."""
        return Vitals(
            self.requests,
            self.errors,
            max(0, self.inflight - queued),
            queued,
            dict(self.latencies),
            batches,
            batched,
            resident_bytes(),
        )


class _Counted:
    """One submitted request: the `Reply` of the handler behind, and the `Pending` of the caller."""

    __slots__ = ("_meter", "_reply", "began", "pending")

    def __init__(self, meter: Meter, reply: Reply) -> None:
        self._meter = meter
        self._reply = reply
        self.began = perf_counter_ns()
        """0 once it has ended."""
        self.pending: Pending | None = None

    def answer(self, response: Response) -> None:
        self._end()
        self._reply.answer(response)

    def fail(self, error: ThalwegError) -> None:
        self._meter.errors += 1
        self._end()
        self._reply.fail(error)

    def cancel(self) -> None:
        """See `Pending`."""
        pending, self.pending = self.pending, None
        if pending is not None and self.began:
            pending.cancel()
            self._end()

    def _end(self) -> None:
        began, self.began = self.began, 0
        self.pending = None
        self._meter.ended(began)


def resident_bytes() -> int:
    """Memory of this process that is not swapped out; 0 where the system does not tell (proc(5))."""
    try:
        with open(STATM, "rb", buffering=0) as pages:
            return int(pages.read().split()[1]) * PAGE
    except OSError:
        return 0
