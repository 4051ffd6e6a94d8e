"""One request, sent as often as its policies say."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from time import monotonic
from typing import TypeAlias

from thalweg.client.hedge import HedgeSchedule
from thalweg.client.retry import RetrySchedule
from thalweg.errors import ThalwegError
from thalweg.message import Context, Response

Answers: TypeAlias = AsyncGenerator[Response, None]


async def retried(start: Callable[[], Answers], schedule: RetrySchedule, context: Context) -> Answers:
    """The answer of the first attempt that has one. The error of the last one says how many there were."""
    while True:
        answered = False
        answers = start()
        try:
            async for response in answers:
                answered = True
                yield response
            return
        except ThalwegError as error:
            attempts = schedule.attempts
            wait = schedule.failed(
                error,
                answered=answered,
                remaining=context.remaining(),
                draw=random.random(),
            )
            if wait is None:
                error.attempts = attempts
                if attempts > 1:
                    error.add_note(f"The request was sent {attempts} times.")
                raise
        finally:
            await answers.aclose()
        await asyncio.sleep(wait)


async def hedged(first: Answers, second: Callable[[], Answers], schedule: HedgeSchedule, endpoint: str) -> Answers:
    """The answer of `first`, or of `second` where that has one sooner; it is begun when the schedule says so.

    Where one of both fails, the other is waited for; where both do, the error is that of the first.
    """
    began = monotonic()
    delay = schedule.delay(endpoint)
    race = _Race(first)
    try:
        if not await race.within(delay) and schedule.allowed():
            race.enter(second())
        winner = await race.winner()
        schedule.answered(endpoint, monotonic() - began)
        if winner is not None:
            yield winner.first
            async for response in winner.answers:
                yield response
    finally:
        await race.end()


class _Runner:
    """One attempt, as far as its first item."""

    __slots__ = ("answers", "task")

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.task = asyncio.ensure_future(anext(answers, None))

    @property
    def first(self) -> Response:
        item = self.task.result()
        assert item is not None
        return item

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.answers.aclose()


class _Race:
    """Attempts of which the first that answers is taken."""

    def __init__(self, answers: Answers) -> None:
        self._runners = [_Runner(answers)]

    def enter(self, answers: Answers) -> None:
        self._runners.append(_Runner(answers))

    async def within(self, seconds: float | None) -> bool:
        """Whether the first attempt came to something in that time."""
        done, _ = await asyncio.wait([self._runners[0].task], timeout=seconds)
        return bool(done)

    async def winner(self) -> _Runner | None:
        """The first attempt that answers, the others being called off; None for an answer without an item."""
        while True:
            for runner in self._runners:
                if runner.task.done() and (runner.task.exception() is None or self._all_failed()):
                    self._runners.remove(runner)
                    await self.end()
                    self._runners = [runner]
                    return runner if runner.task.result() is not None else None
            await asyncio.wait(
                [r.task for r in self._runners if not r.task.done()], return_when=asyncio.FIRST_COMPLETED
            )

    def _all_failed(self) -> bool:
        return all(runner.task.done() and runner.task.exception() is not None for runner in self._runners)

    async def end(self) -> None:
        """Call off what is under way."""
        runners, self._runners = self._runners, []
        await asyncio.gather(*(runner.end() for runner in runners))
