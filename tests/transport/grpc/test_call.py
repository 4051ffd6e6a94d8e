"""The plain call, as a client in another language makes it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import grpc
import msgspec
import pytest
from grpc import aio

from tests.transport.grpc.conftest import ServeType
from thalweg.config import Limits
from thalweg.errors import ExecutorFailed, InvalidDocument, Overloaded
from thalweg.message import COLUMNS, JSON, Context, Request, Response
from thalweg.message.proto.gateway import CallRequest, CallResponse
from thalweg.message.proto.structure import plain
from thalweg.message.status import Failure
from thalweg.testing import eventually
from thalweg.testing.conformance.deadlines import Endless
from thalweg.testing.conformance.pressure import Holding
from thalweg.testing.conformance.subject import Answering, Settings

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PATIENCE = 60.0


def call(channel: aio.Channel, message: Any, **options: Any) -> Any:
    method = channel.unary_stream(
        "/thalweg.v1.Gateway/Call",
        request_serializer=CallRequest.SerializeToString,
        response_deserializer=CallResponse.FromString,
    )
    return method(message, **options)


async def answers(channel: aio.Channel, message: Any, **options: Any) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        return [answer async for answer in call(channel, message, **options)]


async def failure(channel: aio.Channel, message: Any, **options: Any) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as caught:
        await answers(channel, message, **options)
    return caught.value


def trailing(error: aio.AioRpcError) -> dict[str, Any]:
    return dict(error.trailing_metadata())


def documents(*data: dict[str, Any], **rest: Any) -> Any:
    message = CallRequest(endpoint="/one", **rest)
    for one in data:
        message.data.add().update(one)
    return message


class Seen:
    """Answers in columns or JSON as `response` says, and keeps what it was asked."""

    def __init__(self, *responses: Response) -> None:
        self.responses = responses
        self.calls: list[tuple[Request, Context]] = []

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.calls.append((request, context))
        for response in self.responses:
            yield response


async def test_documents_arrive_as_json(serve: ServeType) -> None:
    seen = Seen()
    _, channel = await serve(Settings().serving(seen))
    message = documents({"text": "größe", "n": 3, "x": 1.5, "tags": ["a", None, True]}, target="enc.*")
    message.parameters.update({"k": 2, "deep": {"a": [1]}})
    await answers(channel, message)
    ((request, _),) = seen.calls
    assert (request.endpoint, request.content_type, request.accept, request.target) == ("/one", JSON, JSON, "enc.*")
    assert msgspec.json.decode(request.body[0]) == {
        "data": [{"text": "größe", "n": 3, "x": 1.5, "tags": ["a", None, True]}],
        "parameters": {"k": 2, "deep": {"a": [1]}},
    }
    assert b'"n":3.' not in bytes(request.body[0])


async def test_json_comes_back_as_documents(serve: ServeType) -> None:
    body = b'{"data": [{"text": "a"}, {"text": "b"}], "parameters": {"k": 1}}'
    _, channel = await serve(Settings().serving(Seen(Response((body,), parameters={"took": 2}))))
    (answer,) = await answers(channel, documents({}))
    assert [plain(one) for one in answer.data] == [{"text": "a"}, {"text": "b"}]
    assert plain(answer.parameters) == {"k": 1, "took": 2}
    assert not answer.body


@pytest.mark.parametrize(
    "body,data",
    [
        (b'{"data": {"text": "only"}}', [{"text": "only"}]),
        (b'{"data": []}', []),
        (b"", []),
    ],
)
async def test_one_object_and_none_are_documents_too(serve: ServeType, body: bytes, data: list[Any]) -> None:
    _, channel = await serve(Settings().serving(Seen(Response((body,)))))
    (answer,) = await answers(channel, documents({}))
    assert [plain(one) for one in answer.data] == data


@pytest.mark.parametrize("body", [b"[1, 2]", b'{"data": [1]}', b'"text"'])
async def test_json_of_another_form_comes_back_as_bytes(serve: ServeType, body: bytes) -> None:
    _, channel = await serve(Settings().serving(Seen(Response((body,)))))
    (answer,) = await answers(channel, documents({}))
    assert (list(answer.body), answer.content_type, len(answer.data)) == ([body], JSON, 0)


async def test_bytes_arrive_and_come_back_as_bytes(serve: ServeType) -> None:
    seen = Seen(Response((b"head", memoryview(b"buffer")), COLUMNS, {"k": 1}))
    _, channel = await serve(Settings().serving(seen))
    message = CallRequest(endpoint="/one", content_type=COLUMNS, body=[b"a", b"", b"c"], accept=COLUMNS)
    message.parameters.update({"top": 3})
    (answer,) = await answers(channel, message)
    ((request, _),) = seen.calls
    assert (request.body, request.content_type, request.accept) == ((b"a", b"", b"c"), COLUMNS, COLUMNS)
    assert request.parameters == {"top": 3}
    assert (list(answer.body), answer.content_type, plain(answer.parameters)) == (
        [b"head", b"buffer"],
        COLUMNS,
        {"k": 1},
    )


async def test_a_stream_is_a_stream(serve: ServeType) -> None:
    items = [Response((b'{"data": [{"n": %d}]}' % number,)) for number in range(200)]
    _, channel = await serve(Settings().serving(Seen(*items)))
    got = await answers(channel, documents({}))
    assert [plain(answer.data[0])["n"] for answer in got] == list(range(200))


async def test_metadata_trace_request_id_and_deadline_arrive(serve: ServeType) -> None:
    seen = Seen()
    _, channel = await serve(Settings().serving(seen))
    metadata = (("traceparent", TRACE), ("x-request-id", "abc"), ("x-colour", "blue"), ("raw-bin", b"\0"))
    await answers(channel, documents({}), metadata=metadata, timeout=60)
    ((_, context),) = seen.calls
    assert (context.trace, context.request_id, context.metadata["x-colour"]) == (TRACE, "abc", "blue")
    assert "raw-bin" not in context.metadata
    assert context.remaining() is not None
    assert 30 < (context.remaining() or 0) < 61


@pytest.mark.parametrize(
    "message,words",
    [
        (documents({}, body=[b"{}"]), "both"),
        (CallRequest(endpoint="/one", content_type=COLUMNS), "no `body`"),
    ],
)
async def test_contradictions_are_malformed(serve: ServeType, message: Any, words: str) -> None:
    _, channel = await serve()
    error = await failure(channel, message)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert words in (error.details() or "")


async def test_an_error_has_its_status_and_all_of_itself_behind(serve: ServeType) -> None:
    async def fail(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise InvalidDocument("No field größe.\nSorry.", details=[{"loc": ["data", 0]}], executor="enc")
        yield

    _, channel = await serve(Settings().serving(Answering(fail)))
    error = await failure(channel, documents({}), metadata=(("x-request-id", "abc"),))
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "No field größe.\nSorry.")
    found = trailing(error)
    assert (found["thalweg-code"], found["x-request-id"]) == ("invalid_document", "abc")
    whole = msgspec.msgpack.decode(found["thalweg-failure-bin"], type=Failure)
    assert whole == Failure(
        "invalid_document", "No field größe.\nSorry.", [{"loc": ["data", 0]}], None, "enc", "abc", status="invalid"
    )


async def test_an_error_with_too_much_to_say_still_arrives(serve: ServeType) -> None:
    async def fail(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise ExecutorFailed("x" * 100_000, details=[{"number": number, "msg": "y" * 100} for number in range(1000)])
        yield

    _, channel = await serve(Settings().serving(Answering(fail)))
    error = await failure(channel, documents({}))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert (error.details() or "").startswith("xxx")
    whole = msgspec.msgpack.decode(trailing(error)["thalweg-failure-bin"], type=Failure)
    assert whole.details[0]["number"] == 0


async def test_past_the_limits_a_call_is_told_when_to_come_back(serve: ServeType) -> None:
    holding = Holding()
    _, channel = await serve(Settings(Limits(max_inflight=1)).serving(holding))
    held = asyncio.create_task(answers(channel, documents({"n": 1})))
    await holding.started.acquire()
    error = await failure(channel, documents({}))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert trailing(error)["thalweg-code"] == Overloaded.code
    assert trailing(error)["retry-after"] == "1"
    holding.release.set()
    assert len(await held) == 1


async def test_the_deadline_of_the_call_ends_the_handler(serve: ServeType) -> None:
    endless = Endless()
    _, channel = await serve(Settings().serving(endless))
    error = await failure(channel, documents({}), timeout=0.1)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await endless.wait_ended()


async def test_the_servers_timeout_ends_the_handler(serve: ServeType) -> None:
    endless = Endless()
    _, channel = await serve(Settings(timeout=0.1).serving(endless))
    error = await failure(channel, documents({}))
    assert trailing(error)["thalweg-code"] == "deadline_exceeded"
    await endless.wait_ended()


async def test_a_caller_that_leaves_cancels_the_handler(serve: ServeType) -> None:
    endless = Endless()
    _, channel = await serve(Settings().serving(endless))
    pending = call(channel, documents({}))
    await endless.wait_started()
    pending.cancel()
    await endless.wait_ended()


async def test_a_reader_that_stalls_holds_up_its_producer(serve: ServeType) -> None:
    made = 0

    async def flood(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        nonlocal made
        if request.endpoint != "/many":
            yield Response()
            return
        while True:
            made += 1
            yield Response((bytes(1 << 20),), COLUMNS)

    _, channel = await serve(Settings().serving(Answering(flood)))
    stalled = call(channel, CallRequest(endpoint="/many", body=[b"x"]))
    await stalled.read()
    seen, quiet = 0, 0
    while quiet < 20:
        await answers(channel, documents({}))
        quiet = quiet + 1 if made == seen else 0
        seen = made
        assert made < 50
    stalled.cancel()


async def test_draining_ends_what_is_under_way_and_refuses_what_is_new(serve: ServeType) -> None:
    holding = Holding()
    served, channel = await serve(Settings().serving(holding))
    held = asyncio.create_task(answers(channel, documents({"n": 1})))
    await holding.started.acquire()
    stopping = asyncio.create_task(served.stop(PATIENCE))
    await asyncio.sleep(0)
    error = await failure(channel, documents({}))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    holding.release.set()
    assert len(await held) == 1
    await stopping


async def test_what_outlasts_the_drain_is_unavailable(serve: ServeType) -> None:
    endless = Endless()
    served, channel = await serve(Settings().serving(endless))
    waiting = asyncio.create_task(failure(channel, documents({})))
    await endless.wait_started()
    await served.stop(0.05)
    assert (await waiting).code() is grpc.StatusCode.UNAVAILABLE
    await endless.wait_ended()


async def test_a_call_that_ended_gives_its_place_back(serve: ServeType) -> None:
    _, channel = await serve(Settings(Limits(max_inflight=1)).serving(Seen(Response())))
    for _ in range(5):
        await answers(channel, documents({}))
    pending = call(channel, documents({}))
    pending.cancel()

    async def admitted() -> bool:
        try:
            await answers(channel, documents({}))
        except aio.AioRpcError:
            return False
        return True

    results: list[bool] = []
    while not any(results):
        results.append(await admitted())
        assert len(results) < 1000
    await eventually(lambda: results[-1])
