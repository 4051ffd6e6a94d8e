"""Payloads that come while user code runs, for the thread that it runs on."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Task
from concurrent.futures import CancelledError, Future
from typing import Self

from thalweg.errors import Cancelled
from thalweg.message import Buffer, Inflow, Request


class Intake:
    """Reads a request's inflow on the I/O loop, whenever another thread asks for the next payload. `for` waits for it on
    a thread, `async for` on another event loop."""

    def __init__(self, inflow: Inflow, loop: AbstractEventLoop) -> None:
        self._inflow = inflow
        self._loop = loop
        self._reading: Task[tuple[Buffer, ...] | None] | None = None
        self._closed = False

    @classmethod
    def of(cls, request: Request, loop: AbstractEventLoop) -> Self | None:
        """None where everything came with the request."""
        return None if request.inflow is None else cls(request.inflow, loop)

    def close(self) -> None:
        """Let go of who waits, with `Cancelled`. Called on the I/O loop."""
        self._closed = True
        if self._reading is not None:
            self._reading.cancel()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Buffer, ...]:
        try:
            body = self._ask().result()
        except CancelledError:
            raise Cancelled("The request was called off.") from None
        if body is None:
            raise StopIteration
        return body

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Buffer, ...]:
        body = await asyncio.wrap_future(self._ask())
        if body is None:
            raise StopAsyncIteration
        return body

    def _ask(self) -> Future[tuple[Buffer, ...] | None]:
        return asyncio.run_coroutine_threadsafe(self._read(), self._loop)

    async def _read(self) -> tuple[Buffer, ...] | None:
        if self._closed:
            raise asyncio.CancelledError
        self._reading = asyncio.current_task()
        try:
            return await anext(self._inflow, None)
        finally:
            self._reading = None
