"""The OpenAPI 3.1 description of a service, as a pure function of what the service says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import count
from typing import Any, cast
from urllib.parse import quote

from thalweg import __version__
from thalweg.message import JSON, EndpointDescription, ServiceDescription
from thalweg.transport.contract import Serving
from thalweg.transport.http.headers import REQUEST_ID, TIMEOUT
from thalweg.transport.http.negotiation import EVENTS, LINES, PAYLOADS
from thalweg.transport.http.uploads import FORM, uploads_into

Schema = dict[str, Any]

_FINDING: Schema = {
    "type": "object",
    "title": "Finding",
    "description": "One thing that is wrong, and where in the request.",
    "properties": {
        "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
        "msg": {"type": "string"},
        "type": {"type": "string"},
    },
    "required": ["loc", "msg"],
}
_COMPONENT = "#/components/schemas/"
_DEFINITION = "#/$defs/"
_BINARY: Schema = {"type": "string", "format": "binary"}
_ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}
_HEADER_TIMEOUT: Schema = {
    "name": TIMEOUT,
    "in": "header",
    "description": "Seconds that the request may take.",
    "schema": {"type": "number", "minimum": 0},
}
_HEADER_REQUEST_ID: Schema = {
    "name": REQUEST_ID,
    "in": "header",
    "description": "A name for the request, given back and written to the log.",
    "schema": {"type": "string"},
}
_ERRORS = {
    400: "The body is not what its content type says, or a header is not what it should be.",
    404: "No Executor answers here.",
    406: "Nothing that the caller reads is written here.",
    413: "The request is larger than the server takes.",
    415: "The server does not read this content type.",
    422: "The body is well-formed, but does not fit the schema.",
    429: "The server has as much to do as it takes on; `retry-after` says when to come back.",
    500: "Something failed behind the server; its log has the request under the request id.",
    503: "Nobody is there to answer now; `retry-after` says when to come back.",
    504: "Time ran out.",
}


class _Components:
    """Named schemas of one document. What is the same has one name, and what differs never shares one."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        self._names: dict[str, str] = {}

    def place(self, name: str, schema: Schema) -> Schema:
        """A reference to `schema`, which refers to nothing but components."""
        placed = self._name(name, _identity(schema, {}))
        self.schemas[placed] = schema
        return {"$ref": _COMPONENT + placed}

    def hoist(self, schema: Mapping[str, Any]) -> Schema:
        """`schema` with its `$defs` among the components, and a reference to itself where it has a title."""
        definitions: dict[str, Schema] = dict(schema.get("$defs", {}))
        root = {key: value for key, value in schema.items() if key != "$defs"}
        # All names are fixed before the first is written: definitions may refer to each other in circles.
        names = {
            name: self._name(str(definition.get("title", name)), _identity(definition, definitions))
            for name, definition in definitions.items()
        }
        references = {_DEFINITION + _escaped(name): _COMPONENT + placed for name, placed in names.items()}
        for name, placed in names.items():
            self.schemas[placed] = _rewritten(definitions[name], references)
        if "title" not in root or "$ref" in root:
            return cast(Schema, _rewritten(root, references))
        placed = self._name(str(root["title"]), _identity(root, definitions))
        self.schemas[placed] = _rewritten(root, {**references, "#": _COMPONENT + placed})
        return {"$ref": _COMPONENT + placed}

    def _name(self, wanted: str, identity: str) -> str:
        if identity not in self._names:
            plain = re.sub(r"[^A-Za-z0-9._-]+", "_", wanted).strip("_") or "Schema"
            taken, name = set(self._names.values()), plain
            for number in count(2):
                if name not in taken:
                    break
                name = f"{plain}_{number}"
            self._names[identity] = name
        return self._names[identity]


def _identity(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    """A text that two schemas share if they mean the same, all that they refer to included."""
    reached: dict[str, Schema] = {}
    unread: list[Schema] = [schema]
    while unread:
        for name in _referred(unread.pop()) & definitions.keys() - reached.keys():
            reached[name] = definitions[name]
            unread.append(definitions[name])
    return json.dumps([schema, reached], sort_keys=True, default=str)


def _referred(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = set[str]().union(*map(_referred, node.values()))
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(_DEFINITION):
            found.add(reference.removeprefix(_DEFINITION).replace("~1", "/").replace("~0", "~"))
        return found
    return set[str]().union(*map(_referred, node)) if isinstance(node, list) else set()


def _rewritten(node: Any, references: Mapping[str, str]) -> Any:
    """`node` with every reference in it changed as `references` says."""
    if isinstance(node, dict):
        return {key: _rewritten(value, references) for key, value in node.items()}
    if isinstance(node, list):
        return [_rewritten(value, references) for value in node]
    return references.get(node, node) if isinstance(node, str) and node.startswith("#") else node


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def openapi(service: ServiceDescription, title: str, serving: Serving | None = None) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `service`, ready to be encoded; `serving` has what else its owner says of it."""
    components = _Components()
    error = components.place("Error", _error_schema(components))
    paths: dict[str, Any] = {}
    operations: set[str] = set()
    for endpoint in service.endpoints:
        # What the default endpoint answers is every path that has no other; the document can only show its own.
        paths[quote(endpoint.path)] = {"post": _operation(endpoint, components, error, operations)}
        if endpoint.streaming:
            paths[quote(endpoint.path)]["get"] = _reading(endpoint, components, error, operations)
    paths["/healthz"] = {"get": _probe("Whether the process answers.", error)}
    paths["/readyz"] = {"get": _probe("Whether the service is ready to answer.", error)}
    paths["/status"] = {"get": _probe("Whether it is ready, and the versions of what answers.", None)}
    paths["/dry_run"] = {"get": _dry_run()}
    info: dict[str, Any] = {"title": title or service.name, "version": __version__}
    document: dict[str, Any] = {"openapi": "3.1.0", "info": info, "paths": paths}
    if serving is not None:
        info["version"] = serving.version or __version__
        if serving.description:
            info["description"] = serving.description
        if serving.root_path:
            document["servers"] = [{"url": serving.root_path}]
    return {**document, "components": {"schemas": dict(sorted(components.schemas.items()))}}


def _operation(
    endpoint: EndpointDescription, components: _Components, error: Schema, operations: set[str]
) -> dict[str, Any]:
    name = _operation_name(endpoint.path, operations)
    document = _document(endpoint.input_schema, components)
    request = _request_envelope(endpoint, document, components) if endpoint.envelope else document
    given = _document(endpoint.output_schema, components)
    answer = components.place(f"{name}_response", _response_envelope(given)) if endpoint.envelope else given
    bodies: dict[str, Any] = {
        JSON: {"schema": components.place(f"{name}_request", request) if endpoint.envelope else request}
    }
    bodies |= {kind: {"schema": _BINARY} for kind in PAYLOADS if kind != JSON} | _uploads(endpoint)
    if endpoint.streaming:
        media = {EVENTS: {"schema": _event(answer, error)}, LINES: {"schema": answer}}
    else:
        media = {JSON: {"schema": answer}} | {kind: {"schema": _BINARY} for kind in PAYLOADS if kind != JSON}
    described = "A stream of events; the schema is that of one." if endpoint.streaming else "The answer."
    places = [_HEADER_TIMEOUT, _HEADER_REQUEST_ID]
    if not endpoint.envelope:
        places += _query(endpoint.parameters_schema, components, required=True)
    return {
        "operationId": name,
        "summary": endpoint.description.partition("\n")[0] or endpoint.path,
        "description": endpoint.description,
        "parameters": places,
        "requestBody": {"required": True, "content": bodies},
        "responses": _responses(described, media, error),
    }


def _reading(
    endpoint: EndpointDescription, components: _Components, error: Schema, operations: set[str]
) -> dict[str, Any]:
    """The stream of one document whose fields stand in the query string."""
    places = _query(endpoint.input_schema, components, required=True)
    taken = {place["name"] for place in places}
    more = _query(endpoint.parameters_schema, components, required=True)
    places += [place for place in more if place["name"] not in taken]
    given = _document(endpoint.output_schema, components)
    media = {EVENTS: {"schema": _event(given, error)}, LINES: {"schema": given}}
    return {
        "operationId": _operation_name(f"{endpoint.path}_stream", operations),
        "summary": endpoint.description.partition("\n")[0] or endpoint.path,
        "description": endpoint.description,
        "parameters": [_HEADER_TIMEOUT, _HEADER_REQUEST_ID, *places],
        "responses": _responses("A stream of events, `update` for each document.", media, error),
    }


def _query(schema: Schema | None, components: _Components, *, required: bool) -> list[dict[str, Any]]:
    """The members of `schema` as parameters of a query string."""
    if schema is None:
        return []
    shared = {key: value for key, value in schema.items() if key == "$defs"}
    needed = schema.get("required", ()) if required else ()
    return [
        {
            "name": name,
            "in": "query",
            "required": name in needed,
            "schema": components.hoist({**{key: value for key, value in field.items() if key != "title"}, **shared}),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _request_envelope(endpoint: EndpointDescription, document: Schema, components: _Components) -> Schema:
    parameters = components.hoist(endpoint.parameters_schema) if endpoint.parameters_schema else _ANY_OBJECT
    header = {
        "type": ["object", "null"],
        "description": "What the request is called; the answer then has one too.",
        "properties": {"request_id": {"type": ["string", "null"]}},
    }
    return {
        "type": "object",
        "description": "One document, or several.",
        "properties": {
            "data": {"anyOf": [{"type": "array", "items": document}, document]},
            "parameters": parameters,
            "header": header,
        },
        "required": ["parameters"] if (endpoint.parameters_schema or {}).get("required") else [],
    }


def _response_envelope(document: Schema) -> Schema:
    header = {
        "type": "object",
        "properties": {"request_id": {"type": "string"}, "target_executor": {"type": "string"}},
    }
    return {
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": document},
            "parameters": _ANY_OBJECT,
            "header": header,
        },
        "required": ["data", "parameters"],
    }


def _uploads(endpoint: EndpointDescription) -> dict[str, Any]:
    """The files that a document of the endpoint may be made of."""
    fields = uploads_into(endpoint)
    if not fields:
        return {}
    form = {"type": "object", "properties": dict.fromkeys(fields, _BINARY) | {"parameters": _ANY_OBJECT}}
    media: dict[str, Any] = {FORM: {"schema": form}}
    if len(fields) == 1:
        media["application/octet-stream"] = {"schema": _BINARY}
    return media


def _responses(described: str, media: Mapping[str, Any], error: Schema) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": described, "content": media}}
    return responses | {str(status): _failure(status, error) for status in _ERRORS}


def _event(answer: Schema, error: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "event": {
                "type": "string",
                "description": "An item has no name, is an `update` where it was asked for by GET, or has that of its "
                "form, such as `columns`; the last event is `end`, or `error`.",
            },
            "data": {
                "type": "string",
                "contentMediaType": JSON,
                "contentSchema": {"anyOf": [answer, error, {"type": "object", "maxProperties": 0}]},
            },
        },
    }


def _operation_name(path: str, taken: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "_", path).strip("_") or "root"
    name = plain
    for number in count(2):
        if name not in taken:
            break
        name = f"{plain}_{number}"
    taken.add(name)
    return name


def _document(schema: Schema | None, components: _Components) -> Schema:
    return components.hoist(schema) if schema is not None else dict(_ANY_OBJECT)


def _failure(status: int, error: Schema) -> dict[str, Any]:
    described: dict[str, Any] = {"description": _ERRORS[status], "content": {JSON: {"schema": error}}}
    if status in (429, 503):
        described["headers"] = {"retry-after": {"schema": {"type": "integer", "minimum": 1}}}
    return described


def _error_schema(components: _Components) -> Schema:
    finding = components.place("Finding", _FINDING)
    return {
        "type": "object",
        "description": "What was wrong, and what to do about it.",
        "properties": {
            "detail": {"anyOf": [{"type": "string"}, {"type": "array", "items": finding}]},
            "code": {"type": "string", "description": "Names the kind of error; stays the same across releases."},
            "request_id": {"type": "string", "description": "The same as in the server's log."},
            "executor": {"type": "string", "description": "The Executor in which it arose, or nothing."},
            "message": {"type": "string", "description": "One sentence, where `detail` is a list."},
            "details": {"type": "array", "items": _ANY_OBJECT},
            "retry_after": {"type": "number", "description": "Seconds until another attempt makes sense."},
        },
        "required": ["detail", "code", "request_id", "executor"],
    }


def _probe(summary: str, error: Schema | None) -> dict[str, Any]:
    status = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    responses: dict[str, Any] = {"200": {"description": "It does.", "content": {JSON: {"schema": status}}}}
    if error is not None:
        responses["503"] = _failure(503, error)
    return {"summary": summary, "responses": responses}


def _dry_run() -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            "code": {"type": "integer", "description": "0 where all went well."},
            "description": {"type": "string"},
            "exception": {"type": ["object", "null"]},
        },
        "required": ["code"],
    }
    described = "How a request without documents went."
    return {
        "summary": described,
        "responses": {"200": {"description": described, "content": {JSON: {"schema": schema}}}},
    }
