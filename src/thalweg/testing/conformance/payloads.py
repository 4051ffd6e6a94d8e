"""Large payloads, and payloads that are too large."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator

from thalweg.config import Limits
from thalweg.errors import PayloadTooLarge
from thalweg.message import COLUMNS, Context, Request, Response
from thalweg.testing.conformance.failures import caught
from thalweg.testing.conformance.subject import MANY, ONE, Answering, Settings, Subject, check, content, echo, only

MIB = 1 << 20
SMALL = Limits(max_message_bytes=MIB)


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@check()
async def sixty_four_megabytes_go_both_ways(subject: Subject) -> None:
    body = (b"header", _noise(48 * MIB), _noise(3), _noise(16 * MIB))
    async with subject.serve(Answering(echo)) as (_, channel):
        answer = await only(channel, Request(ONE, body, COLUMNS, COLUMNS))
    assert len(answer.body) == 4
    # Not through `==` on lists: a failure would print both.
    assert all(memoryview(got) == memoryview(sent) for got, sent in zip(answer.body, body, strict=True))


@check()
async def a_large_item_of_a_stream_arrives(subject: Subject) -> None:
    noise = _noise(8 * MIB)

    async def stream(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        for number in range(4):
            yield Response((bytes([number]), noise), COLUMNS)

    async with subject.serve(Answering(stream)) as (_, channel):
        number = 0
        async for item in channel.handle(Request(MANY, (b"{}",), accept=COLUMNS), Context()):
            assert bytes(item.body[0]) == bytes([number])
            assert memoryview(item.body[1]) == memoryview(noise)
            number += 1
    assert number == 4


@check()
async def a_request_over_the_servers_limit_is_refused_and_the_next_one_is_not(subject: Subject) -> None:
    async with subject.serve(Answering(echo), Settings(SMALL)) as (_, channel):
        for size in (MIB + 1, 8 * MIB):
            error = await caught(channel, Request(ONE, (b"head", bytes(size)), COLUMNS))
            assert type(error) is PayloadTooLarge
            assert content(await only(channel, Request(ONE, (b"[]",)))) == [b"[]"]


@check()
async def an_answer_over_the_servers_limit_is_an_error_and_the_next_one_is_not(subject: Subject) -> None:
    await _answer_too_large(subject, Settings(SMALL))


@check()
async def an_answer_over_the_callers_limit_is_an_error_and_the_next_one_is_not(subject: Subject) -> None:
    await _answer_too_large(subject, Settings(channel_limits=SMALL))


async def _answer_too_large(subject: Subject, settings: Settings) -> None:
    async def inflate(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b"head", bytes(request.parameters["size"])), COLUMNS)

    async with subject.serve(Answering(inflate), settings) as (_, channel):
        for endpoint in (ONE, MANY):
            request = Request(endpoint, (b"{}",), accept=COLUMNS, parameters={"size": 2 * MIB})
            assert type(await caught(channel, request)) is PayloadTooLarge
            fine = await only(channel, Request(ONE, (b"{}",), accept=COLUMNS, parameters={"size": 3}))
            assert content(fine) == [b"head", bytes(3)]


@check(separate=True)
async def a_large_request_does_not_hold_up_small_ones(subject: Subject) -> None:
    async with subject.serve(Answering(echo)) as (_, channel):
        large = asyncio.create_task(only(channel, Request(ONE, (b"head", bytes(64 * MIB)), COLUMNS)))
        overtaken = 0
        while not large.done():
            await only(channel, Request(ONE, (b"[]",)))
            overtaken += not large.done()
        assert (await large).size == 64 * MIB + 4
    assert overtaken >= 5, f"only {overtaken} small requests were answered while a large one was under way"
