"""What an Executor says of itself, read from its class without constructing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDocWithoutId
from thalweg.docs.codecs.plain_json import writes_values
from thalweg.errors import ConfigurationError
from thalweg.executor.endpoint import Endpoint
from thalweg.executor.source import ExecutorSource
from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT


def describe(source: ExecutorSource, options: WorkerOptions) -> ServiceDescription:
    """Name, endpoints and the JSON Schema of one document going in and coming out of each; `uses_requests` applied.

    Raises:
        TypeError: the annotations of a method make no sense.
        ConfigurationError: `uses_requests` names a method that does not exist, or a document has no JSON Schema.
    """
    found = source.endpoints(options)
    _check_examples(source, options, found)
    source.batching(options)
    return ServiceDescription(
        name=source.name(options),
        endpoints=tuple(_description(source, path, endpoint) for path, endpoint in sorted(found.items())),
    )


def _check_examples(source: ExecutorSource, options: WorkerOptions, found: Mapping[str, Endpoint]) -> None:
    """That the endpoints are there to which the worker itself is to send something."""
    asked = dict.fromkeys(options.warmup, "warmup")
    if options.probe is not None and options.probe.on:
        asked[options.probe.on] = "probe"
    for path, option in asked.items():
        if path not in found and DEFAULT_ENDPOINT not in found:
            raise ConfigurationError(
                f"The option {option} names {path}, but {source.executor.__name__} answers: "
                f"{', '.join(sorted(found)) or 'nothing'}."
            )


def _description(source: ExecutorSource, path: str, endpoint: Endpoint) -> EndpointDescription:
    where = f"{source.executor.__name__}.{endpoint.method}"
    return EndpointDescription(
        path=path,
        input_schema=_schema(endpoint.input_type, "validation", where),
        output_schema=_schema(endpoint.output_type, "serialization", where),
        parameters_schema=_schema(endpoint.parameters_type, "validation", where),
        streaming=endpoint.streaming,
        single=endpoint.single,
        envelope=endpoint.envelope,
        reads_stream=endpoint.reads_stream,
        writes=endpoint.writes,
        description=endpoint.description,
        plain=_plain(endpoint.output_type),
        reads_metadata=endpoint.takes_rest or bool(endpoint.takes & {"headers", "context"}),
    )


def _plain(given: type[BaseDocWithoutId] | None) -> bool:
    return (
        given is not None
        and (given.model_config.get("title") or given.__name__) == given.__name__
        and writes_values(given)
    )


def _schema(
    model: type[BaseModel] | None, mode: Literal["validation", "serialization"], where: str
) -> dict[str, Any] | None:
    if model is None:
        return None
    try:
        return model.model_json_schema(mode=mode)
    except (PydanticInvalidForJsonSchema, PydanticUserError) as error:
        raise ConfigurationError(f"{where}: {model.__name__} has no JSON Schema: {error.message}") from error
