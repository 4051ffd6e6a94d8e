"""Requests to a service of this very process: they are submitted where they are made, without a task or a generator."""

from __future__ import annotations

import asyncio
import threading
from asyncio import Future, Task
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeAlias

from thalweg.client.portal import SETTLING_SECONDS, Portal
from thalweg.errors import ThalwegError
from thalweg.message import Pending, Reply, Response

Submit: TypeAlias = Callable[[Reply], Pending | None]
"""Begins one request, as `UnaryHandler.submit` does; None where it needs the long way."""


class DirectTrip:
    """One request of several that are under way. Is its `Reply`, and a `Trip`."""

    __slots__ = ("_error", "_response", "_waiter", "pending")

    def __init__(self) -> None:
        self._response: Response | None = None
        self._error: ThalwegError | None = None
        self._waiter: Future[None] | None = None
        self.pending: Pending | None = None

    def begin(self, submit: Submit) -> bool:
        """False, and nothing has happened, where it needs the long way. What is wrong is told when its turn comes."""
        try:
            self.pending = submit(self)
        except ThalwegError as error:
            self._error = error
            return True
        return self.pending is not None

    def answer(self, response: Response) -> None:
        self._response = response
        self._end()

    def fail(self, error: ThalwegError) -> None:
        self._error = error
        self._end()

    def _end(self) -> None:
        self.pending = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def answers(self) -> AsyncGenerator[Response, None]:
        """See `Trip`."""
        if self._response is None and self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._error is not None:
            raise self._error
        assert self._response is not None
        yield self._response

    async def call_off(self) -> None:
        """See `Trip`."""
        pending, self.pending = self.pending, None
        if pending is not None:
            pending.cancel()


class BlockingTrip:
    """One request of a thread that waits for it, to a service on the portal's loop. Is its `Reply`.

    `otherwise` makes the coroutine whose result is waited for where `submit` cannot begin the request.
    """

    __slots__ = ("_arrived", "_error", "_found", "_otherwise", "_pending", "_submit", "_task")

    def __init__(self, submit: Submit, otherwise: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._submit = submit
        self._otherwise = otherwise
        self._pending: Pending | None = None
        self._task: Task[Any] | None = None
        self._found: Any = None
        self._error: BaseException | None = None
        self._arrived = threading.Lock()
        self._arrived.acquire()

    def wait(self, portal: Portal) -> Any:
        """The `Response`, or what came of the coroutine. An interrupt (Ctrl-C) calls the request off, and is raised once
        that is done. Raises as `Portal.run` does."""
        portal.call(self._begin)
        try:
            self._arrived.acquire()
        except (KeyboardInterrupt, SystemExit):
            portal.call(self._call_off)
            self._arrived.acquire(timeout=SETTLING_SECONDS)
            raise
        if self._error is not None:
            raise self._error
        return self._found

    def answer(self, response: Response) -> None:
        self._pending = None
        self._found = response
        self._arrived.release()

    def fail(self, error: BaseException) -> None:
        self._pending = None
        self._error = error
        self._arrived.release()

    def _begin(self) -> None:
        try:
            self._pending = self._submit(self)
            if self._pending is None:
                self._task = asyncio.get_running_loop().create_task(self._otherwise())
                self._task.add_done_callback(self._ended)
        except Exception as error:  # whatever it is, it is for the thread that waits
            self.fail(error)

    def _ended(self, task: Task[Any]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self.fail(error)
        else:
            self._found = task.result()
            self._arrived.release()

    def _call_off(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif self._pending is not None:
            self._pending.cancel()
            self._arrived.release()
