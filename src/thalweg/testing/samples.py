"""Executors that the checks of launchers start. They need nothing but Thalweg, wherever they run."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from typing import Any

from thalweg.docs import BaseDoc, DocList
from thalweg.executor import Executor, requests


class Said(BaseDoc):
    """A text."""

    text: str = ""


class Speaker(Executor):
    """Answers, tells where it is, and takes its time when asked to."""

    def __init__(self, greeting: str = "hello", **given: Any) -> None:
        super().__init__(**given)
        self.greeting = greeting
        sys.stdout.write(f"standard output of {greeting}\n")
        sys.stderr.write(f"standard error of {greeting}\n")

    @requests(on="/greet")
    def greet(self, docs: DocList[Said], **_: Any) -> DocList[Said]:
        """What it was made with, and what it was asked."""
        return DocList[Said]([Said(text=f"{self.greeting} {doc.text}") for doc in docs])

    @requests(on="/variable")
    def variable(self, docs: DocList[Said], **_: Any) -> DocList[Said]:
        """Variables of the environment, by their names."""
        return DocList[Said]([Said(text=os.environ.get(doc.text, "")) for doc in docs])

    @requests(on="/replica")
    def replica(self, docs: DocList[Said], **_: Any) -> DocList[Said]:
        """The number of this replica."""
        return DocList[Said]([Said(text=str(self.runtime_args.replica)) for _ in docs])

    @requests(on="/slow")
    async def slow(self, docs: DocList[Said], **_: Any) -> DocList[Said]:
        """The same after as many seconds as the text says."""
        sys.stdout.write("slow begins\n")
        await asyncio.sleep(float(docs[0].text))
        return docs


class Careless(Executor):
    """Starts a program and forgets about it."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        subprocess.Popen([sys.executable, "-c", "import time; print('left behind', flush=True); time.sleep(1000)"])

    @requests
    def answer(self, docs: DocList[Said], **_: Any) -> None:
        """Nothing."""


class Unfinished(Executor):
    """Cannot be constructed."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        raise ValueError("the model is not finished")

    @requests
    def answer(self, docs: DocList[Said], **_: Any) -> None:
        """Nothing."""


class Abrupt(Executor):
    """Ends its process while it is constructed."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        sys.stdout.write("last words\n")
        os._exit(7)

    @requests
    def answer(self, docs: DocList[Said], **_: Any) -> None:
        """Nothing."""


class Stubborn(Executor):
    """Keeps the interpreter while it is constructed, and lets nobody else have it."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        sys.stdout.write("keeps the interpreter\n")
        re.match(r"(a+)+$", "a" * 50 + "b")  # for ever, as far as anybody will know

    @requests
    def answer(self, docs: DocList[Said], **_: Any) -> None:
        """Nothing."""
