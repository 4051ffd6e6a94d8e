"""Whether documents of one JSON Schema can feed an endpoint of another. Says no only where it cannot ever work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Schema = dict[str, Any]

_KINDS = frozenset({"string", "integer", "number", "boolean", "null", "array", "object"})
_DEEPEST = 24


def misfits(given: Schema | None, needed: Schema | None) -> list[str]:
    """What of a document of schema `given` cannot be read as one of `needed`, a sentence for each field.

    A schema of None is that of any document. A field that is needed but only sometimes given is no misfit, nor is an
    `id`: every document has one.
    """
    if given is None or needed is None:
        return []
    return list(_object_misfits(_Side(given, given), _Side(needed, needed), "", 0))


def joint_misfits(given: Schema | None, others: Sequence[Schema | None], needed: Schema | None) -> list[str]:
    """The same where documents of `given` are joined with those of the `others`: what the one leaves out, another one may
    give."""
    return misfits(given, _without(needed, others))


def schema_fields(schema: Schema | None) -> frozenset[str] | None:
    """The fields that documents of `schema` may have; None where that is not fixed."""
    if schema is None:
        return None
    side = _Side(schema, schema).schema
    offered = side.get("properties", {})
    if side.get("additionalProperties", not offered) is not False:
        return None
    return frozenset(offered)


def _without(needed: Schema | None, others: Sequence[Schema | None]) -> Schema | None:
    """`needed` without the demand for fields that the `others` may give."""
    if needed is None or not others or "required" not in needed:
        return needed
    offered = [schema_fields(other) for other in others]
    required = [name for name in needed["required"] if not any(fields is None or name in fields for fields in offered)]
    return {**needed, "required": required}


def lossless_as_json(schema: Schema | None) -> bool:
    """Whether documents of `schema` keep every bit as JSON: no arrays (whose element type JSON forgets) and no bytes."""
    if schema is None:
        return False
    return not any(_loses(part) for part in _every_part(schema))


def combined(schemas: Sequence[Schema | None]) -> Schema | None:
    """What fits all of `schemas` at once. None where all of them are, or where there is none."""
    different = [schema for index, schema in enumerate(schemas) if schema is not None and schema not in schemas[:index]]
    if not different:
        return None
    if len(different) == 1:
        return different[0]
    definitions = {name: value for schema in different for name, value in schema.get("$defs", {}).items()}
    bare = [{key: value for key, value in schema.items() if key != "$defs"} for schema in different]
    return {"allOf": bare, "$defs": definitions} if definitions else {"allOf": bare}


def _loses(part: Any) -> bool:
    return isinstance(part, dict) and (
        part.get("type") == "array" or part.get("format") in ("binary", "byte", "base64") or "contentEncoding" in part
    )


def _every_part(node: Any) -> Any:
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _every_part(child)


class _Side:
    """A schema and the document schema whose `$defs` it refers to."""

    __slots__ = ("root", "schema")

    def __init__(self, schema: Any, root: Schema) -> None:
        self.root = root
        for _ in range(_DEEPEST):
            if not isinstance(schema, dict) or "$ref" not in schema:
                break
            schema = root.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {})
        self.schema: Schema = schema if isinstance(schema, dict) else {}

    def at(self, schema: Any) -> _Side:
        return _Side(schema, self.root)

    def options(self) -> list[_Side]:
        """The alternatives of a union, else the schema itself."""
        union = self.schema.get("anyOf") or self.schema.get("oneOf")
        if not union:
            return [self]
        return [option for schema in union for option in self.at(schema).options()]

    def kinds(self) -> frozenset[str]:
        """The JSON types it may have; all of them where it does not say."""
        stated = self.schema.get("type")
        if isinstance(stated, str):
            return frozenset({stated})
        if isinstance(stated, list):
            return frozenset(stated)
        if "properties" in self.schema:
            return frozenset({"object"})
        return _KINDS


def _object_misfits(given: _Side, needed: _Side, path: str, depth: int) -> Any:
    offered = given.schema.get("properties", {})
    wanted = needed.schema.get("properties", {})
    open_ended = given.schema.get("additionalProperties", not offered) is not False
    for name in needed.schema.get("required", ()):
        if name not in offered and name != "id" and not open_ended:
            yield f"field {_join(path, name)} is required and not given"
    for name, schema in wanted.items():
        if name in offered and name != "id":
            yield from _misfits(given.at(offered[name]), needed.at(schema), _join(path, name), depth + 1)


def _misfits(given: _Side, needed: _Side, path: str, depth: int) -> Any:
    """Nothing where at least one alternative of the one fits one of the other; else what is wrong with the nearest."""
    if depth > _DEEPEST:
        return
    nearest: list[str] | None = None
    for source in given.options():
        for sink in needed.options():
            problems = list(_single_misfits(source, sink, path, depth))
            if not problems:
                return
            # "null fits nothing" is the least helpful thing to say of Optional[...]
            if nearest is None or (source.kinds() != {"null"} and sink.kinds() != {"null"}):
                nearest = problems
    yield from nearest or ()


def _single_misfits(given: _Side, needed: _Side, path: str, depth: int) -> Any:
    ours, theirs = given.kinds(), needed.kinds()
    common = ours & theirs
    if not common and not ("number" in ours | theirs and "integer" in ours | theirs):
        yield f"field {path} is {_words(ours)}, where {_words(theirs)} is needed"
    elif "object" in common:
        yield from _object_misfits(given, needed, path, depth)
    elif common == {"array"}:
        yield from _array_misfits(given, needed, path, depth)


def _array_misfits(given: _Side, needed: _Side, path: str, depth: int) -> Any:
    least, most = given.schema.get("minItems", 0), given.schema.get("maxItems")
    at_least, at_most = needed.schema.get("minItems", 0), needed.schema.get("maxItems")
    if (at_most is not None and least > at_most) or (most is not None and most < at_least):
        yield f"field {path} has {_count(least, most)}, where {_count(at_least, at_most)} are needed"
    elif isinstance(given.schema.get("items"), dict) and isinstance(needed.schema.get("items"), dict):
        yield from _misfits(given.at(given.schema["items"]), needed.at(needed.schema["items"]), f"{path}[]", depth + 1)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _words(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds))


def _count(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} or more items"
    return f"{least} items" if least == most else f"{least} to {most} items"
