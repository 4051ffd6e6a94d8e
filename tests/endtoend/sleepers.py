"""Executors whose replicas the load decides, in a module that a worker can import without pytest."""

from __future__ import annotations

import os
import time
from pathlib import Path

from thalweg import Executor, requests
from thalweg.docs import BaseDoc, DocList


class Task(BaseDoc):
    seconds: float = 0.05
    by: int = 0
    """The process that has done it."""


class Labours(Executor):
    """Takes as long as it is told to, one request at a time."""

    @requests(on="/do")
    def do(self, docs: DocList[Task], **kwargs: object) -> DocList[Task]:
        for doc in docs:
            time.sleep(doc.seconds)
            doc.by = os.getpid()
        return docs


class Passes(Executor):
    """Passes on what it gets."""

    @requests(on="/do")
    def do(self, docs: DocList[Task], **kwargs: object) -> None:
        """At once."""


class Reluctant(Labours):
    """Starts only as long as a file is there."""

    def __init__(self, file: str, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        if not Path(file).exists():
            raise RuntimeError("it does not want to")


class Slow(Labours):
    """Takes its time to start, where a file is there."""

    def __init__(self, file: str, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        while Path(file).exists():
            time.sleep(0.01)


class Brittle(Labours):
    """Ends with each of its requests."""

    @requests(on="/do")
    def do(self, docs: DocList[Task], **kwargs: object) -> DocList[Task]:
        os._exit(3)
