"""`thalweg.json`: requests and answers as letters."""

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from tests.transport.websocket.conftest import Open, Recorder, hear, say, talk
from thalweg.config import Limits
from thalweg.errors import InvalidDocument, Overloaded
from thalweg.message import Context, Request, Response


async def test_a_caller_without_a_sub_protocol_speaks_json(serve: Open) -> None:
    async with serve() as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/echo", data=[{"text": "hello"}], parameters={"top": 3})
        assert await hear(talking) == {"id": 1, "data": [{"text": "hello"}], "parameters": {"top": 3}}


async def test_the_sub_protocol_can_be_named(serve: Open) -> None:
    async with serve() as address, talk(address, "thalweg.json") as talking:
        assert talking.subprotocol == "thalweg.json"
        await say(talking, id="a", endpoint="/echo", data=[])
        assert await hear(talking) == {"id": "a", "data": []}


async def test_an_answer_comes_under_the_id_of_its_request_in_any_order(serve: Open) -> None:
    first = asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        if b"slow" in request.body[0]:
            await first.wait()
        yield Response(request.body)
        first.set()

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id="slow", endpoint="/echo", data=[{"text": "slow"}])
        await say(talking, id="quick", endpoint="/echo", data=[{"text": "quick"}])
        assert [(await hear(talking))["id"], (await hear(talking))["id"]] == ["quick", "slow"]


async def test_hundreds_of_requests_share_a_connection(serve: Open) -> None:
    async with serve() as address, talk(address) as talking:
        for number in range(500):
            await say(talking, id=number, endpoint="/echo", data=[{"number": number}])
        heard = [await hear(talking) for _ in range(500)]
        assert {one["id"] for one in heard} == set(range(500))
        assert all(one["data"] == [{"number": one["id"]}] for one in heard)


async def test_a_stream_is_several_messages_and_an_end(serve: Open) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        for word in ("a", "b"):
            yield Response((b'{"data":[{"token":"%b"}]}' % word.encode(),))

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id=7, endpoint="/count", data=[{}])
        assert [await hear(talking) for _ in range(3)] == [
            {"id": 7, "more": True, "data": [{"token": "a"}]},
            {"id": 7, "more": True, "data": [{"token": "b"}]},
            {"id": 7, "more": False},
        ]


async def test_the_first_item_leaves_before_the_second_exists(serve: Open) -> None:
    read = asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b'{"data":[1]}',))
        await read.wait()
        yield Response((b'{"data":[2]}',))

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/count")
        assert (await hear(talking))["data"] == [1]
        read.set()
        assert (await hear(talking))["data"] == [2]


async def test_an_error_has_the_body_that_it_has_over_http(serve: Open) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise InvalidDocument("no", details=[{"loc": ["data", 0, "text"], "msg": "Field required", "type": "missing"}])
        yield

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/echo", data=[{}], header={"request_id": "mine"})
        assert await hear(talking) == {
            "id": 1,
            "error": {
                "detail": [{"loc": ["body", "data", 0, "text"], "msg": "Field required", "type": "missing"}],
                "message": "no",
                "code": "invalid_document",
                "request_id": "mine",
                "executor": "",
            },
        }
        await say(talking, id=2, endpoint="/echo", data=[{}])
        assert (await hear(talking))["id"] == 2, "an error of one request leaves the connection alone"


async def test_an_error_in_the_middle_of_a_stream_is_its_last_message(serve: Open) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b'{"data":[]}',))
        raise Overloaded("later", retry_after=2.5)

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/count")
        assert (await hear(talking))["more"]
        error = (await hear(talking))["error"]
        assert (error["code"], error["retry_after"]) == ("overloaded", 2.5)


async def test_what_nobody_foresaw_is_an_error_without_its_text(serve: Open) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise RuntimeError("secret")
        yield

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/echo")
        text = await talking.recv()
        assert "internal" in text
        assert "secret" not in text


@pytest.mark.parametrize(
    "text,words",
    [
        ("{", "message is not one of"),
        ("[]", "message is not one of"),
        ('{"endpoint": 5}', "$.endpoint"),
        ('{"id": {}, "endpoint": "/echo"}', "An id is"),
        ('{"id": "' + 200 * "x" + '", "endpoint": "/echo"}', "An id is"),
        ('{"id": 1}', "neither an endpoint"),
        ('{"id": 1, "data": []}', "names no endpoint"),
        ('{"endpoint": "/nowhere"}', "There is no endpoint /nowhere; there are: /bare, /chat, /count, /echo."),
        ('{"endpoint": "/echo", "header": {"timeout": -1}}', "header.timeout"),
    ],
)
async def test_a_message_that_is_no_request_is_answered_and_the_connection_stays(
    serve: Open, text: str, words: str
) -> None:
    async with serve() as address, talk(address) as talking:
        await talking.send(text)
        assert words in (await hear(talking))["error"]["detail"]
        await say(talking, id=1, endpoint="/echo", data=[])
        assert await hear(talking) == {"id": 1, "data": []}


async def test_an_id_can_be_used_again_once_it_is_answered_but_not_before(serve: Open) -> None:
    finish = asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await finish.wait()
        yield Response(request.body)

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/echo", data=[])
        await say(talking, id=1, endpoint="/echo", data=[])
        assert "under way" in (await hear(talking))["error"]["detail"]
        finish.set()
        assert await hear(talking) == {"id": 1, "data": []}
        await say(talking, id=1, endpoint="/echo", data=[])
        assert await hear(talking) == {"id": 1, "data": []}


async def test_one_request_is_called_off_and_the_others_go_on(serve: Open) -> None:
    ended, begun = asyncio.Event(), asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        if request.endpoint == "/echo":
            yield Response(request.body)
            return
        try:
            yield Response((b'{"data":[]}',))
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/count")
        assert (await hear(talking))["more"]
        await begun.wait()
        await say(talking, id=1, cancel=True)
        assert (await hear(talking))["error"]["code"] == "cancelled"
        await ended.wait()
        await say(talking, id=1, cancel=True)  # of one that has ended: nothing
        await say(talking, id=2, endpoint="/echo", data=[])
        assert await hear(talking) == {"id": 2, "data": []}


async def test_a_caller_that_vanishes_stops_its_generators(serve: Open) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        begun.set()
        try:
            await asyncio.Event().wait()
            yield Response()
        finally:
            ended.set()

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/count")
        await begun.wait()
        talking.transport.abort()
        async with asyncio.timeout(60):
            await ended.wait()


async def test_the_handshake_and_a_message_bring_headers(serve: Open) -> None:
    handler = Recorder()
    async with serve(handler) as address, talk(address, additional_headers={"X-Tenant": "a", "X-Key": "b"}) as talking:
        await say(talking, endpoint="/echo", data=[], headers={"X-Key": "c"})
        await hear(talking)
    metadata = handler.contexts[0].metadata
    assert (metadata["x-tenant"], metadata["x-key"]) == ("a", "c")
    assert not any(name.startswith("sec-websocket") for name in metadata)


async def test_a_message_says_who_works_until_when_and_how_urgent_it_is(serve: Open) -> None:
    handler = Recorder()
    header = {"request_id": "r", "target_executor": "enc.*", "timeout": 60, "priority": 3}
    async with serve(handler) as address, talk(address) as talking:
        await say(talking, id=None, endpoint="echo", data=[], header=header)
        assert await hear(talking) == {"id": None, "data": []}
    (request,), (context,) = handler.requests, handler.contexts
    assert (request.endpoint, request.target) == ("/echo", "enc.*")
    assert (context.request_id, context.priority) == ("r", 3)
    remaining = context.remaining()
    assert remaining is not None
    assert 0 < remaining <= 60


async def test_time_that_ran_out_is_said(serve: Open) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await asyncio.Event().wait()
        yield Response()

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/echo", header={"timeout": 0.05})
        assert (await hear(talking))["error"]["code"] == "deadline_exceeded"


async def test_headers_and_parameters_of_an_answer_come_in_its_message(serve: Open) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b'{"data":[],"parameters":{"b":2}}',), parameters={"a": 1, "b": 1}, headers={"x-cost": "5"})

    async with serve(respond) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/echo")
        assert await hear(talking) == {"id": 1, "headers": {"x-cost": "5"}, "data": [], "parameters": {"a": 1, "b": 2}}


async def test_the_document_of_an_endpoint_without_an_envelope_is_the_data(serve: Open) -> None:
    handler = Recorder()
    async with serve(handler) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/bare", data={"id": "its own", "text": "x"})
        assert await hear(talking) == {"id": 1, "data": {"id": "its own", "text": "x"}}
    assert json.loads(bytes(handler.requests[0].body[0])) == {"id": "its own", "text": "x"}


async def chat(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    async for body in request.payloads():
        yield Response(body)


async def test_documents_come_in_while_documents_go_out(serve: Open) -> None:
    async with serve(chat) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/chat", data=[{"text": "one"}], more=True)
        assert await hear(talking) == {"id": 1, "more": True, "data": [{"text": "one"}]}
        await say(talking, id=1, data=[{"text": "two"}], more=True)
        assert await hear(talking) == {"id": 1, "more": True, "data": [{"text": "two"}]}
        await say(talking, id=1, data=[{"text": "three"}])
        assert await hear(talking) == {"id": 1, "more": True, "data": [{"text": "three"}]}
        assert await hear(talking) == {"id": 1, "more": False}


async def test_a_stream_of_documents_may_begin_and_end_without_one(serve: Open) -> None:
    async with serve(chat) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/chat", more=True)
        await say(talking, id=1, data=[{"text": "one"}], more=True)
        assert (await hear(talking))["data"] == [{"text": "one"}]
        await say(talking, id=1, more=False)
        assert await hear(talking) == {"id": 1, "more": False}


async def test_who_sends_more_than_is_read_waits_and_loses_nothing(serve: Open) -> None:
    go = asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await go.wait()
        async for body in request.payloads():
            yield Response(body)

    limits = Limits(stream_window=2)
    async with serve(respond, limits=limits) as address, talk(address) as talking:
        await say(talking, id=1, endpoint="/chat", more=True)
        for number in range(100):
            await say(talking, id=1, data=[number], more=number < 99)
        go.set()
        assert [(await hear(talking))["data"] for _ in range(100)] == [[number] for number in range(100)]
        assert await hear(talking) == {"id": 1, "more": False}


async def test_a_caller_that_does_not_read_is_bounded(serve: Open) -> None:
    given = 0
    large = b'{"data":["' + 100_000 * b"x" + b'"]}'

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        nonlocal given
        for _ in range(2000):
            given += 1
            yield Response((large,))

    async with serve(respond) as address, talk(address, max_queue=1) as talking:
        await say(talking, id=1, endpoint="/count")
        before = -1
        while before != given:
            before = given
            await asyncio.sleep(0.2)
        assert given < 1000, "what a caller does not read is made no further"
        talking.transport.abort()


async def test_past_the_limit_the_answer_is_overloaded(serve: Open) -> None:
    go = asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await go.wait()
        yield Response(request.body)

    async with serve(respond, limits=Limits(max_inflight=2)) as address, talk(address) as talking:
        for number in range(3):
            await say(talking, id=number, endpoint="/echo", data=[])
        refused = await hear(talking)
        assert (refused["id"], refused["error"]["code"]) == (2, "overloaded")
        go.set()
        assert {(await hear(talking))["id"], (await hear(talking))["id"]} == {0, 1}
