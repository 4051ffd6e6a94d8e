"""How a process does just now, from what it says of itself once a second; pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from thalweg.message.vitals import Vitals

WINDOW_SECONDS = 10.0
MICROSECONDS = 1e-3
"""Of a millisecond."""
BUCKET = 1.1
"""A bucket of latencies ends at this, to the power of its number, microseconds: see `Vitals`."""


@dataclass(frozen=True)
class Figures:
    """Of the last `WINDOW_SECONDS`. Latencies in milliseconds; None where nothing was answered."""

    rate: float = 0.0
    error_rate: float = 0.0
    p50: float | None = None
    p99: float | None = None
    batch: float | None = None


class Trend:
    """The vitals of one process over the last seconds. Moments are seconds of any one clock."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Vitals]] = deque()

    @property
    def last(self) -> Vitals:
        return self._seen[-1][1] if self._seen else Vitals()

    def restart(self, now: float) -> None:
        """The process is ready, and has done nothing yet."""
        self._seen.clear()
        self._seen.append((now, Vitals()))

    def add(self, now: float, vitals: Vitals) -> None:
        self._seen.append((now, vitals))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_SECONDS:
            self._seen.popleft()

    def figures(self) -> Figures:
        if len(self._seen) < 2:
            return Figures()
        (then, before), (now, after) = self._seen[0], self._seen[-1]
        seconds = max(now - then, 1e-9)
        took = {
            bucket: count - before.latencies.get(bucket, 0)
            for bucket, count in sorted(after.latencies.items())
            if count > before.latencies.get(bucket, 0)
        }
        batches = after.batches - before.batches
        return Figures(
            rate=(after.requests - before.requests) / seconds,
            error_rate=(after.errors - before.errors) / seconds,
            p50=quantile(took, 0.5),
            p99=quantile(took, 0.99),
            batch=(after.batched - before.batched) / batches if batches > 0 else None,
        )


def quantile(took: dict[int, int], share: float) -> float | None:
    """Milliseconds within which `share` of the requests were answered, from buckets in ascending order; at most 10 % more
    than it was."""
    wanted = share * sum(took.values())
    seen = 0
    for bucket, count in took.items():
        seen += count
        if seen >= wanted:
            return float(BUCKET**bucket) * MICROSECONDS
    return None
