"""Replicas that exist only as numbers, under loads of all shapes: what an autoscaler would do, an hour in a second."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count, pairwise
from math import ceil, log

from thalweg.config.autoscale import AutoscaleOptions
from thalweg.orchestration.autoscaler import Autoscaler, Load

Rate = Callable[[float], float]
"""Requests a second, by the moment."""


@dataclass
class Moment:
    """What was so at one look."""

    at: float
    rate: float
    wanted: int
    ready: int
    waiting: int


@dataclass
class Course:
    """How one load went."""

    moments: list[Moment] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    lost: int = 0

    def late(self, seconds: float) -> float:
        """The part of the requests that took longer."""
        return sum(latency > seconds for latency in self.latencies) / max(1, len(self.latencies))

    @property
    def replica_seconds(self) -> float:
        return sum(float(moment.wanted) for moment in self.moments)

    @property
    def changes(self) -> int:
        """How often the number of replicas changed."""
        wanted = [moment.wanted for moment in self.moments]
        return sum(one != other for one, other in pairwise(wanted))


@dataclass
class Fleet:
    """Replicas that answer one request after the other, each in about `service` seconds, and start in `cold` seconds."""

    options: AutoscaleOptions
    service: float = 0.05
    cold: float = 2.0
    seed: int = 0

    def run(self, rate: Rate, seconds: float, replicas: int = 1, highest: float | None = None) -> Course:
        """Requests arrive at random as `rate` says (a Poisson process, thinned from `highest` a second)."""
        return _Run(self, rate, seconds, replicas, highest or max(rate(float(at)) for at in range(ceil(seconds)))).run()


class _Run:
    def __init__(self, fleet: Fleet, rate: Rate, seconds: float, replicas: int, highest: float) -> None:
        self._fleet = fleet
        self._rate = rate
        self._seconds = seconds
        self._highest = max(highest, 1e-9)
        self._random = random.Random(fleet.seed)
        self._scaler = Autoscaler(fleet.options, replicas, 0.0)
        self._ready = self._scaler.replicas
        self._busy = 0
        self._waiting: deque[float] = deque()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self._starting = 0
        self._leaving = 0
        self._arrived = self._answered = 0
        self._recent: list[float] = []
        self._course = Course()

    def run(self) -> Course:
        self._next_arrival(0.0)
        self._at(1.0, self._look)
        while self._events and self._events[0][0] <= self._seconds:
            at, _, happen = heappop(self._events)
            happen(at)
        return self._course

    def _at(self, moment: float, happen: Callable[[float], None]) -> None:
        heappush(self._events, (moment, next(self._order), happen))

    def _next_arrival(self, now: float) -> None:
        self._at(now - log(1.0 - self._random.random()) / self._highest, self._arrive)

    def _arrive(self, now: float) -> None:
        self._next_arrival(now)
        if self._random.random() * self._highest < self._rate(now):
            self._arrived += 1
            self._waiting.append(now)
            self._serve(now)

    def _serve(self, now: float) -> None:
        while self._waiting and self._busy < self._ready:
            since = self._waiting.popleft()
            self._busy += 1
            takes = self._fleet.service * self._random.uniform(0.5, 1.5)
            self._at(now + takes, lambda at, since=since: self._answer(at, since))  # type: ignore[misc]

    def _answer(self, now: float, since: float) -> None:
        self._busy -= 1
        self._answered += 1
        self._recent.append(now - since)
        self._course.latencies.append(now - since)
        self._serve(now)

    def _look(self, now: float) -> None:
        self._recent.sort()
        latency = self._recent[int(0.95 * len(self._recent))] if self._recent else None
        load = Load(
            self._busy + len(self._waiting), self._arrived, self._answered, latency, self._ready, self._starting
        )
        self._arrived = self._answered = 0
        self._recent = []
        wanted = self._scaler.look(load, now)
        self._change(wanted, now)
        self._course.moments.append(Moment(now, self._rate(now), wanted, self._ready, len(self._waiting)))
        self._at(now + 1.0, self._look)

    def _change(self, wanted: int, now: float) -> None:
        """Start what is missing; those that go have drained, and are gone at once."""
        missing = wanted - self._ready - self._starting
        for _ in range(missing):
            self._starting += 1
            self._at(now + self._fleet.cold, self._come)
        if missing < 0:
            self._ready = max(wanted - self._starting, 0)

    def _come(self, now: float) -> None:
        self._starting -= 1
        if self._ready + self._starting < self._scaler.replicas:
            self._ready += 1
            self._serve(now)
