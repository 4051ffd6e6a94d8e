"""Which size and which wait keep a latency objective. Knows no clock, thread or loop."""

from __future__ import annotations

from math import exp, floor, log

KEPT = 0.97
"""What an observation weighs after the next one: the last thirty or so count."""

OUTLIER = 4.0
"""Times the expected duration past which a call says more about the machine than about its batch."""

GROWTH = 2.0
"""The size may be so many times what has been tried already: the line is not followed far beyond its points."""

STRETCH = 1.1
"""By so much the size grows with each batch whose documents have waited for too long, and falls with each other one."""

STEP = 0.25
"""By so much of what has been tried the size is raised where nothing is known of larger ones yet."""

HEADROOM = 0.9
"""The part of the objective that is planned with: some calls take longer than others."""

SPREAD = 0.1
"""Sizes that differ by less than this part of their mean say more about the machine than about the model."""

GAP_WEIGHT = 0.1
QUIET_GAPS = 8.0
"""So many usual gaps between arrivals without an arrival mean that the burst is over."""

ECHO_WEIGHT = 0.2
SHORTEST_SECONDS = 1e-6


class CostLine:
    """Seconds of a call as a line over what its batch counts, `fixed + each * cost`: least squares in which older
    observations fade. Neither part is ever below zero."""

    def __init__(self) -> None:
        self._weight = 0.0
        self._x = self._y = self._xx = self._xy = 0.0
        self.fixed = 0.0
        self.each = 0.0
        self.observed = 0

    def observe(self, cost: float, seconds: float) -> None:
        if self.observed >= 8:
            seconds = min(seconds, OUTLIER * max(self.seconds(cost), SHORTEST_SECONDS))
        self.observed += 1
        self._weight = self._weight * KEPT + 1.0
        self._x = self._x * KEPT + cost
        self._y = self._y * KEPT + seconds
        self._xx = self._xx * KEPT + cost * cost
        self._xy = self._xy * KEPT + cost * seconds
        self._fit()

    def _fit(self) -> None:
        x, y = self._x / self._weight, self._y / self._weight
        spread = self._xx / self._weight - x * x
        if spread > (SPREAD * x) ** 2:
            each = (self._xy / self._weight - x * y) / spread
            self.each = min(max(each, 0.0), y / x)
            self.fixed = max(y - self.each * x, 0.0)
        elif self.seconds(x) > 0.0:
            # Batches of one size do not tell the two parts apart, but they tell whether both have become slower.
            change = y / self.seconds(x)
            self.fixed *= change
            self.each *= change
        elif x > 0.0:
            self.each = y / x  # the careful reading: all of it grows

    def seconds(self, cost: float) -> float:
        """How long a batch that counts `cost` is expected to take."""
        return self.fixed + self.each * cost

    def largest(self, seconds: float) -> float:
        """What a batch may count that takes no longer than `seconds`."""
        if seconds <= self.fixed:
            return 0.0
        return (seconds - self.fixed) / self.each if self.each > 0.0 else float("inf")


class Pace:
    """Finds the size and the wait of batches so that a document spends at most `objective` seconds between its arrival
    and the end of its call, while as many documents a second as possible pass.

    **Size.** A document that comes just after a batch has begun waits for that one and then runs in the next. So a call
    may take half the objective, less a tenth, and the size is what fits into that by the line fitted to the calls so far.
    It grows from one document on, at most to twice what has been tried, and never past `most`. Where more comes than
    passes in this way, documents wait for longer than that half; larger batches pass more, so the size then grows.

    **Wait.** Each call has a fixed part that its documents share. With `n` requests waiting, another one that comes `g`
    seconds later costs `g` seconds in which nothing runs, and saves its share of the fixed part, `fixed / n`. So a batch
    waits while requests usually follow each other more closely than that, goes when they stop coming, and never waits for
    longer than the fixed part in all: another call would cost no more. Where one request comes alone, nothing waits.
    """

    def __init__(self, objective: float, most: float) -> None:
        self._objective = objective
        self._most = most
        self._line = CostLine()
        self._tried = 1.0
        self._stretch = 1.0
        self._gap: float | None = None
        self._last = float("-inf")
        self._completed: float | None = None
        self._echo: float | None = None
        self.size: float = 1
        """What a batch may count now; at least 1."""

    def arrive(self, now: float) -> None:
        """A request has come."""
        if self._completed is not None:
            self._echo = _nearer(self._echo, now - self._completed, ECHO_WEIGHT)
            self._completed = None
        elif self._last > float("-inf"):
            # The usual gap, not the mean one: requests come in bursts, and one long pause says nothing about the next.
            self._gap = _nearer(self._gap, log(max(now - self._last, SHORTEST_SECONDS)), GAP_WEIGHT)
        self._last = now

    def complete(self, cost: float, waited: float, seconds: float | None, now: float) -> None:
        """A batch that counted `cost` has run for `seconds`, None where it failed; its oldest document had `waited`."""
        self._completed = now
        if seconds is None:
            return
        self._line.observe(cost, seconds)
        self._tried = max(self._tried, cost)
        half = HEADROOM * self._objective / 2
        late = waited > self._objective / 2
        self._stretch = max(1.0, self._stretch * STRETCH if late else self._stretch / STRETCH)
        fitting = self._line.largest(half) * self._stretch
        if self._line.fixed == 0.0 and self._line.seconds(self._tried) <= half:
            # Only a larger batch shows that a larger batch is worth it.
            fitting = max(fitting, self._tried + max(1.0, STEP * self._tried))
        self.size = max(1, floor(min(fitting, GROWTH * self._tried, self._most)))

    def closing(self, requests: int, cost: float, oldest: float, free_since: float) -> float:
        """The moment at which a batch of `requests` that counts `cost` goes though it is not full. The first of its
        requests came at `oldest`; a slot has been free since `free_since`."""
        begin = max(oldest, free_since)
        last = max(self._last, begin)
        patience = self._line.fixed / requests
        moment = begin
        gap = None if self._gap is None else exp(self._gap)
        if gap is not None and gap < patience:
            moment = last + min(patience, QUIET_GAPS * gap)
        if self._echo is not None and self._echo < patience:
            # Callers that were just answered come back soon.
            moment = max(moment, min(free_since + 2 * self._echo, begin + patience))
        in_time = oldest + HEADROOM * self._objective - self._line.seconds(cost)
        return min(moment, begin + self._line.fixed, in_time)


def _nearer(value: float | None, observed: float, weight: float) -> float:
    return observed if value is None else value + weight * (observed - value)
