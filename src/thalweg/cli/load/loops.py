"""The two kinds of load. A closed loop has so many requests under way, and the next begins when one ends: it asks how much a
service can do. An open loop sends at a rate, whether answers come or not, as the world does: it asks how long callers
wait.

Latencies of an open loop begin when a request should have been sent. A service that stalls for a second is seen by all the
requests that this second should have had, not by the one that happened to be under way: without that the figures leave out
what is worst (G. Tene: coordinated omission).
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from random import Random
from time import perf_counter

from thalweg.cli.load.drivers import Driver
from thalweg.cli.load.histogram import Histogram

DRAIN_SECONDS = 30.0
"""How long answers may take after the last request was sent."""
MOST_OUTSTANDING = 100_000
"""More requests than that do not wait for a connection: those that are due then count as not sent."""
TURN = 64
"""After so many requests that are late, answers are read again."""


class Measurement:
    """What came of the requests since `begin`."""

    def __init__(self) -> None:
        self.latency = Histogram()
        """From when a request should have been sent to its answer, in microseconds."""
        self.service = Histogram()
        """From when it was sent."""
        self.failures: Counter[str] = Counter()
        self.per_second: Counter[int] = Counter()
        """Answers, by the second in which they came."""
        self.begin = perf_counter()
        self.end = self.begin

    def answered(self, due: float, sent: float, failure: str) -> None:
        """One request has its answer, or has failed."""
        now = self.end = perf_counter()
        if failure:
            self.failures[failure] += 1
        else:
            self.latency.record(int((now - due) * 1e6))
            self.service.record(int((now - sent) * 1e6))
        self.per_second[int(now - self.begin)] += 1


class _Request:
    """One that is under way."""

    __slots__ = ("_due", "_loop", "_outcomes", "sent")

    def __init__(self, loop: ClosedLoop | OpenLoop, outcomes: Measurement, due: float | None = None) -> None:
        self._loop = loop
        self._outcomes = outcomes
        self._due = due
        self.sent = 0.0

    def done(self, failure: str) -> None:
        self._outcomes.answered(self.sent if self._due is None else self._due, self.sent, failure)
        self._loop.ended()


class ClosedLoop:
    """`concurrency` requests under way."""

    def __init__(self, driver: Driver, concurrency: int) -> None:
        self._driver = driver
        self._concurrency = concurrency
        self._outcomes = Measurement()
        self._until = 0.0
        self._left = 0
        self._under_way = 0
        self._over = asyncio.Event()

    async def run(self, seconds: float, requests: int | None = None) -> Measurement:
        """Load for so long, or for so many requests; return when all of them are answered."""
        self._outcomes = outcomes = Measurement()
        self._until = outcomes.begin + seconds if requests is None else math.inf
        self._left = 1 << 62 if requests is None else requests
        self._over = asyncio.Event()
        for _ in range(min(self._concurrency, self._left)):
            self._send()
        try:
            async with asyncio.timeout(seconds + DRAIN_SECONDS if requests is None else None):
                await self._over.wait()
        except TimeoutError:
            outcomes.failures["no answer"] += self._under_way
        return outcomes

    def _send(self) -> None:
        self._under_way += 1
        self._left -= 1
        self._driver.send(_Request(self, self._outcomes))

    def ended(self) -> None:
        """One of its requests has ended: the next begins."""
        self._under_way -= 1
        if self._left > 0 and perf_counter() < self._until:
            self._send()
        elif not self._under_way:
            self._over.set()


class OpenLoop:
    """`rate` requests a second, evenly or at random times (a Poisson process, as of many independent callers)."""

    def __init__(self, driver: Driver, rate: float, poisson: bool = False, seed: int = 0) -> None:
        self._driver = driver
        self._gaps = gaps(rate, poisson, seed)
        self._under_way = 0
        self._all_sent = False
        self._over = asyncio.Event()

    async def run(self, seconds: float, requests: int | None = None) -> Measurement:
        """Load for so long, or for so many requests; return when all of them are answered."""
        outcomes = Measurement()
        self._over, self._all_sent = asyncio.Event(), False
        end = outcomes.begin + seconds if requests is None else math.inf
        due, sent = outcomes.begin, 0
        while due < end and (requests is None or sent < requests):
            now = perf_counter()
            if due > now:
                await asyncio.sleep(due - now)
                continue
            self._send(outcomes, due)
            sent += 1
            due += next(self._gaps)
            if not sent % TURN:
                await asyncio.sleep(0)
        self._all_sent = True
        if self._under_way:
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._over.wait()
            except TimeoutError:
                outcomes.failures["no answer"] += self._under_way
        return outcomes

    def _send(self, outcomes: Measurement, due: float) -> None:
        if self._under_way >= MOST_OUTSTANDING:
            outcomes.failures["not sent"] += 1
            return
        self._under_way += 1
        self._driver.send(_Request(self, outcomes, due))

    def ended(self) -> None:
        """One of its requests has ended."""
        self._under_way -= 1
        if self._all_sent and not self._under_way:
            self._over.set()


def gaps(rate: float, poisson: bool, seed: int) -> Iterator[float]:
    """Seconds from each request to the next."""
    random = Random(seed)
    while True:
        yield random.expovariate(rate) if poisson else 1 / rate
