"""Executors for the tests of this folder, in a module that a worker can import without pytest."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy

from thalweg import Executor, requests
from thalweg.docs import BaseDoc, DocList


class Text(BaseDoc):
    text: str


class Count(BaseDoc):
    number: int


class Upper(Executor):
    @requests(on="/do")
    def do(self, docs: DocList[Text], **kwargs: object) -> DocList[Text]:
        return DocList[Text]([Text(id=doc.id, text=doc.text.upper()) for doc in docs])


@requests(on="/do")
def shout(docs: DocList[Text]) -> DocList[Text]:
    return DocList[Text]([Text(id=doc.id, text=doc.text + "!") for doc in docs])


class Suffix(Executor):
    def __init__(self, suffix: str = "", **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.suffix = suffix

    @requests(on="/do")
    def do(self, docs: DocList[Text], **kwargs: object) -> DocList[Text]:
        return DocList[Text]([Text(id=doc.id, text=doc.text + self.suffix) for doc in docs])


class Length(Executor):
    @requests(on="/do")
    def do(self, docs: DocList[Text], **kwargs: object) -> DocList[Count]:
        return DocList[Count]([Count(id=doc.id, number=len(doc.text)) for doc in docs])


class Slow(Executor):
    """Takes a moment for each request, so that some are always under way."""

    @requests(on="/do")
    async def do(self, docs: DocList[Text], **kwargs: object) -> DocList[Text]:
        await asyncio.sleep(0.01)
        return docs

    @requests(on="/stream")
    async def stream(self, doc: Text, **kwargs: object) -> AsyncIterator[Text]:
        for letter in doc.text:
            yield Text(text=letter)


class Surroundings(Executor):
    """Tells what it finds around itself."""

    @requests(on="/look")
    def look(self, docs: DocList[Text], **kwargs: object) -> DocList[Text]:
        found = {
            "pid": os.getpid(),
            "replica": self.runtime_args.replica,
            "directory": os.getcwd(),
            "flavour": os.environ.get("FLAVOUR", ""),
            "blas": os.environ.get("OPENBLAS_NUM_THREADS", ""),
            "switch": sys.getswitchinterval(),
            "main": sorted(name for name in vars(sys.modules["__main__"]) if not name.startswith("__")),
            "heavy": [name for name in ("grpc", "uvicorn", "aiohttp", "pytest") if name in sys.modules],
            "random": random.random(),
            "numpy": float(numpy.random.random()),
            "id": Text(text="").id,
            "threads": threading.active_count(),
        }
        return DocList[Text]([Text(text=str(found[doc.text])) for doc in docs])


class Once(Executor):
    """Its constructor fails when the file `marker` is there."""

    def __init__(self, marker: str, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        if Path(marker).exists():
            raise RuntimeError("not again")

    @requests(on="/do")
    def do(self, docs: DocList[Text], **kwargs: object) -> DocList[Text]:
        return docs


class Counting(Executor):
    """Says which replica it is, and counts in a stream."""

    @requests(on="/replica")
    def replica(self, docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([Text(id=doc.id, text=str(self.runtime_args.replica)) for doc in docs])

    @requests(on="/count")
    async def count(self, doc: Text) -> AsyncIterator[Text]:
        for number in range(3):
            yield Text(text=f"{doc.text}{number}")


class Meeting(Executor):
    """Is constructed only where `others` are at the same time; `folder` is where they meet."""

    def __init__(self, folder: str, others: int, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        (Path(folder) / str(os.getpid())).touch()
        deadline = time.monotonic() + 60
        while len(list(Path(folder).iterdir())) <= others:
            if time.monotonic() > deadline:
                raise TimeoutError("Nobody else is constructed.")
            time.sleep(0.01)

    @requests(on="/do")
    def do(self, docs: DocList[Text]) -> DocList[Text]:
        return docs
