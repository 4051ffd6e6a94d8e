"""Bodies that are too large, too slow, or never end."""

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from thalweg.config import ConnectionOptions, Limits
from thalweg.message import Context, Request, Response
from thalweg.testing.leaks import eventually
from thalweg.transport.http.connection import DISCARD_BYTES

MIB = 1 << 20
HEAD_BYTES = ConnectionOptions().max_head_bytes
SILENCE_SECONDS = round(ConnectionOptions().silence_seconds)
SMALL = Limits(max_message_bytes=1000, max_inflight_bytes=1500)


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(serve) -> None:
    site = await serve(limits=SMALL)
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 5000\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413")
        assert b"The request has 5000 bytes; at most 1000 are taken." in await reader.read(1000)
        # What was announced is read and dropped, and the connection is good for the next request.
        writer.write(bytes(5000) + b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert len(site.handler.requests) == 1


async def test_a_body_that_grows_too_large_is_refused_on_the_way(serve) -> None:
    site = await serve(limits=SMALL)
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(3):
            writer.write(b"190\r\n" + bytes(400) + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    assert site.handler.requests == []


async def test_bodies_that_are_still_coming_count_against_the_limit(serve) -> None:
    site = await serve(limits=Limits(max_inflight_bytes=100_500))
    async with site.wire() as (_, first), site.wire() as (reader, second):
        first.write(b"POST /echo HTTP/1.1\r\ncontent-length: 100000\r\n\r\nx")
        await eventually(lambda: site.server._application.admission.inflight_bytes == 100_000)
        second.write(b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2bc\r\n" + bytes(700) + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 429")
    await eventually(lambda: site.server._application.admission.inflight == 0)
    assert site.server._application.admission.inflight_bytes == 0


async def test_who_goes_on_sending_what_was_refused_is_cut_off(serve) -> None:
    site = await serve(limits=SMALL)
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 1000000000\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        sent = 0
        try:
            while sent < 4 * DISCARD_BYTES:
                writer.write(bytes(MIB))
                await writer.drain()
                sent += MIB
        except ConnectionError:
            pass
        assert sent < 2 * DISCARD_BYTES


async def test_a_head_without_end_is_cut_off(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\n")
        line = b"x-padding: " + b"x" * 1000 + b"\r\n"
        sent = 0
        try:
            while not reader.at_eof() and sent < 100 * HEAD_BYTES:
                writer.write(line)
                await writer.drain()
                sent += len(line)
        except ConnectionError:
            pass
        assert sent < 100 * HEAD_BYTES
    assert site.handler.requests == []


async def test_nonsense_is_answered_with_400_and_is_no_warning(serve, caplog: pytest.LogCaptureFixture) -> None:
    site = await serve()
    caplog.set_level("DEBUG")
    async with site.wire() as (reader, writer):
        writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        assert b"malformed_request" in await reader.read()
    told = [record for record in caplog.records if record.name != "asyncio"]
    assert {(record.name, record.levelname) for record in told} == {("thalweg.server", "DEBUG")}


def pass_time(site: object, seconds: int) -> None:
    for _ in range(seconds):
        for one in list(site.server._connections):  # type: ignore[attr-defined]
            one.sweep()


async def test_a_body_that_stops_coming_is_given_up(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf")
        await eventually(lambda: [one.phase for one in site.server._connections] == ["reading"])
        pass_time(site, SILENCE_SECONDS)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        told = json.loads(await reader.read(1000))
        assert told["detail"] == "No byte of the body came for 30 seconds."
        assert len(told["request_id"]) == 32
        # What comes of it after all is dropped.
        writer.write(bytes(96) + b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        assert (await reader.readuntil(b"{}")).count(b"HTTP/1.1 200") == 1
    assert [request.body for request in site.handler.requests] == [(b"{}",)]


async def test_a_body_that_comes_slowly_is_waited_for(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 4\r\n\r\n")
        for number in range(4):
            await eventually(lambda: [one.phase for one in site.server._connections] == ["reading"])
            pass_time(site, SILENCE_SECONDS - 10)  # seconds of the clock come on top
            writer.write(b"%d" % number)
            (connection,) = site.server._connections
            await eventually(lambda connection=connection: connection._quiet < SILENCE_SECONDS - 10)
        await reader.readuntil(b"\r\n\r\n0123")


async def test_who_neither_sends_the_rest_of_a_body_nor_leaves_is_cut_off(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf")
        await eventually(lambda: [one.phase for one in site.server._connections] == ["reading"])
        pass_time(site, SILENCE_SECONDS)
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        await eventually(lambda: [one.phase for one in site.server._connections] == ["idle"])
        pass_time(site, SILENCE_SECONDS)
        await eventually(lambda: not site.server._connections)


async def test_a_head_that_stops_coming_is_given_up_and_so_is_who_never_speaks(serve) -> None:
    site = await serve()
    async with site.wire() as (silent, _), site.wire() as (_halting, writer):
        writer.write(b"POST /echo HTTP/1.1\r\nhost")
        await eventually(lambda: len(site.server._connections) == 2)
        await eventually(lambda: any(one._unclaimed for one in site.server._connections))
        pass_time(site, SILENCE_SECONDS)
        await eventually(lambda: not site.server._connections)
        assert await silent.read() == b""


async def test_a_handler_may_take_as_long_as_it_likes(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        await reader.readuntil(b"\r\n\r\n{}")
        pass_time(site, 2 * SILENCE_SECONDS)  # between two requests uvicorn's own timer decides
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_an_answer_that_nobody_reads_is_dropped(serve) -> None:
    async def large(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((bytes(64 * MIB),))

    site = await serve(large)
    async with site.wire() as (_, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        await eventually(lambda: [one.phase for one in site.server._connections] == ["answering"])
        assert site.server._application.admission.inflight == 1
        pass_time(site, 10 * SILENCE_SECONDS)
        await eventually(lambda: not site.server._connections)
        await eventually(lambda: site.server._application.admission.inflight == 0)


async def test_a_caller_that_leaves_with_a_large_body_sent_is_noticed(serve) -> None:
    cancelled = asyncio.Event()

    async def wait(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        context.on_cancel(cancelled.set)
        await asyncio.Event().wait()
        yield Response()

    site = await serve(wait)
    async with site.wire() as (_, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (2 * MIB))
        writer.write(bytes(2 * MIB))
        await writer.drain()
        await eventually(lambda: site.handler.requests)
    async with asyncio.timeout(60):
        await cancelled.wait()
