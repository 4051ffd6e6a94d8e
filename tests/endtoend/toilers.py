"""Executors that print, log, grow, start programs and die, for the tests of what looks after them."""

import os
import signal
import subprocess
import sys

from thalweg import Executor, requests
from thalweg.docs import BaseDoc, DocList


class Word(BaseDoc):
    text: str = ""


class Talker(Executor):
    """Says things in each way there is."""

    @requests(on="/say")
    def say(self, docs: DocList[Word], **kwargs) -> DocList[Word]:
        for doc in docs:
            print(f"printed {doc.text}")
            self.logger.warning("logged %s", doc.text)
            print(f"complained {doc.text}", file=sys.stderr)
            subprocess.run(["echo", f"echoed {doc.text}"], check=True)
            os.write(1, f"written {doc.text}\n".encode())
        return docs

    @requests(on="/fail")
    def fail(self, docs: DocList[Word], **kwargs) -> DocList[Word]:
        raise ValueError("it cannot be done")

    @requests(on="/die")
    def die(self, docs: DocList[Word], **kwargs) -> DocList[Word]:
        os.write(2, b"last words, without a line end")
        os.kill(os.getpid(), signal.SIGKILL)
        return docs


class Glutton(Executor):
    """Grows with each request."""

    def __init__(self, megabytes: int = 8, **kwargs):
        super().__init__(**kwargs)
        self._size = megabytes << 20
        self._kept: list[bytes] = []

    @requests(on="/eat")
    def eat(self, docs: DocList[Word], **kwargs) -> DocList[Word]:
        self._kept.append(b"x" * self._size)
        return DocList[Word]([Word(text=str(os.getpid()))])


class Parent(Executor):
    """Starts programs: one as usual, one in a session of its own, and one that is a daemon."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        sleep = ["sleep", "1000"]
        self._children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
        subprocess.run(["setsid", "--fork", *sleep], check=True)

    @requests(on="/pid")
    def pid(self, docs: DocList[Word], **kwargs) -> DocList[Word]:
        return DocList[Word]([Word(text=str(os.getpid()))])
