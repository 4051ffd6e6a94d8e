"""Who may connect, and how a connection ends."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.transport.websocket.conftest import Open, hear, say, talk
from thalweg.config import ConnectionOptions, CorsOptions, Limits, WebSocketOptions
from thalweg.message import Context, Request, Response
from thalweg.transport import registry
from thalweg.transport.contract import Serving


async def _farewell(talking: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        await _read_all(talking)
    goodbye = closed.value.rcvd
    assert goodbye is not None, "the server said none"
    return goodbye.code, goodbye.reason


async def _read_all(talking: ClientConnection) -> None:
    while True:
        await talking.recv()


@pytest.mark.parametrize(
    "protocol,message,code",
    [
        ("thalweg.json", b"binary", 1003),
        ("thalweg.frames", "text", 1003),
        ("thalweg.frames", b"\xff" * 64, 1000),
        ("bytes", "text", 1003),
        ("bytes", b"\xff\xff", 1007),
        ("json", b"binary", 1003),
    ],
)
async def test_what_breaks_a_sub_protocol_closes_the_connection_with_its_code(
    serve: Open, protocol: str, message: str | bytes, code: int
) -> None:
    async with serve() as address, talk(address, protocol) as talking:
        await talking.send(message)
        assert (await _farewell(talking))[0] == code


async def test_text_that_is_not_utf8_closes_with_1007(serve: Open) -> None:
    async with serve() as address, talk(address) as talking:
        await talking.send(b"\xff\xfe", text=True)
        assert (await _farewell(talking))[0] == 1007


async def test_a_message_that_is_too_large_closes_with_1009_in_one_piece_or_many(serve: Open) -> None:
    async with serve(limits=Limits(max_message_bytes=1000)) as address:
        async with talk(address) as talking:
            await say(talking, id=1, endpoint="/echo", data=["x" * 2000])
            assert (await hear(talking))["error"]["code"] == "payload_too_large"
            await talking.send("x" * (2 << 20))
            assert (await _farewell(talking))[0] == 1009
        async with talk(address) as talking:
            await talking.send("x" * 65536 for _ in range(32))
            assert (await _farewell(talking))[0] == 1009


async def test_unfinished_messages_of_all_connections_are_bounded_together(serve: Open) -> None:
    limits = Limits(max_message_bytes=1 << 20, max_inflight_bytes=1 << 20)
    async with serve(limits=limits) as address, talk(address) as one, talk(address) as other:

        async def pieces() -> AsyncGenerator[str, None]:
            for _ in range(12):
                yield "x" * 65536
            await asyncio.Event().wait()

        sending = [asyncio.create_task(one.send(pieces())), asyncio.create_task(other.send(pieces()))]
        ends = [asyncio.create_task(_farewell(one)), asyncio.create_task(_farewell(other))]
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        assert done.pop().result()[0] == 1013
        for task in (*sending, *ends):
            task.cancel()
        await asyncio.gather(*sending, *ends, return_exceptions=True)


async def test_a_message_in_pieces_is_put_together(serve: Open) -> None:
    text = json.dumps({"id": 1, "endpoint": "/echo", "data": [{"text": "hällo"}]})
    async with serve() as address, talk(address) as talking:
        await talking.send(text[i : i + 3] for i in range(0, len(text), 3))
        assert (await hear(talking))["data"] == [{"text": "hällo"}]


async def test_compression_is_an_option(serve: Open) -> None:
    async with serve() as address, talk(address) as talking:
        assert not talking.protocol.extensions
    async with serve(websocket=WebSocketOptions(compression=True)) as address, talk(address) as talking:
        assert talking.protocol.extensions
        await say(talking, id=1, endpoint="/echo", data=["x" * 100_000])
        assert (await hear(talking))["data"] == ["x" * 100_000]


@pytest.mark.parametrize(
    "origin,settings,status",
    [
        (None, {}, 101),
        ("https://elsewhere.example", {}, 403),
        ("null", {}, 403),
        ("https://elsewhere.example", {"websocket": WebSocketOptions(origins=("*",))}, 101),
        ("https://elsewhere.example", {"websocket": WebSocketOptions(origins="https://elsewhere.example")}, 101),
        ("https://other.example", {"websocket": WebSocketOptions(origins="https://elsewhere.example")}, 403),
        ("https://elsewhere.example", {"cors": CorsOptions()}, 101),
        ("https://elsewhere.example", {"cors": CorsOptions(origins=("https://other.example",))}, 403),
    ],
)
async def test_pages_of_other_origins_connect_where_they_may(
    serve: Open, origin: str | None, settings: dict[str, object], status: int
) -> None:
    async with serve(**settings) as address:
        if status == 101:
            async with talk(address, origin=origin):
                return
        with pytest.raises(InvalidStatus) as refused:
            await _connect(address, origin)
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body)["code"] == "permission_denied"


async def _connect(address: str, origin: str | None) -> None:
    async with talk(address, origin=origin):
        pass


async def test_pages_of_the_servers_own_origin_connect(serve: Open) -> None:
    async with serve() as address, talk(address, origin=address.replace("ws", "http")) as talking:
        await say(talking, endpoint="/echo", data=[])
        assert (await hear(talking))["data"] == []


async def test_more_connections_than_are_taken_are_told_to_come_back(serve: Open) -> None:
    async with serve(websocket=WebSocketOptions(max_connections=2)) as address:
        async with talk(address), talk(address):
            with pytest.raises(InvalidStatus) as refused:
                async with talk(address):
                    pass
            response = refused.value.response
            assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
            assert json.loads(response.body)["code"] == "unavailable"
        async with asyncio.timeout(60):
            while True:
                try:
                    async with talk(address):
                        break
                except InvalidStatus:
                    await asyncio.sleep(0.01)


async def test_a_sub_protocol_that_nobody_speaks_is_refused(serve: Open) -> None:
    async with serve() as address:
        with pytest.raises(InvalidStatus) as refused:
            async with talk(address, "graphql-transport-ws"):
                pass
        assert refused.value.response.status_code == 400


async def test_a_peer_that_gives_no_pong_is_let_go(serve: Open) -> None:
    options = WebSocketOptions(ping_seconds=1, pong_seconds=1)
    async with serve(websocket=options) as address:
        reader, writer = await asyncio.open_connection(*address.removeprefix("ws://").split(":"))
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        async with asyncio.timeout(60):
            frames = await reader.read()
        assert frames.startswith(b"\x89\x00"), "a ping came first"
        assert frames[2:4] == b"\x88\x0e"
        assert frames[4:6] == (1011).to_bytes(2, "big")
        writer.close()


async def test_a_peer_that_gives_pongs_stays(serve: Open) -> None:
    options = WebSocketOptions(ping_seconds=1, pong_seconds=1)
    async with serve(websocket=options) as address, talk(address, ping_interval=None) as talking:
        await asyncio.sleep(3.5)  # what is held is that nothing happens
        await say(talking, endpoint="/echo", data=[])
        assert (await hear(talking))["data"] == []


async def test_a_server_that_stops_says_goodbye_and_lets_requests_end() -> None:
    go, begun = asyncio.Event(), asyncio.Event()

    class Slow:
        async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
            begun.set()
            await go.wait()
            yield Response(request.body)

    server = registry.server("ws://127.0.0.1:0", Serving(Slow()))
    await server.start()
    async with talk(server.address) as idle, talk(server.address) as busy:
        await say(busy, id=1, endpoint="/x", data=[])
        await begun.wait()
        stopping = asyncio.create_task(server.stop(30.0))
        assert (await _farewell(idle))[0] == 1001
        await say(busy, id=2, endpoint="/x", data=[])
        refused = await hear(busy)
        assert (refused["id"], refused["error"]["code"]) == (2, "unavailable")
        go.set()
        assert await hear(busy) == {"id": 1, "data": []}
        assert (await _farewell(busy))[0] == 1001
        await stopping


async def test_what_has_not_ended_when_the_server_stops_is_told() -> None:
    begun = asyncio.Event()

    class Endless:
        async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
            begun.set()
            await asyncio.Event().wait()
            yield Response()

    server = registry.server("ws://127.0.0.1:0", Serving(Endless()))
    await server.start()
    async with talk(server.address) as talking:
        await say(talking, id=1, endpoint="/x", data=[])
        await begun.wait()
        stopping = asyncio.create_task(server.stop(0.01))
        assert (await hear(talking))["error"]["code"] == "unavailable"
        assert (await _farewell(talking))[0] == 1001
        await stopping


async def test_an_http_server_takes_connections_at_its_path(serve: Open) -> None:
    async with serve(address="http://127.0.0.1:0") as address:
        async with talk(address.replace("http", "ws") + "/ws?x=1") as talking:
            await say(talking, id=1, endpoint="/echo", data=[])
            assert await hear(talking) == {"id": 1, "data": []}
        with pytest.raises(InvalidStatus):
            async with talk(address.replace("http", "ws") + "/elsewhere"):
                pass


async def test_an_http_server_may_take_none(serve: Open) -> None:
    async with serve(address="http://127.0.0.1:0", websocket=WebSocketOptions(path="")) as address:
        with pytest.raises(InvalidStatus):
            async with talk(address.replace("http", "ws") + "/ws"):
                pass


async def test_a_websocket_server_answers_http_about_its_health(serve: Open) -> None:
    async with serve() as address, aiohttp.ClientSession() as session:
        async with session.get(address.replace("ws", "http") + "/healthz") as response:
            assert response.status == 200
        async with session.post(address.replace("ws", "http") + "/echo", json={"data": []}) as response:
            assert await response.json() == {"data": []}


async def test_another_library_speaks_with_us(serve: Open) -> None:
    async with serve() as address, aiohttp.ClientSession() as session, session.ws_connect(address) as talking:
        await talking.send_json({"id": 1, "endpoint": "/echo", "data": [{"text": "x"}]})
        assert await talking.receive_json() == {"id": 1, "data": [{"text": "x"}]}
        await talking.ping(b"there?")
        await talking.close()
        assert talking.close_code == 1000


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 100,
        b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 12\r\n\r\n",
        b"GET " + b"x" * 100_000,
        b"POST / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n" + b"\xff" * 100,
    ],
)
async def test_garbage_ends_in_an_answer_or_an_end(serve: Open, garbage: bytes) -> None:
    async with serve() as address:
        reader, writer = await asyncio.open_connection(*address.removeprefix("ws://").split(":"))
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(60):
            answer = await reader.read()
        assert not answer or answer.startswith(b"HTTP/1.1 4")
        writer.close()


async def test_who_connects_and_says_nothing_is_let_go(serve: Open) -> None:
    async with serve(connections=ConnectionOptions(silence_seconds=0.1)) as address:
        reader, writer = await asyncio.open_connection(*address.removeprefix("ws://").split(":"))
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionError):
                assert not await reader.read()
        writer.close()


async def test_frames_that_break_the_protocol_close_with_1002(serve: Open) -> None:
    async with serve() as address, talk(address) as talking:
        talking.transport.write(b"\xf1\x80\x00\x00\x00\x00")  # reserved bits
        assert (await _farewell(talking))[0] == 1002
