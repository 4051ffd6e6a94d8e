"""Every option with its one line of documentation: what the help, the schema and the reference page are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from thalweg.config.client import ChannelOptions, HedgePolicy, RetryPolicy
from thalweg.config.nodes import NodeOptions
from thalweg.config.options import Options
from thalweg.config.runnables import PROPAGATED, DeploymentOptions, FlowOptions
from thalweg.config.servers import GatewayOptions
from thalweg.config.workers import ExecutorOptions, WorkerOptions

TOPICS: Mapping[str, tuple[str, type[Options]]] = {
    "flow": ("Flow(...), and `with` of its YAML. What an Executor has too is said to all of them.", FlowOptions),
    "gateway": ("Flow.config_gateway(...), and `gateway` of its YAML", GatewayOptions),
    "executor": ("Flow.add(...), and each item of `executors` of its YAML", NodeOptions),
    "deployment": ("Deployment(...), and `with` of its YAML", DeploymentOptions),
    "client": ("Client(...)", ChannelOptions),
}
"""What has options of its own, where they are said, and the model of them."""

_ALSO = (RetryPolicy, HedgePolicy)


class Entry(NamedTuple):
    """One option."""

    name: str
    group: type[Options]
    """The model that it comes from; its first line says what it has in common with the others of that."""

    kind: str
    """What it takes, in words."""

    default: str
    """What it is where it is not given; empty where that is nothing."""

    text: str
    schema: Mapping[str, Any]
    """JSON Schema of what it takes, all references resolved one step deep."""

    model: type[Options] | None
    """What stands in it, where that has options of its own."""


def entries(model: type[Options]) -> list[Entry]:
    """The options of `model`, those of one group after another."""
    schema = model.model_json_schema(mode="validation")
    definitions = schema.get("$defs", {})
    found = [_entry(model, name, schema["properties"], definitions) for name in model.model_fields]
    groups = list(dict.fromkeys(entry.group for entry in found))
    groups.sort(key=lambda group: group not in (ExecutorOptions, WorkerOptions))
    return sorted(found, key=lambda entry: groups.index(entry.group))


def topic(name: str) -> list[Entry]:
    """The options of one of `TOPICS`. Those of a Flow are its own, its Gateway's, and what every Executor may be told."""
    _, model = TOPICS[name]
    if model is not FlowOptions:
        return entries(model)
    own = [entry for entry in entries(FlowOptions) if entry.name not in ("gateway", "defaults", "executors")]
    gateway = entries(GatewayOptions)
    known = {entry.name for entry in (*own, *gateway)}
    every = [entry for entry in entries(NodeOptions) if entry.name in PROPAGATED and entry.name not in known]
    return [*own, *gateway, *every]


def nested() -> dict[str, type[Options]]:
    """Models that stand in options, by name: `Limits`, `TlsOptions`, ..."""
    found: dict[str, type[Options]] = {}

    def look(model: type[Options]) -> None:
        for inner in _inner_models(model):
            if inner.__name__ not in found:
                found[inner.__name__] = inner
                look(inner)

    for _, model in TOPICS.values():
        look(model)
    for model in _ALSO:
        found.setdefault(model.__name__, model)
    away = {model for _, model in TOPICS.values()}
    return {name: model for name, model in sorted(found.items()) if model not in away}


def title(model: type[BaseModel]) -> str:
    """What `model` is for, in its first sentence."""
    return " ".join((model.__doc__ or model.__name__).strip().split("\n\n")[0].split()).partition(". ")[0].rstrip(".")


def _inner_models(model: type[Options]) -> Iterator[type[Options]]:
    for field in model.model_fields.values():
        yield from _models_in(field.annotation)


def _models_in(annotation: Any) -> Iterator[type[Options]]:
    if isinstance(annotation, type) and issubclass(annotation, Options):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _entry(model: type[Options], name: str, properties: Mapping[str, Any], definitions: Mapping[str, Any]) -> Entry:
    field = model.model_fields[name]
    known = properties.get(field.alias or name, {})
    schema = _resolved(known, definitions)
    group = next(
        cls
        for cls in reversed(model.__mro__)
        if isinstance(cls, type) and issubclass(cls, Options) and name in cls.model_fields
    )
    default = field.get_default(call_default_factory=True)
    text = (
        "" if field.is_required() or default in (None, "", (), {}) or default is PydanticUndefined else _shown(default)
    )
    inner = next(_models_in(field.annotation), None)
    return Entry(
        field.alias or name, group, in_words(schema, definitions), text, field.description or "", schema, inner
    )


def _shown(value: Any) -> str:
    if isinstance(value, Options):
        return ""  # its own options say what they are
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return {**definitions[reference.rpartition("/")[2]], **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def in_words(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What a value by `schema` is: `text`, `list of numbers`, `http or grpc`, `Limits`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    variants = schema.get("anyOf") or schema.get("oneOf")
    if variants:
        words = [in_words(one, definitions) for one in variants if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if "enum" in schema or "const" in schema:
        return " or ".join(str(one) for one in schema.get("enum", [schema.get("const")]))
    kind = str(schema.get("type", ""))
    if kind == "array":
        return _list_in_words(schema, definitions)
    return _mapping_in_words(schema, definitions) if kind == "object" else _NAMES.get(kind, "anything")


def _mapping_in_words(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if schema.get("properties") and schema.get("title"):
        return str(schema["title"])
    inner = schema.get("additionalProperties")
    return f"mapping to {in_words(inner, definitions)}" if isinstance(inner, Mapping) and inner else "mapping"


_NAMES = {
    "string": "text",
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "null": "nothing",
}


def _list_in_words(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return "list"
    if items.get("type") == "array":
        return "mapping"  # pairs of a name and a value
    return f"list of {in_words(items, definitions)}"
