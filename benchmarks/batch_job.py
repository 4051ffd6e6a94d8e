"""A batch job beside the Flow that it goes through: documents a second of both, and what each process takes for it.

    python -m benchmarks.batch_job

The Flow has a Gateway and two Executors, each in a process of its own; the second Executor makes a vector of 384 numbers of
each text. Its own rate is that of `Flow.post` with the same documents, request size and prefetch, from a client in a
process of its own, as the job is: it makes the documents and gets the answers in columns as documents, and keeps none. The
job reads the documents from a file of JSON lines and writes one file of what comes of them, every checkpoint included.

Two models: `cheap` takes the mean of a few rows of a table, so that moving documents is nearly all there is to do;
`0.2 ms` works for so long on each document besides. Rounds take turns; ratios are medians over the rounds, each of
neighbours in time. Rates are of the work itself; `with the start` is that of the whole process, from its beginning to
its end. Processor time is of all processes, so it says the same on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import monotonic, thread_time
from typing import Any, NamedTuple

import numpy as np

from benchmarks.processes import cpu_time
from benchmarks.report import as_markdown, as_text
from benchmarks.sections import write_section
from thalweg import Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray

GOAL = 0.9
HEADING = "## Batch jobs"
MODEL_SECONDS = 0.0002
"""Processor time for each document that the slower model takes."""
MODELS = {"cheap": "/encode", "0.2 ms": "/model"}
OUTPUTS = ("jsonl", "parquet")
OWN = "Flow.post"
WARM_DOCUMENTS = 2000
NODES = ("gateway", "clean", "encode")
HEAD = (
    "model",
    "what",
    "documents/s",
    "of the Flow's own",
    "with the start",
    *(f"{node}, us" for node in NODES),
    "client or job, us",
    "sum, us",
    "memory, MB",
    "goal",
    "reached",
)


class Text(BaseDoc):
    text: str


class Vector(Text):
    vector: NdArray[384]


class Cleaner(Executor):
    @requests(on=["/encode", "/model"])
    def clean(self, docs: DocList[Text]) -> DocList[Text]:
        for doc in docs:
            doc.text = doc.text.strip().lower()
        return docs


class Encoder(Executor):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = np.random.default_rng(0).standard_normal((256, 384)).astype(np.float32)

    @requests(on="/encode")
    def encode(self, docs: DocList[Text]) -> DocList[Vector]:
        letters = [np.frombuffer(doc.text.encode(), np.uint8) for doc in docs]
        return DocList[Vector](
            [
                Vector(id=doc.id, text=doc.text, vector=self.table[codes].mean(axis=0))
                for doc, codes in zip(docs, letters, strict=True)
            ]
        )

    @requests(on="/model")
    def model(self, docs: DocList[Text]) -> DocList[Vector]:
        layer = np.zeros(100_000, np.float32)
        until = thread_time() + MODEL_SECONDS * len(docs)
        while thread_time() < until:
            np.tanh(layer, out=layer)  # lets go of the interpreter, as models do
        return self.encode(docs)


class Turn(NamedTuple):
    """One run of one side. Processor time is in microseconds a document, of each of `NODES` and of the side itself."""

    rate: float
    whole_rate: float
    nodes: tuple[float, ...]
    own: float
    memory: float

    @property
    def total(self) -> float:
        return sum(self.nodes) + self.own


def flow() -> Flow:
    return Flow(protocol="grpc", host="127.0.0.1").add(uses=Cleaner, name="clean").add(uses=Encoder, name="encode")


def corpus(folder: Path, number: int) -> Path:
    file = folder / f"{number}.jsonl"
    with file.open("w") as lines:
        for index in range(number):
            lines.write(json.dumps({"id": str(index), "text": f" Document NUMBER {index} of a corpus "}) + "\n")
    return file


def turn(running: Flow, what: str, endpoint: str, documents: Path) -> Turn:
    """Run one side: the client, or the job into a file that ends so."""
    number, output = int(documents.stem), documents.with_name(f"out.{what}")
    given = ("post", str(number)) if what == OWN else ("job", str(documents), str(output))
    pids = [next(pid for name, pid in running.pids.items() if name.partition("/")[0] == node) for node in NODES]
    before, began = [cpu_time(pid).total for pid in pids], monotonic()
    command = (
        sys.executable,
        "-m",
        "benchmarks.clients.batch",
        given[0],
        running.private_address,
        endpoint,
        *given[1:],
    )
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    whole = monotonic() - began
    nodes = tuple((cpu_time(pid).total - then) * 1e6 / number for pid, then in zip(pids, before, strict=True))
    output.unlink(missing_ok=True)
    done, seconds, worked, memory = json.loads(told)
    if done != number:
        raise SystemExit(f"{what} gave {done} documents of {number}")
    return Turn(number / seconds, number / whole, nodes, worked * 1e6 / number, memory)


def row(model: str, what: str, turns: Sequence[Turn], own: Sequence[Turn]) -> tuple[str, ...]:
    ratio = median(one.rate / other.rate for one, other in zip(turns, own, strict=True))
    nodes = [median(one.nodes[index] for one in turns) for index in range(len(NODES))]
    job = what != OWN
    return (
        model,
        f"job, into .{what}" if job else what,
        f"{median(one.rate for one in turns):,.0f}",
        f"{ratio:.2f}" if job else "",
        f"{median(one.whole_rate for one in turns):,.0f}",
        *(f"{node:.1f}" for node in nodes),
        f"{median(one.own for one in turns):.1f}",
        f"{median(one.total for one in turns):.1f}",
        f"{max(one.memory for one in turns):.0f}",
        f"{GOAL}" if job else "",
        ("yes" if ratio >= GOAL else "no") if job else "",
    )


def measured(running: Flow, folder: Path, model: str, number: int, rounds: int) -> list[tuple[str, ...]]:
    documents, few = corpus(folder, number), corpus(folder, WARM_DOCUMENTS)
    turns: dict[str, list[Turn]] = {what: [] for what in (OWN, *OUTPUTS)}
    for what in turns:
        turn(running, what, MODELS[model], few)  # everything has run once
    for index in range(rounds):
        for what in list(turns)[:: 1 if index % 2 == 0 else -1]:  # neither always has the quiet minutes
            turns[what].append(turn(running, what, MODELS[model], documents))
    return [row(model, what, found, turns[OWN]) for what, found in turns.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200_000, help="of the cheap model; the other one gets a tenth")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", choices=MODELS, action="append", help="only this one")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    arguments = parser.parse_args()
    numbers = {"cheap": arguments.documents, "0.2 ms": arguments.documents // 10}
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as folder, flow() as running:
        for model in arguments.model or MODELS:
            rows += measured(running, Path(folder), model, numbers[model], arguments.rounds)
    print(as_text(HEAD, rows))
    told = (
        f"{numbers['cheap']:,} documents for the cheap model, {numbers['0.2 ms']:,} for the other one; "
        f"medians of {arguments.rounds} rounds."
    )
    print(told)
    if not arguments.no_write:
        explained = (__doc__ or "").split("\n\n", 2)[2].strip()
        write_section(
            HEADING,
            f"{HEADING}\n\n"
            f"Measured on {datetime.now(UTC):%Y-%m-%d} by `python -m benchmarks.batch_job`, {os.cpu_count()} cores. {told}"
            f"\n\n{explained}\n\n{as_markdown(HEAD, rows)}",
        )


if __name__ == "__main__":
    main()
