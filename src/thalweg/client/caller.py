"""The thread that called, while it waits."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from thalweg.client.arguments import AsyncCallback
from thalweg.client.exchange import Chunked, Item
from thalweg.docs import BaseDocWithoutId, DocList, DocVec

T = TypeVar("T")

READ_AHEAD = 64
"""Items that are taken from a caller's generator at a time, or those of one request where that is more."""


class Desk:
    """Runs, in the thread that called, what the loop must not: the caller's own generators and callbacks.

    They may block, may be bound to their thread, and may call the client themselves: on the loop they would hold up every
    other call of the process, or wait for themselves.
    """

    def __init__(self) -> None:
        self._errands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, run by the thread that called. On the loop."""
        result: Future[T] = Future()
        self._errands.put(lambda: _do(work, result))
        return await asyncio.wrap_future(result)

    def serve(self, call: Future[T]) -> T:
        """Run what is asked for until `call` is done; its result. In the thread that called."""
        call.add_done_callback(lambda _: self._errands.put(None))
        try:
            while (errand := self._errands.get()) is not None:
                errand()
        except BaseException:
            call.cancel()
            raise
        return call.result()

    def callback(self, given: AsyncCallback) -> AsyncCallback:
        """`given` for the loop."""
        if given is None:
            return None

        def told(answer: Any) -> Awaitable[object]:
            return self.run(lambda: given(answer))

        return told


def _do(work: Callable[[], T], result: Future[T]) -> None:
    if not result.set_running_or_notify_cancel():
        return
    try:
        found = work()
    except StopIteration as error:  # a future refuses it, and would never be done
        result.set_exception(RuntimeError(f"The caller's code raised {error!r}."))
    except Exception as error:
        result.set_exception(error)
    else:
        result.set_result(found)


def runs_code(inputs: object) -> bool:
    """Whether code of the caller's runs when `inputs` are iterated."""
    plain = (BaseDocWithoutId, Mapping, list, tuple, DocList, DocVec, str, bytes)
    return inputs is not None and not isinstance(inputs, plain) and isinstance(inputs, Iterable)


class Feed(Chunked):
    """A caller's iterator, read at the desk."""

    def __init__(self, items: Iterable[Item], desk: Desk, request_size: int) -> None:
        self._items: Iterator[Item] = iter(items)
        self._most = max(READ_AHEAD, request_size)
        self._desk = desk

    async def chunks(self) -> AsyncGenerator[list[Item], None]:
        while part := await self._desk.run(self._read):
            yield part

    def _read(self) -> list[Item]:
        part: list[Item] = []
        for item in self._items:
            part.append(item)
            if len(part) == self._most:
                break
        return part
