"""Shards beside Jina's: documents a second into an index that is divided, and searches a second that ask all of it.

    python -m benchmarks.sharding
    python -m benchmarks.sharding --shards 4 --no-write

Each contestant is called by its own client from its own environment, over gRPC. An index request has a hundred documents
with an embedding of 64 floats; Jina gives the whole of it to one shard, Thalweg divides it by the ids. A search has one
question, and each shard finds ten. The best of several rounds counts; the machine is shared by service and client.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.environments import environment
from benchmarks.machine import describe
from benchmarks.processes import clean_environment, free_port
from benchmarks.report import as_markdown, as_text
from benchmarks.sections import write_section

SERVICES = Path(__file__).resolve().parent / "services"
PATIENCE_SECONDS = 300.0
SIZES = {"jina": (2_000, 400), "thalweg": (20_000, 2_000)}
"""Documents and searches of one round: enough for some seconds each."""
WHAT = {"index": "documents/s into the index", "search": "searches/s of all shards"}
HEADING = "## Shards"
HEAD = ("what", "Jina", "Thalweg", "ratio")


def measured(python: str, name: str, shards: int, rounds: int) -> dict[str, float]:
    """The best of what the service `name` prints of itself."""
    documents, searches = SIZES[name]
    numbers = (shards, free_port(), documents, searches, rounds)
    service = subprocess.run(
        [python, str(SERVICES / "sharding.py"), name, *map(str, numbers)],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    if service.returncode:
        raise SystemExit(f"{name} ended with {service.returncode}:\n{service.stderr[-2000:]}")
    found: dict[str, list[float]] = json.loads(service.stdout.strip().splitlines()[-1])
    return {what: max(rates) for what, rates in found.items()}


def lines_of(best: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    """A line for each thing that was measured."""
    return [
        (
            WHAT[what],
            *(f"{best[name][what]:,.0f}" for name in SIZES),
            f"{best['thalweg'][what] / best['jina'][what]:.1f}",
        )
        for what in WHAT
    ]


def section(lines: Sequence[Sequence[str]], shards: int, rounds: int, load: float) -> str:
    """What RESULTS.md says."""
    machine = describe()
    return "\n".join(
        [
            HEADING,
            "",
            f"Measured on {datetime.now(UTC):%Y-%m-%d} with `python -m benchmarks.sharding`: {machine['processor']}, "
            f"{machine['cores']} cores, load before the run {load:.2f}. One Executor in {shards} shards, each side with its "
            f"own client over gRPC, the best of {rounds} rounds.",
            "",
            as_markdown(HEAD, lines),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="an interpreter to use")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    given = parser.parse_args()
    before = os.getloadavg()[0]
    known = dict(pair.split("=", 1) for pair in given.python)
    best = {
        name: measured(known.get(name) or environment(name).python, name, given.shards, given.rounds) for name in SIZES
    }
    lines = lines_of(best)
    print(as_text(HEAD, lines))
    if not given.no_write:
        write_section(HEADING, section(lines, given.shards, given.rounds, before))


if __name__ == "__main__":
    main()
