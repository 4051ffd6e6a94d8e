"""A request on its way through a chain of Executors by the short way, and what one of them is asked after another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from thalweg.errors import ThalwegError
from thalweg.graph import Step
from thalweg.message import Context, Pending, Reply, Request, Response
from thalweg.routing import ReplicaPool

NO_HEADERS: Mapping[str, str] = {}


class Relay:
    """A submitted request on its way through a chain. Is the `Reply` of each step and the `Pending` of the caller."""

    __slots__ = (
        "_accept",
        "_context",
        "_done",
        "_headers",
        "_pending",
        "_pools",
        "_reply",
        "_request",
        "_steps",
        "_task",
    )

    def __init__(
        self,
        pools: Mapping[str, ReplicaPool],
        steps: Sequence[Step],
        request: Request,
        context: Context,
        reply: Reply,
    ) -> None:
        self._pools = pools
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
        self._pending = self._pools[self._steps[0].name].submit(self._request, self._context, self)
        return self._pending is not None

    def answer(self, response: Response) -> None:
        self._pending = None
        self._done += 1
        response = under(self._headers, response)
        self._headers = response.headers
        remaining = len(self._steps) - self._done
        if not remaining:
            self._reply.answer(response)
            return
        step = self._steps[self._done]
        self._request = onwards(response, self._request, step.accept if remaining > 1 else self._accept)
        pool = self._pools[step.name]
        try:
            self._pending = pool.submit(self._request, self._context, self)
        except ThalwegError as error:
            self._reply.fail(error)
            return
        if self._pending is None:
            self._task = asyncio.get_running_loop().create_task(self._handle(pool))

    def fail(self, error: ThalwegError) -> None:
        self._pending = None
        self._reply.fail(error)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif self._pending is not None:
            self._pending.cancel()

    async def _handle(self, pool: ReplicaPool) -> None:
        """One step by the long way: its request is large, or has to wait."""
        try:
            async with aclosing(pool.handle(self._request, self._context)) as answers:
                response = await anext(answers)
        except ThalwegError as error:
            self._reply.fail(error)
        else:
            self._task = None
            self.answer(response)


def onwards(response: Response, request: Request, accept: str) -> Request:
    """What one step gave, as the next one's request."""
    return Request(request.endpoint, response.body, response.content_type, accept, response.parameters, request.target)


def under(headers: Mapping[str, str], response: Response) -> Response:
    """`response` with the headers of the steps before it; where both have one, the later step's counts."""
    if headers:
        response.headers = {**headers, **response.headers}
    return response
