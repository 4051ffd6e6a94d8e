"""Measures dynamic batching beside the peers that have it: `python -m benchmarks.dynamic_batching`.

One model for all, which takes 5 ms for a call and 0.2 ms for each document in it, asleep; 64 clients, each with one
document under way; batches of 32 at most, so that the next one can fill while one runs. Ideal is what full batches bring
that follow each other without a gap: 32 documents every 11.4 ms. The table also goes to RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.contestants import SERVICES
from benchmarks.environments import Environment, EnvironmentFailed, environment
from benchmarks.load import Load, LoadFailed, drive, post, require_wrk
from benchmarks.machine import describe
from benchmarks.processes import Service, ServiceFailed, clean_environment, free_port
from benchmarks.report import as_markdown, as_text
from benchmarks.sections import write_section
from benchmarks.services.batched_model import BATCH, CALL_SECONDS, DOCUMENT_SECONDS, WAIT_SECONDS, ideal_rate

CLIENTS = 64
GOAL = 0.95
"""Of the ideal, for Thalweg."""

LOOP = "a bare loop"
"""The model called again and again by nobody's framework: what this machine leaves of the ideal."""

HEADING = "## Dynamic batching"
HEAD = ("contestant", "documents/s", "of the ideal", "p50 ms", "p99 ms", "Thalweg is faster by", "goal", "reached")
DOCUMENT = {"id": "5f0c7a52b1d94e6f8a3be2c4d6f80912", "text": "where the water runs fastest"}


@dataclass(frozen=True)
class Batcher:
    """One framework and the shape of its requests."""

    name: str
    shape: str = "bare"
    """`bare`: a document. `data`: documents under `data`, here and in the answer. `list`: so, and a list in the answer."""
    stop_signal: signal.Signals = signal.SIGTERM
    variables: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        return json.dumps(DOCUMENT if self.shape == "bare" else {"data": [DOCUMENT]}).encode()

    def answered(self, answer: bytes | None) -> bool:
        """Whether `answer` is what the model makes of the document."""
        if answer is None:
            return False
        found: Any = json.loads(answer)
        if self.shape == "data":
            found = found["data"]
        document = found if self.shape == "bare" else found[0]
        return bool(document["id"] == DOCUMENT["id"] and document["text"] == DOCUMENT["text"].upper())

    def service(self, place: Environment, port: int) -> Service:
        command = [place.python, "-P", str(SERVICES / f"batching_{self.name}.py"), "--port", str(port)]
        return Service(command, folder=SERVICES, stop_signal=self.stop_signal, variables=self.variables)


BATCHERS = (
    Batcher("thalweg", "data"),
    Batcher("mosec"),
    Batcher("litserve", stop_signal=signal.SIGINT),
    Batcher("bentoml", "list"),
)


def measure(batcher: Batcher, place: Environment, seconds: float) -> Load:
    """One turn of one contestant, warmed up.

    Raises:
        ServiceFailed: it does not answer, or wrongly, or not every request.
    """
    port = free_port()
    url, body = f"http://127.0.0.1:{port}/encode", batcher.body()
    with batcher.service(place, port) as service:
        service.wait_until(lambda: post(url, body) is not None)
        if not batcher.answered(post(url, body)):
            raise ServiceFailed(f"{batcher.name} answered something else")
        drive(url, body, connections=CLIENTS, seconds=1.0)
        load = drive(url, body, connections=CLIENTS, seconds=seconds)
    if load.failures:
        raise ServiceFailed(f"{batcher.name}: {load.failures} of {load.requests} requests failed")
    return load


def bare_loop(seconds: float) -> Load:
    """What a loop brings that does nothing but call the model with full batches."""
    script = (
        f"from batched_model import *; from time import perf_counter; begin = perf_counter(); calls = 0\n"
        f"while perf_counter() - begin < {seconds}: capitals(['x'] * BATCH); calls += 1\n"
        f"print(calls, perf_counter() - begin)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=SERVICES,
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
    )
    calls, took = done.stdout.split()
    each = float(took) / int(calls) * 1000
    return Load(int(calls) * BATCH, float(took), 0, each, each)


def table(loads: Mapping[str, Sequence[Load]]) -> list[tuple[str, ...]]:
    """One line a contestant; medians, with least and most beside the rate."""
    ours = median(load.rate for load in loads["thalweg"])
    lines: list[tuple[str, ...]] = []
    for name, found in loads.items():
        rates = [load.rate for load in found]
        rate = median(rates)
        part = rate / ideal_rate()
        own, loop = name == "thalweg", name == LOOP
        lines.append(
            (
                name,
                f"{rate:,.0f} ({min(rates):,.0f} - {max(rates):,.0f})",
                f"{part:.3f}",
                f"{median(load.p50 for load in found):.1f}",
                f"{median(load.p99 for load in found):.1f}",
                "" if own else f"{ours / rate:.2f}",
                f">= {GOAL} of the ideal" if own else "" if loop else ">= 1",
                "" if loop else "yes" if (part >= GOAL if own else ours >= rate) else "NO",
            )
        )
    return lines


def section(lines: Sequence[Sequence[str]], rounds: int, seconds: float, versions: str, load: float) -> str:
    """What RESULTS.md says."""
    machine = describe()
    return "\n".join(
        [
            HEADING,
            "",
            f"Measured on {datetime.now(UTC):%Y-%m-%d} with `python -m benchmarks.dynamic_batching`: {versions}; "
            f"{machine['processor']}, {machine['cores']} cores, load before the run {load:.2f}. A model that sleeps "
            f"{CALL_SECONDS * 1000:g} ms for a call and {DOCUMENT_SECONDS * 1000:g} ms for each document in it, {CLIENTS} "
            f"clients that each wait for their answer before they ask again, batches of {BATCH} at most that wait "
            f"{WAIT_SECONDS * 1000:g} ms at most (BentoML finds its wait by itself). Ideal are {ideal_rate():,.0f} "
            f"documents/s: full batches without a gap between them. Medians of {rounds} rounds of {seconds:g} s in which "
            "all take turns; the bare loop calls the model with full batches and does nothing else.",
            "",
            as_markdown(HEAD, lines),
        ]
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dynamic_batching", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each contestant has its turn (3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each turn is measured (4)")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    return parser.parse_args(arguments)


def _places() -> dict[str, Environment]:
    """The environments; a peer that cannot be installed is left out, and said so."""
    made: dict[str, Environment] = {}
    for batcher in BATCHERS:
        try:
            made[batcher.name] = environment(batcher.name)
        except EnvironmentFailed as error:
            if batcher.name == "thalweg":
                raise
            print(f"{error}\n{batcher.name} is left out.")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 where everything was measured, 1 where something was not."""
    given = _parse(arguments)
    before = os.getloadavg()[0]
    try:
        require_wrk()
        places = _places()
    except (LoadFailed, EnvironmentFailed) as error:
        print(error, file=sys.stderr)
        return 1
    loads: dict[str, list[Load]] = {name: [] for name in places}
    failed = False
    loads[LOOP] = []
    for turn in range(given.rounds):
        loads[LOOP].append(bare_loop(given.seconds))
        chosen = [batcher for batcher in BATCHERS if batcher.name in places]
        first = turn % len(chosen)
        for batcher in chosen[first:] + chosen[:first]:
            try:
                load = measure(batcher, places[batcher.name], given.seconds)
            except (ServiceFailed, LoadFailed) as error:
                failed = True
                print(error, file=sys.stderr)
                continue
            loads[batcher.name].append(load)
            print(f"round {turn + 1}, {batcher.name}: {load.rate:,.0f} documents/s, p50 {load.p50:.1f} ms", flush=True)
    measured = {name: found for name, found in loads.items() if found}
    if "thalweg" not in measured:
        return 1
    lines = table(measured)
    print(as_text(HEAD, lines))
    if not given.no_write:
        write_section(HEADING, section(lines, given.rounds, given.seconds, _versions(places), before))
    return int(failed)


def _versions(places: Mapping[str, Environment]) -> str:
    return ", ".join(f"{name} {place.versions()[name]}" for name, place in places.items())


if __name__ == "__main__":
    sys.exit(main())
