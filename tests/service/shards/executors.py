"""Executors for tests of shards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ClientError
from thalweg.executor import Executor, requests


class Hit(BaseDoc):
    text: str = ""
    score: float = 0.0


class Text(BaseDoc):
    text: str = ""
    tags: dict[str, Any] = {}  # noqa: RUF012  # pydantic copies it
    shard: int = -1
    seen: list[str] = []  # noqa: RUF012
    matches: DocList[Hit] = DocList[Hit]([])


class Index(Executor):
    """Keeps what it is given, and finds the texts that are the longest."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.docs: dict[str, Text] = {}
        self.calls = 0

    @property
    def shard(self) -> int:
        number: int = self.runtime_args.shard_id
        return number

    def _fail(self, parameters: dict[str, Any]) -> None:
        self.calls += 1
        if self.shard in parameters.get("fail", ()):
            raise ClientError(f"shard {self.shard} will not")

    @requests(on=["/index", "/encode", "/update", "/delete"])
    def index(self, docs: DocList[Text], parameters: dict[str, Any]) -> DocList[Text]:
        self._fail(parameters)
        for doc in docs:
            doc.shard = self.shard
            self.docs[doc.id] = doc
        return docs

    @requests(on="/search")
    def search(self, docs: DocList[Text], parameters: dict[str, Any]) -> DocList[Text]:
        self._fail(parameters)
        for doc in docs:
            doc.matches = self._found(parameters)
            doc.seen = [str(self.shard)]
        return docs

    @requests(on="/flat")
    def flat(self, docs: DocList[Text], parameters: dict[str, Any]) -> DocList[Hit]:
        return DocList[Hit]([hit for _ in docs for hit in self._found(parameters)])

    @requests(on="/count")
    def count(self, **_: Any) -> dict[str, Any]:
        return {"documents": len(self.docs)}

    @requests(on="/fewer")
    def fewer(self, docs: DocList[Text], **_: Any) -> DocList[Text]:
        return DocList[Text]([Text(text="new"), *(doc for doc in docs if int(doc.text) % 2)])

    @requests(on="/others")
    def others(self, docs: DocList[Text], **_: Any) -> DocList[Text]:
        return DocList[Text]([Text(text=doc.text + "!") for doc in docs])

    @requests(on="/items")
    async def items(self, doc: Text, parameters: dict[str, Any]) -> AsyncGenerator[Text, None]:
        for number in range(3):
            yield Text(text=f"{doc.text}{number}", shard=self.shard)
        self._fail(parameters)

    @requests(on="/talk")
    async def talk(self, docs: AsyncIterator[Text]) -> AsyncGenerator[Text, None]:
        async for doc in docs:
            yield Text(text=doc.text.upper(), shard=self.shard)

    def _found(self, parameters: dict[str, Any]) -> DocList[Hit]:
        hits = [Hit(id=doc.id, text=doc.text, score=len(doc.text)) for doc in self.docs.values()]
        return DocList[Hit](sorted(hits, key=lambda hit: -hit.score)[: int(parameters.get("limit", 1000))])


class Trim(Executor):
    """Stands before shards."""

    @requests
    def trim(self, docs: DocList[Text], **_: Any) -> DocList[Text]:
        for doc in docs:
            doc.text = doc.text.strip()
        return docs


class Matrix(Executor):
    """Stands after shards."""

    @requests(on="/search")
    def joined(self, docs: DocList[Text], **given: Any) -> DocList[Text]:
        docs_matrix = given["docs_matrix"]
        return DocList[Text]([Text(text=f"{len(docs_matrix)} lists of {len(docs_matrix[0])}")])


class Sleeper(Executor):
    """Answers too late, or on one shard only."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.asleep = 0

    @requests(on="/sleep")
    async def sleep(self, docs: DocList[Text], **_: Any) -> None:
        self.asleep += 1
        try:
            await asyncio.sleep(60)
        finally:
            self.asleep -= 1

    @requests(on="/one")
    async def one(self, docs: DocList[Text], **_: Any) -> None:
        if self.runtime_args.shard_id:
            await asyncio.sleep(60)
