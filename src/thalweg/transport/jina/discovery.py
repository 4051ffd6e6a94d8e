"""What a service says of itself in Jina's `EndpointsProto`, and what another one says there."""

from __future__ import annotations

from typing import Any

from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.message.proto.jina import Endpoints
from thalweg.message.proto.structure import fill, plain
from thalweg.transport.jina.exchange import message_of
from thalweg.transport.jina.schema import UNTYPED, exported, untyped

Schema = dict[str, Any]


def write_endpoints(description: ServiceDescription) -> bytes:
    """The `EndpointsProto` of a service, as Jina's Executors write it."""
    endpoints = [*description.endpoints, EndpointDescription(DRY_RUN_ENDPOINT)]
    message = Endpoints(
        endpoints=[endpoint.path for endpoint in endpoints],
        write_endpoints=[endpoint.path for endpoint in endpoints if endpoint.writes],
    )
    fill(message.schemas, {endpoint.path: _described(endpoint) for endpoint in endpoints})
    data: bytes = message.SerializeToString()
    return data


def _described(endpoint: EndpointDescription) -> Schema:
    output = endpoint.output_schema if endpoint.output_schema is not None else endpoint.input_schema
    return {
        "input": _named(endpoint.input_schema),
        "output": _named(output),
        "is_generator": endpoint.streaming,
        "is_singleton_doc": endpoint.single,
        "parameters": (
            {"name": None, "model": None} if endpoint.parameters_schema is None else _named(endpoint.parameters_schema)
        ),
    }


def _named(schema: Schema | None) -> Schema:
    model = untyped() if schema is None else exported(schema)
    return {"name": model["title"], "model": model}


def read_endpoints(data: bytes, name: str) -> ServiceDescription:
    """The service `name` that an `EndpointsProto` of an Executor or of a Gateway tells of.

    Raises:
        MalformedRequest: the bytes are no such message.
    """
    message = message_of(Endpoints, data)
    schemas = plain(message.schemas)
    writing = frozenset(message.write_endpoints)
    paths = [path for path in message.endpoints if path != DRY_RUN_ENDPOINT]
    return ServiceDescription(name, tuple(_endpoint(path, schemas.get(path) or {}, path in writing) for path in paths))


def _endpoint(path: str, described: Schema, writes: bool) -> EndpointDescription:
    return EndpointDescription(
        path,
        _model(described.get("input")),
        _model(described.get("output")),
        _model(described.get("parameters")),
        streaming=bool(described.get("is_generator")),
        single=bool(described.get("is_singleton_doc")),
        writes=writes,
    )


def _model(given: Any) -> Schema | None:
    """The schema in what an Executor writes, `{"name": ..., "model": ...}`, or in what a Gateway does, which is the schema
    itself; None where any document will do."""
    schema = given.get("model") if isinstance(given, dict) and "model" in given and "properties" not in given else given
    if not isinstance(schema, dict) or not schema or _title(schema) == UNTYPED:
        return None
    return schema


def _title(schema: Schema) -> str:
    return str(schema.get("title") or str(schema.get("$ref", "")).rpartition("/")[2])
