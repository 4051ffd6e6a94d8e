"""How many replicas of an Executor there should be. Pure: moments are seconds of any one clock.

Two questions are asked of the same history, after Knative's autoscaler (https://knative.dev/docs/serving/autoscaling/):
over a short window whether there are too few, over a long one whether there are too many. What is asked for while replicas
still start is measured against those that come: the backlog of a cold start is no reason for ever more of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import ceil, inf
from typing import NamedTuple

from thalweg.config.autoscale import AutoscaleOptions

DRAIN_SECONDS = 5.0
"""Within so many seconds the replicas should work off what waits, beside what arrives."""
LARGEST_STEP = 2.0
"""How many times the replicas become at a look because answers are late."""
SLACK = 0.25
"""So much of a replica must be too much before one goes: else it would be missed at once."""
START_WINDOWS = 3.0
"""Replicas that take long to start stay at least so many times longer than that."""
COMFORT = 0.8
"""As long as answers take more than this part of `latency`, no replica goes."""


class Load(NamedTuple):
    """What is known of one Executor since the last look."""

    outstanding: float
    """Requests that are under way or wait now, also those that the Gateway holds."""
    arrived: int = 0
    answered: int = 0
    latency: float | None = None
    """The 95th percentile of seconds from arrival to answer; None where nothing was answered."""
    ready: int = 0
    """Replicas that answer."""
    starting: int = 0
    """Replicas that were asked for and do not answer yet."""


class _Sample(NamedTuple):
    at: float
    seconds: float
    load: Load


class Autoscaler:
    """The history of one Executor's load, as far as it matters. To be asked about once a second.

    Args:
        replicas: how many there are to begin with.
        now: the moment of the beginning.
    """

    def __init__(self, options: AutoscaleOptions, replicas: int, now: float) -> None:
        self._options = options
        self._replicas = min(max(replicas, options.min), options.max)
        self._samples: deque[_Sample] = deque()
        self._needed: deque[tuple[float, int]] = deque()
        self._begun = now
        self._looked = now
        self._busy = now if self._replicas else -inf
        """When there last was a request."""
        self._raised = now
        """When replicas were last added for the sake of `latency`."""
        self._starting_since: float | None = None
        self._start_seconds = 0.0
        """The longest that a start has taken."""
        self._capacity: float | None = None
        """Requests that one busy replica answers in a second."""

    @property
    def replicas(self) -> int:
        """How many there are to be."""
        return self._replicas

    def look(self, load: Load, now: float) -> int:
        """How many there are to be from now on, between `min` and `max`."""
        self._remember(load, now)
        exact = self._by_queue(load)
        needed = max(ceil(exact), self._by_latency(load, now))
        self._needed.append((now, max(needed, self._kept(exact))))
        window = max(self._options.window, START_WINDOWS * self._start_seconds)
        while self._needed[0][0] < now - window:
            self._needed.popleft()
        if needed > self._replicas:
            self._replicas = self._bounded(needed, now)
        elif not self._replicas or (now - self._begun >= window and self._in_time(load)):
            self._replicas = self._bounded(min(self._replicas, max(number for _, number in self._needed)), now)
        return self._replicas

    def _remember(self, load: Load, now: float) -> None:
        seconds = now - self._looked
        self._looked = now
        if load.outstanding or load.arrived:
            self._busy = now
        if not load.starting:
            self._starting_since = None
        elif self._starting_since is None:
            self._starting_since = now
        else:
            self._start_seconds = max(self._start_seconds, now - self._starting_since)
        self._samples.append(_Sample(now, seconds, load))
        while self._samples[0].at < now - self._options.burst:
            self._samples.popleft()
        # Only replicas that always had something to do show what they can.
        if seconds > 0 and load.ready and load.answered and load.outstanding >= 2 * load.ready:
            seen = load.answered / seconds / load.ready
            self._capacity = seen if self._capacity is None else 0.8 * self._capacity + 0.2 * seen

    def _by_queue(self, load: Load) -> float:
        """By Little's law requests under way are what arrives times how long it takes: so many replicas share them."""
        needed = _mean(sample.load.outstanding for sample in self._samples) / self._options.target
        enough = self._enough(load)
        return needed if enough is None else min(needed, enough)

    def _kept(self, needed: float) -> int:
        """So many stay where `needed` would do. Little's law says too little of replicas that hardly ever have two requests
        at once, so it counts as well how busy those that stay would be: a replica with `target` requests under way works
        target / (target + 1) of its time, as in any M/M/1 queue."""
        if not needed:
            return 0
        if self._capacity:
            busy = self._options.target / (self._options.target + 1.0)
            needed = max(needed, self._rate() / self._capacity / busy)
        return ceil(needed + SLACK)

    def _enough(self, load: Load) -> float | None:
        """So many replicas, always busy, keep up with what arrives and work off what waits while more of them would start.
        None as long as it is not known how much one of them can do."""
        if not self._capacity:
            return None
        return (self._rate() + load.outstanding / max(DRAIN_SECONDS, self._start_seconds)) / self._capacity

    def _rate(self) -> float:
        """Requests that arrive in a second."""
        seconds = sum(sample.seconds for sample in self._samples) or 1.0
        return sum(sample.load.arrived for sample in self._samples) / seconds

    def _by_latency(self, load: Load, now: float) -> int:
        """More than there are where answers are late because requests wait, and those that were added have not just come."""
        objective = self._options.latency
        if objective is None or load.latency is None or load.latency <= objective:
            return 0
        waits = load.outstanding > load.ready
        if not waits or load.starting or not load.ready or now - self._raised < self._options.burst:
            return 0
        self._raised = now
        enough = self._enough(load)
        most = load.ready * min(LARGEST_STEP, load.latency / objective)
        return ceil(most if enough is None else min(most, max(enough, load.ready + 1)))

    def _in_time(self, load: Load) -> bool:
        """Whether answers come so early that some replica may go."""
        objective = self._options.latency
        return objective is None or load.latency is None or load.latency <= COMFORT * objective

    def _bounded(self, replicas: int, now: float) -> int:
        asked = now - self._busy < self._options.idle
        return min(max(replicas, self._options.min, 1 if asked else 0), self._options.max)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
