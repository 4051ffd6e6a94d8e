"""Requests arrive as they were sent, and so do their answers."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator
from contextlib import aclosing

from thalweg.config import Limits
from thalweg.message import COLUMNS, JSON, Context, Request, Response
from thalweg.testing.conformance.subject import (
    MANY,
    ONE,
    PATIENCE_SECONDS,
    Answering,
    Subject,
    check,
    content,
    echo,
    only,
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@check()
async def json_arrives_as_it_was_sent(subject: Subject) -> None:
    body = '{"data": [{"text": "größer \\u2713 \\n"}], "parameters": {"k": [1, null, 2.5]}}'.encode()
    async with subject.serve(Answering(echo)) as (_, channel):
        answer = await only(channel, Request(ONE, (body,)))
    assert content(answer) == [body]
    assert answer.content_type == JSON


@check()
async def columns_arrive_buffer_by_buffer(subject: Subject) -> None:
    floats = array("f", range(384))
    body = (b"header", memoryview(floats), b"", bytearray(b"odd"), memoryview(b"x" * 4096)[1:], b"\0" * 7)
    async with subject.serve(Answering(echo)) as (_, channel):
        answer = await only(channel, Request(ONE, body, COLUMNS))
    assert answer.content_type == COLUMNS
    assert content(answer) == [bytes(part) for part in body]


@check()
async def an_empty_body_arrives_empty(subject: Subject) -> None:
    async with subject.serve(Answering(echo)) as (_, channel):
        answer = await only(channel, Request(ONE))
    assert b"".join(content(answer)) == b""


@check()
async def the_header_arrives(subject: Subject) -> None:
    seen: list[tuple[Request, Context, float | None]] = []

    async def remember(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        seen.append((request, context, context.remaining()))
        yield Response()

    sent = Request(ONE, (b'{"data": []}',), JSON, COLUMNS, {"top_k": 3, "deep": {"name": "ä"}}, "enc.*|rank")
    context = Context.with_timeout(60, metadata={"x-colour": "blue"}, trace=TRACE, request_id="0123456789abcdef" * 2)
    async with subject.serve(Answering(remember)) as (_, channel):
        await only(channel, sent, context)
    ((request, theirs, remaining),) = seen
    assert (request.endpoint, request.content_type, request.accept) == (ONE, JSON, COLUMNS)
    assert (request.parameters, request.target) == (sent.parameters, sent.target)
    assert (theirs.request_id, theirs.trace) == (context.request_id, TRACE)
    assert theirs.metadata["x-colour"] == "blue"
    assert remaining is not None
    assert 50 < remaining <= 60


@check()
async def a_request_without_extras_brings_none(subject: Subject) -> None:
    seen: list[tuple[Request, Context]] = []

    async def remember(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        seen.append((request, context))
        yield Response()

    async with subject.serve(Answering(remember)) as (_, channel):
        await only(channel, Request(ONE, (b"{}",)))
    ((request, context),) = seen
    assert (request.parameters, request.target) == ({}, "")
    assert (context.deadline, context.trace, context.cancelled) == (None, "", False)


@check()
async def an_answer_carries_parameters_and_a_content_type(subject: Subject) -> None:
    async def answer(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b"head", b"buffer"), COLUMNS, {"scores": [0.5], "took": {"ms": 3}})

    async with subject.serve(Answering(answer)) as (_, channel):
        got = await only(channel, Request(ONE, (b"{}",), accept=COLUMNS))
    assert (content(got), got.content_type) == ([b"head", b"buffer"], COLUMNS)
    assert got.parameters == {"scores": [0.5], "took": {"ms": 3}}


async def _count(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    for number in range(request.parameters["items"]):
        yield Response((b'{"data": [{"number": %d}]}' % number,))


@check()
async def a_stream_keeps_its_order(subject: Subject) -> None:
    async with subject.serve(Answering(_count)) as (_, channel):
        for items in (1, 2, 1000):
            request = Request(MANY, (b"{}",), parameters={"items": items})
            got = [content(item) async for item in channel.handle(request, Context())]
            assert got == [[b'{"data": [{"number": %d}]}' % number] for number in range(items)]


@check()
async def a_stream_may_be_empty(subject: Subject) -> None:
    async with subject.serve(Answering(_count)) as (_, channel):
        request = Request(MANY, (b"{}",), parameters={"items": 0})
        assert [item async for item in channel.handle(request, Context())] == []


@check()
async def a_stream_of_columns_keeps_its_buffers(subject: Subject) -> None:
    async def answer(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        for number in range(20):
            yield Response((b"head", bytes(range(number))), COLUMNS, {"number": number})

    async with subject.serve(Answering(answer)) as (_, channel):
        request = Request(MANY, (b"{}",), accept=COLUMNS)
        got = [(item.parameters["number"], content(item)) async for item in channel.handle(request, Context())]
    assert got == [(number, [b"head", bytes(range(number))]) for number in range(20)]


@check()
async def items_arrive_when_they_are_made(subject: Subject) -> None:
    read = asyncio.Semaphore(0)

    async def one_by_one(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        for number in range(3):
            yield Response((b"%d" % number,))
            await read.acquire()

    async with subject.serve(Answering(one_by_one)) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        got = []
        async for item in channel.handle(Request(MANY, (b"{}",)), Context()):
            got.append(content(item))
            read.release()
    assert got == [[b"0"], [b"1"], [b"2"]]


@check()
async def nothing_happens_before_the_first_item_is_asked_for(subject: Subject) -> None:
    asked: list[str] = []

    async def remember(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        asked.append(request.endpoint)
        yield Response()

    async with subject.serve(Answering(remember)) as (_, channel):
        unread = channel.handle(Request(MANY, (b"{}",)), Context())
        await only(channel, Request(ONE, (b"{}",)))
        async with aclosing(unread):
            pass
        await only(channel, Request(ONE, (b"{}",)))
    assert asked == [ONE, ONE]


@check()
async def channels_do_not_disturb_each_other(subject: Subject) -> None:
    async with subject.serve(Answering(echo)) as (server, channel):
        other = subject.transport.channel(server.address, Limits())
        await other.connect()
        await only(other, Request(ONE, (b"[1]",)))
        await other.close()
        assert content(await only(channel, Request(ONE, (b"[2]",)))) == [b"[2]"]


@check()
async def headers_of_an_answer_arrive(subject: Subject) -> None:
    given = {"x-model": "minilm-2", "x-empty": "", "etag": '"a, b; c"'}

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b"{}",), headers=dict(given))
        if request.endpoint == MANY:
            yield Response((b"{}",))

    async with subject.serve(Answering(respond)) as (_, channel):
        assert (await only(channel, Request(ONE, (b"{}",)))).headers == given
        items = [item async for item in channel.handle(Request(MANY, (b"{}",)), Context())]
    assert items[0].headers == given
