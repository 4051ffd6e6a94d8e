"""A worker with batched endpoints, called by many at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from thalweg.config.workers import WorkerOptions
from thalweg.docs import DocList
from thalweg.docs.codecs import columns, json
from thalweg.executor import Executor
from thalweg.executor.source import ExecutorSource
from thalweg.message import COLUMNS, JSON, Context, Request
from thalweg.service.worker.checkup import Resign
from thalweg.service.worker.worker import Worker


class Gate:
    """Holds the compute thread up until the test lets it go on."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.go.wait(30)


@asynccontextmanager
async def working(
    executor: type[Executor], /, *, resign: Resign | None = None, **options: Any
) -> AsyncIterator[Worker]:
    worker = Worker(ExecutorSource(executor), WorkerOptions(**options), resign=resign)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.close()


async def call(
    worker: Worker,
    path: str,
    docs: DocList[Any],
    parameters: dict[str, Any] | None = None,
    context: Context | None = None,
    content_type: str = JSON,
    accept: str = "",
) -> list[Any]:
    """The answer's documents, of any class."""
    body = columns.encode(docs) if content_type == COLUMNS else (json.encode(docs, {}),)
    request = Request(path, body, content_type, accept, parameters or {})
    (response,) = [one async for one in worker.handle(request, context or Context())]
    if response.content_type == COLUMNS:
        return list(columns.decode(response.body, None))
    return list(json.decode(response.body[0], None)[0])


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return when `condition` holds, which other threads bring about."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it never came to that"
        await asyncio.sleep(0.002)
