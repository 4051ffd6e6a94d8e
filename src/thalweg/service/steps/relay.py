"""A request on its way through a chain of Executors by the short way, and what one of them is asked after another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from thalweg.errors import ThalwegError
from thalweg.graph import Step
from thalweg.message import Context, Pending, Reply, Request, Response, UnaryHandler

NO_HEADERS: Mapping[str, str] = {}


class Attendance:
    """How many requests are under way that may still ask somebody."""

    __slots__ = ("_idle", "_number")

    def __init__(self) -> None:
        self._number = 0
        self._idle = asyncio.Event()

    def enter(self) -> None:
        self._number += 1

    def leave(self) -> None:
        self._number -= 1
        if not self._number:
            self._idle.set()

    async def idle(self) -> None:
        """Return when there are none."""
        while self._number:
            self._idle.clear()
            await self._idle.wait()


class Relay:
    """A submitted request on its way through a chain. Is the `Reply` of each step and the `Pending` of the caller."""

    __slots__ = (
        "_accept",
        "_attendance",
        "_context",
        "_done",
        "_handlers",
        "_headers",
        "_pending",
        "_reply",
        "_request",
        "_steps",
        "_task",
    )

    def __init__(
        self,
        handlers: Mapping[str, UnaryHandler],
        steps: Sequence[Step],
        request: Request,
        context: Context,
        reply: Reply,
        attendance: Attendance | None = None,
    ) -> None:
        self._handlers = handlers
        self._attendance = attendance
        self._steps = steps
        self._request = request
        self._accept = request.accept or request.content_type
        self._context = context
        self._reply = reply
        self._done = 0
        self._headers: Mapping[str, str] = NO_HEADERS
        self._pending: Pending | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> bool:
        """Submit to the first step; False where that needs `handle`."""
        accept = self._steps[0].accept
        if self._request.accept != accept:
            self._request = replace(self._request, accept=accept)
        self._pending = self._handlers[self._steps[0].name].submit(self._request, self._context, self)
        if self._pending is None:
            return False
        if self._attendance is not None:
            self._attendance.enter()
        return True

    def answer(self, response: Response) -> None:
        self._pending = None
        self._done += 1
        response = under(self._headers, response)
        self._headers = response.headers
        remaining = len(self._steps) - self._done
        if not remaining:
            self._leave()
            self._reply.answer(response)
            return
        step = self._steps[self._done]
        self._request = onwards(response, self._request, step.accept if remaining > 1 else self._accept)
        handler = self._handlers[step.name]
        try:
            self._pending = handler.submit(self._request, self._context, self)
        except ThalwegError as error:
            self.fail(error)
            return
        if self._pending is None:
            self._task = asyncio.get_running_loop().create_task(self._handle(handler))

    def fail(self, error: ThalwegError) -> None:
        self._pending = None
        self._leave()
        self._reply.fail(error)

    def cancel(self) -> None:
        self._leave()
        if self._task is not None:
            self._task.cancel()
        elif self._pending is not None:
            self._pending.cancel()

    async def _handle(self, handler: UnaryHandler) -> None:
        """One step by the long way: its request is large, or has to wait."""
        try:
            async with aclosing(handler.handle(self._request, self._context)) as answers:
                response = await anext(answers)
        except ThalwegError as error:
            self.fail(error)
        else:
            self._task = None
            self.answer(response)

    def _leave(self) -> None:
        attendance, self._attendance = self._attendance, None
        if attendance is not None:
            attendance.leave()


def onwards(response: Response, request: Request, accept: str) -> Request:
    """What one step gave, as the next one's request."""
    return Request(request.endpoint, response.body, response.content_type, accept, response.parameters, request.target)


def under(headers: Mapping[str, str], response: Response) -> Response:
    """`response` with the headers of the steps before it; where both have one, the later step's counts."""
    if headers:
        response.headers = {**headers, **response.headers}
    return response
