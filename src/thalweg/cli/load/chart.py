"""The latencies of a run as an SVG chart of percentiles, with those of an earlier one behind them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from thalweg.cli.load.histogram import Histogram
from thalweg.cli.load.result import Result
from thalweg.cli.output import as_seconds
from thalweg.export.svg import DARK, LIGHT

WIDE, TALL = 760.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 78.0, 24.0, 66.0, 46.0
POINTS = 160
COLOURS = """
    .paper { fill: %(paper)s }
    text { fill: %(soft)s }
    .title { fill: %(ink)s }
    .grid { stroke: %(edge)s }
    .latency { stroke: %(water)s }
    .service { stroke: %(line)s }
    .before { stroke: %(warm)s }
    .latency-name { fill: %(water)s }
    .service-name { fill: %(line)s }
    .before-name { fill: %(warm)s }"""
STYLE = f"""
    text {{ font: 12px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif }}
    .title {{ font-size: 15px; font-weight: 600 }}
    .grid {{ stroke-width: 1px; stroke-opacity: 0.6 }}
    .line {{ fill: none; stroke-width: 2px; stroke-linejoin: round }}
    .before {{ stroke-dasharray: 6 4 }}{COLOURS % LIGHT}
    @media (prefers-color-scheme: dark) {{{COLOURS % DARK}
    }}
"""


def chart(result: Result, before: Result | None = None) -> str:
    """The chart's source. The axis of percentiles is that of HdrHistogram: each nine takes as much room as the one before
    it, since what one caller in a thousand waits is not to vanish at the edge."""
    lines = [("latency", "latency", result.latency)]
    if result.service.counts != result.latency.counts:
        lines.append(("service", "from when it was sent", result.service))
    if before is not None:
        lines.append(("before", "before", before.latency))
    nines = max(1.0, math.log10(max(result.answered, 10)))
    highest = max((float(histogram.highest) for _, _, histogram in lines), default=1.0) or 1.0
    lowest = min((float(max(histogram.lowest, 1)) for _, _, histogram in lines), default=1.0)
    scale = _Scale(nines, 10 ** math.floor(math.log10(lowest)), 10 ** math.ceil(math.log10(highest) + 1e-9))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE:g} {TALL:g}" width="{WIDE:g}"'
            f' height="{TALL:g}" role="img">',
            f"<style>{STYLE}</style>",
            '<rect class="paper" width="100%" height="100%"/>',
            f'<text class="title" x="{LEFT:g}" y="28">{escape(result.target)}</text>',
            f'<text x="{LEFT:g}" y="47">{escape(result.load)}, {result.rate:,.0f} answers/s</text>',
            *_grid(scale),
            *(f'<path class="line {kind}" d="{_path(histogram, scale)}"/>' for kind, _, histogram in reversed(lines)),
            *_names(lines),
            "</svg>",
        ]
    )


class _Scale:
    """Where a percentile and a latency are."""

    def __init__(self, nines: float, low: float, high: float) -> None:
        self.nines = nines
        self.low, self.high = low, high

    def x(self, nines: float) -> float:
        return LEFT + nines / self.nines * (WIDE - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return TALL - BOTTOM - share * (TALL - TOP - BOTTOM)


def _grid(scale: _Scale) -> Iterator[str]:
    value = scale.low
    while value <= scale.high * 1.001:
        y = scale.y(value)
        yield f'<path class="grid" d="M{LEFT:g} {y:.1f} H{WIDE - RIGHT:g}"/>'
        yield f'<text text-anchor="end" x="{LEFT - 8:g}" y="{y + 4:.1f}">{as_seconds(value / 1e6)}</text>'
        value *= 10
    for nines in (0.0, math.log10(2), *(float(n) for n in range(1, int(scale.nines) + 1))):
        x, percent = scale.x(nines), 100 - 100 / 10**nines
        yield f'<path class="grid" d="M{x:.1f} {TOP:g} V{TALL - BOTTOM:g}"/>'
        yield f'<text text-anchor="middle" x="{x:.1f}" y="{TALL - BOTTOM + 18:g}">{percent:.6g} %</text>'


def _path(histogram: Histogram, scale: _Scale) -> str:
    steps = [index / POINTS * scale.nines for index in range(POINTS + 1)]
    percents = [100 - 100 / 10**nines for nines in steps]
    values = list(histogram.percentiles(percents))
    points = [f"{scale.x(nines):.1f} {scale.y(value):.1f}" for nines, value in zip(steps, values, strict=False)]
    return "M" + " L".join(points) if points else ""


def _names(lines: Sequence[tuple[str, str, Histogram]]) -> Iterator[str]:
    for index, (kind, name, _) in enumerate(lines):
        yield f'<text class="{kind}-name" text-anchor="end" x="{WIDE - RIGHT:g}" y="{28 + index * 16}">{name}</text>'
