"""Either side may call a request off, and the other one hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, cast

from thalweg.config import Limits
from thalweg.errors import Overloaded, PeerLost, Unavailable
from thalweg.message import Context, Request, Response
from thalweg.testing.conformance.deadlines import Endless
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
    only,
)
from thalweg.testing.leaks import eventually


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@check()
async def cancelling_the_caller_cancels_the_handler(subject: Subject) -> None:
    endless = Endless()
    async with subject.serve(endless) as (_, channel):
        for endpoint in (ONE, MANY):
            waiting = asyncio.create_task(caught(channel, Request(endpoint, (b"{}",))))
            await endless.wait_started()
            await _cancelled(waiting)
            assert waiting.cancelled()
            await endless.wait_ended()


@check()
async def closing_the_iterator_cancels_the_handler(subject: Subject) -> None:
    contexts: list[Context] = []
    ended = asyncio.Event()

    async def stream(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        contexts.append(context)
        try:
            yield Response((b"first",))
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with subject.serve(Answering(stream)) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        iterator = cast(Any, channel.handle(Request(MANY, (b"{}",)), Context()))
        assert content(await anext(iterator)) == [b"first"]
        await iterator.aclose()
        await ended.wait()
        await eventually(lambda: contexts[0].cancelled)


@check()
async def a_producer_that_never_waits_is_called_off_too(subject: Subject) -> None:
    ended = asyncio.Event()

    async def flood(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        try:
            while True:
                yield Response((b"{}",))
        finally:
            ended.set()

    async with subject.serve(Answering(flood)) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        iterator = cast(Any, channel.handle(Request(MANY, (b"{}",)), Context()))
        for _ in range(100):
            await anext(iterator)
        await iterator.aclose()
        await ended.wait()


@check()
async def calling_off_some_leaves_the_others(subject: Subject) -> None:
    release = asyncio.Event()
    started = asyncio.Semaphore(0)

    async def hold(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        started.release()
        await release.wait()
        yield Response(request.body)

    async with subject.serve(Answering(hold)) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        tasks = [asyncio.create_task(only(channel, Request(ONE, (b"[%d]" % n,)))) for n in range(20)]
        for _ in tasks:
            await started.acquire()
        for task in tasks[::2]:
            await _cancelled(task)
        release.set()
        answers = await asyncio.gather(*tasks[1::2])
    assert [content(answer) for answer in answers] == [[b"[%d]" % n] for n in range(1, 20, 2)]


@check()
async def a_cancelled_request_gives_its_place_back(subject: Subject) -> None:
    endless = Endless()
    async with subject.serve(endless, Settings(Limits(max_inflight=1))) as (_, channel):
        for _ in range(3):
            while True:
                waiting = asyncio.create_task(caught(channel, Request(ONE, (b"{}",))))
                started = asyncio.create_task(endless.wait_started())
                await asyncio.wait([waiting, started], return_when=asyncio.FIRST_COMPLETED)
                if started.done():
                    break
                await _cancelled(started)
                assert type(waiting.result()) is Overloaded
            await _cancelled(waiting)
            await endless.wait_ended()


@check()
async def a_server_that_stops_cancels_its_handlers_and_tells_the_callers(subject: Subject) -> None:
    endless = Endless()
    async with subject.serve(endless) as (server, channel), asyncio.timeout(PATIENCE_SECONDS):
        waiting = [asyncio.create_task(caught(channel, Request(e, (b"{}",)))) for e in (ONE, MANY) for _ in range(5)]
        await endless.wait_started(10)
        await server.stop()
        await endless.wait_ended(10)
        assert all(isinstance(error, Unavailable) for error in await asyncio.gather(*waiting))


@check()
async def closing_the_channel_fails_what_is_under_way(subject: Subject) -> None:
    endless = Endless()
    async with subject.serve(endless) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        waiting = [asyncio.create_task(caught(channel, Request(ONE, (b"{}",)))) for _ in range(5)]
        await endless.wait_started(5)
        await channel.close()
        assert {type(error) for error in await asyncio.gather(*waiting)} == {PeerLost}
        await endless.wait_ended(5)
