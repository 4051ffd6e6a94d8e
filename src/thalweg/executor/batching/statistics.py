"""What became of the documents: why batches were closed, and how large they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from thalweg.executor.batching.batcher import Reason


@dataclass(frozen=True, slots=True)
class BatchingStatistics:
    """A moment of one endpoint's batching.

    `sizes` counts batches by their documents, under the next power of two: 5 to 8 documents stand under 8. `waiting` are
    requests that wait for company, `running` batches that were given out, `size` what a batch may count now, `retried`
    calls that were made again in parts because one had failed.
    """

    closed: Mapping[Reason, int]
    sizes: Mapping[int, int]
    batches: int = 0
    documents: int = 0
    waited_seconds: float = 0.0
    """Of the oldest document of each batch, together."""
    busy_seconds: float = 0.0
    """In calls, together."""
    retried: int = 0
    waiting: int = 0
    running: int = 0
    size: float = 0

    @property
    def mean_size(self) -> float:
        """Documents of a batch; 0 where there was none."""
        return self.documents / self.batches if self.batches else 0.0


@dataclass(slots=True)
class Tally:
    """Counts while batches come and go. Written in one thread; what another one reads may be a batch old."""

    closed: dict[Reason, int] = field(default_factory=lambda: dict.fromkeys(Reason, 0))
    sizes: dict[int, int] = field(default_factory=dict)
    batches: int = 0
    documents: int = 0
    waited_seconds: float = 0.0
    busy_seconds: float = 0.0
    retried: int = 0

    def add(self, reason: Reason, size: int, waited: float) -> None:
        """A batch was closed."""
        self.closed[reason] += 1
        bucket = 1 << max(size - 1, 0).bit_length()
        self.sizes[bucket] = self.sizes.get(bucket, 0) + 1
        self.batches += 1
        self.documents += size
        self.waited_seconds += waited

    def snapshot(self, waiting: int, running: int, size: float) -> BatchingStatistics:
        return BatchingStatistics(
            dict(self.closed),
            dict(sorted(self.sizes.copy().items())),
            self.batches,
            self.documents,
            self.waited_seconds,
            self.busy_seconds,
            self.retried,
            waiting,
            running,
            size,
        )
