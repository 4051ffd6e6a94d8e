"""Inputs that go on while answers come."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Iterable, Mapping
from concurrent.futures import Future
from contextlib import aclosing

from thalweg.client.exchange import Chunked, Item, Several, batches
from thalweg.docs import BaseDocWithoutId
from thalweg.docs.codecs import columns
from thalweg.errors import MalformedRequest
from thalweg.message import Buffer


async def payloads(inputs: Item | Several, size: int) -> AsyncGenerator[tuple[Buffer, ...], None]:
    """`inputs` as they go out, at most `size` documents at a time; each as soon as it is there."""
    async with aclosing(batches(inputs, size)) as parts:
        async for part in parts:
            yield tuple(columns.encode(part))


def one_document(inputs: object) -> BaseDocWithoutId | Mapping[str, object]:
    """`inputs`, which is one document. Raises `MalformedRequest`."""
    if not isinstance(inputs, (BaseDocWithoutId, Mapping)):
        raise MalformedRequest(
            f"stream_doc takes one document, not {type(inputs).__name__}. `stream` takes several, and `converse` sends them "
            f"while answers come."
        )
    return inputs


class Monologue(Chunked):
    """A caller's iterator, read in a thread of its own: it may wait for what the caller does with an answer, so neither
    the thread that reads answers nor the loop can wait for it."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = items
        self._wanted: queue.SimpleQueue[Future[Item | None] | None] = queue.SimpleQueue()

    async def chunks(self) -> AsyncGenerator[list[Item], None]:
        # A daemon: an iterator that waits for ever must not keep the process from ending.
        threading.Thread(target=self._read, name="thalweg-inputs", daemon=True).start()
        try:
            while True:
                item: Future[Item | None] = Future()
                self._wanted.put(item)
                found = await asyncio.wrap_future(item)
                if found is None:
                    return
                yield [found]
        finally:
            self._wanted.put(None)

    def _read(self) -> None:
        items = iter(self._items)
        while (wanted := self._wanted.get()) is not None:
            if not wanted.set_running_or_notify_cancel():
                continue
            try:
                wanted.set_result(next(items, None))
            except Exception as error:
                wanted.set_exception(error)
                return
