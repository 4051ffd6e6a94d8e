"""A batch job beside the Flow that it goes through: documents a second of both, and the memory that the job needs.

    python -m benchmarks.batch_job

The Flow has two Executors in processes of their own; the second one makes a vector of 384 numbers of each text. Its own
rate is that of `Flow.post` with the same documents, request size and prefetch, from the process that started it. Rounds
take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

import numpy as np

from benchmarks.report import as_markdown, as_text
from benchmarks.sections import write_section
from thalweg import Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray

GOAL = 0.9
HEADING = "## Batch jobs"
HEAD = ("what", "documents/s", "of the Flow's own", "goal", "reached")
REQUEST_SIZE, PREFETCH = 100, 32


class Text(BaseDoc):
    text: str


class Vector(Text):
    vector: NdArray[384]


class Cleaner(Executor):
    @requests(on="/encode")
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


def flow() -> Flow:
    return Flow(protocol="grpc", host="127.0.0.1").add(uses=Cleaner, name="clean").add(uses=Encoder, name="encode")


def own_rate(running: Flow, number: int) -> float:
    documents = (Text(id=str(index), text=f" Document NUMBER {index} of a corpus ") for index in range(number))
    began = monotonic()
    answered = 0
    for answer in running.client.post(
        "/encode",
        documents,
        request_size=REQUEST_SIZE,
        prefetch=PREFETCH,
        return_type=DocList[Vector],
        return_responses=True,
    ):
        answered += len(answer.docs)
    assert answered == number
    return number / (monotonic() - began)


def job_rate(address: str, corpus: Path, output: Path) -> tuple[float, float]:
    """Documents a second, and the largest resident memory in MB, of the job in a process of its own."""
    program = (
        "import json,resource,sys\n"
        "from thalweg.jobs import BatchJob, run_job\n"
        f"job = BatchJob('/encode', ({str(corpus)!r},), {str(output)!r}, request_size={REQUEST_SIZE}, prefetch={PREFETCH})\n"
        f"s = run_job(job, {address!r})\n"
        "print(json.dumps([s.rate, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, s.written]))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    rate, memory, _ = json.loads(out)
    output.unlink()
    return rate, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    arguments = parser.parse_args()
    number = arguments.documents
    own: list[float] = []
    jobs: dict[str, list[float]] = {"jsonl": [], "parquet": []}
    memories: list[float] = []
    with tempfile.TemporaryDirectory() as folder, flow() as running:
        corpus = Path(folder) / "corpus.jsonl"
        corpus.write_text(
            "".join(
                json.dumps({"id": str(index), "text": f" Document NUMBER {index} of a corpus "}) + "\n"
                for index in range(number)
            )
        )
        own_rate(running, 2000)  # everything has run once
        for _ in range(arguments.rounds):
            own.append(own_rate(running, number))
            for suffix, rates in jobs.items():
                rate, memory = job_rate(running.private_address, corpus, Path(folder) / f"out.{suffix}")
                rates.append(rate)
                memories.append(memory)
    rows = [("Flow.post", f"{median(own):,.0f}", "", "", "")]
    for suffix, rates in jobs.items():
        ratio = median(rates) / median(own)
        rows.append(
            (
                f"job, into .{suffix}",
                f"{median(rates):,.0f}",
                f"{ratio:.2f}",
                f"{GOAL}",
                "yes" if ratio >= GOAL else "no",
            )
        )
    print(as_text(HEAD, rows))
    told = f"{number:,} documents, {arguments.rounds} rounds; the job's process took at most {max(memories):.0f} MB."
    print(told)
    if not arguments.no_write:
        write_section(
            HEADING,
            f"Measured on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores. {told}\n\n{as_markdown(HEAD, rows)}",
        )


if __name__ == "__main__":
    main()
