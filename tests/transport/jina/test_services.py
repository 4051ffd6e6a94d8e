"""Jina's services, as one of its clients or Gateways calls them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import grpc
import pytest
from grpc import aio

from tests.transport.grpc.conftest import ServeType, serve
from thalweg.config import Limits
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs import protobuf
from thalweg.docs.codecs.content import decode_content
from thalweg.errors import DeadlineExceeded, ExecutorFailed, InvalidDocument, Overloaded, ThalwegError, Unavailable
from thalweg.message import (
    COLUMNS,
    DOCARRAY,
    Context,
    EndpointDescription,
    Request,
    Response,
    ServiceDescription,
    Visit,
)
from thalweg.message.proto import jina
from thalweg.message.proto.description import message_class
from thalweg.testing import eventually
from thalweg.transport.contract import Serving

__all__ = ["serve"]

DataRequest = message_class("jina.DataRequestProto")
DataRequests = message_class("jina.DataRequestListProto")
DocumentRequest = message_class("jina.SingleDocumentRequestProto")
PATIENCE = 60.0


class Text(BaseDoc):
    text: str = ""


def message(*texts: str, endpoint: str = "/encode", request_id: str = "", **parameters: Any) -> Any:
    made = DataRequest()
    made.header.exec_endpoint = endpoint
    made.header.request_id = request_id
    made.data.docs.MergeFromString(protobuf.encode_list(DocList[Text]([Text(id=text, text=text) for text in texts])))
    made.parameters.update(parameters)
    return made


def texts(answer: Any) -> list[str]:
    return [doc.data["text"].text for doc in answer.data.docs.docs]


class Acting:
    """Gives documents back as they came, after what it was made for; keeps what it was asked."""

    def __init__(self, error: ThalwegError | None = None, *responses: Response, visits: list[Visit] = []) -> None:  # noqa: B006
        self.error = error
        self.responses = responses
        self.visits = visits
        self.calls: list[tuple[Request, Context]] = []

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.calls.append((request, context))
        if context.visits is not None:
            context.visits += self.visits
        for response in self.responses:
            yield response
        if self.error is not None:
            raise self.error
        if not self.responses:
            yield Response(request.body, request.content_type, request.parameters, dict(context.given_answer_headers))


async def single(channel: aio.Channel, sent: Any, **options: Any) -> tuple[Any, aio.UnaryUnaryCall[Any, Any]]:
    call = channel.unary_unary(
        "/jina.JinaSingleDataRequestRPC/process_single_data",
        request_serializer=DataRequest.SerializeToString,
        response_deserializer=DataRequest.FromString,
    )(sent, timeout=PATIENCE, **options)
    return await call, call


def plain(channel: aio.Channel, method: str) -> Any:
    """A method that takes and gives bytes."""
    return channel.unary_unary(f"/jina.{method}")


def stream(channel: aio.Channel, **options: Any) -> Any:
    return channel.stream_stream(
        "/jina.JinaRPC/Call",
        request_serializer=DataRequest.SerializeToString,
        response_deserializer=DataRequest.FromString,
    )(timeout=PATIENCE, **options)


async def test_documents_reach_the_handler_as_the_bytes_that_came(serve: ServeType) -> None:
    acting = Acting()
    _, channel = await serve(Serving(acting))
    sent = message("one", "two", request_id="5" * 32, top=3, share=0.5)
    sent.header.target_executor = "enc"
    answer, call = await single(channel, sent, metadata=(("authorization", "me"), ("endpoint", "/encode")))
    ((request, context),) = acting.calls
    assert request.endpoint == "/encode"
    assert request.target == "enc"
    assert request.content_type == request.accept == DOCARRAY
    assert bytes(request.body[0]) == sent.data.docs.SerializeToString()
    assert request.parameters == {"top": 3, "share": 0.5}
    assert context.request_id == "5" * 32
    assert context.metadata["authorization"] == "me"
    assert context.deadline is not None
    assert answer.data == sent.data
    assert answer.header.request_id == "5" * 32
    assert answer.header.status.code == jina.StatusCode.SUCCESS
    assert "is-error" not in dict(await call.trailing_metadata())


async def test_a_request_without_an_id_is_given_one(serve: ServeType) -> None:
    acting = Acting()
    _, channel = await serve(Serving(acting))
    answer, _ = await single(channel, message("one"))
    assert len(answer.header.request_id) == 32
    assert acting.calls[0][1].request_id == answer.header.request_id


async def test_an_answer_names_the_gateway_and_each_executor_with_times(serve: ServeType) -> None:
    acting = Acting(visits=[Visit("b", 12.0, 13.0), Visit("a", 10.0, 12.0)])
    _, channel = await serve(Serving(acting))
    answer, _ = await single(channel, message("one"))
    assert [route.executor for route in answer.routes] == ["gateway", "a", "b"]
    assert answer.routes[1].start_time.seconds == 10
    assert answer.routes[1].end_time.seconds == 12
    whole = answer.routes[0]
    assert 0 <= whole.end_time.ToNanoseconds() - whole.start_time.ToNanoseconds() < PATIENCE * 1e9


async def test_an_executor_served_alone_is_the_only_stop(serve: ServeType) -> None:
    _, channel = await serve(Serving(Acting(), describe=lambda: ServiceDescription("encoder")))
    answer, _ = await single(channel, message("one"))
    assert [route.executor for route in answer.routes] == ["encoder"]


async def test_an_executors_error_is_an_answer_without_documents(serve: ServeType) -> None:
    error = ExecutorFailed("enc failed at /encode: ValueError: boom", executor="enc", cause="ValueError")
    _, channel = await serve(Serving(Acting(error)))
    answer, call = await single(channel, message("one"))
    assert answer.header.status.code == jina.StatusCode.ERROR
    assert answer.header.status.exception.name == "ValueError"
    assert not answer.data.docs.docs
    assert dict(await call.trailing_metadata())["is-error"] == "true"


@pytest.mark.parametrize("error", [InvalidDocument("no"), Overloaded("later", retry_after=1.0)], ids=type)
async def test_what_no_other_replica_would_do_better_is_an_answer_too(serve: ServeType, error: ThalwegError) -> None:
    _, channel = await serve(Serving(Acting(error)))
    answer, _ = await single(channel, message("one"))
    assert answer.header.status.exception.name == type(error).__name__


@pytest.mark.parametrize(
    "error,code",
    [
        (Unavailable("gone"), grpc.StatusCode.UNAVAILABLE),
        (DeadlineExceeded("late"), grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
    ids=["unavailable", "deadline"],
)
async def test_what_another_replica_might_do_ends_the_call(
    serve: ServeType, error: ThalwegError, code: grpc.StatusCode
) -> None:
    _, channel = await serve(Serving(Acting(error)))
    with pytest.raises(aio.AioRpcError) as caught:
        await single(channel, message("one"))
    assert caught.value.code() is code


async def test_headers_of_the_answer_are_metadata(serve: ServeType) -> None:
    acting = Acting(None, Response((), DOCARRAY, {}, {"x-cost": "3", "odd!name": "left out"}))
    _, channel = await serve(Serving(acting))
    _, call = await single(channel, message("one"))
    metadata = dict(await call.initial_metadata())
    assert metadata["x-cost"] == "3"
    assert "odd!name" not in metadata


async def test_a_stream_of_items_is_one_answer_of_bounded_size(serve: ServeType) -> None:
    item = Response((protobuf.encode_list(DocList[Text]([Text(text="x" * 100)])),), DOCARRAY)
    _, channel = await serve(Serving(Acting(None, *[item] * 3)))
    answer, _ = await single(channel, message("one"))
    assert len(answer.data.docs.docs) == 3
    _, channel = await serve(Serving(Acting(None, *[item] * 30), Limits(max_message_bytes=1000)))
    answer, _ = await single(channel, message("one"))
    assert answer.header.status.exception.name == "PayloadTooLarge"


async def test_a_report_that_floats_cannot_carry_is_an_error(serve: ServeType) -> None:
    _, channel = await serve(Serving(Acting(None, Response((), DOCARRAY, {"n": 2**60}))))
    answer, _ = await single(channel, message("one"))
    assert answer.header.status.exception.name == "UnsupportedContent"


@pytest.mark.parametrize("method", ["JinaSingleDataRequestRPC/process_single_data", "JinaDataRequestRPC/process_data"])
async def test_garbage_is_refused(serve: ServeType, method: str) -> None:
    acting = Acting()
    _, channel = await serve(Serving(acting))
    with pytest.raises(aio.AioRpcError) as caught:
        await plain(channel, method)(b"\xff\xff\xff", timeout=PATIENCE)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not acting.calls


async def several(channel: aio.Channel, *messages: Any) -> Any:
    call = channel.unary_unary(
        "/jina.JinaDataRequestRPC/process_data",
        request_serializer=DataRequests.SerializeToString,
        response_deserializer=DataRequest.FromString,
    )
    return await call(DataRequests(requests=messages), timeout=PATIENCE)


async def test_several_requests_are_joined_by_the_ids_of_their_documents(serve: ServeType) -> None:
    acting = Acting()
    _, channel = await serve(Serving(acting))
    first = message("a", "b", k=1, __results__={"left": {"n": 1}})
    second = message("b", "c", k=2, __results__={"right": {"n": 2}})
    answer = await several(channel, first, second)
    ((request, _),) = acting.calls
    assert request.content_type == COLUMNS
    assert request.parameters == {"k": 1, "__results__": {"left": {"n": 1}, "right": {"n": 2}}}
    assert texts(answer) == ["a", "b", "c"]


async def test_one_request_in_a_list_goes_as_it_came(serve: ServeType) -> None:
    acting = Acting()
    _, channel = await serve(Serving(acting))
    assert texts(await several(channel, message("a"))) == ["a"]
    assert acting.calls[0][0].content_type == DOCARRAY


async def test_an_empty_list_of_requests_is_refused(serve: ServeType) -> None:
    _, channel = await serve(Serving(Acting()))
    with pytest.raises(aio.AioRpcError) as caught:
        await several(channel)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def documents(channel: aio.Channel, sent: Any) -> AsyncIterator[Any]:
    call = channel.unary_stream(
        "/jina.JinaSingleDocumentRequestRPC/stream_doc",
        request_serializer=DocumentRequest.SerializeToString,
        response_deserializer=DocumentRequest.FromString,
    )
    return aiter(call(sent, timeout=PATIENCE))


def document(text: str) -> Any:
    made = DocumentRequest()
    made.header.exec_endpoint = "/stream"
    made.document.MergeFromString(protobuf.encode_document(Text(id="1", text=text)))
    made.parameters.update({"n": 2})
    return made


async def test_one_document_in_a_stream_of_them_out(serve: ServeType) -> None:
    made = [
        Response((protobuf.encode_list(DocList[Text]([Text(text=t) for t in pair])),), DOCARRAY) for pair in ("ab", "c")
    ]
    acting = Acting(None, *made)
    _, channel = await serve(Serving(acting))
    found = [answer async for answer in documents(channel, document("x"))]
    assert [answer.document.data["text"].text for answer in found] == ["a", "b", "c"]
    assert found[0].header.exec_endpoint == "/stream"
    ((request, _),) = acting.calls
    assert decode_content(DOCARRAY, request.body, Text)[0] == [Text(id="1", text="x")]
    assert request.parameters == {"n": 2}


async def test_an_error_in_a_stream_of_documents_follows_those_before_it(serve: ServeType) -> None:
    made = Response((protobuf.encode_list(DocList[Text]([Text(text="a")])),), DOCARRAY)
    _, channel = await serve(Serving(Acting(ExecutorFailed("boom"), made)))
    found = documents(channel, document("x"))
    assert (await anext(found)).document.data["text"].text == "a"
    with pytest.raises(aio.AioRpcError, match="boom") as caught:
        await anext(found)
    assert caught.value.code() is grpc.StatusCode.INTERNAL


class Gated:
    """Answers when its gate for the endpoint is opened; knows how many requests wait."""

    def __init__(self) -> None:
        self.gates: dict[str, asyncio.Event] = {}
        self.waiting = 0
        self.most = 0

    def gate(self, endpoint: str) -> asyncio.Event:
        return self.gates.setdefault(endpoint, asyncio.Event())

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await self.gate(request.endpoint).wait()
        finally:
            self.waiting -= 1
        yield Response(request.body, request.content_type)


async def test_answers_on_a_stream_come_as_they_are_ready(serve: ServeType) -> None:
    gated = Gated()
    _, channel = await serve(Serving(gated))
    call = stream(channel)
    for name in ("/a", "/b"):
        await call.write(message(name, endpoint=name))
    gated.gate("/b").set()
    assert texts(await call.read()) == ["/b"]
    gated.gate("/a").set()
    assert texts(await call.read()) == ["/a"]
    await call.done_writing()
    assert await call.read() is aio.EOF


async def test_answers_on_a_stream_come_in_order_where_that_is_asked_for(serve: ServeType) -> None:
    gated = Gated()
    _, channel = await serve(Serving(gated))
    call = stream(channel, metadata=(("__results_in_order__", "true"),))
    names = [f"/{number}" for number in range(5)]
    for name in names:
        await call.write(message(name, endpoint=name))
    await call.done_writing()
    for name in reversed(names):
        gated.gate(name).set()
    assert [texts(answer)[0] async for answer in call] == names


async def test_no_more_of_a_stream_is_under_way_than_is_asked_for(serve: ServeType) -> None:
    gated = Gated()
    _, channel = await serve(Serving(gated))
    call = stream(channel, metadata=(("__prefetch__", "3"),))
    for number in range(12):
        await call.write(message(str(number), endpoint="/x"))
    await call.done_writing()
    gated.gate("/x").set()
    assert len([answer async for answer in call]) == 12
    assert gated.most <= 3


async def test_one_failed_request_does_not_end_the_others_of_its_stream(serve: ServeType) -> None:
    class Half(Acting):
        async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
            if request.endpoint == "/bad":
                raise Unavailable("gone")
            async for response in super().handle(request, context):
                yield response

    _, channel = await serve(Serving(Half()))
    call = stream(channel, metadata=(("__results_in_order__", "true"),))
    for endpoint in ("/a", "/bad", "/c"):
        await call.write(message(endpoint, endpoint=endpoint))
    await call.done_writing()
    answers = [answer async for answer in call]
    assert [answer.header.status.code for answer in answers] == [0, 1, 0]
    assert dict(await call.trailing_metadata())["is-error"] == "true"


async def test_a_stream_ends_at_what_is_no_message_once_the_others_are_answered(serve: ServeType) -> None:
    _, channel = await serve(Serving(Acting()))
    call: Any = channel.stream_stream("/jina.JinaRPC/Call")(timeout=PATIENCE)
    await call.write(message("a").SerializeToString())
    await call.write(b"\xff\xff\xff")
    assert texts(DataRequest.FromString(await call.read())) == ["a"]
    assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_stream_that_its_caller_leaves_calls_its_requests_off(serve: ServeType) -> None:
    gated = Gated()
    _, channel = await serve(Serving(gated))
    call = stream(channel)
    await call.write(message("a", endpoint="/never"))
    await eventually(lambda: gated.waiting == 1)
    call.cancel()
    await eventually(lambda: gated.waiting == 0)


async def test_a_dry_run_asks_the_handler(serve: ServeType) -> None:
    acting = Acting()
    _, channel = await serve(Serving(acting))
    dry_run = plain(channel, "JinaGatewayDryRunRPC/dry_run")
    assert jina.State.FromString(await dry_run(b"", timeout=PATIENCE)).code == jina.StatusCode.SUCCESS
    assert acting.calls[0][0].endpoint == "_jina_dry_run_"
    acting.error = Unavailable("no replica")
    status = jina.State.FromString(await dry_run(b"", timeout=PATIENCE))
    assert status.code == jina.StatusCode.ERROR
    assert status.exception.name == "Unavailable"


async def test_information_is_versions_and_no_environment(serve: ServeType) -> None:
    _, channel = await serve(Serving(Acting()))
    told = jina.Info.FromString(await plain(channel, "JinaInfoRPC/_status")(b"", timeout=PATIENCE))
    assert set(told.jina) >= {"thalweg", "python", "grpcio", "protobuf"}
    assert not told.envs


async def test_endpoints_are_told_with_their_schemas(serve: ServeType) -> None:
    schema = Text.model_json_schema()
    description = ServiceDescription(
        "enc",
        (
            EndpointDescription("/encode", schema, schema),
            EndpointDescription("/stream", schema, schema, streaming=True, single=True),
            EndpointDescription("/default"),
        ),
    )
    _, channel = await serve(Serving(Acting(), describe=lambda: description))
    discover = plain(channel, "JinaDiscoverEndpointsRPC/endpoint_discovery")
    told = jina.Endpoints.FromString(await discover(b"", timeout=PATIENCE))
    assert list(told.endpoints) == ["/encode", "/stream", "/default", "_jina_dry_run_"]
    assert told.schemas["/encode"]["input"]["name"] == "Text"
    assert not told.schemas["/encode"]["is_generator"]
    assert told.schemas["/stream"]["is_generator"]
    assert told.schemas["/stream"]["is_singleton_doc"]
    assert told.schemas["/default"]["input"]["name"] == "LegacyDocumentJina"
    assert told.schemas["/encode"]["parameters"]["name"] is None
