"""Streams: items a second on one of them beside Jina, and how long the first item takes through two Executors.

    python -m benchmarks.streaming

Each contestant is called by its own client from its own environment, over gRPC and HTTP, its generator making documents
of one word as fast as it can. The best of several rounds counts; the machine is shared by service and client. What comes
out also goes to RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.environments import environment
from benchmarks.machine import describe
from benchmarks.processes import clean_environment, free_port
from benchmarks.report import as_markdown, as_text
from benchmarks.sections import write_section

SERVICES = Path(__file__).resolve().parent / "services"
PATIENCE_SECONDS = 60.0
ITEMS = {"jina": 2_000, "thalweg": 20_000}
"""Enough for some tenths of a second each."""
GOAL = 20
"""Times Jina's items a second, over gRPC."""
FIRST_GOAL_SECONDS = 0.002
"""That the first item may take above the generator's own time, through two Executors."""
HEADING = "## Streams"
HEAD = ("what", "Jina", "Thalweg", "ratio", "goal", "reached")


def figures(python: str, name: str, what: str, items: int, rounds: int) -> list[float] | None:
    """What the service `name` prints of itself; None where it does not come to an end."""
    command = [python, str(SERVICES / f"streaming_{name}.py"), what, str(free_port()), str(items), str(rounds)]
    service = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        start_new_session=True,  # so that its own processes can be ended with it
    )
    try:
        out, err = service.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(service.pid, signal.SIGKILL)
        service.communicate()
        return None
    if service.returncode:
        raise SystemExit(f"{name} ended with {service.returncode}:\n{err[-2000:]}")
    found: list[float] = json.loads(out.strip().splitlines()[-1])
    return found


def rates_line(protocol: str, best: Mapping[str, float]) -> tuple[str, ...]:
    """Items a second of both over `protocol`; who did not come to an end has none."""
    shown = [f"{best[name]:,.0f}" if name in best else "did not end" for name in ITEMS]
    ratio = best["thalweg"] / best["jina"] if len(best) == len(ITEMS) else None
    goal, reached = (f">= {GOAL}", "yes" if ratio and ratio >= GOAL else "NO") if protocol == "grpc" else ("", "")
    return (f"items/s, {protocol}", *shown, "" if ratio is None else f"{ratio:.1f}", goal, reached)


def first_line(taken: Sequence[float]) -> tuple[str, ...]:
    """How long the first item takes above the generator's own time."""
    found = median(taken)
    shown = f"{found * 1000:.2f} ({min(taken) * 1000:.2f} at best)"
    reached = "yes" if found <= FIRST_GOAL_SECONDS else "NO"
    return ("first item through two Executors, ms", "", shown, "", f"<= {FIRST_GOAL_SECONDS * 1000:g}", reached)


def section(lines: Sequence[Sequence[str]], rounds: int, load: float) -> str:
    """What RESULTS.md says."""
    machine = describe()
    return "\n".join(
        [
            HEADING,
            "",
            f"Measured on {datetime.now(UTC):%Y-%m-%d} with `python -m benchmarks.streaming`: {machine['processor']}, "
            f"{machine['cores']} cores, load before the run {load:.2f}. One stream of documents of one word, each side with "
            f"its own client, the best of {rounds} rounds; the first item above the generator's own time, the median of "
            f"{rounds * 10} streams over gRPC. Who has not ended after {PATIENCE_SECONDS:g} s is ended.",
            "",
            as_markdown(HEAD, lines),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="an interpreter to use")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    given = parser.parse_args()
    before = os.getloadavg()[0]
    known = dict(pair.split("=", 1) for pair in given.python)
    pythons = {name: known.get(name) or environment(name).python for name in ITEMS}
    lines = []
    for protocol in ("grpc", "http"):
        found = {name: figures(pythons[name], name, protocol, ITEMS[name], given.rounds) for name in ITEMS}
        lines.append(rates_line(protocol, {name: max(rates) for name, rates in found.items() if rates}))
        print(", ".join(filter(None, lines[-1])), flush=True)
    taken = figures(pythons["thalweg"], "thalweg", "first", 0, given.rounds * 10)
    if taken is None:
        raise SystemExit("thalweg did not come to an end")
    lines.append(first_line(taken))
    print(as_text(HEAD, lines))
    if not given.no_write:
        write_section(HEADING, section(lines, given.rounds, before))


if __name__ == "__main__":
    main()
