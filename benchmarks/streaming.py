"""Streams: items a second on one of them beside Jina, and how long the first item takes through two Executors.

    python -m benchmarks.streaming

Each contestant is called by its own client from its own environment, over gRPC and HTTP, its generator making documents
of one word as fast as it can. The best of several rounds counts; the machine is shared by service and client.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from statistics import median

from benchmarks.environments import environment
from benchmarks.processes import clean_environment, free_port

SERVICES = Path(__file__).resolve().parent / "services"
PATIENCE_SECONDS = 180.0
ITEMS = {"jina": 2_000, "thalweg": 20_000}
"""Enough for some tenths of a second each."""


def figures(python: str, name: str, what: str, items: int, rounds: int) -> list[float]:
    """What the service `name` prints of itself."""
    command = [python, str(SERVICES / f"streaming_{name}.py"), what, str(free_port()), str(items), str(rounds)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=clean_environment(), check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: list[float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="an interpreter to use")
    given = parser.parse_args()
    known = dict(pair.split("=", 1) for pair in given.python)
    pythons = {name: known.get(name) or environment(name).python for name in ITEMS}
    for protocol in ("grpc", "http"):
        best = {
            name: max(figures(pythons[name], name, protocol, ITEMS[name], given.rounds)) for name in ("jina", "thalweg")
        }
        ratio = best["thalweg"] / best["jina"]
        print(
            f"{protocol}: {best['thalweg']:,.0f} items/s, Jina {best['jina']:,.0f} items/s, {ratio:.1f} times",
            flush=True,
        )
    taken = figures(pythons["thalweg"], "thalweg", "first", 0, given.rounds * 10)
    print(f"first item through two Executors: {median(taken) * 1000:.2f} ms above the generator's own (median)")


if __name__ == "__main__":
    main()
