"""Embeddings over HTTP, in each form that a body may have: `python -m benchmarks.http_payloads`.

A Deployment on this machine gives back 1,000 documents with 768 floats each. `wire` is a bare HTTP client of the standard
library that sends a body made beforehand and reads the answer; `client` is Thalweg's, from documents to documents. A rate
counts the bytes of the 32-bit floats themselves, there and back, so that forms can be compared.
"""

from __future__ import annotations

import argparse
import http.client
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from thalweg import Client, Deployment, Executor, requests
from thalweg.docs import BaseDoc, DocVec
from thalweg.docs.codecs.content import encode_content
from thalweg.docs.typing import NdArray
from thalweg.message import ARROW, COLUMNS, JSON
from thalweg.transport.http.payload import pack_content

DOCUMENTS, FLOATS = 1000, 768
MOVED = 2 * DOCUMENTS * FLOATS * 4
SECONDS = 3.0


class Embedding(BaseDoc):
    embedding: NdArray[768]  # type: ignore[type-arg, valid-type]


class Mirror(Executor):
    """Gives back what it gets."""

    @requests(on="/mirror")
    def mirror(self, docs: DocVec[Embedding]) -> DocVec[Embedding]:
        return docs


class Measured(NamedTuple):
    """One form by one caller."""

    form: str
    caller: str
    milliseconds: float
    """Median of a round trip."""
    megabytes: float
    """Of the body."""

    @property
    def rate(self) -> float:
        """Gigabytes of floats per second."""
        return MOVED / self.milliseconds / 1e6


def embeddings() -> DocVec[Embedding]:
    values = np.random.default_rng(0).standard_normal((DOCUMENTS, FLOATS), np.float32)
    return DocVec[Embedding]([Embedding(id=str(number), embedding=row) for number, row in enumerate(values)])


def wire(port: int, form: str, docs: DocVec[Embedding], seconds: float) -> Measured:
    """Bodies made beforehand, by a client that does nothing but send and receive."""
    parts, beside = encode_content(form, docs, {})
    body = b"".join(pack_content(form, parts, beside).parts)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.blocksize = 1 << 20
    buffer = bytearray(2 * len(body) + (1 << 20))

    def once() -> None:
        connection.request("POST", "/mirror", body, {"content-type": form, "accept": form})
        answer = connection.getresponse()
        size = 0
        while count := answer.readinto(memoryview(buffer)[size:]):
            size += count
        if answer.status != 200 or size < DOCUMENTS * FLOATS:
            raise SystemExit(f"{form}: status {answer.status}, {size} bytes: {bytes(buffer[:200])!r}")

    try:
        return Measured(form, "wire", _median(once, seconds), len(body) / 1e6)
    finally:
        connection.close()


def client(port: int, docs: DocVec[Embedding], seconds: float) -> Measured:
    """Documents to documents; the client sends columns."""
    with Client(host=f"http://127.0.0.1:{port}") as caller:

        def once() -> None:
            caller.post("/mirror", docs, request_size=DOCUMENTS, return_type=Embedding)

        return Measured(COLUMNS, "client", _median(once, seconds), MOVED / 2e6)


def _median(once: Callable[[], None], seconds: float) -> float:
    once()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < 5 or time.perf_counter() < end:
        begun = time.perf_counter()
        once()
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken)) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each form")
    seconds = parser.parse_args().seconds
    docs = embeddings()
    with Deployment(uses=Mirror, protocol="http", port=0) as deployment:
        port = deployment.ports[0]
        rows = [wire(port, form, docs, seconds) for form in (ARROW, COLUMNS, JSON)]
        rows.append(client(port, docs, seconds))
    slowest = next(row for row in rows if row.form == JSON)
    print(f"{DOCUMENTS} x {FLOATS} floats there and back")
    print("| form | caller | body, MB | round trip, ms | floats, GB/s | x JSON |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        faster = slowest.milliseconds / row.milliseconds
        print(
            f"| {row.form} | {row.caller} | {row.megabytes:.1f} | {row.milliseconds:.1f} | {row.rate:.2f} | {faster:.0f} |"
        )


if __name__ == "__main__":
    main()
