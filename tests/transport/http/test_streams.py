import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from thalweg.config import Limits
from thalweg.errors import ExecutorFailed, InvalidDocument
from thalweg.message import Context, Request, Response
from thalweg.testing.leaks import eventually

POST = b"POST /count HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"


async def count(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    for number in range(3):
        yield Response((b'{"data": [%d]}' % number,))


async def test_a_streaming_endpoint_sends_events(serve) -> None:
    site = await serve(count)
    status, headers, body = await site.post("/count")
    assert status == 200
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert body == (
        b'data: {"data": [0]}\n\ndata: {"data": [1]}\n\ndata: {"data": [2]}\n\nevent: end\ndata: {}\n\n'
    )  # fmt: skip


@pytest.mark.parametrize(
    "accept,streams", [("text/event-stream", True), ("application/json, text/event-stream", False), ("*/*", False)]
)
async def test_who_takes_nothing_but_events_gets_them_of_any_endpoint(serve, accept: str, streams: bool) -> None:
    site = await serve()
    _, headers, _ = await site.post("/echo", accept=accept)
    assert headers["content-type"].startswith("text/event-stream") == streams


async def test_an_item_leaves_before_the_next_one_is_made(serve) -> None:
    made = 0
    go_on = asyncio.Event()

    async def one_by_one(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        nonlocal made
        for made in (1, 2):
            yield Response((b"%d" % made,))
            await go_on.wait()

    site = await serve(one_by_one)
    async with site.wire() as (reader, writer):
        writer.write(POST)
        await reader.readuntil(b"data: 1\n\n")
        assert made == 1
        go_on.set()
        await reader.readuntil(b"event: end")


async def test_an_error_before_the_first_item_has_a_status(serve) -> None:
    async def fail(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise InvalidDocument("no")
        yield

    site = await serve(fail)
    status, headers, _ = await site.post("/count")
    assert (status, headers["content-type"]) == (422, "application/json")


async def test_an_error_after_it_is_the_last_event(serve) -> None:
    async def fail(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b"1",))
        raise ExecutorFailed("broken", executor="enc")

    site = await serve(fail)
    _, _, body = await site.post("/count", x_request_id="me")
    last = body.split(b"\n\n")[-2]
    assert last.startswith(b"event: error\ndata: ")
    assert json.loads(last.partition(b"data: ")[2]) == {
        "detail": "broken", "code": "executor_failed", "request_id": "me", "executor": "enc"
    }  # fmt: skip
    assert b"event: end" not in body


async def test_an_empty_stream_only_ends(serve) -> None:
    async def nothing(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        return
        yield

    site = await serve(nothing)
    assert (await site.post("/count"))[2] == b"event: end\ndata: {}\n\n"


async def test_the_deadline_ends_a_stream_with_an_event(serve) -> None:
    async def stall(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b"1",))
        await asyncio.Event().wait()

    site = await serve(stall)
    _, _, body = await site.post("/count", thalweg_timeout="0.05")
    assert b'event: error\ndata: {"detail":"The deadline of the request has passed."' in body


async def test_a_reader_that_leaves_closes_the_generator(serve) -> None:
    closed = asyncio.Event()

    async def endless(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        try:
            yield Response((b"1",))
            await asyncio.Event().wait()
        finally:
            closed.set()

    site = await serve(endless)
    async with site.wire() as (reader, writer):
        writer.write(POST)
        await reader.readuntil(b"data: 1")
    async with asyncio.timeout(60):
        await closed.wait()
    assert site.handler.contexts[0].cancelled
    await eventually(lambda: site.server._application.admission.inflight == 0)


async def test_a_reader_that_stalls_stops_the_producer_until_its_time_is_up(serve) -> None:
    made = 0

    async def flood(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        nonlocal made
        while True:
            made += 1
            yield Response((bytes(1 << 20),))

    site = await serve(flood, limits=Limits(stream_window=2))
    async with site.wire() as (_, writer):
        writer.write(b"POST /count HTTP/1.1\r\nthalweg-timeout: 0.3\r\ncontent-length: 2\r\n\r\n{}")
        # Nobody reads, so nobody could be told: the connection is cut.
        await eventually(lambda: site.handler.contexts and site.handler.contexts[0].cancelled)
        await eventually(lambda: not site.server._connections)
    assert 1 <= made < 30


async def test_small_items_do_not_pile_up_before_a_reader_that_stalls(serve) -> None:
    made = 0

    async def flood(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        nonlocal made
        while True:
            made += 1
            yield Response((bytes(1000),))

    site = await serve(flood)
    async with site.wire() as (_, writer):
        writer.write(POST)
        await eventually(lambda: [one.full for one in site.server._connections] == [True], 20)
        (connection,) = site.server._connections
        waiting = connection._transport.get_write_buffer_size()
        assert 0 < waiting < 2000, f"{waiting} bytes of {made} items wait"


async def test_a_producer_that_never_waits_leaves_others_their_turn(serve) -> None:
    made = 0

    async def flood(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        nonlocal made
        while True:
            made += 1
            yield Response((b"{}",))

    site = await serve(flood)
    async with site.wire() as (_, writer):
        writer.write(POST)
        await eventually(lambda: made)
        assert made < 10_000  # many times as much goes into the buffers of a socket


async def test_a_connection_goes_on_after_a_stream(serve) -> None:
    site = await serve(count)
    async with site.wire() as (reader, writer):
        for _ in range(2):
            writer.write(POST)
            await reader.readuntil(b"event: end\ndata: {}\n\n\r\n0\r\n\r\n")
