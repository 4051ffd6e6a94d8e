"""Clients, a batcher and a model that takes its time, in virtual seconds."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from thalweg.executor.batching.batcher import Batch, Batcher, Decision


@dataclass
class Simulation:
    """Plays `clients` until the end. A client is an iterator of the seconds after its last answer (or after the last
    arrival, where it does not wait for answers) at which it asks next."""

    batcher: Batcher[int]
    seconds_of: Callable[[float], float]
    latencies: list[tuple[float, float]] = field(default_factory=list)
    """Moment of each answer, and how long it took."""
    batches: list[Batch[int]] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._requests = count()
        self._arrived: dict[int, float] = {}
        self._answered: dict[int, Callable[[], None]] = {}
        self._wake: float | None = None
        self._free_at = 0.0

    def closed_loop(self, clients: int, think: Callable[[], float]) -> None:
        """`clients` that each ask again `think()` seconds after their answer."""
        for _ in range(clients):
            self._at(think(), lambda: self._ask(think))

    def open_loop(self, gaps: Iterator[float]) -> None:
        """Requests after each other, whatever becomes of those before."""
        moment = 0.0
        for gap in gaps:
            moment += gap
            self._at(moment, lambda: self._ask(None))

    def run(self, until: float) -> Simulation:
        while self._events or self._wake is not None:
            moment = self._events[0][0] if self._events else float("inf")
            if self._wake is not None and self._wake <= moment:
                self.now = max(self.now, self._wake)
                if self.now > until:
                    break
                self._carry_out(self.batcher.tick(self.now))
                continue
            if moment > until:
                break
            self.now, _, event = heapq.heappop(self._events)
            event()
        return self

    def rate(self, since: float) -> float:
        """Answers a second from `since` on."""
        return sum(moment >= since for moment, _ in self.latencies) / (self.now - since)

    def percentile(self, part: float, since: float) -> float:
        """Seconds that so large a part of the answers from `since` on took at most."""
        took = sorted(latency for moment, latency in self.latencies if moment >= since)
        return took[min(len(took) - 1, int(part * len(took)))]

    def _at(self, moment: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), event))

    def _ask(self, think: Callable[[], float] | None) -> None:
        request = next(self._requests)
        self._arrived[request] = self.now
        if think is not None:
            self._answered[request] = lambda: self._at(self.now + think(), lambda: self._ask(think))
        self._carry_out(self.batcher.arrive(request, "", 1, self.now))

    def _carry_out(self, decision: Decision[int]) -> None:
        self._wake = decision.wake
        for batch in decision.batches:
            self.batches.append(batch)
            took = self.seconds_of(batch.cost)
            self._free_at = max(self._free_at, self.now) + took
            self._at(self._free_at, lambda batch=batch, took=took: self._end(batch, took))  # type: ignore[misc]

    def _end(self, batch: Batch[Any], took: float) -> None:
        for part in batch.slices:
            self.latencies.append((self.now, self.now - self._arrived.pop(part.request)))
            answered = self._answered.pop(part.request, None)
            if answered is not None:
                answered()
        self._carry_out(self.batcher.complete(batch, self.now, took))


def model(fixed: float, each: float, noise: random.Random | None = None) -> Callable[[float], float]:
    """Seconds of a call over what its batch counts, up to a tenth more at random."""
    return lambda cost: (fixed + each * cost) * (1.0 if noise is None else 1.0 + 0.1 * noise.random())
