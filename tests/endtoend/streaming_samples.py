"""Executors that stream, in a module that a worker can import without pytest."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from thalweg import Executor, requests
from thalweg.docs import BaseDoc, DocList


class Word(BaseDoc):
    text: str = ""
    gate: str = ""
    """A folder in which the file `n` lets item `n` be made."""


class Words(Executor):
    """Makes items when the test lets it; leaves a file that says on which thread it was closed."""

    @requests(on="/stream")
    def stream(self, doc: Word, parameters: dict[str, object], **kwargs: object) -> Iterator[Word]:
        gate = Path(doc.gate)
        try:
            for number in range(1000):
                while not (gate / str(number)).exists():
                    if (gate / "end").exists():
                        return
                    time.sleep(0.002)
                yield Word(text=f"{doc.text}{number}{parameters.get('mark', '')}")
        finally:
            (gate / "closed").write_text(threading.current_thread().name)

    @requests(on="/stream_async")
    async def stream_async(self, doc: Word, **kwargs: object) -> AsyncIterator[Word]:
        gate = Path(doc.gate)
        try:
            for number in range(1000):
                while not (gate / str(number)).exists():  # noqa: ASYNC110  another process makes the file
                    await asyncio.sleep(0.002)
                yield Word(text=f"{doc.text}{number}")
        finally:
            (gate / "closed").write_text(threading.current_thread().name)

    @requests(on="/broken")
    def broken(self, doc: Word, **kwargs: object) -> Iterator[Word]:
        yield Word(text="first")
        raise ValueError("half way")

    @requests(on="/many")
    def many(self, doc: Word, **kwargs: object) -> Iterator[Word]:
        for number in range(int(doc.text)):
            yield Word(text=str(number))

    @requests(on="/chat")
    async def chat(self, docs: AsyncIterator[Word], **kwargs: object) -> AsyncIterator[Word]:
        async for doc in docs:
            yield Word(text=f"you said {doc.text}")
        yield Word(text="bye")

    @requests(on="/chat_sync")
    def chat_sync(self, docs: Iterator[Word], **kwargs: object) -> Iterator[Word]:
        for doc in docs:
            yield Word(text=f"you said {doc.text}")
        yield Word(text="bye")


class Loud(Executor):
    @requests(on=["/stream", "/stream_async", "/broken", "/many", "/chat", "/chat_sync"])
    def loud(self, docs: DocList[Word], **kwargs: object) -> DocList[Word]:
        return DocList[Word]([Word(id=doc.id, text=doc.text.upper()) for doc in docs])
