"""What documents cost in one library: `python data_layer.py thalweg|docarray`; prints JSON. Runs in its environment.

Times are processor time in microseconds a document, the least of several calls, so that a busy machine changes them
little. Memory is what Python allocates, in bytes a document.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

# One thread each: what several threads spin while they wait for each other would be counted as well.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

LIBRARY = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
CALLS = 5

if LIBRARY == "thalweg":
    from thalweg.docs import BaseDoc, DocList
    from thalweg.docs.typing import NdArray
else:
    from docarray import BaseDoc, DocList
    from docarray.typing import NdArray


class Text(BaseDoc):
    text: str


class Embedded(BaseDoc):
    text: str
    embedding: NdArray[128]


VECTORS = np.random.default_rng(0).random((COUNT, 128), np.float32)


def least_in_turn(work: dict[str, Callable[[], Any]], count: int, calls: int) -> dict[str, float]:
    """Microseconds for each of `count`, of works that take turns, so that a busy machine is busy for all of them."""
    best = dict.fromkeys(work, float("inf"))
    for _ in range(calls):
        for name, call in work.items():
            best[name] = min(best[name], least(call, count, 1))
    return best


def least(work: Callable[[], Any], count: int = COUNT, calls: int = CALLS) -> float:
    """Microseconds a document."""
    best = float("inf")
    for _ in range(calls):
        gc.collect()
        before = time.process_time()
        kept = work()
        best = min(best, time.process_time() - before)
        del kept
    return best / count * 1e6


def allocated(make: Callable[[], Any]) -> float:
    """Bytes a document."""
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    found = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return found / COUNT


def documents(vectors: Any = VECTORS) -> Any:
    return DocList[Embedded]([Embedded(text="the river", embedding=vector) for vector in vectors])


def small() -> Any:
    return DocList[Text]([Text(text="the river") for _ in range(COUNT)])


def both() -> dict[str, float]:
    docs = documents()
    text, data = docs.to_json(), docs.to_bytes("protobuf-array")
    array = DocList[Embedded]
    return {
        "construct": least(documents),
        "json-encode": least(docs.to_json),
        "json-decode": least(lambda: array.from_json(text)),
        "protobuf-encode": least(lambda: docs.to_bytes("protobuf-array")),
        "protobuf-decode": least(lambda: array.from_bytes(data, "protobuf-array")),
        "memory-list": allocated(small),
    }


def ours() -> dict[str, float]:
    from thalweg.docs.codecs import columns

    docs = documents()
    body, text = columns.encode(docs), docs.to_json()
    found = {
        "columns-encode": least(lambda: columns.encode(docs)),
        "columns-decode": least(lambda: columns.decode(body, Embedded)),
        "columns-decode-vec": least(lambda: columns.decode_vec(body, Embedded)),
        "memory-vec": allocated(lambda: small().to_doc_vec()),
    }
    sys.modules["simdjson"] = None  # type: ignore[assignment]  # as where it is not installed

    class Without(BaseDoc):
        text: str
        embedding: NdArray[128]

    return found | {"json-decode-without": least(lambda: DocList[Without].from_json(text))} | growth() | search()


def growth() -> dict[str, float]:
    """Decoding ten and a hundred times as many."""
    from thalweg.docs.codecs import columns

    found = {}
    for count in (COUNT, 10 * COUNT, 100 * COUNT):
        docs = documents(np.broadcast_to(VECTORS[:1], (count, 128)))
        body, data = columns.encode(docs), docs.to_bytes("protobuf-array")
        del docs
        found[f"columns-decode-{count}"] = least(lambda body=body: columns.decode(body, Embedded), count, 2)
        found[f"protobuf-decode-{count}"] = least(
            lambda data=data: DocList[Embedded].from_bytes(data, "protobuf-array"), count, 2
        )
    return found


def search() -> dict[str, float]:
    """`find` in 100,000 vectors against NumPy's product and partition of the same matrix; milliseconds a query."""
    from thalweg.docs.query import find

    matrix = np.random.default_rng(1).random((100_000, 128), np.float32)
    query = np.random.default_rng(2).random(128, np.float32)
    docs = documents(matrix)
    vec, kept, kept_vec = docs.to_doc_vec(), {}, {}

    def bare() -> Any:
        scores = matrix @ query
        best = np.argpartition(-scores, 10)[:10]
        return best[np.argsort(-scores[best])]

    def mine(index: Any, cache: dict[str, Any]) -> Any:
        return find(index, query, "embedding", metric="dot", limit=10, cache=cache)

    assert np.allclose(mine(docs, kept).scores, (matrix @ query)[bare()])
    turns = {
        "find-bare": bare,
        "find-list": lambda: mine(docs, kept),
        "find-vec": lambda: mine(vec, kept_vec),
        "find-cosine": lambda: find(vec, query, "embedding", limit=10, cache=kept_vec),
    }
    return least_in_turn(turns, 1000, 30)


if __name__ == "__main__":
    print(json.dumps(both() | (ours() if LIBRARY == "thalweg" else {})))
