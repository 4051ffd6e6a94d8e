"""Streams by `GET`, streams of lines, and streams that are silent."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest

from thalweg.config import ConnectionOptions, Limits
from thalweg.errors import InvalidDocument
from thalweg.message import Context, EndpointDescription, Request, Response, ServiceDescription
from thalweg.transport.http.client import HttpChannel
from thalweg.transport.http.events import LineParser
from thalweg.transport.http.failures import decode_failure

JSON_BODY = {"content-type": "application/json"}
TEXT = {"type": "object", "properties": {"text": {"type": "string"}, "number": {"type": "integer"}}}
TOP = {"type": "object", "properties": {"top": {"type": "integer"}}}
WORDS = ServiceDescription(
    "words", (EndpointDescription("/words", TEXT, TEXT, TOP, streaming=True), EndpointDescription("/one", TEXT, TEXT))
)


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[HttpChannel]:
    channel = HttpChannel(address, Limits())
    try:
        yield channel
    finally:
        await channel.close()


def item(text: str) -> Response:
    return Response((b'{"data":[{"text":"%b"}],"parameters":{}}' % text.encode(),), headers={"x-model": "m"})


async def two(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    yield item("one")
    yield item("two")


async def fails(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    yield item("one")
    raise InvalidDocument("no more", request_id="r1")


async def test_a_stream_by_get_has_jinas_framing_byte_by_byte(serve) -> None:
    site = await serve(two, describe=lambda: WORDS)
    status, headers, body = await site.ask("GET", "/words?text=a+b&number=3&top=2&parameters=%7B%22k%22:1%7D")
    assert status == 200
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-model"] == "m"
    assert body == (
        b'event: update\r\ndata: {"text":"one"}\r\n\r\n'
        b'event: update\r\ndata: {"text":"two"}\r\n\r\n'
        b"event: end\r\ndata: {}\r\n\r\n"
    )
    (request,) = site.handler.requests
    assert json.loads(bytes(request.body[0])) == {"data": {"text": "a b", "number": 3}}
    assert request.parameters == {"k": 1, "top": 2}


async def test_the_document_may_stand_in_the_body_of_a_get(serve) -> None:
    site = await serve(two, describe=lambda: WORDS)
    status, _, body = await site.ask("GET", "/words", b'{"text": "a"}', content_type="application/json")
    assert status == 200
    assert body.startswith(b"event: update\r\n")
    assert json.loads(bytes(site.handler.requests[0].body[0])) == {"data": {"text": "a"}}


@pytest.mark.parametrize("query", ["parameters=3", "text=%ff"])
async def test_a_query_string_that_makes_no_sense_is_refused(serve, query: str) -> None:
    site = await serve(two, describe=lambda: WORDS)
    assert (await site.ask("GET", f"/words?{query}"))[0] == 400


async def test_an_error_in_a_stream_by_get_is_an_event_with_the_usual_body(serve) -> None:
    site = await serve(fails, describe=lambda: WORDS)
    _, _, body = await site.ask("GET", "/words?text=a")
    last = body.split(b"\r\n\r\n")[-2]
    assert last.startswith(b"event: error\r\ndata: ")
    assert isinstance(decode_failure(last.removeprefix(b"event: error\r\ndata: ")), InvalidDocument)


async def test_an_endpoint_with_one_answer_is_not_read_by_get(serve) -> None:
    site = await serve(two, describe=lambda: WORDS)
    assert (await site.ask("GET", "/one?text=a"))[0] == 405
    assert (await site.ask("HEAD", "/words?text=a"))[0] == 405


@pytest.mark.parametrize("accept", ["application/jsonl", "application/x-ndjson"])
async def test_a_stream_may_be_lines_of_json(serve, accept: str) -> None:
    site = await serve(two, describe=lambda: WORDS)
    _, headers, body = await site.post("/words", accept=accept)
    assert headers["content-type"] == accept
    assert [json.loads(line)["data"][0]["text"] for line in body.splitlines()] == ["one", "two"]
    _, _, body = await site.ask("GET", "/words?text=a", accept=accept)
    assert body == b'{"text":"one"}\n{"text":"two"}\n'


async def test_an_error_is_the_last_line(serve) -> None:
    site = await serve(fails, describe=lambda: WORDS)
    _, _, body = await site.post("/words", accept="application/jsonl")
    error = json.loads(body.splitlines()[-1])["error"]
    assert (error["code"], error["detail"]) == ("invalid_document", "no more")


async def test_one_answer_may_be_a_line_and_line_breaks_in_it_are_none(serve) -> None:
    async def answer(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b'{\n "data": [],\n "parameters": {"a": 1}}',), parameters={"b": 2})

    site = await serve(answer, describe=lambda: WORDS)
    _, _, body = await site.post("/one", accept="application/jsonl")
    assert body.count(b"\n") == 1
    assert json.loads(body)["parameters"] == {"a": 1, "b": 2}


async def test_documents_may_come_as_lines(serve) -> None:
    site = await serve()
    await site.post("/echo", b'{"text": "a"}\n\n{"text": "b"}\n', content_type="application/x-ndjson")
    assert json.loads(bytes(site.handler.requests[0].body[0])) == {"data": [{"text": "a"}, {"text": "b"}]}
    smuggled = b'{"text": "a"}],"parameters":{"x":1},"y":[{}\n'
    assert (await site.post("/echo", smuggled, content_type="application/jsonl"))[0] == 400


@pytest.mark.parametrize("accept", ["text/event-stream", "application/jsonl"])
async def test_the_first_item_arrives_before_the_second_exists(serve, accept: str) -> None:
    arrived = asyncio.Event()

    async def patient(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield item("one")
        async with asyncio.timeout(60):
            await arrived.wait()
        yield item("two")

    site = await serve(patient, describe=lambda: WORDS)
    async with site.client.post(f"{site.url}/words", data=b"{}", headers={"accept": accept, **JSON_BODY}) as response:
        assert b"one" in await response.content.readany()
        arrived.set()
        assert b"two" in await response.content.read()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_silent_stream_says_that_it_is_there(serve, method: str) -> None:
    pinged = asyncio.Event()

    async def silent(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        async with asyncio.timeout(60):
            await pinged.wait()
        yield item("one")

    site = await serve(silent, describe=lambda: WORDS, connections=ConnectionOptions(ping_seconds=0.02))
    sent = {"data": b"{}", "headers": JSON_BODY} if method == "POST" else {}
    async with site.client.request(method, f"{site.url}/words", **sent) as response:
        assert (await response.content.readany()).startswith(b": ping")
        pinged.set()
        rest = await response.content.read()
    assert b"one" in rest
    assert rest.rstrip().endswith(b"data: {}")


async def test_our_channel_reads_events_between_pings(serve) -> None:
    async def slow(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        for text in ("one", "two"):
            await asyncio.sleep(0.05)
            yield item(text)

    site = await serve(slow, describe=lambda: WORDS, connections=ConnectionOptions(ping_seconds=0.01))
    async with opened(site.url) as channel:
        items = [one async for one in channel.handle(Request("/words", (b"{}",)), Context())]
    assert [json.loads(bytes(one.body[0]))["data"][0]["text"] for one in items] == ["one", "two"]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_lines_are_read_in_pieces_of_any_size(size: int) -> None:
    text = b'{"data":[1]}\r\n\n{"error":1,"data":[]}\n{"error":{"detail":"x"}}\n'
    parser = LineParser(100)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    events = [event for piece in pieces for event in parser.feed(piece)]
    assert [event.name for event in events] == ["", "", "error"]
