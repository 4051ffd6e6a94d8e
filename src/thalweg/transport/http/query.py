"""Texts by name, of a query string or a form, as the fields of one document; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from thalweg.errors import MalformedRequest

MOST_FIELDS = 1000
PARAMETERS = "parameters"

Schema = Mapping[str, Any]
Pairs = Iterable[tuple[str, str]]


def query_pairs(query: bytes) -> list[tuple[str, str]]:
    """The names and values of a query string.

    Raises:
        MalformedRequest: it is no UTF-8, or has more than `MOST_FIELDS`.
    """
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise MalformedRequest(f"The query string cannot be read: {error}.") from None


def divided(pairs: Pairs, fields: Schema | None, parameters: Schema | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a document, and the parameters: what is called `parameters` (a JSON object), and names that only the
    schema of the parameters knows.

    Raises:
        MalformedRequest: `parameters` is no JSON object.
    """
    given = list(pairs)
    known = (fields or {}).get("properties", {})
    more = (parameters or {}).get("properties", {})
    own, values, found = [], [], {}
    for name, value in given:
        if name == PARAMETERS and name not in known:
            found = _json_object(value)
        elif name in more and name not in known:
            values.append((name, value))
        else:
            own.append((name, value))
    return typed_fields(own, fields), {**found, **typed_fields(values, parameters)}


def typed_fields(pairs: Pairs, schema: Schema | None) -> dict[str, Any]:
    """`pairs` as `schema` wants them: a name that stands there several times is a list, and what is not to be text is read
    as JSON where it is some. Whether it fits is left to the one who validates."""
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        gathered.setdefault(name, []).append(value)
    return {name: _value(values, _property(schema, name), schema or {}) for name, values in gathered.items()}


def kinds(schema: Schema, root: Schema, depth: int = 8) -> set[str]:
    """The JSON types that `schema` allows, with the format of a text behind a colon; `root` has its `$defs`."""
    if "$ref" in schema:
        target = root.get("$defs", {}).get(str(schema["$ref"]).rpartition("/")[2])
        return kinds(target, root, depth - 1) if target and depth else set()
    found: set[str] = set()
    for alternative in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        found |= kinds(alternative, root, depth - 1) if depth else set()
    named = schema.get("type", ())
    for kind in (named,) if isinstance(named, str) else named:
        found.add(f"{kind}:{schema['format']}" if kind == "string" and "format" in schema else kind)
    return found


def _property(schema: Schema | None, name: str) -> Schema | None:
    found = (schema or {}).get("properties", {}).get(name)
    return found if isinstance(found, Mapping) else None


def _value(values: list[str], wanted: Schema | None, root: Schema) -> Any:
    allowed = kinds(wanted, root) if wanted is not None else set()
    if "array" in allowed:
        whole = _json(values[0]) if len(values) == 1 and values[0].lstrip().startswith("[") else None
        if isinstance(whole, list):
            return whole
        items = kinds(_items(wanted or {}), root)
        return [_one(value, items) for value in values]
    return _one(values[0], allowed) if len(values) == 1 else [_one(value, allowed) for value in values]


def _items(schema: Schema) -> Schema:
    for candidate in (schema, *schema.get("anyOf", ())):
        if isinstance(candidate.get("items"), Mapping):
            return candidate["items"]  # type: ignore[no-any-return]
    return {}


def _one(text: str, allowed: set[str]) -> Any:
    if not allowed or any(kind.startswith("string") for kind in allowed):
        return None if text == "null" and allowed and "string" not in allowed and "null" in allowed else text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _json_object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise MalformedRequest(f"`parameters` is no JSON object: {error}.") from None
