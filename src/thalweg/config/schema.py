"""JSON Schema of the files that describe a Flow, a Deployment or an Executor, for editors and for checks before a start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from thalweg.config.file import DeploymentFile, ExecutorFile, FlowFile
from thalweg.config.forms import EXECUTORS, METHODS, OF_FLOW
from thalweg.config.nodes import NodeOptions
from thalweg.config.options import Options
from thalweg.config.runnables import PROPAGATED, DeploymentOptions
from thalweg.config.servers import GatewayOptions
from thalweg.config.spellings import NO_EFFECT, RENAMED, TRANSLATED

PLACEHOLDER = {"$ref": "#/$defs/Placeholder"}
ONE_OR_MANY = ("needs", "port", "protocol", "py_modules", "volumes", "networks", "exit_on_exceptions", "origins")
"""Options that take one value where a list of them is meant."""

WORDS = ("host", "entrypoint", "requirements", "middleware", "api_keys")
"""Options that take text, or a mapping, where a list is meant."""

UNLIMITED = frozenset(("retries", "timeout_ready"))
"""Options of which Jina says -1 where it means that they are left out."""

ON_OFF = ("on", "off", "yes", "no", "true", "false")
PATH = {
    "type": "string",
    "pattern": r"\.(ya?ml|jaml|json)$",
    "description": "YAML of a Deployment, a Flow or an Executor.",
}


class _Lenient(GenerateJsonSchema):
    """What a description may say: where a number, a truth value or one of some words is meant, a placeholder will do."""

    def _filled_in(self, schema: JsonSchemaValue) -> JsonSchemaValue:
        return {"anyOf": [schema, PLACEHOLDER]}

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return self._filled_in(super().int_schema(schema))

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return self._filled_in(super().float_schema(schema))

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return self._filled_in({"anyOf": [super().bool_schema(schema), {"enum": list(ON_OFF)}]})

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        found = super().literal_schema(schema)
        words = found.get("enum", [found.get("const")])
        if all(isinstance(word, str) for word in words):
            found = {"enum": [*words, *(word.upper() for word in words if word.upper() not in words)], "type": "string"}
        return self._filled_in(found)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        return self._filled_in(super().dict_schema(schema))

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        found = super().tuple_schema(schema)
        items = found.get("items")
        if isinstance(items, dict) and items.get("type") == "array":  # pairs: a mapping is meant
            found = {"anyOf": [found, {"type": "object"}]}
        return self._filled_in(found)


def json_schema() -> dict[str, Any]:
    """The schema of a YAML or JSON file, draft 2020-12. `jtype` decides what the file describes; one without it is a Flow
    where it has `executors`, else a Deployment.

    Values that are filled in later (`${{ ENV.NAME }}`) fit wherever they may stand. Jina's forms and words fit too; they are
    marked as deprecated.
    """
    _, schema = models_json_schema(
        [(model, "validation") for model in (FlowFile, DeploymentFile, ExecutorFile)], schema_generator=_Lenient
    )
    definitions = schema["$defs"]
    definitions["Placeholder"] = {
        "type": "string",
        "pattern": r"\$\{\{.*\}\}|^\$\{?[A-Za-z_]\w*\}?$",
        "description": "Filled in when the file is loaded: ${{ ENV.NAME }}, ${{ SECRET.name }}, ${{ CONTEXT.name }}.",
    }
    for definition in definitions.values():
        _take_other_forms(definition.get("properties", {}))
    _add_words(definitions["DeploymentOptions"], DeploymentOptions)
    _add_words(definitions["GatewayOptions"], GatewayOptions)
    _add_words(definitions["NodeOptions"], NodeOptions)
    definitions["FlowWith"] = _flow_with(definitions)
    definitions["Item"] = _item(definitions)
    _shape_files(definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Thalweg",
        "description": "What to start: a Flow of Executors behind a Gateway, or one Executor served alone.",
        "type": "object",
        "if": {
            "anyOf": [_jtype("Flow"), {"not": {"required": ["jtype"]}, "anyOf": [{"required": [e]} for e in EXECUTORS]}]
        },
        "then": {"$ref": "#/$defs/FlowFile"},
        "else": {
            "if": {"anyOf": [_jtype("Deployment"), {"not": {"required": ["jtype"]}}]},
            "then": {"$ref": "#/$defs/DeploymentFile"},
            "else": {"$ref": "#/$defs/ExecutorFile"},
        },
        "$defs": definitions,
    }


def _jtype(name: str) -> dict[str, Any]:
    return {"properties": {"jtype": {"const": name}}, "required": ["jtype"]}


def _take_other_forms(properties: dict[str, Any]) -> None:
    if "env" in properties:
        properties["env"]["anyOf"] = [
            {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
            PLACEHOLDER,
        ]
    for name in UNLIMITED & properties.keys():
        properties[name]["anyOf"].append({"const": -1})
    for name, option in properties.items():
        if name in ONE_OR_MANY or name in WORDS:
            _take_one_too(option, name in WORDS)


def _take_one_too(option: dict[str, Any], words: bool) -> None:
    """Change `option`, a list or null, so that it takes one item without the list as well."""
    kept = {key: option.pop(key) for key in ("description", "default", "title") if key in option}
    whole = dict(option)
    option.clear()
    more: list[dict[str, Any]] = [{"type": ["string", "object"]}] if words else []
    option.update(kept | {"anyOf": [*(one["items"] for one in _lists(whole) if "items" in one), *more, whole]})


def _lists(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = [schema] if schema.get("type") == "array" else []
    return found + [inner for one in schema.get("anyOf", ()) for inner in _lists(one)]


def _add_words(definition: dict[str, Any], model: type[Options]) -> None:
    """Let a definition take Jina's words where they mean an option of it, or nothing."""
    properties = definition["properties"]
    for old, text in _old_words(model).items():
        properties.setdefault(old, {"deprecated": True, "description": text})


def _old_words(model: type[Options]) -> dict[str, str]:
    known = model.model_fields
    found = {old: f"Write {new}." for old, new in RENAMED.items() if new in known}
    found |= {old: f"Write {entry.ours}." for old, entry in TRANSLATED.items() if _has_room(entry.ours, known)}
    if "cors" in known:
        found |= {"ssl_certfile": "Write tls with certfile in it.", "ssl_keyfile": "Write tls with keyfile in it."}
    found |= {old: f"Has no effect: {why}." for old, why in NO_EFFECT.items() if old not in known and old not in found}
    return found


def _has_room(words: str, known: Mapping[str, Any]) -> bool:
    return words.split("=", maxsplit=1)[0].split(",", maxsplit=1)[0] in known


def _flow_with(definitions: Mapping[str, Any]) -> dict[str, Any]:
    """What may be said to a Flow: of itself, of its Gateway, of all its Executors."""
    every = {name: one for name, one in definitions["NodeOptions"]["properties"].items() if name in PROPAGATED}
    own = {name: one for name, one in definitions["FlowFile"]["properties"].items() if name in OF_FLOW}
    gateway = definitions["GatewayOptions"]["properties"]
    return {
        "type": "object",
        "title": "FlowWith",
        "description": "What is said of the Flow, of its Gateway, and of all its Executors.",
        "properties": {**every, **gateway, **own},
        "additionalProperties": False,
    }


def _item(definitions: dict[str, Any]) -> dict[str, Any]:
    """One of the Executors of a Flow, in each form that it may have."""
    node = definitions["NodeOptions"]
    node["properties"]["method"] = {"enum": list(METHODS), "description": "What Flow's method of that name does."}
    node["properties"]["jcloud"] = {"description": "Is for a cloud, and ignored.", "deprecated": True}
    deployment = {
        "type": "object",
        "properties": {
            "jtype": {"const": "Deployment"},
            "with": {"$ref": "#/$defs/DeploymentOptions"},
            **{name: node["properties"][name] for name in ("name", "needs", "when", "floating", "method")},
        },
        "required": ["jtype"],
    }
    executor = {"type": "object", "properties": {"jtype": {"type": "string"}}, "required": ["jtype"]}
    return {
        "if": {"type": "string"},
        "then": {"type": "string"},
        "else": {
            "if": _jtype("Deployment"),
            "then": deployment,
            "else": {"if": {"required": ["jtype"]}, "then": executor, "else": {"$ref": "#/$defs/NodeOptions"}},
        },
    }


def _shape_files(definitions: dict[str, Any]) -> None:
    """Let the files have their own keys, Jina's, and those of whoever writes them."""
    flow, deployment = definitions["FlowFile"], definitions["DeploymentFile"]
    listed = {"type": "array", "items": {"$ref": "#/$defs/Item"}}
    text = flow["properties"].pop("executors").get("description", "")
    flow["properties"].pop("defaults", None)
    flow["properties"]["executors"] = {**listed, "description": text}
    for name in EXECUTORS[1:]:
        flow["properties"][name] = {**listed, "description": "Write executors.", "deprecated": True}
    flow["properties"]["with"] = {"$ref": "#/$defs/FlowWith"}
    beside = definitions["DeploymentOptions"]["properties"]
    deployment["properties"] |= {name: beside[name] for name in DeploymentOptions.model_fields if name != "version"}
    deployment["properties"] |= {"needs": {}, "include_gateway": {}}
    for file in (flow, deployment):
        file["properties"]["version"] = {"enum": ["1", "1.0", 1, 1.0], "description": "Version of the file's shape."}
        file["properties"]["jcloud"] = {"description": "Is for a cloud, and ignored.", "deprecated": True}
        file["patternProperties"] = {"^x-": {"description": "Whoever writes the file may keep things here."}}
    definitions["GatewayOptions"]["properties"]["py_modules"] = {
        "type": ["string", "array"],
        "description": "Where the class in `uses` is.",
    }
    definitions["GatewayOptions"]["properties"]["jcloud"] = {"description": "Is for a cloud, and ignored."}
