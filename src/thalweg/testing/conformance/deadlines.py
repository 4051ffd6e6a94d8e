"""Time runs out on both sides, whatever the other one does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic

from thalweg.config import Limits
from thalweg.errors import DeadlineExceeded
from thalweg.message import Context, Request, Response
from thalweg.testing.conformance.failures import caught, fail_with
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
from thalweg.testing.leaks import eventually

SHORT_SECONDS = 0.1


class Endless:
    """A handler that never answers, and remembers how it was called off."""

    def __init__(self) -> None:
        self.started = asyncio.Semaphore(0)
        self.ended = asyncio.Semaphore(0)
        self.contexts: list[Context] = []

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.contexts.append(context)
        self.started.release()
        try:
            await asyncio.Event().wait()
            yield Response()
        finally:
            self.ended.release()

    async def wait_started(self, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(times):
                await self.started.acquire()

    async def wait_ended(self, times: int = 1) -> None:
        """Return when that many requests were called off, and check that their contexts say so."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(times):
                await self.ended.acquire()
            await eventually(lambda: all(context.cancelled for context in self.contexts))


@check()
async def the_callers_deadline_ends_the_request_on_both_sides(subject: Subject) -> None:
    endless = Endless()
    async with subject.serve(endless) as (_, channel):
        for endpoint in (ONE, MANY):
            began = monotonic()
            error = await caught(channel, Request(endpoint, (b"{}",)), Context.with_timeout(SHORT_SECONDS))
            assert type(error) is DeadlineExceeded
            assert 0.9 * SHORT_SECONDS <= monotonic() - began < PATIENCE_SECONDS  # timers may be a little early
            await endless.wait_ended()


@check()
async def the_servers_timeout_holds_where_the_caller_has_none(subject: Subject) -> None:
    endless = Endless()
    async with subject.serve(endless, Settings(timeout=SHORT_SECONDS)) as (_, channel):
        assert type(await caught(channel, Request(ONE, (b"{}",)))) is DeadlineExceeded
        await endless.wait_ended()


@check()
async def a_deadline_that_has_passed_is_not_asked_for(subject: Subject) -> None:
    endless = Endless()
    async with subject.serve(endless) as (_, channel):
        assert type(await caught(channel, Request(ONE, (b"{}",)), Context.with_timeout(-1))) is DeadlineExceeded
    assert not endless.contexts


@check()
async def the_deadline_holds_where_the_far_side_is_deaf(subject: Subject) -> None:
    release = asyncio.Event()

    async def deaf(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        try:
            await release.wait()
        except asyncio.CancelledError:
            await release.wait()
        yield Response()

    async with subject.serve(Answering(deaf)) as (_, channel):
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                error = await caught(channel, Request(ONE, (b"{}",)), Context.with_timeout(SHORT_SECONDS))
            assert type(error) is DeadlineExceeded
        finally:
            release.set()


@check()
async def the_deadline_counts_while_the_caller_reads_slowly(subject: Subject) -> None:
    seen: list[Context] = []
    ended = asyncio.Event()

    async def endless(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        seen.append(context)
        try:
            while True:
                yield Response((bytes(1 << 20),))
        finally:
            ended.set()

    got = 0
    settings = Settings(Limits(stream_window=4), Limits(stream_window=4))
    async with subject.serve(Answering(endless), settings) as (_, channel):
        stream = channel.handle(Request(MANY, (b"{}",)), Context.with_timeout(3 * SHORT_SECONDS))
        async with aclosing(stream), asyncio.timeout(PATIENCE_SECONDS):
            try:
                async for _ in stream:
                    got += 1
                    await ended.wait()
            except DeadlineExceeded:
                pass
            else:
                raise AssertionError("The stream ended without an error although its deadline passed.")
    assert seen[0].cancelled
    assert 1 <= got < 100


@check()
async def a_deadline_that_is_kept_changes_nothing(subject: Subject) -> None:
    async with subject.serve(Answering(echo), Settings(timeout=PATIENCE_SECONDS)) as (_, channel):
        for _ in range(10):
            answer = await only(channel, Request(ONE, (b"[]",)), Context.with_timeout(PATIENCE_SECONDS))
            assert content(answer) == [b"[]"]


@check()
async def a_timeout_error_of_the_handler_is_not_the_deadline(subject: Subject) -> None:
    async with subject.serve(Answering(fail_with(TimeoutError("a socket of my own")))) as (_, channel):
        error = await caught(channel, Request(ONE, (b"{}",)), Context.with_timeout(PATIENCE_SECONDS))
    assert error.code == "internal_error"
