"""How often each caller may; pure."""

from __future__ import annotations

from collections import OrderedDict

from thalweg.config.access import RateOptions

MOST_CALLERS = 10_000
"""Callers that are remembered. Who was forgotten begins with a full bucket again."""


class Buckets:
    """A token bucket for each caller (https://en.wikipedia.org/wiki/Token_bucket), filled as time passes."""

    __slots__ = ("_buckets", "_most_callers")

    def __init__(self, most_callers: int = MOST_CALLERS) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._most_callers = most_callers

    def take(self, caller: str, rate: RateOptions, now: float) -> float:
        """Take one token of `caller` at the moment `now`, in seconds. Returns 0 where there was one, else the seconds until
        there will be."""
        level, since = self._buckets.pop(caller, (rate.most, now))
        level = min(rate.most, level + (now - since) * rate.each_second)
        wait = 0.0
        if level >= 1.0:
            level -= 1.0
        else:
            wait = (1.0 - level) / rate.each_second
        self._buckets[caller] = (level, now)
        if len(self._buckets) > self._most_callers:
            self._buckets.popitem(last=False)
        return wait

    def put_back(self, caller: str) -> None:
        """Give the token back that `caller` has just taken."""
        level, since = self._buckets[caller]
        self._buckets[caller] = (level + 1.0, since)

    def __len__(self) -> int:
        return len(self._buckets)
