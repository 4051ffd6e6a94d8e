"""The handler that counts: how many requests, how many errors, and how long each took."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from math import ceil, log
from time import perf_counter_ns

from thalweg.errors import ThalwegError
from thalweg.message import Context, Pending, Reply, Request, Response, UnaryHandler
from thalweg.message.vitals import Vitals

PER_BUCKET = 1.0 / log(1.1)
"""Buckets of a unit of the logarithm; see `Vitals.latencies`."""
BITS = 5
"""Of a number of nanoseconds, its length and so many bits after the first say which count it is under: they are told apart
to 3 %, for the price of a shift."""
SHORTEST = 1 << (BITS + 1)
MOST_BITS = 64
STATM = "/proc/self/statm"
PAGE = os.sysconf("SC_PAGE_SIZE")


class Meter:
    """Stands before a handler. What a request costs is one object and two looks at the clock, about a microsecond; all else
    is done where it is asked."""

    __slots__ = ("_handler", "counts", "errors", "started", "withdrawn")

    def __init__(self, handler: UnaryHandler) -> None:
        self._handler = handler
        self.started = 0
        self.errors = 0
        self.withdrawn = 0
        """Of those that were started: how many go another way, and are counted there."""
        self.counts = [0] * ((MOST_BITS + 1) << BITS)

    @property
    def requests(self) -> int:
        """How many have ended."""
        return sum(self.counts)

    @property
    def inflight(self) -> int:
        return self.started - self.withdrawn - self.requests

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """See `Handler`. A stream counts when it ends; one that its caller leaves is no error."""
        began = perf_counter_ns()
        self.started += 1
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
        self.started += 1
        try:
            pending = self._handler.submit(request, context, counted)
        except BaseException:
            self.errors += 1
            self.ended(counted.began)
            raise
        if pending is None:
            self.withdrawn += 1
            return None
        if counted.began:
            counted.pending = pending
        return counted

    def ended(self, began: int) -> None:
        """A request has ended that began then, in nanoseconds."""
        took = perf_counter_ns() - began | SHORTEST
        bits = took.bit_length()
        self.counts[bits << BITS | took >> bits - BITS - 1 & 31] += 1

    def vitals(self, queued: int = 0, batches: int = 0, batched: int = 0) -> Vitals:
        """All that is counted, with what the handler itself says."""
        latencies: dict[int, int] = {}
        for index, count in enumerate(self.counts):
            if count:
                bucket = _bucket(index)
                latencies[bucket] = latencies.get(bucket, 0) + count
        requests = sum(latencies.values())
        inflight = self.started - self.withdrawn - requests
        working = max(0, inflight - queued)
        return Vitals(requests, self.errors, working, queued, latencies, batches, batched, resident_bytes())


def _bucket(index: int) -> int:
    """The bucket of `Vitals.latencies` for what is counted under `index`, by the middle of what that holds."""
    bits, low = divmod(index, 1 << BITS)
    nanoseconds = ((1 << BITS) + low + 0.5) * 2.0 ** (bits - BITS - 1)
    return max(0, ceil(log(nanoseconds * 1e-3) * PER_BUCKET))


class _Counted:
    """One submitted request: the `Reply` of the handler behind, and the `Pending` of the caller."""

    __slots__ = ("_meter", "_reply", "began", "pending")

    def __init__(self, meter: Meter, reply: Reply) -> None:
        self._meter = meter
        self._reply = reply
        self.pending: Pending | None = None
        self.began = perf_counter_ns()
        """0 once it has ended."""

    def answer(self, response: Response) -> None:
        self.pending = None
        took = perf_counter_ns() - self.began | SHORTEST  # as in `Meter.ended`, without the call
        self.began = 0
        bits = took.bit_length()
        self._meter.counts[bits << BITS | took >> bits - BITS - 1 & 31] += 1
        self._reply.answer(response)

    def fail(self, error: ThalwegError) -> None:
        self.pending = None
        began, self.began = self.began, 0
        self._meter.errors += 1
        self._meter.ended(began)
        self._reply.fail(error)

    def cancel(self) -> None:
        """See `Pending`."""
        pending, self.pending = self.pending, None
        if pending is not None and self.began:
            began, self.began = self.began, 0
            pending.cancel()
            self._meter.ended(began)


def resident_bytes() -> int:
    """Memory of this process that is not swapped out; 0 where the system does not tell (proc(5))."""
    try:
        with open(STATM, "rb", buffering=0) as pages:
            return int(pages.read().split()[1]) * PAGE
    except OSError:
        return 0
