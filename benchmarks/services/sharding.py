"""An index in several shards, by Jina or by Thalweg, and its own client over gRPC. The same program for both: the first word
of the command line says whose libraries are imported. Prints documents and searches a second, by round."""

import asyncio
import json
import sys
import time

import numpy

if sys.argv[1] == "jina":
    from docarray import BaseDoc, DocList
    from docarray.typing import NdArray
    from jina import Client, Executor, Flow, requests
else:
    from thalweg import Client, Executor, Flow, requests
    from thalweg.docs import BaseDoc, DocList
    from thalweg.docs.typing import NdArray


class Passage(BaseDoc):
    text: str = ""
    embedding: NdArray[64]


class Question(BaseDoc):
    text: str = ""
    found: dict[str, float] = {}  # noqa: RUF012  # pydantic copies it


class Index(Executor):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.known = []

    @requests(on="/index")
    def index(self, docs: DocList[Passage], **kwargs) -> DocList[Passage]:
        self.known = [doc.id for doc in docs[:10]]
        return docs

    @requests(on="/search")
    def search(self, docs: DocList[Question], **kwargs) -> DocList[Question]:
        for doc in docs:
            doc.found = {name: 1 / (place + 1) for place, name in enumerate(self.known)}
        return docs


async def indexed(client: Client, documents: int, size: int) -> float:
    vector = numpy.zeros(64, numpy.float32)
    given = DocList[Passage]([Passage(text=str(number), embedding=vector) for number in range(documents)])
    begun, count = time.perf_counter(), 0
    async for docs in client.post("/index", given, request_size=size, return_type=DocList[Passage]):
        count += len(docs)
    assert count == documents, f"{count} of {documents} documents came back"
    return documents / (time.perf_counter() - begun)


async def searched(client: Client, searches: int) -> float:
    given = DocList[Question]([Question(text=str(number)) for number in range(searches)])
    begun, count = time.perf_counter(), 0
    async for docs in client.post("/search", given, request_size=1, return_type=DocList[Question]):
        count += len(docs)
        assert len(docs[0].found) > 10
    assert count == searches, f"{count} of {searches} answers came"
    return searches / (time.perf_counter() - begun)


async def measured(port: int, documents: int, searches: int, rounds: int) -> dict[str, list[float]]:
    client = Client(host="127.0.0.1", port=port, asyncio=True)
    await indexed(client, 500, 100)
    await searched(client, 50)
    return {
        "index": [await indexed(client, documents, 100) for _ in range(rounds)],
        "search": [await searched(client, searches) for _ in range(rounds)],
    }


def main() -> None:
    shards, port, documents, searches, rounds = map(int, sys.argv[2:])
    with Flow(port=port).add(uses=Index, shards=shards, polling={"/index": "ANY", "/search": "ALL"}):
        print(json.dumps(asyncio.run(measured(port, documents, searches, rounds))))


if __name__ == "__main__":
    main()
