"""What is put under faults: an Executor that writes down what it acknowledges."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from thalweg import Executor, requests
from thalweg.docs import BaseDoc, DocList


class Item(BaseDoc):
    number: int
    result: int = 0


def expected(number: int) -> int:
    """What the service has to make of `number`."""
    return number * 7 + 1


class Ledger(Executor):
    """Writes the number of each document into a file of its replica before it answers."""

    def __init__(self, folder: str, seconds: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        path = Path(folder) / f"{os.getpid()}.ledger"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._seconds = seconds

    @requests(on="/keep")
    def keep(self, docs: DocList[Item], **kwargs: Any) -> DocList[Item]:
        if self._seconds:
            time.sleep(self._seconds)
        os.write(self._file, "".join(f"{doc.number}\n" for doc in docs).encode())
        return DocList[Item](Item(id=doc.id, number=doc.number, result=expected(doc.number)) for doc in docs)

    @requests(on="/large")
    def large(self, docs: DocList[Item], **kwargs: Any) -> DocList[Blob]:
        return DocList[Blob](Blob(data="x" * 4_000_000) for _ in docs)

    @requests(on="/drip")
    async def drip(self, doc: Item, **kwargs: Any) -> AsyncIterator[Item]:
        for step in range(1000):
            yield Item(number=step)
            await asyncio.sleep(0.001)


class Blob(BaseDoc):
    data: str


def kept(folder: Path) -> set[int]:
    """Every number that some replica has written down."""
    return {int(line) for file in folder.glob("*.ledger") for line in file.read_text().split()}
