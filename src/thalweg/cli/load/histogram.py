"""Counts of latencies in buckets whose width grows with what they hold; pure.

After G. Tene's HdrHistogram (http://hdrhistogram.org): 2048 buckets to the first power of two and 1024 to each of those
after it, so that every value is kept to one part in a thousand, however long a run is and however far its tail reaches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

FINE_BITS = 10
FINE = 1 << FINE_BITS
"""Buckets between one power of two and the next."""


def bucket(value: int) -> int:
    """The number of the bucket that holds `value`."""
    shift = value.bit_length() - FINE_BITS - 1
    return value if shift <= 0 else (shift << FINE_BITS) + (value >> shift)


def middle(number: int) -> float:
    """The value in the middle of a bucket."""
    if number < 2 * FINE:
        return float(number)
    shift = (number >> FINE_BITS) - 1
    start = (number - (shift << FINE_BITS)) << shift
    return start + (1 << shift) / 2


class Histogram:
    """Latencies in whole microseconds."""

    __slots__ = ("counts", "highest", "lowest", "total")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.total = 0
        """Sum of all that was recorded."""
        self.lowest = 0
        self.highest = 0

    def record(self, value: int) -> None:
        """Count `value`; one below zero, where a clock was set back, counts as zero."""
        value = max(value, 0)
        number = bucket(value)
        counts = self.counts
        if not counts or value < self.lowest:
            self.lowest = value
        self.highest = max(self.highest, value)
        counts[number] = counts.get(number, 0) + 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    @property
    def mean(self) -> float:
        """0 where nothing was recorded."""
        return self.total / self.count if self.counts else 0.0

    def percentile(self, percent: float) -> float:
        """The value that `percent` of what was recorded is not above; 0 where nothing was."""
        return next(iter(self.percentiles([percent])), 0.0)

    def percentiles(self, percents: list[float]) -> Iterator[float]:
        """Those of `percents`, which ascend, by one pass."""
        number = self.count
        wanted = iter(percents)
        percent = next(wanted, None)
        seen = 0
        for key in sorted(self.counts):
            seen += self.counts[key]
            while percent is not None and seen >= percent / 100 * number - 1e-9:
                yield min(middle(key), float(self.highest))
                percent = next(wanted, None)

    def to_plain(self) -> dict[str, object]:
        """As JSON can say it; `of_plain` reads it again."""
        return {
            "counts": {str(number): self.counts[number] for number in sorted(self.counts)},
            "total": self.total,
            "lowest": self.lowest,
            "highest": self.highest,
        }

    @classmethod
    def of_plain(cls, plain: Mapping[str, object]) -> Histogram:
        """What `to_plain` gave.

        Raises:
            KeyError, TypeError, ValueError: it did not give this.
        """
        found = cls()
        counts = plain["counts"]
        if not isinstance(counts, Mapping):
            raise TypeError("counts are no mapping")
        found.counts = {int(number): int(count) for number, count in counts.items()}
        found.total, found.lowest, found.highest = (int(str(plain[name])) for name in ("total", "lowest", "highest"))
        return found
