"""When a request without an answer is sent a second time; pure.

"The Tail at Scale" (https://research.google/pubs/the-tail-at-scale/): a few second attempts, late enough that most requests
need none, take most of the slowest answers away.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict, deque

from thalweg.config import HedgePolicy
from thalweg.routing.retry import RetryBudget

LATENCIES = 256
"""Answers of an endpoint that are remembered, the latest ones."""
ENDPOINTS = 64
"""Endpoints whose answers are remembered, those asked last."""


class HedgeSchedule:
    """The second attempts of all requests of a client."""

    def __init__(self, policy: HedgePolicy) -> None:
        self._policy = policy
        self._budget = RetryBudget(policy.budget, policy.reserve)
        self._latencies: OrderedDict[str, _Latencies] = OrderedDict()

    def delay(self, endpoint: str) -> float | None:
        """Seconds without an answer after which a request to `endpoint`, sent now, is due for a second attempt; None where
        not enough is known yet."""
        self._budget.earn()
        if self._policy.percentile is None:
            return self._policy.after
        known = self._latencies.get(endpoint)
        if known is None or len(known) < self._policy.samples:
            return None
        return known.percentile(self._policy.percentile)

    def allowed(self) -> bool:
        """Whether the budget has a second attempt; takes it."""
        return self._budget.spend()

    def answered(self, endpoint: str, seconds: float) -> None:
        """The first attempt of a request was answered, or would not have been for `seconds` at least."""
        if self._policy.percentile is None:
            return
        known = self._latencies.get(endpoint)
        if known is None:
            known = self._latencies[endpoint] = _Latencies()
            if len(self._latencies) > ENDPOINTS:
                self._latencies.popitem(last=False)
        else:
            self._latencies.move_to_end(endpoint)
        known.add(seconds)


class _Latencies:
    """The last ones, in the order in which they came and in that of their length."""

    __slots__ = ("_came", "_sorted")

    def __init__(self) -> None:
        self._came: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._came)

    def add(self, seconds: float) -> None:
        self._came.append(seconds)
        insort(self._sorted, seconds)
        if len(self._came) > LATENCIES:
            self._sorted.remove(self._came.popleft())

    def percentile(self, percent: float) -> float:
        return self._sorted[min(len(self._sorted) - 1, int(len(self._sorted) * percent / 100))]
