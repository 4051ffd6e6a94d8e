"""Streams: items a second on one of them beside Jina, and how long the first item takes through two Executors.

    python -m benchmarks.streaming

Each contestant is called by its own client from its own environment, over gRPC and HTTP, its generator making documents
of one word as fast as it can. The best of several rounds counts; the machine is shared by service and client.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
from pathlib import Path
from statistics import median

from benchmarks.environments import environment
from benchmarks.processes import clean_environment, free_port

SERVICES = Path(__file__).resolve().parent / "services"
PATIENCE_SECONDS = 60.0
ITEMS = {"jina": 2_000, "thalweg": 20_000}
"""Enough for some tenths of a second each."""


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="an interpreter to use")
    given = parser.parse_args()
    known = dict(pair.split("=", 1) for pair in given.python)
    pythons = {name: known.get(name) or environment(name).python for name in ITEMS}
    for protocol in ("grpc", "http"):
        found = {name: figures(pythons[name], name, protocol, ITEMS[name], given.rounds) for name in ITEMS}
        best = {name: max(rates) for name, rates in found.items() if rates}
        print(
            f"{protocol}: {', '.join(f'{name} {rate:,.0f} items/s' for name, rate in best.items())}", end="", flush=True
        )
        if len(best) == len(ITEMS):
            print(f", {best['thalweg'] / best['jina']:.1f} times as many", flush=True)
        else:
            print(f"; {', '.join(sorted(ITEMS.keys() - best.keys()))} did not come to an end", flush=True)
    taken = figures(pythons["thalweg"], "thalweg", "first", 0, given.rounds * 10)
    if taken is None:
        raise SystemExit("thalweg did not come to an end")
    print(f"first item through two Executors: {median(taken) * 1000:.2f} ms above the generator's own (median)")


if __name__ == "__main__":
    main()
