"""Executors of which there are several versions, in a module that a worker can import without pytest."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from thalweg import Executor, requests
from thalweg.docs import BaseDoc, DocList


class Note(BaseDoc):
    text: str = ""


class Scored(Note):
    score: float


class Marks(Executor):
    """Puts its mark behind each text, and takes a moment for it."""

    def __init__(self, mark: str = "a", **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.mark = mark

    @requests(on="/do")
    async def do(self, docs: DocList[Note], **kwargs: object) -> DocList[Note]:
        await asyncio.sleep(0.005)
        return DocList[Note]([Note(id=doc.id, text=doc.text + self.mark) for doc in docs])

    @requests(on="/stream")
    async def stream(self, doc: Note, **kwargs: object) -> AsyncIterator[Note]:
        for number in range(10):
            await asyncio.sleep(0.01)
            yield Note(text=f"{self.mark}{number}")


class Unready(Marks):
    """Cannot be constructed."""

    def __init__(self, **kwargs: object) -> None:
        raise RuntimeError("there is no such model")


class Cold(Marks):
    """Cannot be warmed up."""

    @requests(on="/do")
    async def do(self, docs: DocList[Note], **kwargs: object) -> DocList[Note]:
        raise RuntimeError("it stays cold")


class Deadly(Marks):
    """Ends with its first request."""

    @requests(on="/do")
    async def do(self, docs: DocList[Note], **kwargs: object) -> DocList[Note]:
        os._exit(3)


class Scores(Marks):
    """Gives what `Ranks` needs, and no other version does."""

    @requests(on="/do")
    async def do(self, docs: DocList[Note], **kwargs: object) -> DocList[Scored]:  # type: ignore[override]
        await asyncio.sleep(0.005)
        return DocList[Scored]([Scored(id=doc.id, text=doc.text + self.mark, score=1.0) for doc in docs])


class Ranks(Marks):
    """Cannot do with what others than `Scores` give."""

    @requests(on="/do")
    async def do(self, docs: DocList[Scored], **kwargs: object) -> DocList[Scored]:  # type: ignore[override]
        await asyncio.sleep(0.005)
        return DocList[Scored]([Scored(id=doc.id, text=doc.text + self.mark, score=doc.score) for doc in docs])


class Talks(Marks):
    """Answers one endpoint more."""

    @requests(on="/talk")
    async def talk(self, docs: DocList[Note], **kwargs: object) -> DocList[Note]:
        return docs
