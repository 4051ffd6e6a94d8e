"""What clouds want of a model's container: `GET /ping` and `POST /invocations`.

Amazon SageMaker describes both (https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html); Azure
takes the same.
"""

from __future__ import annotations

import csv
import io
import json
from contextlib import aclosing
from email.message import Message as MediaType
from time import monotonic
from typing import Any

from thalweg.errors import (
    ConfigurationError,
    InternalError,
    MalformedRequest,
    ThalwegError,
    Unavailable,
    UnsupportedContent,
)
from thalweg.message import JSON, Context, EndpointDescription, Handler, Request
from thalweg.message.description import DEFAULT_ENDPOINT, ServiceDescription
from thalweg.message.status import CODES, to_failure
from thalweg.transport.contract import Receive, Scope, Send, Serving
from thalweg.transport.http.failures import encode_failure

PATHS = ("/ping", "/invocations")
CSV = "text/csv"
PARAMETERS_ROW = "params_row"
"""Stands in the second cell of a first row whose first cell holds the parameters, as JSON."""


class Invocations:
    """The ASGI application that answers there: every invocation is a request of one endpoint."""

    def __init__(self, serving: Serving, endpoint: str) -> None:
        """`endpoint` may be empty where there is only one.

        Raises:
            ConfigurationError: there is no such endpoint, or several and none was named.
        """
        self._serving = serving
        self._endpoint = invoked(serving.describe(), endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"There is no beginning or end here for {scope['type']!r}.")
        try:
            status, body = 200, await self._answer(scope, receive)
        except ThalwegError as error:
            status, body = CODES[error.status].http, encode_failure(to_failure(error))
        headers = [(b"content-type", JSON.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        if scope["path"].endswith("/ping"):
            if not self._serving.ready():
                raise Unavailable("The service is not ready yet.", retry_after=1.0)
            return b"{}"
        if scope["method"] != "POST":
            raise MalformedRequest("/invocations answers POST.")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = json_body(headers.get("content-type", JSON), await _whole(receive), self._endpoint)
        timeout = self._serving.timeout
        context = Context(deadline=None if timeout is None else monotonic() + timeout, metadata=headers)
        return await _called(self._serving.handler, Request(self._endpoint.path, (body,)), context)


async def _called(handler: Handler, request: Request, context: Context) -> bytes:
    async with aclosing(handler.handle(request, context)) as answers:
        async for response in answers:
            return b"".join(response.body)
    raise InternalError("The handler ended without an answer.")


async def _whole(receive: Receive) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unavailable("The caller is gone.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def invoked(service: ServiceDescription, endpoint: str) -> EndpointDescription:
    """The endpoint that invocations go to. Raises `ConfigurationError`."""
    known = [one for one in service.endpoints if not one.streaming]
    named = [one for one in known if one.path == (endpoint or one.path)]
    if endpoint and not named:
        raise ConfigurationError(
            f"provider_endpoint={endpoint!r} is no endpoint; there are: {', '.join(one.path for one in known)}."
        )
    several = [one for one in named if one.path != DEFAULT_ENDPOINT] or named
    if len(several) != 1:
        raise ConfigurationError(
            f"Which of {', '.join(one.path for one in several) or 'no endpoints'} do invocations mean? Name it in "
            f"provider_endpoint."
        )
    return several[0]


def json_body(content_type: str, body: bytes, endpoint: EndpointDescription) -> bytes:
    """The body of an invocation as JSON for `endpoint`.

    CSV has no head line: its columns are the fields of the document, in their order. A first row whose second cell says
    `params_row` holds the parameters.

    Raises:
        UnsupportedContent: it is neither JSON nor CSV.
        MalformedRequest: a row has more cells than there are fields, or the text is none.
    """
    media = MediaType()
    media["content-type"] = content_type
    kind = media.get_content_type()
    if kind == JSON:
        return body
    if kind != CSV:
        raise UnsupportedContent(f"{content_type!r} is not taken here; send {JSON} or {CSV}.")
    try:
        text = body.decode(media.get_content_charset("utf-8"))
        rows = list(csv.reader(io.StringIO(text), quoting=csv.QUOTE_NONE, escapechar="\\", strict=True))
    except (UnicodeDecodeError, LookupError, csv.Error) as error:
        raise MalformedRequest(f"The body is no CSV: {error}.") from None
    content: dict[str, Any] = {}
    if rows and len(rows[0]) > 1 and rows[0][1].strip() == PARAMETERS_ROW:
        content["parameters"] = _loaded(rows.pop(0)[0])
    fields = (endpoint.input_schema or {}).get("properties", {})
    content["data"] = [_document(row, fields, number) for number, row in enumerate(rows) if row]
    return json.dumps(content).encode()


def _document(row: list[str], fields: dict[str, Any], number: int) -> dict[str, Any]:
    if len(row) > len(fields):
        raise MalformedRequest(
            f"Row {number} has {len(row)} cells; a document has {len(fields)} fields: {', '.join(fields)}."
        )
    return {
        name: cell if schema.get("type") == "string" else _loaded(cell)
        for (name, schema), cell in zip(fields.items(), row, strict=False)
        if cell
    }


def _loaded(cell: str) -> Any:
    """A cell as the JSON that it spells, else as text."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell
