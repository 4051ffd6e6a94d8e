"""How many connections there may be, and what each of them may bring."""

import json

import pytest

from thalweg.config import ConnectionOptions
from thalweg.message import Context, Request, Response
from thalweg.testing.leaks import eventually

ASK = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


async def test_a_connection_is_closed_after_the_requests_that_it_may_bring(serve) -> None:
    site = await serve(connections=ConnectionOptions(max_requests=2))
    async with site.wire() as (reader, writer):
        writer.write(ASK)
        assert b"connection: close" not in await reader.readuntil(b"\r\n\r\n{}")
        writer.write(ASK)
        assert b"connection: close" in await reader.readuntil(b"\r\n\r\n{}")
        assert await reader.read() == b""


async def test_a_connection_too_many_is_told_and_closed(serve) -> None:
    site = await serve(connections=ConnectionOptions(max_connections=1))
    async with site.wire() as (reader, writer):
        writer.write(ASK)
        await reader.readuntil(b"\r\n\r\n{}")
        async with site.wire() as (other, _):
            assert (await other.read()).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        writer.write(ASK)
        await reader.readuntil(b"\r\n\r\n{}")
    await eventually(lambda: not site.server._connections)
    async with site.wire() as (reader, writer):
        writer.write(ASK)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("size", [600_000])
async def test_a_head_over_the_limit_is_refused(serve, size: int) -> None:
    site = await serve(connections=ConnectionOptions(max_head_bytes=2048))
    async with site.wire() as (reader, writer):
        for start in range(0, size, 1000):
            writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\nx-a: " if not start else b"")
            writer.write(b"y" * 1000)
            await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 431")


async def test_patience_is_what_the_options_say(serve) -> None:
    site = await serve(connections=ConnectionOptions(silence_seconds=2, idle_seconds=3))
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n{}")
        await eventually(lambda: any(one.phase == "reading" for one in site.server._connections))
        for connection in list(site.server._connections):
            connection.sweep()
            connection.sweep()
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        assert b"for 2 seconds" in await reader.read(1000)


async def test_status_tells_versions_where_jina_has_them_too(serve) -> None:
    site = await serve()
    body = json.loads((await site.ask("GET", "/status"))[2])
    assert body["status"] == "ready"
    assert body["versions"]["thalweg"] == body["jina"]["jina"]
    assert body["envs"] == {}


async def test_a_dry_run_goes_through_the_handler(serve) -> None:
    site = await serve()
    assert json.loads((await site.ask("GET", "/dry_run"))[2]) == {"code": 0, "description": "", "exception": None}
    assert site.handler.requests[0].endpoint == "_jina_dry_run_"


async def test_a_dry_run_that_fails_says_why_and_is_still_an_answer(serve) -> None:
    async def broken(request: Request, context: Context):
        raise RuntimeError("secret")
        yield Response()

    site = await serve(broken)
    status, _, body = await site.ask("GET", "/dry_run")
    told = json.loads(body)
    assert (status, told["code"]) == (200, 1)
    assert told["exception"]["name"] == "InternalError"
    assert "secret" not in body.decode()


@pytest.mark.parametrize("size", [100_000, 5_000_000])
async def test_large_bodies_go_both_ways_in_every_form(serve, size: int) -> None:
    site = await serve()
    data = bytes(range(256)) * (size // 256)
    for content_type in ("application/vnd.apache.arrow.stream", "application/vnd.docarray.protobuf"):
        status, headers, body = await site.post("/echo", data, content_type=content_type)
        assert (status, headers["content-type"]) == (200, content_type)
        assert body == data
    assert site.server._application.admission.inflight_bytes == 0


async def test_headers_that_the_server_gives_are_not_the_executors_to_give(serve) -> None:
    async def answer(request: Request, context: Context):
        yield Response((b"{}",), headers={"x-model": "m", "x-request-id": "forged", "vary": "x"})

    site = await serve(answer)
    _, headers, _ = await site.post("/echo")
    assert headers["x-model"] == "m"
    assert not {"x-request-id", "vary"} & set(headers)
