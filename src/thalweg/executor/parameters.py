"""Which parameters of a request an Executor sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from thalweg.docs.codecs.failures import error_details, invalid_document
from thalweg.executor.endpoint import Endpoint

SEPARATOR = "__"
RESULTS = "__results__"
"""Where a response's parameters hold, by name of Executor, the dicts that endpoints returned."""


def seen_by(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the Executor `name` sees; a new dict.

    `<name>__<key>` is seen as `<key>` and wins over a plain `<key>`, as does each key of a mapping that stands at
    `<name>`. Any other key with two underscores in it is meant for somebody else and left out.
    """
    if not parameters:
        return {}
    own = name + SEPARATOR
    seen = {key: value for key, value in parameters.items() if SEPARATOR not in key}
    if isinstance(parameters.get(name), dict):
        seen |= parameters[name]
    for key, value in parameters.items():
        if key.startswith(own):
            seen[key[len(own) :]] = value
    return seen


def checked(endpoint: Endpoint, seen: dict[str, Any]) -> BaseModel | dict[str, Any] | None:
    """`seen` as the endpoint's method wants it: a dict, or an instance of its pydantic model.

    Raises:
        InvalidDocument: they do not fit the model; the details say where.
    """
    model = endpoint.parameters_type
    if model is None:
        return seen
    if not seen and endpoint.parameters_optional:
        return None
    try:
        return model.model_validate(seen)
    except ValidationError as error:
        raise invalid_document(error_details(error, ["parameters"])) from None


def with_results(parameters: dict[str, Any], name: str, results: dict[str, Any]) -> dict[str, Any]:
    """`parameters` and, under `__results__`, what the Executor `name` returned beside its documents."""
    earlier = parameters.get(RESULTS)
    return {**parameters, RESULTS: {**(earlier if isinstance(earlier, dict) else {}), name: results}}
