"""A worker that is closed while requests are under way: nobody is counted out twice, and user code closes once."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs import json
from thalweg.errors import Unavailable
from thalweg.executor import Executor, dynamic_batching, requests
from thalweg.executor.source import ExecutorSource
from thalweg.message import Context, Request, Response
from thalweg.service.worker.worker import Worker
from thalweg.testing.leaks import eventually


class Text(BaseDoc):
    text: str = ""


class Held(Executor):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.begun, self.go = threading.Event(), threading.Event()
        self.closed = 0

    def wait(self) -> None:
        self.begun.set()
        assert self.go.wait(30)

    @requests(on="/stream", max_concurrency=1)
    def stream(self, docs: DocList[Text]) -> Iterator[Text]:
        self.wait()
        yield from docs

    @requests(on="/hold")
    def hold(self, docs: DocList[Text]) -> None:
        self.wait()

    @requests(on="/batch")
    @dynamic_batching(preferred_batch_size=1, timeout=0)
    def batch(self, docs: DocList[Text]) -> None:
        self.wait()

    def close(self) -> None:
        self.closed += 1


async def started() -> tuple[Worker, Held]:
    worker = Worker(ExecutorSource(Held), WorkerOptions())
    await worker.start()
    assert isinstance(worker.executor, Held)
    return worker, worker.executor


def begin(worker: Worker, path: str) -> "asyncio.Task[list[Response]]":
    async def ask() -> list[Response]:
        request = Request(path, (json.encode(DocList[Text]([Text()]), {}),))
        return [response async for response in worker.handle(request, Context())]

    return asyncio.ensure_future(ask())


async def test_user_code_is_closed_once_though_the_worker_is_closed_twice_while_a_batch_runs() -> None:
    worker, held = await started()
    asked = begin(worker, "/batch")
    await eventually(held.begun.is_set)
    closing = [asyncio.ensure_future(worker.close()) for _ in range(2)]
    await asyncio.sleep(0)
    held.go.set()
    async with asyncio.timeout(30):
        await asyncio.gather(*closing)
        assert len(await asked) == 1
    assert held.closed == 1
    assert worker.inflight == 0


async def test_a_stream_that_is_refused_and_called_off_at_once_is_counted_out_once() -> None:
    worker, held = await started()
    running = begin(worker, "/stream")
    await eventually(held.begun.is_set)
    waiting = begin(worker, "/stream")
    await eventually(lambda: worker.inflight == 2)
    closing = asyncio.ensure_future(worker.close())
    while worker.inflight == 2:  # noqa: ASYNC110  in the very turn in which it is refused
        await asyncio.sleep(0)
    waiting.cancel()
    held.go.set()
    async with asyncio.timeout(30):
        await closing
        ended = await asyncio.gather(running, waiting, return_exceptions=True)
    assert isinstance(ended[1], (asyncio.CancelledError, Unavailable))
    assert worker.inflight == 0
    assert worker._invocation is not None
    assert worker._invocation.lanes["/stream"].inflight == 0


@pytest.mark.parametrize("path", ["/stream", "/batch"])
async def test_after_the_end_nobody_is_let_in(path: str) -> None:
    worker, held = await started()
    held.go.set()
    await worker.close()
    with pytest.raises(Unavailable):
        await begin(worker, path)


async def test_a_stream_that_had_not_begun_is_refused_and_not_empty() -> None:
    worker, held = await started()
    running = begin(worker, "/hold")
    await eventually(held.begun.is_set)
    waiting = begin(worker, "/stream")
    await eventually(lambda: worker.inflight == 2)
    closing = asyncio.ensure_future(worker.close())
    async with asyncio.timeout(30):
        with pytest.raises(Unavailable, match="shutting down"):
            await waiting
        held.go.set()
        await closing
        assert len(await running) == 1
