"""Two neighbours in one process beside the same two in processes of their own.

    python -m benchmarks.placement

Executors that give back what they get, so that only the way is measured: one request after the other, and many under way
at once. Both Flows run at the same time and take turns; the best round of each counts.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter

import numpy as np

from benchmarks.report import as_markdown, as_text
from benchmarks.sections import write_section
from thalweg import Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray

GOAL = 5.0
HEADING = "## Placement"
HEAD = ("what", "two processes", "one process", "ratio", "goal", "reached")


class Vector(BaseDoc):
    text: str
    vector: NdArray[384]


class Picture(BaseDoc):
    pixels: NdArray[224, 224, 3]


class First(Executor):
    @requests(on="/vectors")
    def vectors(self, docs: DocList[Vector]) -> DocList[Vector]:
        return docs

    @requests(on="/pictures")
    def pictures(self, docs: DocList[Picture]) -> DocList[Picture]:
        return docs


class Second(First):
    """The same again."""


def flow(placement: str) -> Flow:
    made = Flow(protocol="grpc", host="127.0.0.1")
    for executor in (First, Second):
        made.add(uses=executor, placement=placement)  # type: ignore[arg-type]
    return made


def one_by_one(running: Flow, on: str, documents: DocList[BaseDoc], times: int) -> float:
    """Requests a second."""
    kind = type(documents)
    began = perf_counter()
    for _ in range(times):
        running.post(on, documents, request_size=len(documents), return_type=kind)
    return times / (perf_counter() - began)


def at_once(running: Flow, on: str, documents: DocList[BaseDoc], times: int) -> float:
    """Requests a second, 32 under way."""
    kind = type(documents)
    several = kind(list(documents) * times)
    began = perf_counter()
    running.post(on, several, request_size=len(documents), prefetch=32, return_type=kind)
    return times / (perf_counter() - began)


def vectors(number: int) -> DocList[Vector]:
    return DocList[Vector]([Vector(text=f"text {n}", vector=np.ones(384, np.float32)) for n in range(number)])


def pictures(number: int) -> DocList[Picture]:
    return DocList[Picture]([Picture(pixels=np.ones((224, 224, 3), np.uint8)) for _ in range(number)])


MEASURES: tuple[tuple[str, Callable[..., float], str, DocList[BaseDoc], int], ...] = (
    ("one vector, one request after the other", one_by_one, "/vectors", vectors(1), 1000),
    ("100 vectors, one request after the other", one_by_one, "/vectors", vectors(100), 200),
    ("16 pictures, one request after the other", one_by_one, "/pictures", pictures(16), 100),
    ("one vector, 32 requests at once", at_once, "/vectors", vectors(1), 2000),
    ("100 vectors, 32 requests at once", at_once, "/vectors", vectors(100), 200),
    ("16 pictures, 32 requests at once", at_once, "/pictures", pictures(16), 100),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    given = parser.parse_args()
    before = os.getloadavg()[0]
    rows = []
    with flow("process") as apart, flow("inline") as together:
        for what, measure, on, documents, times in MEASURES:
            best = {"apart": 0.0, "together": 0.0}
            for _ in range(given.rounds + 1):  # the first one warms up
                best["apart"] = max(best["apart"], measure(apart, on, documents, times))
                best["together"] = max(best["together"], measure(together, on, documents, times))
            ratio = best["together"] / best["apart"]
            rows.append(
                (
                    what,
                    f"{best['apart']:,.0f}/s",
                    f"{best['together']:,.0f}/s",
                    f"{ratio:.1f}",
                    f"{GOAL:g}",
                    "yes" if ratio >= GOAL else "no",
                )
            )
            print(", ".join(rows[-1]), flush=True)
    print(as_text(HEAD, rows))
    if not given.no_write:
        told = (
            f"Two Executors that give back what they get, called from the process that started them; {given.rounds} rounds, "
            f"the best counts. {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {before:.1f} before."
        )
        write_section(HEADING, f"{HEADING}\n\n{told}\n\n{as_markdown(HEAD, rows)}")


if __name__ == "__main__":
    main()
