"""Sends documents over gRPC with a framework's own client: `python stream.py thalweg|jina --port N --work ...`.

Both clients have the same call, so both run the same lines. Posts of about one second each are repeated until the time
is over; each of them has to bring back every document, changed as the work asks.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

import numpy as np

LARGEST_POST = 50_000
PATTERN = 64
TEXT = "The line along a river bed where the water runs fastest is called the thalweg."


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("framework", choices=("thalweg", "jina"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--work", choices=("documents", "vectors"), required=True)
    parser.add_argument("--seconds", type=float, default=4.0)
    return parser.parse_args()


class Stream:
    """One client, one kind of documents, and the number of them that one request carries."""

    def __init__(self, framework: str, port: int, work: str) -> None:
        if framework == "thalweg":
            from thalweg import Client
            from thalweg.docs import BaseDoc, DocList
            from thalweg.docs.typing import NdArray
        else:
            from docarray import BaseDoc, DocList
            from docarray.typing import NdArray
            from jina import Client

        class Text(BaseDoc):
            text: str

        class Embedded(Text):
            embedding: NdArray[384]

        self.vectors = work == "vectors"
        self.request_size = 100 if self.vectors else 1
        self.endpoint = "/vectors" if self.vectors else "/encode"
        self._embeddings = np.random.default_rng(0).random((PATTERN, 384), dtype=np.float32)
        self._make: Any = self._embedded(Embedded) if self.vectors else lambda n: Text(id=str(n), text=TEXT)
        self._type = DocList[Embedded] if self.vectors else DocList[Text]
        self.sent = 0
        self._client = Client(host=f"grpc://127.0.0.1:{port}")

    def _embedded(self, cls: type) -> Any:
        return lambda n: cls(id=str(n), text=TEXT, embedding=self._embeddings[n % PATTERN])

    def documents(self, count: int) -> list[Any]:
        return [self._make(number) for number in range(count)]

    def post(self, documents: list[Any]) -> Any:
        """All answers to `documents`."""
        self.sent += len(documents)
        return self._client.post(
            self.endpoint, inputs=iter(documents), request_size=self.request_size, return_type=self._type
        )

    def check(self, documents: list[Any], answers: Any) -> None:
        """Every document is back once, both stages have changed its text, and its vector is as it was sent."""
        wanted = {document.id for document in documents}
        got = {answer.id for answer in answers}
        if got != wanted or len(answers) != len(documents):
            raise SystemExit(
                f"sent {len(documents)} documents and got {len(answers)}, {len(got & wanted)} of them ours"
            )
        for answer in answers:
            if answer.text != TEXT.upper() + "!":
                raise SystemExit(f"answered {answer.text!r}")
            if self.vectors and not np.array_equal(answer.embedding, self._embeddings[int(answer.id) % PATTERN]):
                raise SystemExit(f"document {answer.id} came back with another vector")


def wait(stream: Stream, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            documents = stream.documents(stream.request_size)
            stream.check(documents, stream.post(documents))
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def timed(stream: Stream, count: int) -> float:
    """Seconds that it takes to send `count` documents and have all answers."""
    documents = stream.documents(count)
    begin = time.perf_counter()
    answers = stream.post(documents)
    took = time.perf_counter() - begin
    stream.check(documents, answers)
    return took


def documents_a_second(stream: Stream) -> int:
    """About how many documents go through in a second, in whole requests; warms everything up meanwhile."""
    requests = 4
    while True:
        took = timed(stream, requests * stream.request_size)
        if took > 0.5 or requests * stream.request_size >= LARGEST_POST:
            return max(1, min(round(requests / took), LARGEST_POST // stream.request_size)) * stream.request_size
        requests *= 2


def main() -> None:
    given = parse()
    stream = Stream(given.framework, given.port, given.work)
    wait(stream)
    count = documents_a_second(stream)
    print("timing", flush=True)
    before = os.times()
    took: list[float] = []
    while sum(took) < given.seconds:
        took.append(timed(stream, count))
    after = os.times()
    found = {
        "documents": count * len(took),
        "seconds": sum(took),
        "posts": len(took),
        "all_documents": stream.sent,
        "user": after.user - before.user,
        "system": after.system - before.system,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
