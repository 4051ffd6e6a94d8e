"""How many requests may be under way so that they are answered in time; pure.

Additive increase and multiplicative decrease, as D. Chiu and R. Jain describe it ("Analysis of the Increase and Decrease
Algorithms for Congestion Avoidance in Computer Networks", Computer Networks and ISDN Systems 17, 1989), with latency in
place of lost packets. The step up grows with the square root of the limit, as in Envoy's filter for adaptive concurrency
(https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/adaptive_concurrency_filter): small beside a
large limit, and yet no more than some hundred steps from one to a thousand.
"""

from __future__ import annotations

from math import sqrt

from thalweg.config import AdaptiveConcurrency

WINDOW_SECONDS = 0.1
"""How often the limit may change."""
PATIENCE_SECONDS = 1.0
"""A window with few answers ends after this time."""
ENOUGH = 10
"""Answers from which a window says something."""
LATE_SHARE = 0.1
"""The part of answers that may be late."""
DECREASE = 0.9


class AdaptiveLimit:
    """`limit` is how many requests may be under way now. Times are in seconds, of one clock that never jumps."""

    def __init__(self, options: AdaptiveConcurrency, most: int, now: float) -> None:
        self._latency = options.latency
        self._least = min(options.least, most)
        self._most = most
        self.limit = max(self._least, min(options.initial, most))
        self._lowered = now
        self._since = now
        self._answers = 0
        self._late = 0
        self._busiest = 0
        """The most that were under way at once in this window."""

    def ended(self, began: float, now: float, inflight: int, *, failed: bool = False) -> None:
        """A request that began at `began` was answered, and `inflight` were under way until then, itself included; or it
        `failed` because there was too much to do."""
        if began >= self._lowered:  # the others waited behind more than there may be now
            self._answers += 1
            self._late += failed or now - began > self._latency
        self._busiest = max(self._busiest, inflight)
        elapsed = now - self._since
        if elapsed >= WINDOW_SECONDS and (self._answers >= ENOUGH or (self._answers and elapsed >= PATIENCE_SECONDS)):
            self._decide(now)

    def gave_up(self, began: float, now: float, inflight: int) -> None:
        """The caller of a request that began at `began` does not wait any longer: its answer would have been late, if it is
        late now; else nothing is known of it."""
        if now - began > self._latency:
            self.ended(began, now, inflight)

    def _decide(self, now: float) -> None:
        if self._late > LATE_SHARE * self._answers:
            self.limit = max(self._least, int(min(self.limit, self._busiest) * DECREASE))
            self._lowered = now
        elif self._busiest >= self.limit:  # else the limit was in nobody's way, and nothing is known of a higher one
            self.limit = min(self._most, self.limit + max(1, int(sqrt(self.limit) / 2)))
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._since = now
        self._answers = 0
        self._late = 0
        self._busiest = 0
