"""What a batch does to those in it when something goes wrong at an unlucky moment."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.executor.batching.calling import Gate, call, until, working
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ExecutorFailed, Overloaded
from thalweg.executor import Executor, dynamic_batching, requests
from thalweg.service.worker.worker import Worker

LONG_MS = 60_000.0


class Text(BaseDoc):
    text: str = ""


def text(value: str) -> DocList[Text]:
    return DocList[Text]([Text(text=value)])


class Quota(Exception):
    """Cannot be copied: its constructor takes more than its base class knows of."""

    def __init__(self, used: int, most: int) -> None:
        super().__init__(f"{used} of {most} used")


class Busy(Overloaded):
    """The same, of ours."""

    def __init__(self, used: int, most: int) -> None:
        super().__init__(f"{used} of {most} used")


class Culprits(Executor):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gate = Gate()
        self.calls: list[list[str]] = []
        self.failed = False

    @requests(on="/quota")
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS, isolate_errors=False)
    def quota(self, docs: DocList[Text]) -> None:
        raise Quota(3, 2)

    @requests(on="/busy")
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    def busy(self, docs: DocList[Text]) -> None:
        raise Busy(3, 2)

    @requests(on="/held")
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    def held(self, docs: DocList[Text]) -> None:
        self.calls.append([doc.text for doc in docs])
        self.gate()
        if any(doc.text == "bad" for doc in docs):
            raise ValueError("a bad one among them")

    @requests(on="/once")
    @dynamic_batching(preferred_batch_size=2, timeout=LONG_MS)
    def once(self, docs: DocList[Text]) -> None:
        if not self.failed:
            self.failed = True
            raise MemoryError("too large a batch")

    @requests(on="/exit")
    @dynamic_batching(preferred_batch_size=2, timeout=0)
    async def exit(self, docs: DocList[Text]) -> None:
        raise SystemExit(3)

    @requests(on="/later")
    async def later(self, docs: DocList[Text]) -> None:
        await asyncio.sleep(0)


def culprits(worker: Worker) -> Culprits:
    assert isinstance(worker.executor, Culprits)
    return worker.executor


@pytest.mark.parametrize("path, kind", [("/quota", ExecutorFailed), ("/busy", Overloaded)])
async def test_an_exception_that_cannot_be_copied_reaches_every_caller(path: str, kind: type[Exception]) -> None:
    async with working(Culprits) as worker, asyncio.timeout(30):
        for _ in range(2):  # the first batch must not keep its slot
            errors = await asyncio.gather(*(call(worker, path, text(name)) for name in "ab"), return_exceptions=True)
            assert all(isinstance(error, kind) and "3 of 2 used" in str(error) for error in errors)
            assert len({error.request_id for error in errors if isinstance(error, (ExecutorFailed, Overloaded))}) == 2
        assert worker.inflight == 0


async def test_whoever_is_left_of_a_failed_batch_is_tried_alone() -> None:
    async with working(Culprits) as worker, asyncio.timeout(30):
        executor = culprits(worker)
        bad = asyncio.ensure_future(call(worker, "/held", text("bad")))
        good = asyncio.ensure_future(call(worker, "/held", text("good")))
        await until(executor.gate.begun.is_set)
        bad.cancel()
        await asyncio.gather(bad, return_exceptions=True)
        await until(lambda: worker.inflight == 1)
        executor.gate.go.set()
        assert [doc.text for doc in await good] == ["good"]
        assert executor.calls == [["bad", "good"], ["good"]]


async def test_what_a_batch_raised_is_told_though_its_parts_pass(caplog: pytest.LogCaptureFixture) -> None:
    async with working(Culprits) as worker, asyncio.timeout(30):
        with caplog.at_level(logging.WARNING, "thalweg.executor"):
            await asyncio.gather(*(call(worker, "/once", text(name)) for name in "ab"))
        assert "MemoryError: too large a batch" in caplog.text


async def test_an_exception_that_ends_the_worker_does_so_though_parts_of_the_batch_pass() -> None:
    resigned: list[str] = []
    async with (
        working(
            Culprits, resign=lambda reason, stuck: resigned.append(reason), exit_on_exceptions=["MemoryError"]
        ) as worker,
        asyncio.timeout(30),
    ):
        await asyncio.gather(*(call(worker, "/once", text(name)) for name in "ab"))
        await until(lambda: bool(resigned))
        assert "MemoryError was raised at /once: too large a batch" in resigned[0]


async def test_a_coroutine_that_would_end_the_process_ends_only_its_batch() -> None:
    async with working(Culprits) as worker, asyncio.timeout(30):
        with pytest.raises(ExecutorFailed, match="SystemExit"):
            await call(worker, "/exit", text("a"))
        assert await call(worker, "/later", text("a"))  # the loop of the coroutines turns
        assert worker.ready


class Counted(Executor):
    """Counts how many of its calls run at once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.running = self.most = self.calls = 0

    @requests(on="/limited", max_concurrency=1)
    @dynamic_batching(preferred_batch_size=2, timeout=5)
    async def limited(self, docs: DocList[Text]) -> None:
        self.running += 1
        self.calls += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0.001)
            if any(doc.text == "bad" for doc in docs):
                raise ValueError("a bad one among them")
        finally:
            self.running -= 1


async def test_no_batch_and_no_part_of_one_runs_past_max_concurrency() -> None:
    async with working(Counted) as worker, asyncio.timeout(30):
        names = ["bad" if number % 5 == 0 else f"t{number}" for number in range(24)]
        results = await asyncio.gather(
            *(call(worker, "/limited", text(name)) for name in names), return_exceptions=True
        )
        assert [isinstance(result, list) for result in results] == [name != "bad" for name in names]
        assert isinstance(worker.executor, Counted)
        assert worker.executor.calls > 12
        assert worker.executor.most == 1
