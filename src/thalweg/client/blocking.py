"""`Client`: the asynchronous client for code that blocks."""

from __future__ import annotations

import asyncio
import queue
import weakref
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Self

from pydantic import BaseModel

from thalweg.client.asynchronous import PREFETCH, AsyncClient
from thalweg.client.exchange import Chunked, Inputs, Item, ReturnType
from thalweg.client.portal import Portal
from thalweg.config import Limits
from thalweg.docs import BaseDocWithoutId, DocList, DocVec

READ_AHEAD = 64
"""Items that are taken from a caller's generator at a time, or those of one request where that is more."""


class Client:
    """Calls a Flow or a Deployment and waits. Safe for any number of threads. Arguments as for `AsyncClient`.

    The calls of all clients of a process share one event loop in one thread. Generators given as `inputs` run in the
    thread that called.
    """

    def __init__(self, host: str, *, limits: Limits | None = None, prefetch: int = PREFETCH) -> None:
        self._portal = Portal.shared()
        self._client = self._portal.run(_made(host, limits, prefetch))
        # A client that is dropped, or still open when the interpreter ends, closes its connection all the same.
        self._finalizer = weakref.finalize(self, self._portal.submit_last, self._client.close)

    def post(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        parameters: Mapping[str, Any] | BaseModel | None = None,
        request_size: int = 100,
        return_type: ReturnType = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        target_executor: str = "",
    ) -> Any:
        """See `AsyncClient.post`."""
        feed = _Feed.of(inputs, self._portal, request_size)
        call = self._client.post(
            on,
            inputs if feed is None else feed,
            parameters=parameters,
            request_size=request_size,
            return_type=return_type,
            headers=headers,
            timeout=timeout,
            target_executor=target_executor,
        )
        return self._portal.run(call) if feed is None else feed.serve(self._portal.submit(call))

    def stream(
        self,
        on: str,
        inputs: Inputs = None,
        *,
        parameters: Mapping[str, Any] | BaseModel | None = None,
        request_size: int = 1,
        return_type: ReturnType = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        target_executor: str = "",
    ) -> Iterator[Any]:
        """See `AsyncClient.stream`. Closing the iterator, or dropping it, calls the rest off."""
        feed = _Feed.of(inputs, self._portal, request_size)
        generator = self._client.stream(
            on,
            inputs if feed is None else feed,
            parameters=parameters,
            request_size=request_size,
            return_type=return_type,
            headers=headers,
            timeout=timeout,
            target_executor=target_executor,
        )
        try:
            while True:
                following = self._portal.submit(_next(generator))
                item = self._portal.wait(following) if feed is None else feed.serve(following)
                if item is _END:
                    return
                yield item
        finally:
            self._portal.run(_closed(generator))

    def is_ready(self, timeout: float = 5.0) -> bool:
        """See `AsyncClient.is_ready`."""
        return self._portal.run(self._client.is_ready(timeout))

    def close(self) -> None:
        """See `AsyncClient.close`."""
        self._finalizer.detach()
        self._portal.run(self._client.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


_END = object()


async def _made(host: str, limits: Limits | None, prefetch: int) -> AsyncClient:
    """Made on the loop that it will run on."""
    return AsyncClient(host, limits=limits, prefetch=prefetch)


async def _next(generator: AsyncGenerator[Any, None]) -> Any:
    return await anext(generator, _END)


async def _closed(generator: AsyncGenerator[Any, None]) -> None:
    await generator.aclose()


class _Feed(Chunked):
    """A caller's iterator, read in the caller's thread on behalf of the loop.

    A generator may block, and may be bound to its thread: on the loop it would hold up every other call of the process.
    """

    def __init__(self, items: Iterator[Item], portal: Portal, most: int) -> None:
        self._items = items
        self._most = most
        self._loop = portal.loop
        self._wanted: queue.SimpleQueue[Future[list[Item]] | None] = queue.SimpleQueue()

    @classmethod
    def of(cls, inputs: Inputs, portal: Portal, request_size: int) -> _Feed | None:
        """A feed where `inputs` runs code of the caller's when it is iterated, else None."""
        if inputs is None or isinstance(inputs, (BaseDocWithoutId, Mapping, list, tuple, DocList, DocVec, str, bytes)):
            return None
        return cls(iter(inputs), portal, max(READ_AHEAD, request_size)) if isinstance(inputs, Iterable) else None

    async def chunks(self) -> AsyncGenerator[list[Item], None]:
        while True:
            items: Future[list[Item]] = Future()
            self._wanted.put(items)
            part = await asyncio.wrap_future(items)
            if not part:
                return
            yield part

    def serve(self, call: Future[Any]) -> Any:
        """Read for `call` until it is done; its result."""
        call.add_done_callback(lambda _: self._wanted.put(None))
        try:
            while (items := self._wanted.get()) is not None:
                self._read(items)
        except BaseException:
            call.cancel()
            raise
        return call.result()

    def _read(self, items: Future[list[Item]]) -> None:
        if not items.set_running_or_notify_cancel():
            return
        part: list[Item] = []
        try:
            for item in self._items:
                part.append(item)
                if len(part) == self._most:
                    break
        except Exception as error:
            items.set_exception(error)
        else:
            items.set_result(part)
