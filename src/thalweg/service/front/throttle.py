"""The handler that lets in as many requests as are answered in time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from time import monotonic

from thalweg.config import Limits
from thalweg.errors import DeadlineExceeded, Overloaded, ThalwegError
from thalweg.message import Context, Pending, Reply, Request, Response, UnaryHandler
from thalweg.message.throughput import Throughput
from thalweg.service.front.adaptive import AdaptiveLimit

TOO_MUCH = (Overloaded, DeadlineExceeded)
"""Errors that say that there is too much to do."""


class Throttle:
    """Stands before a handler and holds requests to an `AdaptiveLimit`. What counts of a stream is its first item. `now` is
    in seconds and never jumps."""

    def __init__(self, handler: UnaryHandler, limit: AdaptiveLimit, now: Callable[[], float] = monotonic) -> None:
        self._handler = handler
        self._limit = limit
        self._now = now
        self._throughput = Throughput()
        self._ended = 0
        self.inflight = 0

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """See `Handler`."""
        began = self._enter()
        judged = False
        answers = self._handler.handle(request, context)
        try:
            async for response in answers:
                if not judged:
                    judged = True
                    self.judge(began, False)
                yield response
        except TOO_MUCH:
            if not judged:
                self.judge(began, True)
            raise
        finally:
            self.leave()
            await answers.aclose()

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler`. Raises `Overloaded` past the limit."""
        timed = _Timed(self, reply, self._enter())
        try:
            pending = self._handler.submit(request, context, timed)
        except TOO_MUCH:
            timed.judge(failed=True)
            self.leave()
            raise
        except BaseException:
            self.leave()
            raise
        if pending is None:
            self.leave()
            return None
        timed.pending = pending
        return timed

    def judge(self, began: float, failed: bool) -> None:
        """An answer is there."""
        self._limit.ended(began, self._now(), self.inflight, failed=failed)

    def give_up(self, began: float) -> None:
        """A caller did not wait for its answer any longer."""
        self._limit.gave_up(began, self._now(), self.inflight)
        self.leave()

    def leave(self) -> None:
        """A request has ended."""
        self.inflight -= 1
        self._ended += 1

    def _enter(self) -> float:
        now = self._now()
        if self.inflight >= self._limit.limit:
            raise Overloaded(
                f"{self.inflight} requests are under way, as many as are answered in time.",
                retry_after=self._throughput.retry_after(self.inflight, self._ended, now),
            )
        self.inflight += 1
        return now


class _Timed:
    """One submitted request: the `Reply` of the handler behind, and the `Pending` of the caller."""

    __slots__ = ("_began", "_reply", "_throttle", "pending")

    def __init__(self, throttle: Throttle, reply: Reply, began: float) -> None:
        self._throttle = throttle
        self._reply = reply
        self._began = began
        self.pending: Pending | None = None

    def judge(self, *, failed: bool) -> None:
        self._throttle.judge(self._began, failed)

    def answer(self, response: Response) -> None:
        self.pending = None
        self.judge(failed=False)
        self._throttle.leave()
        self._reply.answer(response)

    def fail(self, error: ThalwegError) -> None:
        self.pending = None
        if isinstance(error, TOO_MUCH):
            self.judge(failed=True)
        self._throttle.leave()
        self._reply.fail(error)

    def cancel(self) -> None:
        """See `Pending`."""
        pending, self.pending = self.pending, None
        if pending is not None:
            pending.cancel()
            self._throttle.give_up(self._began)


def throttled(handler: UnaryHandler, limits: Limits) -> UnaryHandler:
    """`handler`, behind a limit that finds itself where `limits` ask for one."""
    adaptive = limits.adaptive_concurrency
    if adaptive is None:
        return handler
    return Throttle(handler, AdaptiveLimit(adaptive, limits.max_inflight, monotonic()))
