"""The calls of one server that are under way, so that a stopping server can wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from thalweg.errors import ThalwegError, Unavailable
from thalweg.message import Context, Request
from thalweg.transport.admission import Admission
from thalweg.transport.contract import Serving
from thalweg.transport.dispatch import Send, dispatch
from thalweg.transport.precedence import precedence


class Ongoing:
    """Counts calls in and out, within the limits that all requests of the server share."""

    def __init__(self, serving: Serving, admission: Admission) -> None:
        self.serving = serving
        self._admission = admission
        self._tasks: set[asyncio.Task[Any]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False

    async def finished(self, seconds: float) -> None:
        """Wait until no call is under way, and cancel what has not ended after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            for task in self._tasks:
                task.cancel()
            await self._idle.wait()

    async def run(self, work: Coroutine[Any, Any, ThalwegError | None]) -> ThalwegError | None:
        """Do `work` in this task, which is a call's own. Where a stopping server does not wait for it any longer, that is
        its error."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._idle.clear()
        try:
            return await work
        except asyncio.CancelledError:
            if not self.draining:
                raise
            return Unavailable("The server stopped before the answer was complete.")
        finally:
            self._tasks.discard(task)
            if not self._tasks:
                self._idle.set()

    async def answer(
        self, size: int, request: Callable[[], Request], context: Context, send: Send
    ) -> ThalwegError | None:
        """Let a request of `size` bytes in, read it, and hand its answers to `send`; what went wrong, or None."""
        try:
            if self.draining:
                raise Unavailable("The server is shutting down.")
            context.priority, context.share = precedence(context.metadata)
            self._admission.admit(size)
        except ThalwegError as error:
            return error
        try:
            return await dispatch(self.serving.handler, request(), context, send)
        except ThalwegError as error:
            return error
        finally:
            self._admission.release(size)
