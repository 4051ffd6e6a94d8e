"""JSON Schema of the files that describe a Flow or a Deployment, for editors and for checks before a start."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from thalweg.config.file import DeploymentFile, FlowFile

ONE_OR_MANY = ("needs", "port", "protocol", "py_modules")
"""Options that take one value where a list of them is meant."""


def json_schema() -> dict[str, Any]:
    """The schema of a YAML or JSON file, draft 2020-12. `jtype` decides between a Flow and a Deployment.

    A file without `jtype` is taken for a Flow when it has `executors`. Values that are filled in later
    (`${{ ENV.NAME }}`) are text wherever they stand, so a file should be checked after they are.
    """
    _, schema = models_json_schema([(FlowFile, "validation"), (DeploymentFile, "validation")])
    definitions = schema["$defs"]
    for definition in definitions.values():
        for name in ONE_OR_MANY:
            if name in definition.get("properties", {}):
                _take_one_too(definition["properties"][name])
    definitions["DeploymentFile"].setdefault("required", []).append("jtype")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Thalweg",
        "description": "What to start: a Flow of Executors behind a Gateway, or one Executor served alone.",
        "anyOf": [{"$ref": "#/$defs/FlowFile"}, {"$ref": "#/$defs/DeploymentFile"}],
        "$defs": definitions,
    }


def _take_one_too(option: dict[str, Any]) -> None:
    """Change `option`, a list or null, so that it takes one item without the list as well."""
    variants = option.pop("anyOf", None) or [
        {key: option.pop(key) for key in ("type", "items", "minItems") if key in option},
    ]
    lists = [variant for variant in variants if variant.get("type") == "array"]
    option["anyOf"] = [*(variant["items"] for variant in lists), *variants]
