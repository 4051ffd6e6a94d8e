"""An Executor that writes down what happens to its requests, in a module that a worker can import without pytest."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.endtoend.samples import Text
from thalweg import Executor, requests
from thalweg.docs import DocList
from thalweg.message import Context


class Diarist(Executor):
    """Each request waits until there is a file `go` in `folder`; `diary` there has a line for whatever happened."""

    def __init__(self, folder: str, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.folder = Path(folder)

    def _note(self, what: str, docs: DocList[Text]) -> None:
        with open(self.folder / "diary", "a") as diary:
            diary.write(f"{what} {docs[0].text}\n")

    @property
    def _held(self) -> bool:
        return not (self.folder / "go").exists()

    @requests(on="/do")
    def do(self, docs: DocList[Text], context: Context) -> DocList[Text]:
        remaining = context.remaining()
        self._note("begin", docs)
        while self._held:
            time.sleep(0.002)
        self._note("end", docs)
        return DocList[Text]([Text(text="for ever" if remaining is None else f"{remaining:.3f}")])

    @requests(on="/later")
    async def later(self, docs: DocList[Text]) -> None:
        self._note("begin", docs)
        try:
            while self._held:  # noqa: ASYNC110  another process decides
                await asyncio.sleep(0.002)
        except asyncio.CancelledError:
            self._note("cancelled", docs)
            raise
        self._note("end", docs)


class Before(Executor):
    """Stands before it in a Flow, and names in a file `passed` in `folder` whom it has let through."""

    def __init__(self, folder: str, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.passed = Path(folder) / "passed"

    @requests
    def let_through(self, docs: DocList[Text]) -> None:
        with open(self.passed, "a") as passed:
            passed.write(f"{docs[0].text}\n")
