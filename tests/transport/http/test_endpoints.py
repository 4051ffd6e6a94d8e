"""What a request says, and what is answered when nothing goes wrong."""

import json
from collections.abc import AsyncGenerator
from time import monotonic

import pytest

from thalweg.message import ARROW, COLUMNS, JSON, Context, Request, Response, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT, EndpointDescription
from thalweg.message.framing import pack_body, unpack_body

BODY = b'{"data": [{"text": "hi"}], "parameters": {}}'


async def test_json_goes_to_the_handler_and_back_as_it_is(serve) -> None:
    site = await serve()
    status, headers, body = await site.post("/echo", BODY)
    assert (status, body) == (200, BODY)
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(BODY))
    (request,) = site.handler.requests
    assert (request.endpoint, request.body, request.content_type, request.accept) == ("/echo", (BODY,), JSON, "")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", ""])
async def test_json_is_known_by_any_spelling_and_by_none(serve, kind: str) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        line = f"content-type: {kind}\r\n" if kind else ""
        writer.write(f"POST /echo HTTP/1.1\r\nhost: x\r\n{line}content-length: 2\r\n\r\n{{}}".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_columns_travel_in_frames(serve) -> None:
    site = await serve()
    parts = [b'{"top_k": 3}', b"header", bytes(1000)]
    status, headers, body = await site.post("/echo", b"".join(pack_body(parts)), content_type=COLUMNS)
    assert (status, headers["content-type"]) == (200, COLUMNS)
    assert [bytes(part) for part in unpack_body(body)] == [b'{"top_k":3}', *parts[1:]]
    assert site.handler.requests[0].parameters == {"top_k": 3}


async def test_an_endpoint_may_have_several_segments_and_escapes(serve) -> None:
    described = ServiceDescription("s", (EndpointDescription("/größe x/y"),))
    site = await serve(describe=lambda: described)
    assert (await site.post("/gr%C3%B6%C3%9Fe%20x/y"))[0] == 200
    assert site.handler.requests[0].endpoint == "/größe x/y"


async def test_a_default_endpoint_answers_every_path(serve) -> None:
    described = ServiceDescription("s", (EndpointDescription("/known"), EndpointDescription(DEFAULT_ENDPOINT)))
    site = await serve(describe=lambda: described)
    for path in ("/known", "/unknown/path", "/", "/healthz"):
        assert (await site.post(path))[0] == 200
    assert [request.endpoint for request in site.handler.requests] == ["/known", "/unknown/path", "/", "/healthz"]


async def test_a_service_that_describes_nothing_is_asked_everything(serve) -> None:
    site = await serve(describe=lambda: ServiceDescription("s"))
    assert (await site.post("/anything"))[0] == 200


async def test_a_changed_description_counts_at_once(serve) -> None:
    described = [ServiceDescription("s", (EndpointDescription("/old"),))]
    site = await serve(describe=lambda: described[0])
    assert (await site.post("/new"))[0] == 404
    described[0] = ServiceDescription("s", (EndpointDescription("/new"),))
    assert (await site.post("/new"))[0] == 200


async def test_headers_become_metadata_but_not_those_of_the_transport(serve) -> None:
    site = await serve()
    await site.post("/echo", X_Colour="blue", authorization="Bearer größe")
    metadata = site.handler.contexts[0].metadata
    assert metadata["x-colour"] == "blue"
    assert metadata["authorization"] == "Bearer größe"
    assert "x-colour" in metadata
    assert {"content-type", "content-length", "accept", "x-request-id"}.isdisjoint(metadata)


async def test_repeated_headers_are_joined(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\nx-tag: a\r\nX-Tag: b\r\ncontent-length: 2\r\n\r\n{}")
        await reader.readline()
    assert site.handler.contexts[0].metadata["x-tag"] == "a, b"


async def test_trace_target_and_parameters_come_in_headers(serve) -> None:
    site = await serve()
    await site.post("/echo", traceparent="00-ab-cd-01", thalweg_target="en%25c.*", thalweg_parameters='{"k": [1]}')
    request, context = site.handler.requests[0], site.handler.contexts[0]
    assert (request.target, request.parameters, context.trace) == ("en%c.*", {"k": [1]}, "00-ab-cd-01")


async def test_a_request_id_is_given_back(serve) -> None:
    site = await serve()
    _, headers, _ = await site.post("/echo", x_request_id="mine-1")
    assert headers["x-request-id"] == "mine-1"
    assert site.handler.contexts[0].given_request_id == "mine-1"
    _, headers, _ = await site.post("/echo")
    assert "x-request-id" not in headers


@pytest.mark.parametrize("unsafe", ["x" * 129, "two words", "größe"])
async def test_a_request_id_that_is_not_safe_to_repeat_is_replaced(serve, unsafe: str) -> None:
    site = await serve()
    _, headers, body = await site.post("/nowhere", x_request_id=unsafe)
    assert headers["x-request-id"] == json.loads(body)["request_id"] != unsafe
    assert len(headers["x-request-id"]) == 32


async def test_the_timeout_header_is_the_deadline(serve) -> None:
    site = await serve(timeout=100.0)
    began = monotonic()
    await site.post("/echo", thalweg_timeout="2.5")
    await site.post("/echo")
    first, second = (context.deadline - began for context in site.handler.contexts)
    assert 2.5 <= first < 3.5
    assert 100 <= second < 101


@pytest.mark.parametrize(
    "accept,wanted",
    [
        (f"application/json, {COLUMNS}", JSON),
        (COLUMNS, COLUMNS),
        (f"text/event-stream, {COLUMNS};q=0.9", COLUMNS),
        ("*/*", ""),
        (f"*/*, {COLUMNS}", ""),
        ("text/html, */*;q=0.8", ""),
        (f"{JSON};q=0.5, {COLUMNS};q=0.8, {ARROW};q=0.7", COLUMNS),
        (f"{JSON};q=0, {ARROW}", ARROW),
        (f"{JSON};q=0, */*", COLUMNS),
        ("application/*", ""),
    ],
)
async def test_accept_says_what_is_wanted_back(serve, accept: str, wanted: str) -> None:
    site = await serve()
    await site.post("/echo", accept=accept)
    assert site.handler.requests[0].accept == wanted


async def test_parameters_beside_a_json_answer_come_in_a_header(serve) -> None:
    async def answer(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b"{}",), JSON, {"größe": 1})

    site = await serve(answer)
    _, headers, _ = await site.post("/echo")
    assert json.loads(headers["thalweg-parameters"]) == {"größe": 1}


async def test_parameters_too_long_for_a_header_go_into_the_body(serve) -> None:
    async def answer(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b'{"data": [1], "parameters": {"kept": 1}}',), JSON, {"long": "x" * 20_000, "kept": 2})

    site = await serve(answer)
    _, headers, body = await site.post("/echo")
    assert "thalweg-parameters" not in headers
    assert json.loads(body) == {"data": [1], "parameters": {"long": "x" * 20_000, "kept": 1}}


async def test_one_connection_serves_many_requests(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        for _ in range(3):
            writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert b"\r\ndate: " in head
            assert await reader.readexactly(2) == b"{}"


async def test_requests_that_come_in_one_piece_are_answered_in_order(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(b"".join(b"POST /echo HTTP/1.1\r\ncontent-length: 1\r\n\r\n%d" % number for number in range(5)))
        for number in range(5):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(1) == b"%d" % number


async def test_a_body_may_come_in_chunks_of_unknown_number(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await writer.drain()
        writer.write(b"2\r\nde\r\n0\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(5) == b"abcde"


async def test_a_caller_that_asks_first_is_told_to_go_on(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
