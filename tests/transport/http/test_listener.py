"""Listening, draining and ending."""

import asyncio
import errno
import json
import signal
import socket
from collections.abc import AsyncGenerator

import pytest

from thalweg.errors import ConfigurationError
from thalweg.message import Context, Request, Response
from thalweg.testing.leaks import eventually, no_leaks
from thalweg.transport import registry
from thalweg.transport.contract import Serving
from thalweg.transport.http.listener import HttpServer


class Silent:
    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await asyncio.Event().wait()
        yield Response()


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1", "http://:80", "http://x:1/path", "http://x:99999", "https://x:1", "http://u@x:1"]
)
def test_an_address_that_makes_no_sense_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=address):
        registry.server(address, Serving(Silent()))


async def test_a_port_that_is_taken_is_named(serve) -> None:
    site = await serve()
    with pytest.raises(OSError, match=f"{site.url} cannot be had: somebody listens there already") as caught:
        await HttpServer(site.url, Serving(Silent())).start()
    assert caught.value.errno == errno.EADDRINUSE


async def test_the_address_has_the_port_that_the_system_chose(serve) -> None:
    site = await serve()
    assert int(site.url.rpartition(":")[2]) > 0


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
async def test_an_address_of_ipv6_is_one(serve) -> None:
    server = HttpServer("http://[::1]:0", Serving(Silent()))
    await server.start()
    assert server.address.startswith("http://[::1]:")
    await server.stop()


async def test_signals_are_left_alone() -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    server = HttpServer("http://127.0.0.1:0", Serving(Silent()))
    await server.start()
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
    await server.stop()


async def test_while_it_drains_new_requests_are_sent_away_and_connections_end(serve) -> None:
    release = asyncio.Event()

    async def hold(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await release.wait()
        yield Response((b"{}",))

    site = await serve(hold)
    async with site.wire() as (other, other_writer), site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        await eventually(lambda: site.handler.requests)
        stopping = asyncio.create_task(site.server.stop(60))
        await asyncio.sleep(0)
        other_writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        head = await other.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"\r\nretry-after: 1\r\n" in head
        assert b"\r\nconnection: close\r\n" in head
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            async with site.wire():
                pass
        release.set()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await stopping


async def test_what_outlasts_the_drain_is_told(serve) -> None:
    site = await serve(lambda request, context: Silent().handle(request, context))
    asking = asyncio.create_task(site.post("/echo"))
    await eventually(lambda: site.handler.requests)
    await site.server.stop(0.01)
    status, _, body = await asking
    assert (status, json.loads(body)["code"]) == (503, "peer_lost")


async def test_a_stop_closes_connections_that_rest_or_were_never_used_at_once(serve) -> None:
    site = await serve()
    async with no_leaks(), asyncio.timeout(60), site.wire() as (rested, writer), site.wire() as (unused, _):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        await rested.readuntil(b"{}")
        await site.server.stop(600)
        assert await rested.read() == await unused.read() == b""


async def test_a_stop_does_not_wait_for_a_reader_that_does_not_read(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def large(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((bytes(64 << 20),))

    site = await serve(large)
    async with site.wire() as (_, writer), asyncio.timeout(60):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        await eventually(lambda: [one.phase for one in site.server._connections] == ["answering"])
        await site.server.stop()


@pytest.mark.parametrize("serve", ["long"], indirect=True)  # the short way has no tasks of its own
async def test_a_cancelled_task_of_the_server_says_nothing_odd(serve) -> None:
    site = await serve(lambda request, context: Silent().handle(request, context))
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        await eventually(lambda: site.handler.requests)
        for task in list(site.server._state.tasks):
            task.cancel()  # as the end of an event loop does
        assert await reader.read() == b""
