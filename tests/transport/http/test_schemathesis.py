"""What the OpenAPI document promises is what the server does, for requests that nobody thought of."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from schemathesis import GenerationMode

from thalweg.errors import InvalidDocument, MalformedRequest
from thalweg.message import Context, EndpointDescription, Request, Response, ServiceDescription
from thalweg.transport.contract import Serving
from thalweg.transport.http.listener import HttpServer


class Text(BaseModel):
    text: str
    weight: float = Field(1.0, ge=0)


class Body(BaseModel):
    data: list[Text] | Text
    parameters: dict[str, object] = {}


DESCRIPTION = ServiceDescription(
    "texts",
    (
        EndpointDescription("/upper", Text.model_json_schema(), Text.model_json_schema()),
        EndpointDescription("/any/thing"),
        EndpointDescription("/stream", Text.model_json_schema(), Text.model_json_schema(), streaming=True),
    ),
)


class Upper:
    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        try:
            content = json.loads(request.body[0])
        except ValueError as error:
            raise MalformedRequest(f"The body is not JSON: {error}.") from None
        if request.endpoint == "/any/thing":
            _check(TypeAdapter(AnyBody), content)
            yield Response((b'{"data": [], "parameters": {}}',))
            return
        body = _check(TypeAdapter(Body), content)
        documents = body.data if isinstance(body.data, list) else [body.data]
        upper = [{"text": one.text.upper(), "weight": one.weight} for one in documents]
        yield Response((json.dumps({"data": upper, "parameters": {}}).encode(),))


class AnyBody(BaseModel):
    data: list[dict[str, object]] | dict[str, object]
    parameters: dict[str, object] = {}


def _check(adapter: TypeAdapter[Any], content: object) -> Any:
    try:
        return adapter.validate_python(content, strict=True)
    except ValidationError as error:
        raise InvalidDocument(
            "It does not fit.", details=error.errors(include_url=False, include_context=False)
        ) from None


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server on an event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    server = HttpServer("http://127.0.0.1:0", Serving(Upper(), describe=lambda: DESCRIPTION))
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.address
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def described(url: str) -> schemathesis.schemas.BaseSchema:
    return schemathesis.openapi.from_url(f"{url}/openapi.json")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("path", [endpoint.path for endpoint in DESCRIPTION.endpoints])
def test_the_server_does_what_its_document_says(
    described: schemathesis.schemas.BaseSchema, path: str, mode: GenerationMode
) -> None:
    @given(described[path]["POST"].as_strategy(generation_mode=mode))
    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.headers.pop("thalweg-timeout", None)  # a request that gives itself no time ends in 504, as it should
        case.call_and_validate(session=session)

    with requests.Session() as session:
        check()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_probes_do_what_the_document_says(described: schemathesis.schemas.BaseSchema, path: str) -> None:
    described[path]["GET"].Case().call_and_validate()
