"""What the conformance suite does not ask: other people's servers, connections that are used again, odd addresses."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from thalweg.config import ConnectionOptions, Limits
from thalweg.errors import (
    ConfigurationError,
    EndpointNotFound,
    MalformedRequest,
    Overloaded,
    PayloadTooLarge,
    PeerLost,
    ServerError,
    Unavailable,
)
from thalweg.message import Context, Request, Response
from thalweg.testing.leaks import eventually
from thalweg.transport import registry
from thalweg.transport.http.client import HttpChannel

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def dial() -> AsyncIterator[Callable[..., Awaitable[HttpChannel]]]:
    """A channel that is closed at the end."""
    async with AsyncExitStack() as stack:

        async def dial(address: str, limits: Limits | None = None, connect: bool = True) -> HttpChannel:
            channel = HttpChannel(address, limits or Limits())
            stack.push_async_callback(channel.close)
            if connect:
                await channel.connect()
            return channel

        yield dial


@pytest.fixture
async def stranger() -> AsyncIterator[Callable[[Answer], Awaitable[str]]]:
    """The address of a server that is not ours."""
    async with AsyncExitStack() as stack:

        async def start(answer: Answer) -> str:
            application = web.Application()
            application.router.add_route("*", "/{tail:.*}", answer)
            runner = web.AppRunner(application, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield start


async def ask(channel: HttpChannel, request: Request | None = None, **context: object) -> list[Response]:
    request = request or Request("/echo", (b"{}",))
    return [item async for item in channel.handle(request, Context(**context))]  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["http://", "ftp://x", "http:///path"])
def test_an_address_without_a_host_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        HttpChannel(address, Limits())


def test_secure_addresses_lead_here_too() -> None:
    assert isinstance(registry.channel("https://example.org/api"), HttpChannel)


async def test_requests_one_after_the_other_share_a_connection(serve, dial) -> None:
    site = await serve()
    channel = await dial(site.url)
    for _ in range(5):
        await ask(channel)
        assert [item.body for item in await ask(channel, Request("/count", (b"1",)))] == [(b"1",)]
    assert len(site.server._connections) == 2  # one for requests, one that watches


async def test_a_watching_connection_that_is_closed_for_resting_is_opened_again(serve, dial) -> None:
    site = await serve()
    channel = await dial(site.url)
    (resting,) = site.server._connections
    for _ in range(round(ConnectionOptions().silence_seconds)):
        resting.sweep()
    await eventually(lambda: resting.lost and site.server._connections)
    assert channel.connected
    lost = asyncio.create_task(channel.closed())
    await asyncio.sleep(0)
    assert not lost.done()
    await site.server.stop()
    await lost


async def test_endpoints_are_below_the_path_of_the_address(stranger, dial) -> None:
    paths = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.raw_path)
        return web.json_response({"data": []})

    channel = await dial(await stranger(answer) + "/api/v1/")
    await ask(channel, Request("/größe x", (b"{}",)))
    await ask(channel, Request("plain", (b"{}",)))
    assert paths == ["/api/v1/gr%C3%B6%C3%9Fe%20x", "/api/v1/plain"]


async def test_answers_of_strangers_become_typed_errors(stranger, dial) -> None:
    async def answer(request: web.Request) -> web.Response:
        status = int(request.path[1:])
        return web.Response(status=status, text="<h1>Sorry</h1>", headers={"retry-after": "7", "location": "/200"})

    channel = await dial(await stranger(answer))
    for status, cls in ((429, Overloaded), (404, EndpointNotFound), (502, Unavailable), (500, ServerError)):
        with pytest.raises(cls, match=f"HTTP status {status}: <h1>Sorry</h1>") as caught:
            await ask(channel, Request(f"/{status}", (b"{}",)))
        assert caught.value.retry_after == 7.0
    with pytest.raises(ServerError, match="HTTP status 302"):  # a redirect is nobody's answer
        await ask(channel, Request("/302", (b"{}",)))


async def test_a_stranger_without_a_readiness_page_is_ready(stranger, dial) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=404)

    assert await (await dial(await stranger(answer))).ready()


async def test_a_stream_that_ends_without_saying_so_is_a_lost_peer(stranger, dial) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 1\n\n")
        return response

    channel = await dial(await stranger(answer))
    stream = channel.handle(Request("/x", (b"{}",)), Context())
    assert (await anext(stream)).body == (b"1",)
    with pytest.raises(PeerLost, match="ended before it was complete"):
        await anext(stream)


async def test_the_connection_of_a_stream_is_used_again_when_its_end_comes_late(stranger, dial) -> None:
    connections = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        connections.add(id(request.transport))
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 1\n\nevent: end\ndata: {}\n\n")
        await asyncio.sleep(0.01)  # so that what ends the body is a piece of its own
        return response

    channel = await dial(await stranger(answer))
    for _ in range(3):
        assert len(await ask(channel)) == 1
    assert len(connections) == 1


async def test_an_answer_that_hides_its_size_is_refused_on_the_way(stranger, dial) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(bytes(1000))

    channel = await dial(await stranger(answer), Limits(max_message_bytes=5000))
    with pytest.raises(PayloadTooLarge, match="at most 5000"):
        await ask(channel)


async def test_a_request_over_the_limit_of_the_channel_is_not_sent(serve, dial) -> None:
    site = await serve()
    channel = await dial(site.url, Limits(max_message_bytes=10))
    with pytest.raises(PayloadTooLarge, match="at most 10 are sent"):
        await ask(channel, Request("/echo", (bytes(11),)))
    assert site.handler.requests == []


async def test_metadata_that_would_break_the_headers_is_refused(serve, dial) -> None:
    channel = await dial((await serve()).url)
    with pytest.raises(MalformedRequest, match="metadata"):
        await ask(channel, metadata={"x-evil": "a\r\nhost: b"})


async def test_metadata_never_replaces_what_the_transport_says(serve, dial) -> None:
    site = await serve()
    channel = await dial(site.url)
    metadata = {"content-length": "7", "transfer-encoding": "chunked", "host": "elsewhere", "x-colour": "größe"}
    await ask(channel, metadata=metadata)
    arrived = site.handler.contexts[0].metadata
    assert arrived["x-colour"] == "größe"
    assert arrived["host"] == site.url.removeprefix("http://")


async def test_large_parameters_of_a_json_request_go_into_its_body(serve, dial) -> None:
    site = await serve()
    channel = await dial(site.url)
    await ask(channel, Request("/echo", (b'{"data": []}',), parameters={"long": "x" * 20_000}))
    (request,) = site.handler.requests
    assert request.parameters == {}
    assert request.body[0] == b'{"data":[],"parameters":{"long":"' + b"x" * 20_000 + b'"}}'
    with pytest.raises(MalformedRequest, match="is not JSON of the form"):
        await ask(channel, Request("/echo", (b"[]",), parameters={"long": "x" * 20_000}))


async def test_plain_text_where_tls_is_expected_is_nobody(serve, dial) -> None:
    site = await serve()
    channel = await dial(site.url.replace("http:", "https:"), connect=False)
    with pytest.raises(Unavailable, match="https://127"):
        await channel.connect()
    with pytest.raises(Unavailable):
        await ask(channel)


async def test_a_channel_that_is_closed_while_it_connects_leaves_nothing(serve, dial) -> None:
    site = await serve()
    channel = await dial(site.url, connect=False)
    connecting = asyncio.create_task(channel.connect())
    await asyncio.sleep(0)
    await channel.close()
    with pytest.raises(Unavailable, match="closed"):
        await connecting
    await eventually(lambda: not site.server._connections)


async def test_two_that_connect_at_once_share_what_they_open(serve, dial) -> None:
    site = await serve()
    channel = await dial(site.url, connect=False)
    await asyncio.gather(channel.connect(), channel.connect())
    await eventually(lambda: len(site.server._connections) == 1)


async def test_a_stream_that_is_left_early_does_not_poison_the_next_request(serve, dial) -> None:
    async def endless(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        number = 0
        while True:
            number += 1
            yield Response((b"%d" % number,))

    channel = await dial((await serve(endless)).url)
    for _ in range(3):
        stream = channel.handle(Request("/count", (b"{}",)), Context())
        assert (await anext(stream)).body == (b"1",)
        await stream.aclose()
