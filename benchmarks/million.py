"""A million documents through a Flow with branches, a join and shards: none is lost, none comes twice, and no process grows.

    python -m benchmarks.million
    python -m benchmarks.million --documents 50000 --shards 4

The documents are made while they are sent, and their answers are dropped once they are counted. Each shard remembers one
bit of each document that it was given. What is printed: documents a second, the memory of each process after a tenth of the
way and at the end, and how many documents each shard has. The exit code is 1 where a document is missing or came twice, or
where a process has grown by more than `--growth` MB.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from thalweg import Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList

MEGABYTE = 1 << 20


class Item(BaseDoc):
    number: int
    text: str = ""


class Result(BaseDoc):
    """What one branch says, or both together: what is None in one of them comes from the other."""

    number: int
    length: int | None = None
    shard: int | None = None


class Clean(Executor):
    @requests(on="/index")
    def clean(self, docs: DocList[Item]) -> DocList[Item]:
        for doc in docs:
            doc.text = doc.text.strip()
        return docs


class Measure(Executor):
    @requests(on="/index")
    def measure(self, docs: DocList[Item]) -> DocList[Result]:
        return DocList[Result]([Result(id=doc.id, number=doc.number, length=len(doc.text)) for doc in docs])


class Keep(Executor):
    """Remembers which numbers it was given, one bit each."""

    def __init__(self, documents: int, **options: Any) -> None:
        super().__init__(**options)
        self.seen = bytearray(documents // 8 + 1)
        self.count = 0
        self.twice = 0

    @requests(on="/index")
    def keep(self, docs: DocList[Item]) -> DocList[Result]:
        for doc in docs:
            place, bit = divmod(doc.number, 8)
            self.twice += bool(self.seen[place] & 1 << bit)
            self.seen[place] |= 1 << bit
        self.count += len(docs)
        shard = self.runtime_args.shard_id
        return DocList[Result]([Result(id=doc.id, number=doc.number, shard=shard) for doc in docs])

    @requests(on="/report")
    def report(self, **_: Any) -> dict[str, Any]:
        return {"count": self.count, "twice": self.twice, "bits": sum(map(int.bit_count, self.seen))}


class Join(Executor):
    @requests(on="/index")
    def join(self, docs: DocList[Result]) -> DocList[Result]:
        return docs


@dataclass
class Account:
    """What became of all documents."""

    documents: int
    answered: int = 0
    wrong: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._seen = bytearray(self.documents)

    def take(self, result: Result) -> None:
        """One answer: of a document that was sent, for the first time, with what both branches say of it."""
        good = 0 <= result.number < self.documents and not self._seen[result.number]
        good = good and result.shard is not None and result.length == len(f"document {result.number}")
        self.wrong += not good
        if good:
            self._seen[result.number] = 1
            self.answered += 1

    @property
    def rate(self) -> float:
        """Documents a second."""
        return self.documents / self.seconds


def flow(documents: int, shards: int) -> Flow:
    """Two branches, one of which has the shards, and a join."""
    made = Flow(name="million").add(uses=Clean, name="clean").add(uses=Measure, name="measure")
    made.add(
        uses=Keep,
        uses_with={"documents": documents},
        name="keep",
        needs="clean",
        shards=shards,
        polling={"/report": "ALL"},
    )
    return made.add(uses=Join, name="join", needs=["measure", "keep"])


def items(documents: int) -> Iterator[Item]:
    for number in range(documents):
        yield Item(id=f"{number:x}", number=number, text=f"  document {number} ")


def memory(running: Flow) -> dict[str, float]:
    """MB of memory of each process, this one included, that it shares with no other."""
    processes = {**running.pids, "client": psutil.Process().pid}
    return {name: psutil.Process(pid).memory_full_info().uss / MEGABYTE for name, pid in processes.items()}


def run(running: Flow, documents: int, size: int) -> tuple[Account, dict[str, float], dict[str, float]]:
    """Send all, and take the memory after a tenth of the way and at the end."""
    account = Account(documents)
    early: dict[str, float] = {}
    begun = time.perf_counter()
    for result in running.stream("/index", items(documents), request_size=size, return_type=Result):
        account.take(result)
        if not early and account.answered >= documents // 10:
            early = memory(running)
    account.seconds = time.perf_counter() - begun
    return account, early, memory(running)


def reports(running: Flow) -> dict[str, dict[str, int]]:
    """What each shard says that it was given."""
    (answer,) = running.post("/report", Item(number=0), return_responses=True)
    found: dict[str, dict[str, int]] = answer.parameters["__results__"]
    return {name: {key: int(value) for key, value in one.items()} for name, one in sorted(found.items())}


def problems(account: Account, kept: dict[str, dict[str, int]], grown: dict[str, float], growth: float) -> list[str]:
    """A line for each thing that should not be."""
    found = []
    if account.answered != account.documents or account.wrong:
        found.append(
            f"{account.answered} of {account.documents} documents were answered, {account.wrong} answers are wrong"
        )
    if sum(one["bits"] for one in kept.values()) != account.documents:
        found.append(f"the shards know {sum(one['bits'] for one in kept.values())} of {account.documents} documents")
    found += [f"{name} got {one['twice']} documents twice" for name, one in kept.items() if one["twice"]]
    found += [f"{name} has grown by {more:.1f} MB" for name, more in grown.items() if more > growth]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--size", type=int, default=500, help="documents of one request")
    parser.add_argument("--growth", type=float, default=32.0, help="MB that a process may grow")
    given = parser.parse_args()
    with flow(given.documents, given.shards) as running:
        account, early, late = run(running, given.documents, given.size)
        kept = reports(running)
    grown = {name: late[name] - early.get(name, late[name]) for name in late}
    print(f"{account.documents:,} documents in {account.seconds:.1f} s: {account.rate:,.0f} a second")
    for name in late:
        print(f"  {name:<12} {early.get(name, 0):7.1f} MB -> {late[name]:7.1f} MB")
    print("  " + ", ".join(f"{name} has {one['count']:,}" for name, one in kept.items()))
    found = problems(account, kept, grown, given.growth)
    print("\n".join(found) if found else "every document is accounted for, once")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
