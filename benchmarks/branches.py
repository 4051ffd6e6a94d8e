"""A million documents through conditions, a join without a process and a floating Executor: all of them come out, once, in
order, and no process grows.

    python -m benchmarks.branches
    python -m benchmarks.branches --documents 50000

The documents are made while they are sent, and their answers are dropped once they are counted. Half of them go through one
branch and half through the other; a third Executor gets every tenth, the others pass around it; a fourth one works aside and
writes down at its end how many it was given. What is printed: documents a second, and the memory of each process after a
tenth of the way and at the end. The exit code is 1 where a document is missing, came twice, went the wrong way or out of
turn, or where a process has grown by more than `--growth` MB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from pydantic import Field

from thalweg import Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList

MEGABYTE = 1 << 20


class Passenger(BaseDoc):
    number: int
    digit: int
    way: list[str] = Field(default_factory=list)


class Gate(Executor):
    """Writes into each document that it was here."""

    @requests(on="/go")
    def go(self, docs: DocList[Passenger]) -> DocList[Passenger]:
        for doc in docs:
            doc.way.append(self.metas.name)
        return docs


class Onlooker(Executor):
    """Counts, and writes down what it has counted when it is closed."""

    def __init__(self, file: str, documents: int, **options: Any) -> None:
        super().__init__(**options)
        self.file = file
        self.seen = bytearray(documents)

    @requests(on="/go")
    def look(self, docs: DocList[Passenger]) -> None:
        for doc in docs:
            self.seen[doc.number] += 1

    def close(self) -> None:
        once, more = self.seen.count(1), len(self.seen) - self.seen.count(0) - self.seen.count(1)
        Path(self.file).write_text(f"{once} {more}")


def flow(documents: int, file: str) -> Flow:
    return (
        Flow(name="branches", drain_seconds=60.0)
        .add(uses=Gate, name="even", needs="gateway", when={"digit": {"$in": [0, 2, 4, 6, 8]}})
        .add(uses=Gate, name="odd", needs="gateway", when={"digit": {"$nin": [0, 2, 4, 6, 8]}})
        .needs(["odd", "even"], name="both")
        .add(uses=Gate, name="tenth", when={"digit": {"$eq": 7}}, otherwise="skip")
        .add(uses=Onlooker, uses_with={"file": file, "documents": documents}, name="aside", floating=True)
    )


def passengers(documents: int) -> Iterator[Passenger]:
    for number in range(documents):
        yield Passenger(id=f"{number:x}", number=number, digit=number % 10)


def expected(digit: int) -> list[str]:
    return ["odd" if digit % 2 else "even", *(["tenth"] if digit == 7 else [])]


@dataclass
class Record:
    """What came out."""

    documents: int
    answered: int = 0
    wrong: int = 0
    seconds: float = 0.0
    early: dict[str, float] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)

    def take(self, passenger: Passenger) -> None:
        """One that came out: it has to be the next one."""
        self.wrong += passenger.number != self.answered or passenger.way != expected(passenger.digit)
        self.answered += 1

    def problems(self, aside: str, growth: float) -> list[str]:
        """A line for each thing that should not be."""
        found = []
        if self.answered != self.documents or self.wrong:
            found.append(f"{self.answered} of {self.documents} documents came out, {self.wrong} of them wrong")
        if aside != f"{self.documents} 0":
            found.append(f"the floating Executor has seen once, and more often: {aside}")
        grown = {name: self.late[name] - self.early.get(name, self.late[name]) for name in self.late}
        found += [f"{name} has grown by {more:.1f} MB" for name, more in grown.items() if more > growth]
        return found


def memory(running: Flow) -> dict[str, float]:
    """MB of memory of each process, this one included, that it shares with no other."""
    processes = {**running.pids, "client": psutil.Process().pid}
    return {name: psutil.Process(pid).memory_full_info().uss / MEGABYTE for name, pid in processes.items()}


def run(documents: int, size: int) -> tuple[Record, str]:
    """Send all; the record, and what the floating Executor wrote down."""
    record = Record(documents)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "aside")
        with flow(documents, file) as running:
            begun = time.perf_counter()
            answers = running.stream(
                "/go", passengers(documents), request_size=size, return_type=Passenger, results_in_order=True
            )
            for passenger in answers:
                record.take(passenger)
                if not record.early and record.answered >= documents // 10:
                    record.early = memory(running)
            record.seconds = time.perf_counter() - begun
            record.late = memory(running)
        return record, Path(file).read_text()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=500, help="documents of one request")
    parser.add_argument("--growth", type=float, default=16.0, help="MB that a process may grow")
    given = parser.parse_args()
    record, aside = run(given.documents, given.size)
    print(
        f"{record.documents:,} documents in {record.seconds:.1f} s: {record.documents / record.seconds:,.0f} a second"
    )
    for name, now in record.late.items():
        print(f"  {name:<10} {record.early.get(name, 0):7.1f} MB -> {now:7.1f} MB")
    found = record.problems(aside, given.growth)
    print("\n".join(found) if found else "every document is accounted for, once, in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
