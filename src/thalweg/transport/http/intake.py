"""What a request asks for: the endpoint, the documents and the parameters, wherever in it they stand; pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from thalweg.errors import MalformedRequest, UnsupportedContent
from thalweg.message import COLUMNS, JSON, Buffer, EndpointDescription, Request
from thalweg.message.description import DEFAULT_ENDPOINT
from thalweg.transport.http import headers
from thalweg.transport.http.addressing import NOWHERE, POST, Address, address
from thalweg.transport.http.headers import Head, Media
from thalweg.transport.http.negotiation import LINES, LINES_TYPES, PAYLOADS, Accepted
from thalweg.transport.http.payload import unpack_content
from thalweg.transport.http.query import divided, query_pairs
from thalweg.transport.http.uploads import FORM, form_upload, raw_upload

_LINE_DECODER: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)


class Inquiry(NamedTuple):
    """A request, and what its answer has to look like."""

    request: Request
    address: Address
    endpoint: EndpointDescription | None
    bare: bool
    """Whether documents go without an envelope."""


class Incoming(NamedTuple):
    """A request as it came."""

    path: str
    query: bytes
    head: Head
    media: Media
    accepted: Accepted
    body: Buffer
    reading: bool
    """Whether its method was GET."""


def asked(
    call: Incoming, endpoint: EndpointDescription | None, find: Callable[[str], EndpointDescription | None]
) -> Inquiry:
    """What `call` asks `endpoint` for. `find` tells of other endpoints, as far as there are any.

    Raises:
        MalformedRequest: the body is not what its content type says.
        InvalidDocument: a part of it has no place in the endpoint's documents.
        UnsupportedContent: nothing is known of its content type.
        EndpointNotFound: the body names an endpoint that there is not.
    """
    kind = call.media.essence
    where, path = NOWHERE, call.path
    bare = call.reading or (endpoint is not None and not endpoint.envelope and not call.head.envelope)
    if kind == JSON and not bare:
        named = path in (POST, DEFAULT_ENDPOINT)
        where = address(call.body, anywhere=named)
        if named and (endpoint is None or endpoint.path != POST):
            path = f"/{where.endpoint.lstrip('/')}" if where.endpoint else path
            endpoint = find(path)
    body, sent, values = _content(call, endpoint, bare)
    accept = call.accepted.payload(kind if kind in PAYLOADS and not call.reading else JSON)
    if call.accepted.stream in LINES_TYPES:
        accept = JSON
    target = headers.parsed_target(call.head.target) if call.head.target else where.target
    wanted = accept if call.accepted.content_type or accept != sent else ""
    return Inquiry(Request(path, body, sent, wanted, values, target), where, endpoint, bare)


Contents = tuple[tuple[Buffer, ...], str, dict[str, Any]]


def _content(call: Incoming, endpoint: EndpointDescription | None, bare: bool) -> Contents:
    """The payload, its content type, and the parameters beside it."""
    kind = call.media.essence
    if call.reading:
        return _reading(call, endpoint)
    if bare and kind == JSON:
        return (b'{"data":' + _one_value(call.body) + b"}",), JSON, _asked_values(call, endpoint)
    if kind in PAYLOADS:
        body, values = unpack_content(kind, call.body, call.head.parameters)
        return body, kind, values
    if kind in LINES_TYPES:
        return (_lines(call.body),), JSON, _values(call)
    if kind == FORM:
        columns, values = form_upload(call.head.content_type, call.body, endpoint)
        return columns, COLUMNS, {**_asked_values(call, endpoint), **values}
    if "/" not in kind:
        raise UnsupportedContent(f"{kind!r} is no content type.")
    columns, values = raw_upload(kind, call.media.charset, call.body, endpoint)
    return columns, COLUMNS, _asked_values(call, endpoint)


def _reading(call: Incoming, endpoint: EndpointDescription | None) -> Contents:
    """A document in the query string, or by itself in the body."""
    schema, wanted = (None, None) if endpoint is None else (endpoint.input_schema, endpoint.parameters_schema)
    fields, values = divided(query_pairs(call.query), schema, wanted)
    if memoryview(call.body).nbytes:
        if call.media.essence != JSON:
            raise UnsupportedContent(f"The body of a GET is a document in {JSON}, not {call.media.essence}.")
        return (b'{"data":' + _one_value(call.body) + b"}",), JSON, {**_values(call), **values}
    return (b'{"data":' + msgspec.json.encode(fields) + b"}",), JSON, {**_values(call), **values}


def _values(call: Incoming) -> dict[str, Any]:
    return headers.parsed_parameters(call.head.parameters) if call.head.parameters else {}


def _asked_values(call: Incoming, endpoint: EndpointDescription | None) -> dict[str, Any]:
    """Parameters in the header and in the query string."""
    if not call.query:
        return _values(call)
    wanted = None if endpoint is None else endpoint.parameters_schema
    fields, values = divided(query_pairs(call.query), {}, wanted)
    return {**_values(call), **fields, **values}


def _one_value(body: Buffer) -> bytes:
    """The one JSON text that `body` is.

    Raises:
        MalformedRequest: it is none, or more follows it.
    """
    text = bytes(body)
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"The body is not JSON: {error}.") from None
    return text


def _lines(body: Buffer) -> bytes:
    """Documents of a line each, as a list in an envelope."""
    try:
        documents = _LINE_DECODER.decode_lines(bytes(body))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"The body is not {LINES}, a document a line: {error}.") from None
    return b'{"data":[' + b",".join(documents) + b"]}"
