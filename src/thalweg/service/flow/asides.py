"""Floating Executors: they get what others answer, and nobody waits for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from time import monotonic

from msgspec.structs import replace

from thalweg.config import Limits
from thalweg.errors import Overloaded, ThalwegError
from thalweg.message import Buffer, Context, Pending, Reply, Request, Response
from thalweg.message.handler import UnaryHandler
from thalweg.service.steps.relay import onwards

log = logging.getLogger("thalweg.gateway")

LEAST_PAUSE = 0.05
LONGEST_PAUSE = 5.0
"""Seconds until an Executor is asked again that takes no more for now."""


class Asides:
    """What is under way that nobody waits for: at most so many requests and bytes at once as the limits of the Gateway say.

    Past that requests wait that would add to it. An Executor that takes no more for now is asked again until it does; any
    other error is logged, since there is nobody to tell.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()
        self._bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    @property
    def full(self) -> bool:
        return not self._room.is_set()

    async def room(self) -> None:
        """Return when there is room for more."""
        await self._room.wait()

    def begin(self, name: str, handler: UnaryHandler, request: Request, context: Context) -> None:
        """Ask `handler`, the Executor `name`. Goes on also where the caller's request ends or is called off."""
        apart = Context(
            metadata=context.metadata,
            trace=context.trace,
            request_id=context.request_id,
            priority=context.priority,
            share=context.share,
        )
        task = asyncio.get_running_loop().create_task(self._run(name, handler, request, apart))
        self._tasks.add(task)
        self._bytes += request.size
        self._count()
        task.add_done_callback(lambda ended: self._ended(ended, request.size))

    async def drain(self, seconds: float) -> None:
        """Wait until all has ended; what has not after so long is called off."""
        until = monotonic() + seconds
        while self._tasks and monotonic() < until:
            await asyncio.wait(self._tasks, timeout=until - monotonic())
        left = list(self._tasks)
        if left:
            log.error("%s requests to floating Executors had not ended at the stop, and are lost", len(left))
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _run(self, name: str, handler: UnaryHandler, request: Request, context: Context) -> None:
        pause = LEAST_PAUSE
        while True:
            try:
                async with aclosing(handler.handle(request, context)) as answers:
                    async for _ in answers:
                        pass
                return
            except Overloaded as error:
                await asyncio.sleep(min(max(error.retry_after or 0.0, pause), LONGEST_PAUSE))
                pause = min(2 * pause, LONGEST_PAUSE)
            except ThalwegError as error:
                log.error("request %s: the floating Executor %s failed: %s", context.request_id, name, error)
                return

    def _ended(self, task: asyncio.Task[None], size: int) -> None:
        self._tasks.discard(task)
        self._bytes -= size
        self._count()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a floating Executor could not be asked", exc_info=error)

    def _count(self) -> None:
        if len(self._tasks) >= self._limits.max_inflight or self._bytes >= self._limits.max_inflight_bytes:
            self._room.clear()
        else:
            self._room.set()


class Overheard:
    """Stands in front of what answers a step, and gives each of its answers to floating Executors too."""

    def __init__(self, inner: UnaryHandler, readers: Sequence[tuple[str, UnaryHandler]], asides: Asides) -> None:
        self._inner = inner
        self._readers = readers
        self._asides = asides

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await self._asides.room()
        async with aclosing(self._inner.handle(request, context)) as answers:
            async for answer in answers:
                await self._asides.room()
                self.tell(answer, request, context)
                yield answer

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler.submit`. A request that would have to wait for room needs `handle`."""
        if self._asides.full:
            return None
        return self._inner.submit(request, context, _Overhearing(self, request, context, reply))

    async def entering(self, request: Request, context: Context) -> Request:
        """The same for what comes from the caller: `request`, each payload of which is heard on its way."""
        await self._asides.room()
        if request.inflow is None or request.body:
            self.tell(Response(request.body, request.content_type, request.parameters), request, context)
        return request if request.inflow is None else replace(request, inflow=self._heard(request, context))

    async def _heard(self, request: Request, context: Context) -> AsyncGenerator[tuple[Buffer, ...], None]:
        assert request.inflow is not None
        async for body in request.inflow:
            await self._asides.room()
            self.tell(Response(body, request.content_type, request.parameters), request, context)
            yield body

    def tell(self, answer: Response, request: Request, context: Context) -> None:
        """Give `answer` to those who listen."""
        for name, handler in self._readers:
            self._asides.begin(name, handler, onwards(answer, request, ""), context)


class _Overhearing:
    """The reply of the step."""

    __slots__ = ("_context", "_overheard", "_reply", "_request")

    def __init__(self, overheard: Overheard, request: Request, context: Context, reply: Reply) -> None:
        self._overheard = overheard
        self._request = request
        self._context = context
        self._reply = reply

    def answer(self, response: Response) -> None:
        self._overheard.tell(response, self._request, self._context)
        self._reply.answer(response)

    def fail(self, error: ThalwegError) -> None:
        self._reply.fail(error)
