"""What a run of `thalweg bench` found: kept in a file, compared with an earlier one, and told."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from thalweg.cli.load.histogram import Histogram, middle
from thalweg.cli.output import as_seconds
from thalweg.errors import ConfigurationError

PERCENTS = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99]
BARS = 16
"""Rows of the histogram at most."""
WIDTH = 44
NARROWEST = 1.05
"""A range of the histogram is at least so much longer than the one before it."""
EIGHTHS = " ▏▎▍▌▋▊▉█"
SATURATED = 0.85
"""A generator that uses more of its core than this measures itself."""


@dataclass
class Result:
    """`latency` begins when a request should have been sent, `service` when it was; microseconds."""

    target: str
    load: str
    """The load in words: `16 under way`, `500/s`."""
    documents: int
    """In each request."""
    seconds: float
    latency: Histogram
    service: Histogram
    failures: dict[str, int] = field(default_factory=dict)
    per_second: list[int] = field(default_factory=list)
    processor: float = 0.0
    """Seconds of processor time that making the load took."""

    @property
    def answered(self) -> int:
        return self.latency.count

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def busy(self) -> float:
        """The share of a core that making the load took."""
        return self.processor / self.seconds if self.seconds else 0.0

    def milliseconds(self, histogram: Histogram) -> dict[str, float]:
        """Percentiles by name: `p50`, `p99.9`; with `mean`, `min` and `max`."""
        values = dict(zip(PERCENTS, histogram.percentiles(PERCENTS), strict=False))
        named = {f"p{percent:g}": value for percent, value in values.items()}
        named.update(mean=histogram.mean, min=histogram.lowest, max=histogram.highest)
        return {name: round(value / 1000, 4) for name, value in named.items()}

    def to_plain(self) -> dict[str, Any]:
        """As JSON can say it; `of_plain` reads it again."""
        return {
            "target": self.target,
            "load": self.load,
            "documents_per_request": self.documents,
            "seconds": round(self.seconds, 4),
            "answered": self.answered,
            "failed": self.failed,
            "failures": self.failures,
            "rate": round(self.rate, 2),
            "documents_per_second": round(self.rate * self.documents, 2),
            "latency_ms": self.milliseconds(self.latency),
            "service_ms": self.milliseconds(self.service),
            "per_second": self.per_second,
            "generator_processor_seconds": round(self.processor, 4),
            "histograms": {"latency": self.latency.to_plain(), "service": self.service.to_plain()},
        }

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Result:
        """What `to_plain` gave. Raises KeyError, TypeError or ValueError where it did not give this."""
        kept = plain["histograms"]
        return cls(
            target=str(plain["target"]),
            load=str(plain["load"]),
            documents=int(plain["documents_per_request"]),
            seconds=float(plain["seconds"]),
            latency=Histogram.of_plain(kept["latency"]),
            service=Histogram.of_plain(kept["service"]),
            failures=dict(plain["failures"]),
            per_second=list(plain["per_second"]),
            processor=float(plain["generator_processor_seconds"]),
        )

    @classmethod
    def read(cls, path: Path) -> Result:
        """An earlier run, from a file that `--json` or `--save` made.

        Raises:
            ConfigurationError: it is none.
        """
        try:
            return cls.of_plain(json.loads(path.read_text("utf-8")))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{path} is no result of 'thalweg bench --save': {error}.") from None


def report(result: Result, before: Result | None = None) -> Iterator[str]:
    """The lines for people, with how it was `before` beside it."""
    yield f"{result.target}: {result.load}, {result.seconds:.1f} s"
    yield ""
    old = "" if before is None else f"   before {before.rate:,.0f}/s ({_change(result.rate, before.rate)})"
    documents = f", {result.rate * result.documents:,.0f} documents/s" if result.documents > 1 else ""
    yield f"answers  {result.answered:,}   {result.rate:,.0f}/s{documents}{old}"
    for failure, number in sorted(result.failures.items(), key=lambda pair: -pair[1]):
        yield f"failed   {number:,}   {failure}"
    if result.answered:
        yield ""
        yield from _percentiles(result, before)
        yield ""
        yield from bars(result.latency)
    yield ""
    cost = f", {result.processor / result.answered * 1e6:.0f} µs a request" if result.answered else ""
    yield f"making this load took {result.busy:.0%} of a core{cost}"
    if result.busy > SATURATED:
        yield "That is as much as it can: the figures are those of the load, not of the service."


def _percentiles(result: Result, before: Result | None) -> Iterator[str]:
    now, service = result.milliseconds(result.latency), result.milliseconds(result.service)
    old = {} if before is None else before.milliseconds(before.latency)
    held_up = now != service
    yield f"latency  {'':8}{'from when it was sent' if held_up else '':24}{'before' if before else ''}".rstrip()
    for name in ("min", *(f"p{percent:g}" for percent in PERCENTS), "max"):
        if name not in now:
            continue
        line = f"  {name:<7}{as_seconds(now[name] / 1000):>9}"
        line += f"{as_seconds(service[name] / 1000):>22}" if held_up else " " * 10 if before else ""
        if name in old:
            line += f"{as_seconds(old[name] / 1000):>14}  {_change(now[name], old[name])}"
        yield line


def _change(now: float, before: float) -> str:
    return f"{(now / before - 1) * 100:+.0f} %" if before else "new"


def bars(histogram: Histogram, most: int = BARS) -> Iterator[str]:
    """The histogram as a picture in text: a row for each range of latencies, each longer by the same factor."""
    rows = ranges(histogram, most)
    tallest = max(number for _, _, number in rows)
    for low, high, number in rows:
        eighths = round(number / tallest * WIDTH * 8)
        bar = "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
        if number and not bar:
            bar = EIGHTHS[1]
        yield f"{as_seconds(low / 1e6):>9} - {as_seconds(high / 1e6):<9}{bar:<{WIDTH + 1}} {number:,}"


def ranges(histogram: Histogram, most: int) -> list[tuple[float, float, int]]:
    """From, to and how many: at most `most` ranges between the lowest and the highest, each longer by the same factor."""
    low, high = float(max(histogram.lowest, 1)), float(max(histogram.highest, histogram.lowest + 1, 2))
    number = max(1, min(most, round(math.log(high / low) / math.log(NARROWEST))))
    factor = (high / low) ** (1 / number)
    edges = [*(low * factor**index for index in range(number)), high]
    counts = [0] * number
    place = 0
    for key in sorted(histogram.counts):
        while place < len(counts) - 1 and middle(key) > edges[place + 1]:
            place += 1
        counts[place] += histogram.counts[key]
    return [(*ends, count) for ends, count in zip(pairwise(edges), counts, strict=True)]
