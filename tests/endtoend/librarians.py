"""Executors with shards for the tests of this folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thalweg import Executor, requests
from thalweg.docs import BaseDoc, DocList


class Hit(BaseDoc):
    title: str = ""
    score: float = 0.0


class Book(BaseDoc):
    title: str = ""
    shard: int = -1
    seen: dict[str, Any] = {}  # noqa: RUF012  # pydantic copies it
    matches: DocList[Hit] = DocList[Hit]([])


class Library(Executor):
    """Keeps titles in its workspace, and finds the longest."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.shelf = Path(self.workspace) / "books.jsonl"
        lines = self.shelf.read_text().splitlines() if self.shelf.exists() else []
        self.books = dict(json.loads(line) for line in lines)

    @requests(on="/index")
    def index(self, docs: DocList[Book]) -> DocList[Book]:
        with self.shelf.open("a") as shelf:
            for book in docs:
                book.shard = self.runtime_args.shard_id
                self.books[book.id] = book.title
                shelf.write(json.dumps([book.id, book.title]) + "\n")
        return docs

    @requests(on="/delete")
    def delete(self, docs: DocList[Book]) -> None:
        for book in docs:
            self.books.pop(book.id, None)

    @requests(on="/search")
    def search(self, docs: DocList[Book], parameters: dict[str, Any]) -> DocList[Book]:
        if parameters.get("fail") == self.runtime_args.shard_id:
            raise ValueError("a page is missing")
        hits = [Hit(id=key, title=title, score=len(title)) for key, title in self.books.items()]
        found = sorted(hits, key=lambda hit: -hit.score)[: int(parameters.get("limit", 10))]
        for question in docs:
            question.matches = DocList[Hit](found)
        return docs

    @requests(on="/look")
    def look(self, docs: DocList[Book]) -> None:
        known = self.runtime_args
        told = [known.shards, known.replicas, os.environ.get("CUDA_VISIBLE_DEVICES", "")]
        for book in docs:
            book.seen = {f"{known.shard_id}/{known.replica}": told}

    @requests(on="/pages")
    def pages(self, doc: Book) -> Iterator[Book]:
        for number in range(3):
            yield Book(title=f"{doc.title}{number}", shard=self.runtime_args.shard_id)


class Preface(Executor):
    """Stands before shards."""

    @requests(on="/index")
    def clean(self, docs: DocList[Book]) -> DocList[Book]:
        for book in docs:
            book.title = book.title.strip()
        return docs


class Catalogue(Executor):
    """Stands after shards, and joins what they say itself."""

    @requests(on="/search")
    def join(self, docs: DocList[Book], docs_matrix: list[DocList[Book]]) -> DocList[Book]:
        titles = [match.title for books in docs_matrix for book in books for match in book.matches]
        return DocList[Book]([Book(title=f"{len(docs_matrix)} shards, {len(titles)} titles")])


class Number(BaseDoc):
    title: int = 0


class Count(Executor):
    """Gives no books."""

    @requests(on="/search")
    def count(self, docs: DocList[Book]) -> DocList[Number]:
        return DocList[Number]([Number()])
