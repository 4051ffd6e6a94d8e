"""What Jina's WebSocket clients write, byte by byte, and what they expect."""

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as ws_serve
from websockets.exceptions import ConnectionClosed

from tests.transport.websocket.conftest import Open, Recorder, talk
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs.content import encode_content
from thalweg.errors import DeadlineExceeded, ExecutorFailed, PeerLost, ThalwegError, Unavailable
from thalweg.message import DOCARRAY, Context, Request, Response
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.message.proto.jina import DataRequest, State, StatusCode
from thalweg.transport import registry
from thalweg.transport.jina.exchange import (
    read_answer,
    read_data_request,
    write_answer,
    write_data_request,
    write_failure,
)


class Text(BaseDoc):
    text: str = ""


def payload(*texts: str) -> tuple[bytes, ...]:
    body, _ = encode_content(DOCARRAY, DocList[Text]([Text(id=text, text=text) for text in texts]), {})
    return tuple(bytes(part) for part in body)


def call(endpoint: str, request_id: str, *texts: str) -> bytes:
    return write_data_request(Request(endpoint, payload(*texts), DOCARRAY), request_id)


async def farewell(talking: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        await talking.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


@pytest.mark.parametrize("last", [b"\x00", b"\x01"])
async def test_each_message_is_answered_and_the_end_byte_ends(serve: Open, last: bytes) -> None:
    handler = Recorder()
    async with serve(handler) as address, talk(address, "bytes") as talking:
        assert talking.subprotocol == "bytes"
        for number in range(3):
            await talking.send(call("/echo", f"r{number}", f"t{number}"))
        await talking.send(last)
        answers = [await talking.recv() for _ in range(3)]
        assert (await farewell(talking))[0] == 1000
    bodies = set()
    for answer in answers:
        assert isinstance(answer, bytes)
        response, error = read_answer(answer, "server")
        assert error is None
        bodies.add(b"".join(response.body))
    assert bodies == {b"".join(payload(f"t{number}")) for number in range(3)}
    assert {context.request_id for context in handler.contexts} == {"r0", "r1", "r2"}
    assert {request.content_type for request in handler.requests} == {DOCARRAY}


async def test_answers_come_as_they_are_ready(serve: Open) -> None:
    go = asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        if context.request_id == "slow":
            await go.wait()
        yield Response(request.body, DOCARRAY)

    async with serve(respond) as address, talk(address, "bytes") as talking:
        await talking.send(call("/echo", "slow", "a"))
        await talking.send(call("/echo", "quick", "b"))
        quick = await talking.recv()
        assert b"quick" in quick
        go.set()
        assert b"slow" in await talking.recv()


async def test_what_a_stream_gives_is_one_answer(serve: Open) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        for text in ("a", "b"):
            yield Response(payload(text), DOCARRAY)

    async with serve(respond) as address, talk(address, "bytes") as talking:
        await talking.send(call("/count", "r", "x"))
        answer = await talking.recv()
        assert isinstance(answer, bytes)
        response, _ = read_answer(answer, "server")
        assert b"".join(response.body) == b"".join(payload("a", "b"))
        (route,) = DataRequest.FromString(answer).routes
        assert route.executor == "rivers"
        assert route.end_time.ToNanoseconds() >= route.start_time.ToNanoseconds() > 0


async def test_the_error_of_an_executor_is_an_answer(serve: Open) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise ExecutorFailed("enc failed: ValueError: bad", executor="enc", cause="ValueError")
        yield

    async with serve(respond) as address, talk(address, "bytes") as talking:
        await talking.send(call("/echo", "r", "x"))
        answer = await talking.recv()
        assert isinstance(answer, bytes)
        _, error = read_answer(answer, "server")
        assert isinstance(error, ExecutorFailed)
        assert (error.executor, error.cause) == ("enc", "ValueError")


@pytest.mark.parametrize("error", [Unavailable("Nobody is there, " + "ä" * 200), DeadlineExceeded("Too late.")])
@pytest.mark.parametrize("protocol", ["bytes", "json"])
async def test_where_nobody_answers_the_connection_closes_with_1011(
    serve: Open, error: ThalwegError, protocol: str
) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise error
        yield

    asked: bytes | str = call("/echo", "r", "x") if protocol == "bytes" else '{"execEndpoint": "/echo", "data": []}'
    async with serve(respond) as address, talk(address, protocol) as talking:
        await talking.send(asked)
        code, reason = await farewell(talking)
    assert code == 1011
    assert error.message.startswith(reason)
    assert reason
    assert len(reason.encode()) <= 123


async def test_a_dry_run_tells_whether_everything_works(serve: Open) -> None:
    failing = False

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        assert request.endpoint == DRY_RUN_ENDPOINT
        if failing:
            raise Unavailable("enc does not answer")
        yield Response()

    async with serve(respond) as address:
        for failing, code in ((False, StatusCode.SUCCESS), (True, StatusCode.ERROR)):
            async with talk(address + "/dry_run", "bytes") as talking:
                told = State.FromString(await talking.recv())
                assert told.code == code
                assert (await farewell(talking))[0] == (1011 if failing else 1000)


async def test_json_of_the_first_version(serve: Open) -> None:
    handler = Recorder()
    asked = {
        "data": [{"text": "x"}],
        "execEndpoint": "/echo",
        "targetExecutor": "enc",
        "parameters": {"top": 1},
        "header": {"requestId": "mine"},
    }
    async with serve(handler) as address, talk(address, "json") as talking:
        await talking.send(json.dumps(asked))
        assert json.loads(await talking.recv()) == {
            "header": {"requestId": "mine", "execEndpoint": "/echo", "targetExecutor": "enc"},
            "data": [{"text": "x"}],
            "parameters": {"top": 1},
            "routes": [],
        }
        await talking.send('{"data": []}')
        told = json.loads(await talking.recv())
        assert told["header"]["status"]["code"] == "ERROR"
        assert "execEndpoint" in told["header"]["status"]["description"]
        await talking.send("{}")
        assert (await farewell(talking))[0] == 1000
    assert (handler.requests[0].endpoint, handler.requests[0].target) == ("/echo", "enc")


async def test_a_service_of_jina_is_called_by_what_it_understands() -> None:
    """As Jina's server does it: it names no sub-protocol, and closes where it does not know the one that is asked for."""

    async def answer(connection: ServerConnection) -> None:
        assert connection.request is not None
        if connection.request.headers.get("Sec-WebSocket-Protocol") != "bytes":
            return
        later: list[bytes] = []
        async for message in connection:
            assert isinstance(message, bytes)
            called = read_data_request(message)
            if called.request.endpoint == "/bad":
                await connection.send(write_failure(called, ExecutorFailed("no", executor="enc", cause="ValueError")))
            elif called.request.endpoint == "/gone":
                await connection.close(1011, "the network is down")
            else:
                later.append(write_answer(called, [Response(called.request.body, DOCARRAY)]))
            if len(later) == 2:
                for one in reversed(later):
                    await connection.send(one)
                later.clear()

    async with ws_serve(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        channel = registry.channel(f"ws://{host}:{port}")
        await channel.connect()

        async def ask(endpoint: str, text: str) -> bytes:
            request = Request(endpoint, payload(text), DOCARRAY)
            (response,) = [response async for response in channel.handle(request, Context.with_timeout(10))]
            return b"".join(response.body)

        assert list(await asyncio.gather(ask("/x", "a"), ask("/x", "b"))) == [
            b"".join(payload(one)) for one in ("a", "b")
        ]
        with pytest.raises(ExecutorFailed, match="no"):
            await ask("/bad", "a")
        with pytest.raises(DeadlineExceeded):
            _ = [one async for one in channel.handle(Request("/x", payload("a"), DOCARRAY), Context.with_timeout(0.05))]
        with pytest.raises(PeerLost, match="the network is down"):
            await ask("/gone", "a")
        assert not channel.connected
        await channel.close()
