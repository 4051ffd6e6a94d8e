"""Payloads go in while answers come out, over transports that have two directions at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, cast

from thalweg.config import Limits
from thalweg.errors import DeadlineExceeded, Overloaded, PayloadTooLarge, ThalwegError
from thalweg.message import COLUMNS, Buffer, Context, Handler, Inflow, Request, Response
from thalweg.testing.conformance.failures import caught
from thalweg.testing.conformance.subject import (
    MANY,
    PATIENCE_SECONDS,
    Answering,
    Settings,
    Subject,
    check,
    content,
)
from thalweg.testing.leaks import eventually


async def _echoes(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    """One answer to each payload."""
    async for body in request.payloads():
        yield Response(body, request.content_type)


async def _numbers(count: int) -> AsyncGenerator[tuple[Buffer, ...], None]:
    for number in range(count):
        yield (b"%d" % number,)


async def _asked(channel: Handler) -> None:
    """One more request, whatever comes of it."""
    with suppress(ThalwegError):
        async for _ in channel.handle(Request(MANY), Context()):
            pass


def _conversing(inflow: Inflow, body: tuple[Buffer, ...] = (), content_type: str = "application/json") -> Request:
    return Request(MANY, body, content_type, inflow=inflow)


@check(duplex=True)
async def answers_come_while_payloads_go(subject: Subject) -> None:
    heard = asyncio.Semaphore(0)

    async def in_turns() -> AsyncGenerator[tuple[Buffer, ...], None]:
        for number in range(1, 40):  # more than any window
            await heard.acquire()
            yield (b"%d" % number,)

    async with subject.serve(Answering(_echoes)) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        got = []
        async for item in channel.handle(_conversing(in_turns(), (b"0",)), Context()):
            got.append(content(item))
            heard.release()
    assert got == [[b"%d" % number] for number in range(40)]


@check(duplex=True)
async def payloads_keep_their_buffers_whatever_their_size(subject: Subject) -> None:
    sizes = (0, 1, 100_000, 524_288, 524_289, 2_000_000)

    async def columns() -> AsyncGenerator[tuple[Buffer, ...], None]:
        for size in sizes:
            yield (b"head", memoryview(bytes(range(256)) * (size // 256 + 1))[:size])

    async with subject.serve(Answering(_echoes)) as (_, channel):
        request = _conversing(columns(), content_type=COLUMNS)
        got = [content(item) async for item in channel.handle(request, Context())]
    assert [(head, len(rest)) for head, rest in got] == [(b"head", size) for size in sizes]


@check(duplex=True)
async def an_inflow_may_be_empty(subject: Subject) -> None:
    async with subject.serve(Answering(_echoes)) as (_, channel):
        assert [item async for item in channel.handle(_conversing(_numbers(0)), Context())] == []


@check(duplex=True)
async def a_handler_that_reads_nothing_holds_its_caller_back(subject: Subject) -> None:
    given = 0

    async def endless() -> AsyncGenerator[tuple[Buffer, ...], None]:
        nonlocal given
        while True:
            given += 1
            yield (b"%d" % given,)

    async def deaf(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b"first",))
        await asyncio.Event().wait()

    limits = Limits(stream_window=4)
    async with subject.serve(Answering(deaf), Settings(limits, limits)) as (_, channel):
        inflow = endless()
        answers = cast(Any, channel.handle(_conversing(inflow), Context()))
        await anext(answers)
        await eventually(lambda: given >= 4)
        for _ in range(200):
            await asyncio.sleep(0)
        assert given <= 5, f"{given} payloads were taken of a caller whom nobody hears"
        await answers.aclose()
        await inflow.aclose()


@check(duplex=True)
async def a_handler_may_end_before_its_caller_has_said_all(subject: Subject) -> None:
    async def first_only(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        async for body in request.payloads():
            yield Response(body)
            return

    async with subject.serve(Answering(first_only)) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(3):
            inflow = _numbers(1000)
            got = [content(item) async for item in channel.handle(_conversing(inflow), Context())]
            assert got == [[b"0"]]
            await inflow.aclose()


@check(duplex=True)
async def closing_the_answers_ends_a_handler_that_waits_for_payloads(subject: Subject) -> None:
    ended = asyncio.Event()

    async def listen(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        try:
            async for body in request.payloads():
                yield Response(body)
        finally:
            ended.set()

    async def one_then_silence() -> AsyncGenerator[tuple[Buffer, ...], None]:
        yield (b"0",)
        await asyncio.Event().wait()

    async with subject.serve(Answering(listen)) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        inflow = one_then_silence()
        answers = cast(Any, channel.handle(_conversing(inflow), Context()))
        assert content(await anext(answers)) == [b"0"]
        await answers.aclose()
        await ended.wait()
        await inflow.aclose()


@check(duplex=True)
async def what_a_caller_raises_while_it_sends_comes_out_unchanged(subject: Subject) -> None:
    ended = asyncio.Event()

    async def listen(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        try:
            async for body in request.payloads():
                yield Response(body)
        finally:
            ended.set()

    async def breaking() -> AsyncGenerator[tuple[Buffer, ...], None]:
        yield (b"0",)
        raise ZeroDivisionError("mine")

    async with subject.serve(Answering(listen)) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        raised: list[str] = []
        try:
            async for _ in channel.handle(_conversing(breaking()), Context()):
                pass
        except ZeroDivisionError as error:
            raised.append(str(error))
        assert raised == ["mine"]
        await ended.wait()


@check(duplex=True)
async def the_deadline_holds_while_payloads_are_waited_for(subject: Subject) -> None:
    async def silence() -> AsyncGenerator[tuple[Buffer, ...], None]:
        await asyncio.Event().wait()
        yield ()

    async with subject.serve(Answering(_echoes)) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        error = await caught(channel, _conversing(silence()), Context.with_timeout(0.1))
        assert type(error) is DeadlineExceeded


@check(duplex=True, separate=True)
async def payloads_count_against_the_limits_of_the_server(subject: Subject) -> None:
    given = 0
    read = asyncio.Event()

    async def large() -> AsyncGenerator[tuple[Buffer, ...], None]:
        nonlocal given
        for _ in range(16):
            given += 1
            yield (b"head", bytes(100_000))
        await asyncio.Event().wait()

    async def hesitant(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        if request.inflow is None:
            yield Response()
            return
        await read.wait()
        async for body in request.payloads():
            yield Response(body[:1])

    settings = Settings(Limits(max_inflight_bytes=450_000))
    async with subject.serve(Answering(hesitant), settings) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        inflow = large()
        conversing = asyncio.create_task(caught(channel, _conversing(inflow, content_type=COLUMNS)))
        await eventually(lambda: given >= 8)
        await _asked(channel)  # goes out behind those payloads
        read.set()
        assert type(await conversing) is Overloaded
        await inflow.aclose()
        # and what was counted is counted out again
        assert [item async for item in channel.handle(_conversing(_numbers(3)), Context())]


@check(duplex=True)
async def a_payload_that_is_too_large_is_refused(subject: Subject) -> None:
    async def large() -> AsyncGenerator[tuple[Buffer, ...], None]:
        yield (bytes(200_000),)

    settings = Settings(Limits(max_message_bytes=100_000), Limits(max_message_bytes=100_000))
    async with subject.serve(Answering(_echoes), settings) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        error = await caught(channel, _conversing(large(), content_type=COLUMNS))
        assert type(error) is PayloadTooLarge
