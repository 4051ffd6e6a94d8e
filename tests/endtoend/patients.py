"""Executors that fall ill, for the tests of this folder, in a module that a worker can import without pytest."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.endtoend.samples import Text
from thalweg import Executor, probe, requests, warmup
from thalweg.docs import DocList
from thalweg.errors import ClientError


class PaymentRequired(ClientError):
    code = "payment_required"
    http = 402


class Patient(Executor):
    """Does what a document says; whatever happens once leaves a file in `folder`, and happens no more."""

    def __init__(self, folder: str, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.folder = Path(folder)
        if self._is("unbuilt"):
            raise RuntimeError("not built") from KeyError("blueprint")

    def _is(self, what: str) -> bool:
        return (self.folder / what).exists()

    def _first(self, what: str) -> bool:
        try:
            (self.folder / what).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    @warmup
    def stretch(self) -> None:
        if self._is("cold"):
            raise RuntimeError("too cold")

    @probe(interval=0.1, timeout=60, failures=2)
    def feel(self) -> None:
        if self._is("ill"):
            raise RuntimeError("it hurts")

    @requests(on="/do")
    def do(self, docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([Text(id=doc.id, text=f"{doc.text} {os.getpid()}") for doc in docs])

    @requests(on="/stick")
    def stick(self, docs: DocList[Text]) -> DocList[Text]:
        if self._first("stuck"):
            time.sleep(3600)
        return docs

    @requests(on="/stop")
    def stop(self, docs: DocList[Text]) -> DocList[Text]:
        if self._first("stopped"):
            os.kill(os.getpid(), signal.SIGSTOP)
        return docs

    @requests(on="/note")
    def note(self, docs: DocList[Text]) -> None:
        for doc in docs:
            (self.folder / doc.text).touch()

    @requests(on="/fail")
    def fail(self, docs: DocList[Text]) -> DocList[Text]:
        raise ValueError(docs[0].text)

    @requests(on="/pay")
    def pay(self, docs: DocList[Text]) -> DocList[Text]:
        raise PaymentRequired("Your credit is used up.", details=[{"credit": 0}])


class Asthmatic(Patient):
    """Says that it is not ready, but wants no successor."""

    @probe(interval=0.1, timeout=60, failures=1, replace=False)
    def feel(self) -> None:
        super().feel()
