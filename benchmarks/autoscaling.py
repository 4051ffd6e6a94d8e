"""What the autoscaler makes of four loads, drawn: `python -m benchmarks.autoscaling docs/how-to/autoscaling.svg`.

The replicas are simulated, so that the picture is the same everywhere; the decisions are those of the program.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import pi, sin
from pathlib import Path

from benchmarks.fleet import Course, Fleet, Rate
from thalweg.config.autoscale import AutoscaleOptions

SERVICE = 0.05
WIDTH, HEIGHT, LEFT, TOP, GAP = 760, 120, 44, 30, 62
POINTS = 380
STYLE = (
    "text{font:12px sans-serif;fill:#444}.title{font-weight:600;fill:#222}.load{fill:#cfe3f5}.axis{stroke:#bbb;fill:none}"
    ".wanted{stroke:#d1495b;fill:none;stroke-width:1.6}.ready{stroke:#2e7d32;fill:none;stroke-width:1.6}"
)


@dataclass(frozen=True)
class Scene:
    """A load, and how long it is looked at."""

    title: str
    fleet: Fleet
    rate: Rate
    seconds: int
    replicas: int = 1


SCENES = (
    Scene(
        "A day of slow waves, in an hour; a replica starts in 2 s",
        Fleet(AutoscaleOptions(max=20), SERVICE, cold=2.0),
        lambda at: 60 + 55 * sin(2 * pi * at / 1800),
        3600,
    ),
    Scene(
        "Bursts of fifteen times the load; a replica starts in 2 s",
        Fleet(AutoscaleOptions(max=20), SERVICE, cold=2.0),
        lambda at: 150 if 60 <= at % 300 < 90 else 10,
        900,
    ),
    Scene(
        "Twelve times the load, to stay; a replica starts in 30 s",
        Fleet(AutoscaleOptions(max=40), SERVICE, cold=30.0),
        lambda at: 10 if at < 60 else 120,
        600,
    ),
    Scene(
        "Visitors now and then, min=0 and idle=120; a replica starts in 2 s",
        Fleet(AutoscaleOptions(min=0, max=5, idle=120.0), SERVICE, cold=2.0),
        lambda at: 5 if at % 900 < 100 else 0,
        2700,
        0,
    ),
)


def picture() -> str:
    """All scenes, one below the other, as SVG."""
    parts = []
    for index, scene in enumerate(SCENES):
        course = scene.fleet.run(scene.rate, scene.seconds, scene.replicas)
        print(
            f"{scene.title}: {len(course.latencies)} requests, {course.late(0.5):.1%} later than 0.5 s, "
            f"{course.replica_seconds / len(course.moments):.1f} replicas on average"
        )
        parts.append(
            f'<g transform="translate({LEFT},{TOP + index * (HEIGHT + GAP)})">{_panel(scene.title, course)}</g>'
        )
    height = TOP + len(SCENES) * (HEIGHT + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 2 * LEFT} {height}" role="img" '
        f'aria-label="Load and replicas over time"><style>{STYLE}</style>{"".join(parts)}</svg>\n'
    )


def _panel(title: str, course: Course) -> str:
    moments = course.moments[:: max(1, len(course.moments) // POINTS)]
    end = moments[-1].at
    replicas = max(1, *(moment.wanted for moment in moments)) * 1.1
    rate = max(moment.rate for moment in moments) * 1.1

    def line(values: list[float], most: float) -> str:
        return " ".join(
            f"{moment.at / end * WIDTH:.1f},{HEIGHT * (1 - value / most):.1f}"
            for moment, value in zip(moments, values, strict=True)
        )

    load = line([moment.rate for moment in moments], rate)
    return (
        f'<text class="title" y="-8">{title}</text>'
        f'<polygon class="load" points="0,{HEIGHT} {load} {WIDTH},{HEIGHT}"/>'
        f'<polyline class="wanted" points="{line([float(moment.wanted) for moment in moments], replicas)}"/>'
        f'<polyline class="ready" points="{line([float(moment.ready) for moment in moments], replicas)}"/>'
        f'<path class="axis" d="M0 0V{HEIGHT}H{WIDTH}V0"/>'
        f'<text x="-6" y="10" text-anchor="end">{replicas / 1.1:.0f}</text>'
        f'<text x="{WIDTH + 6}" y="10">{rate / 1.1:.0f}/s</text>'
        f'<text x="-6" y="{HEIGHT}" text-anchor="end">0</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 16}" text-anchor="end">{end:.0f} s</text>'
        f'<text y="{HEIGHT + 16}">blue: requests a second; red: replicas wanted; green: replicas that answer</text>'
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture())
