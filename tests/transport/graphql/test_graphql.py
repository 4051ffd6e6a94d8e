"""GraphQL over HTTP, by a client of its own and by hand."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError

from thalweg.config import GraphqlOptions, Limits
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray
from thalweg.errors import InvalidDocument, Overloaded
from thalweg.message import Context, EndpointDescription, Request, Response, ServiceDescription
from thalweg.transport import graphql, registry
from thalweg.transport.contract import Serving


class Word(BaseDoc):
    text: str
    count: int = 1


class Vector(BaseDoc):
    text: str = ""
    embedding: NdArray
    words: DocList[Word] = DocList[Word]([])
    tags: dict[str, Any] | None = None


PARAMETERS = {"type": "object", "title": "Shape", "properties": {"top": {"type": "integer"}}, "required": ["top"]}
DESCRIPTION = ServiceDescription(
    "rivers",
    (
        EndpointDescription("/encode", Word.model_json_schema(), Vector.model_json_schema(), description="Encodes."),
        EndpointDescription("/search", Vector.model_json_schema(), Word.model_json_schema(), PARAMETERS),
        EndpointDescription("/deep/er-still", None, None),
        EndpointDescription("/count", streaming=True),
        EndpointDescription("/bare", Word.model_json_schema(), Word.model_json_schema(), envelope=False),
    ),
)
BIG = 1 << 40


async def respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    asked = json.loads(b"".join(request.body))
    if request.endpoint == "/encode":
        words = asked["data"]
        data = [{"text": w["text"], "embedding": [1.5, 2.5], "words": [w], "tags": {"a": [1]}} for w in words]
        yield Response(
            (json.dumps({"data": data, "parameters": {"seen": len(words)}}).encode(),), headers={"x-cost": "3"}
        )
    elif request.endpoint == "/count":
        for number in range(3):
            yield Response((json.dumps({"data": [{"number": number}]}).encode(),))
    elif request.endpoint == "/bare":
        yield Response((json.dumps(asked).encode(),))
    else:
        yield Response(
            (json.dumps({"data": asked.get("data", []), "parameters": asked.get("parameters", {})}).encode(),)
        )


class Handler:
    def __init__(self, function: Callable[[Request, Context], AsyncGenerator[Response, None]]) -> None:
        self.function = function
        self.contexts: list[Context] = []
        self.requests: list[Request] = []

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.requests.append(request)
        self.contexts.append(context)
        return self.function(request, context)


Open = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture
def serve() -> Open:
    @asynccontextmanager
    async def opened(handler: Any = respond, options: GraphqlOptions | None = None, **rest: Any) -> AsyncIterator[str]:
        options = options or GraphqlOptions()
        handler = handler if isinstance(handler, Handler) else Handler(handler)
        serving = Serving(handler, describe=lambda: DESCRIPTION, **rest)
        serving = Serving(
            handler, describe=lambda: DESCRIPTION, apps={"/graphql": graphql.app(serving, options)}, **rest
        )
        server = registry.server("http://127.0.0.1:0", serving)
        await server.start()
        try:
            yield server.address + "/graphql"
        finally:
            await server.stop()

    return opened


async def ask(address: str, query: str, variables: Any = None, **settings: Any) -> Any:
    async with aiohttp.ClientSession() as session:
        body = {"query": query, "variables": variables}
        async with session.post(address, json=body, **settings) as response:
            return await response.json(content_type=None)


async def test_a_client_of_graphql_asks_for_what_it_wants(serve: Open) -> None:
    async with (
        serve() as address,
        Client(transport=AIOHTTPTransport(url=address), fetch_schema_from_transport=True) as session,
    ):
        query = gql(
            "query ($data: [WordInput!]) { encode(data: $data) { data { embedding words { text count } } parameters } }"
        )
        query.variable_values = {"data": [{"text": "a", "count": 2}]}
        assert await session.execute(query) == {
            "encode": {
                "data": [{"embedding": [1.5, 2.5], "words": [{"text": "a", "count": 2}]}],
                "parameters": {"seen": 1},
            }
        }
        wrong = gql("{ encode(data: [{text: 5}]) { data { text } } }")
        with pytest.raises(Exception, match="String cannot represent a non string value"):
            await session.execute(wrong)


async def test_the_schema_says_what_there_is(serve: Open) -> None:
    async with serve() as address:
        found = await ask(address, '{ __type(name: "Query") { fields { name description args { name } } } }')
        fields = {field["name"]: field for field in found["data"]["__type"]["fields"]}
        assert fields.keys() == {"encode", "search", "deep_er_still", "count", "bare", "docs"}
        assert fields["encode"]["description"] == "Encodes."
        assert [one["name"] for one in fields["encode"]["args"]] == ["data", "parameters", "target"]
        found = await ask(address, '{ __type(name: "Vector") { fields { name type { name kind } } } }')
        kinds = {field["name"]: field["type"]["name"] for field in found["data"]["__type"]["fields"]}
        assert kinds["embedding"] == "Tensor"
        assert kinds["tags"] == "JSON"
        found = await ask(address, '{ __type(name: "Mutation") { fields { name } } }')
        assert "encode" in [field["name"] for field in found["data"]["__type"]["fields"]]


async def test_arguments_are_checked_by_the_schemas(serve: Open) -> None:
    handler = Handler(respond)
    async with serve(handler) as address:
        for query, words in (
            ("{ encode(data: [{}]) { data { text } } }", "text"),
            ("{ search { data { text } } }", "of type 'ShapeInput!' is required"),
            ("{ encode { data { nothing } } }", "Cannot query field 'nothing' on type 'Vector'"),
            ("{ nowhere { data } }", "Cannot query field 'nowhere'"),
            ("{ encode { data { ", "Syntax Error"),
        ):
            errors = (await ask(address, query))["errors"]
            assert words in errors[0]["message"]
            assert errors[0]["extensions"]["code"] == "malformed_request"
    assert not handler.requests, "nothing was asked of the service"


async def test_tensors_and_large_numbers_go_in_as_they_are(serve: Open) -> None:
    handler = Handler(respond)
    query = """
        query ($v: Tensor!) {
          one: search(data: [{embedding: [[1, 2.5], [3, 4]]}], parameters: {top: %d}) { data { count } parameters }
          two: search(data: [{embedding: $v}], parameters: {top: 1}) { data { text } }
        }
    """
    async with serve(handler) as address:
        found = await ask(address, query % BIG, {"v": [1.0, 2.0]})
    assert found["data"]["one"]["parameters"] == {"top": BIG}
    taken = sorted(
        (json.loads(b"".join(one.body)) for one in handler.requests), key=lambda one: one["parameters"]["top"]
    )
    assert [one["data"][0]["embedding"] for one in taken] == [[1.0, 2.0], [[1, 2.5], [3, 4]]]


async def test_several_calls_are_one_query_and_side_by_side(serve: Open) -> None:
    both = asyncio.Barrier(2)

    async def together(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await both.wait()
        yield Response((b'{"data":[]}',))

    async with serve(together) as address:
        found = await ask(address, "{ a: count { data } b: count { data } }")
    assert found == {"data": {"a": {"data": []}, "b": {"data": []}}}


async def test_a_stream_is_a_list(serve: Open) -> None:
    async with serve() as address:
        found = await ask(address, "{ count { data } }")
    assert found["data"]["count"]["data"] == [{"number": 0}, {"number": 1}, {"number": 2}]


async def test_an_endpoint_without_an_envelope_takes_one_document(serve: Open) -> None:
    async with serve() as address:
        found = await ask(address, '{ bare(data: [{text: "x"}]) { data { text } } }')
        assert found["data"]["bare"]["data"] == [{"text": "x"}]
        found = await ask(address, "{ bare { data { text } } }")
        assert found["errors"][0]["message"] == "/bare takes one document."


async def test_docs_takes_the_endpoint_as_an_argument(serve: Open) -> None:
    handler = Handler(respond)
    query = """
        mutation ($data: JSON) {
          docs(data: $data, targetExecutor: "enc.*", parameters: {a: 1}, execEndpoint: "/encode") { text embedding }
        }
    """
    async with serve(handler) as address:
        found = await ask(address, query, {"data": {"text": "x"}})
        assert found == {"data": {"docs": [{"text": "x", "embedding": [1.5, 2.5]}]}}
        assert (handler.requests[0].endpoint, handler.requests[0].target) == ("/encode", "enc.*")
        found = await ask(address, '{ docs(data: [{text: "y", count: 3}]) { text count } }')
        assert found == {"data": {"docs": [{"text": "y", "count": 3}]}}
        assert handler.requests[1].endpoint == "/search"


async def test_an_error_has_its_body_in_extensions_beside_what_went_well(serve: Open) -> None:
    async def half(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        if request.endpoint == "/encode":
            raise InvalidDocument("bad", details=[{"loc": ["data", 0], "msg": "no", "type": "t"}])
        if request.endpoint == "/bare":
            raise RuntimeError("secret")
        yield Response((b'{"data":[1]}',))

    query = "{ encode { data { text } } }"
    async with serve(half) as address:
        found = await ask(address, query, headers={"x-request-id": "mine"})
        (error,) = found["errors"]
        assert (error["message"], error["path"]) == ("bad", ["encode"])
        assert error["extensions"]["code"] == "invalid_document"
        assert error["extensions"]["request_id"] == "mine"
        assert error["extensions"]["detail"] == [{"loc": ["body", "data", 0], "msg": "no", "type": "t"}]
        found = await ask(address, '{ bare(data: [{text: "x"}]) { data { text } } }')
        assert found["errors"][0]["extensions"]["code"] == "internal_error"
        assert "secret" not in json.dumps(found)


async def test_a_client_of_graphql_raises_our_errors(serve: Open) -> None:
    async def full(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise Overloaded("later", retry_after=2.0)
        yield

    async with serve(full) as address, Client(transport=AIOHTTPTransport(url=address)) as session:
        with pytest.raises(TransportQueryError) as failed:
            await session.execute(gql("{ count { data } }"))
        assert failed.value.errors is not None
        assert failed.value.errors[0]["extensions"]["retry_after"] == 2.0


async def test_headers_go_in_and_come_out(serve: Open) -> None:
    handler = Handler(respond)
    async with serve(handler) as address, aiohttp.ClientSession() as session:
        body = {"query": '{ encode(data: [{text: "a"}]) { parameters } }'}
        async with session.post(address, json=body, headers={"x-key": "k", "x-request-id": "r"}) as response:
            assert response.headers["x-cost"] == "3"
            assert response.headers["x-request-id"] == "r"
    assert handler.contexts[0].metadata["x-key"] == "k"
    assert handler.contexts[0].request_id == "r"


async def test_queries_come_by_get_and_mutations_do_not(serve: Open) -> None:
    async with serve() as address, aiohttp.ClientSession() as session:
        given = {"query": "query ($n: [JSON!]) { count(data: $n) { data } }", "variables": '{"n": [{}]}'}
        async with session.get(address, params=given) as response:
            assert (await response.json())["data"]["count"]["data"][0] == {"number": 0}
        async with session.get(address, params={"query": "mutation { count { data } }"}) as response:
            assert response.status == 400
            assert "POST" in (await response.json())["errors"][0]["message"]


async def test_the_status_tells_of_errors_where_the_caller_understands_that(serve: Open) -> None:
    modern = {"accept": "application/graphql-response+json"}
    async with serve() as address, aiohttp.ClientSession() as session:
        for query, status in (("{ nowhere }", 400), ("{ count { data } }", 200)):
            async with session.post(address, json={"query": query}, headers=modern) as response:
                assert (response.status, response.content_type) == (status, "application/graphql-response+json")
        async with session.post(address, json={"query": "{ nowhere }"}) as response:
            assert (response.status, response.content_type) == (200, "application/json")


@pytest.mark.parametrize(
    "settings,status",
    [
        ({"data": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"data": b"[]", "headers": {"content-type": "application/json"}}, 400),
        ({"json": {"variables": {}}}, 400),
        ({"json": {"query": "{ a }", "variables": [1]}}, 400),
        ({"data": b'{"query": "{ a }"}', "headers": {"content-type": "text/plain"}}, 415),
        ({"json": {"query": "x" * 3000}}, 413),
        ({"data": b"\xff\xfe", "headers": {"content-type": "application/json"}}, 400),
    ],
)
async def test_what_is_no_query_is_told_so(serve: Open, settings: dict[str, Any], status: int) -> None:
    async with (
        serve(options=GraphqlOptions(max_bytes=2000)) as address,
        aiohttp.ClientSession() as session,
        session.post(address, **settings) as response,
    ):
        assert response.status == status
        told = await response.json()
        assert told["errors"][0]["extensions"]["code"] == told["code"]


DEEP = "{ __schema { types { fields { type { ofType { ofType { name } } } } } } }"
BOMB = (
    "{ ...a } "
    + " ".join(
        f"fragment {one} on Query {{ x{one}: count {{ data }} ...{two} ...{two} ...{two} }}"
        for one, two in zip("abcdefghij", "bcdefghijk", strict=True)
    )
    + " fragment k on Query { count { data } }"
)


@pytest.mark.parametrize(
    "query,options,words",
    [
        (DEEP, {"max_depth": 4}, "7 levels of selections; at most 4"),
        ("{ count { data parameters } }", {"max_fields": 2}, "3 fields; at most 2"),
        (
            "{ a: count { data } b: count { data } ...c } fragment c on Query { d: count { data } }",
            {"max_calls": 2},
            "calls",
        ),
        (BOMB, {}, "fields; at most"),
        ("{ ...a } fragment a on Query { ...a }", {}, "uses itself"),
        ("{ count { data } }", {"max_tokens": 3}, "Document contains more than 3 tokens"),
        ("{" * 5000, {}, ""),
        ("{ __schema { types { name } } }", {"introspection": False}, "introspection"),
    ],
)
async def test_a_query_that_asks_for_too_much_is_refused_before_it_runs(
    serve: Open, query: str, options: dict[str, Any], words: str
) -> None:
    handler = Handler(respond)
    async with serve(handler, GraphqlOptions(**options)) as address:
        async with asyncio.timeout(60):
            told = await ask(address, query)
    assert words in told["errors"][0]["message"]
    assert not handler.requests


async def test_a_caller_that_leaves_stops_the_calls(serve: Open) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        begun.set()
        try:
            await asyncio.Event().wait()
            yield Response()
        finally:
            ended.set()

    async with serve(endless) as address:
        asking = asyncio.create_task(ask(address, "{ count { data } }"))
        await begun.wait()
        asking.cancel()
        async with asyncio.timeout(60):
            await ended.wait()
        await asyncio.wait([asking])


async def test_answers_that_are_too_large_together_are_refused(serve: Open) -> None:
    async def endless(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        while True:
            yield Response((b'{"data":["' + 1000 * b"x" + b'"]}',))

    async with serve(endless, limits=Limits(max_message_bytes=100_000)) as address:
        told = await ask(address, "{ count { data } }")
    assert "larger than any" in told["errors"][0]["message"]


async def test_a_browser_is_shown_a_page_whose_files_come_from_here(serve: Open) -> None:
    async with serve() as address, aiohttp.ClientSession() as session:
        async with session.get(address, headers={"accept": "text/html"}) as response:
            text = await response.text()
            assert response.content_type == "text/html"
        assert "//" not in text, "nothing comes from elsewhere"
        for name in ("graphiql.min.js", "graphiql.min.css", "react.production.min.js", "react-dom.production.min.js"):
            assert f'"/graphql/{name}"' in text
            async with session.get(f"{address}/{name}") as response:
                assert response.status == 200
                assert len(await response.read()) > 1000
        async with session.get(f"{address}/../secrets") as response:
            assert response.status == 404
    async with (
        serve(options=GraphqlOptions(page=False)) as address,
        aiohttp.ClientSession() as session,
        session.get(address, headers={"accept": "text/html"}) as response,
    ):
        assert response.status == 400
