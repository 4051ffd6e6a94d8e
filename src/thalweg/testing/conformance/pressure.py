"""Thousands at once, more than is taken, and readers that do not read."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any, cast

from thalweg.config import Limits
from thalweg.errors import Overloaded
from thalweg.message import COLUMNS, Context, Request, Response
from thalweg.testing.conformance.failures import caught
from thalweg.testing.conformance.subject import (
    MANY,
    ONE,
    PATIENCE_SECONDS,
    Answering,
    Settings,
    Subject,
    check,
    content,
    echo,
    only,
)

REQUESTS = 5000
ITEM_BYTES = 1 << 20
KERNEL_ITEMS = 16
"""What a system may hold of a stream in the buffers of its sockets, in items of `ITEM_BYTES`."""


class Shuffling:
    """Holds requests back until a whole group is there, then answers them in any order but that of their arrival."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._held: list[asyncio.Event] = []
        self._random = random.Random(7)

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        turn = asyncio.Event()
        self._held.append(turn)
        if len(self._held) == self._group:
            held, self._held = self._held, []
            self._random.shuffle(held)
            for other in held:
                other.set()
        await turn.wait()
        yield Response(request.body)


@check(seconds=60)
async def thousands_at_once_get_their_own_answers(subject: Subject) -> None:
    group = min(subject.inflight, REQUESTS)
    number_of_requests = REQUESTS - REQUESTS % group
    settings = Settings(Limits(max_inflight=REQUESTS))
    async with subject.serve(Shuffling(group), settings) as (_, channel):
        requests = [Request(ONE, (b"[%d]" % number,)) for number in range(number_of_requests)]
        answers = await asyncio.gather(*(only(channel, request) for request in requests))
    assert all(content(answer) == content(request) for answer, request in zip(answers, requests, strict=True))


class Holding:
    """Answers nothing until it is told to, except requests with the parameter `now`."""

    def __init__(self) -> None:
        self.started = asyncio.Semaphore(0)
        self.release = asyncio.Event()

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        if not request.parameters.get("now"):
            self.started.release()
            await self.release.wait()
        yield Response(request.body, request.content_type)


async def _held(channel: Any, holding: Holding, body: tuple[bytes, ...], number: int) -> list[asyncio.Task[Response]]:
    tasks = [asyncio.create_task(only(channel, Request(ONE, body, COLUMNS, COLUMNS))) for _ in range(number)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in tasks:
            await holding.started.acquire()
    return tasks


@check()
async def past_the_limit_of_requests_the_answer_is_overloaded(subject: Subject) -> None:
    await _overload(subject, Limits(max_inflight=4), (b"head", b"x"))


@check()
async def past_the_limit_of_bytes_the_answer_is_overloaded(subject: Subject) -> None:
    await _overload(subject, Limits(max_inflight_bytes=450_000), (b"h", bytes(100_000)))


async def _overload(subject: Subject, limits: Limits, body: tuple[bytes, ...]) -> None:
    """`limits` have room for four requests of `body` and not for five."""
    holding = Holding()
    async with subject.serve(holding, Settings(limits)) as (_, channel):
        held = await _held(channel, holding, body, 4)
        for _ in range(3):
            error = await caught(channel, Request(ONE, body, COLUMNS, COLUMNS))
            assert type(error) is Overloaded
            assert error.retry_after is not None
            assert error.retry_after > 0
        holding.release.set()
        answers = await asyncio.gather(*held)
        assert all(content(answer) == list(body) for answer in answers)
        answers = await asyncio.gather(*await _held(channel, holding, body, 1))
        assert content(answers[0]) == list(body)


@check()
async def a_reader_that_stalls_holds_up_its_producer_and_nobody_else(subject: Subject) -> None:
    made = 0

    async def stream(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        nonlocal made
        if request.endpoint == ONE:
            async for answer in echo(request, context):
                yield answer
            return
        while True:
            made += 1
            yield Response((b"%d" % made, bytes(ITEM_BYTES)), COLUMNS)

    limits = Limits(stream_window=4)
    async with subject.serve(Answering(stream), Settings(limits, limits)) as (_, channel):
        stalled = cast(Any, channel.handle(Request(MANY, (b"{}",), accept=COLUMNS), Context()))
        await anext(stalled)
        seen, quiet = 0, 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while quiet < 50:  # the producer has come to rest once it makes nothing during so many other requests
                assert content(await only(channel, Request(ONE, (b"[]",)))) == [b"[]"]
                quiet = quiet + 1 if made == seen else 0
                seen = made
                assert made <= 1 + 4 + 1 + KERNEL_ITEMS, f"{made} items were made for a reader that took one"
        for number in range(2, 60):
            item = await anext(stalled)
            assert bytes(item.body[0]) == b"%d" % number
        await stalled.aclose()
