"""What a vector search costs beside bare NumPy: `python -m benchmarks.vector_search [--docarray PYTHON]`.

One query, ten of 100,000 documents with 128 numbers each. Bare is a matrix product and `argpartition`, the least that any
search in NumPy does; it knows no lengths, so it is compared with the inner product alone. Figures are milliseconds of
processor time, the best of many rounds in which all take turns, so that a busy machine is busy for all of them.

`--docarray` names an interpreter in whose environment DocArray 0.40 is installed; the same search runs there as well.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from time import process_time
from typing import Any

# One thread each: what several threads spin while they wait for each other would be counted as well.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

COUNT, SIZE, LIMIT, ROUNDS = 100_000, 128, 10, 60
METRICS = ("dot", "cosine_sim", "euclidean_dist", "sqeuclidean_dist")

PEER = """
import json, os, sys, warnings
from time import process_time
warnings.simplefilter("ignore")
import numpy as np
from docarray import BaseDoc, DocList
from docarray.typing import NdArray
from docarray.utils.find import find

class Embedded(BaseDoc):
    embedding: NdArray[128]

count, size, limit, rounds = map(int, sys.argv[1:])
random = np.random.default_rng(0)
vectors = random.standard_normal((count, size), dtype=np.float32)
query = random.standard_normal(size, dtype=np.float32)
docs = DocList[Embedded].construct([Embedded.construct(id="0", embedding=vector) for vector in vectors])
cache = {}
work = {f"{metric}, cached": (lambda metric=metric: find(docs, query, "embedding", metric, limit, cache=cache))
        for metric in ("cosine_sim", "euclidean_dist", "sqeuclidean_dist")}
best = {}
def measure(name, call):
    start = process_time()
    call()
    best[name] = min(best.get(name, 1e9), process_time() - start)
for _ in range(rounds):
    for name, call in work.items():
        measure(name, call)
for _ in range(3):
    measure("cosine_sim, not cached", lambda: find(docs, query, "embedding", "cosine_sim", limit))
print(json.dumps(best))
"""


def best_of(work: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The least number of seconds of processor time that each took; they take turns."""
    best = dict.fromkeys(work, float("inf"))
    for _ in range(rounds):
        for name, call in work.items():
            start = process_time()
            call()
            best[name] = min(best[name], process_time() - start)
    return best


def measured() -> dict[str, float]:
    from thalweg.docs import BaseDoc, DocList, DocVec
    from thalweg.docs.query import find, find_batched
    from thalweg.docs.typing import NdArray

    class Embedded(BaseDoc):
        embedding: NdArray[SIZE]

    random = np.random.default_rng(0)
    vectors = random.standard_normal((COUNT, SIZE), dtype=np.float32)
    query = random.standard_normal(SIZE, dtype=np.float32)
    queries = random.standard_normal((10, SIZE), dtype=np.float32)
    docs: DocList[Any] = DocList[Embedded].trusted([Embedded(id="0", embedding=vector) for vector in vectors])
    vec: DocVec[Any] = docs.to_doc_vec()
    rows: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    work: dict[str, Callable[[], Any]] = {
        "bare NumPy, product and argpartition": lambda: np.argpartition(-(vectors @ query), LIMIT)[:LIMIT],
        "bare NumPy, cosine and argpartition": lambda: np.argpartition(
            -(vectors @ query) / np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), LIMIT
        )[:LIMIT],
        "bare NumPy, ten queries": lambda: np.argpartition(-(queries @ vectors.T), LIMIT, axis=1)[:, :LIMIT],
    }
    for metric in METRICS:
        work[f"DocVec, {metric}"] = lambda metric=metric: find(vec, query, "", metric, LIMIT)
        work[f"DocVec, {metric}, cached"] = lambda metric=metric: find(vec, query, "", metric, LIMIT, cache=columns)
        work[f"DocList, {metric}, cached"] = lambda metric=metric: find(docs, query, "", metric, LIMIT, cache=rows)
    work["DocVec, ten queries, cosine_sim, cached"] = lambda: find_batched(vec, queries, limit=LIMIT, cache=columns)
    seconds = best_of(work, ROUNDS)
    return seconds | best_of({"DocList, cosine_sim, not cached": lambda: find(docs, query, limit=LIMIT)}, 5)


def of_docarray(python: str) -> dict[str, float]:
    command = [python, "-c", PEER, *map(str, (COUNT, SIZE, LIMIT, ROUNDS // 3))]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {f"DocArray, DocList, {name}": seconds for name, seconds in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docarray", metavar="PYTHON", help="an interpreter with DocArray 0.40")
    options = parser.parse_args()
    seconds = measured()
    if options.docarray:
        seconds |= of_docarray(options.docarray)
    bare = seconds["bare NumPy, product and argpartition"]
    for name, value in seconds.items():
        sys.stdout.write(f"{name:42} {value * 1e3:8.2f} ms {value / bare:7.2f} x bare\n")


if __name__ == "__main__":
    main()
