"""Documents that fit a JSON Schema, for load; pure, and the same for the same seed."""

from __future__ import annotations

import string
from collections.abc import Mapping
from random import Random
from typing import Any

WORDS = (
    "river",
    "stone",
    "bridge",
    "water",
    "light",
    "morning",
    "paper",
    "window",
    "garden",
    "mountain",
    "letter",
    "music",
    "summer",
    "winter",
    "street",
    "engine",
    "copper",
    "silver",
    "harbour",
    "valley",
    "question",
    "answer",
    "market",
    "number",
    "school",
)
LONGEST_LIST = 3
DEEPEST = 6
"""Optional parts deeper than this are left out, so that documents that hold documents come to an end."""
SHAPE = "tensor/array shape"
UNKNOWN_TENSOR = 8
"""Numbers of a tensor whose shape the schema leaves open."""
FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "uri": "https://example.org/",
    "email": "someone@example.org",
    "base64url": "AAECAwQFBgc=",
    "binary": "AAECAwQFBgc=",
    "byte": "AAECAwQFBgc=",
}
Schema = Mapping[str, Any]


class Generator:
    """Makes values of one schema. `document` is what its references are looked up in: `#/$defs/...` and
    `#/components/...`."""

    def __init__(self, schema: Schema, seed: int = 0, document: Schema | None = None) -> None:
        self._schema = schema
        self._document = schema if document is None else document
        self._random = Random(seed)

    def __call__(self) -> Any:
        """The next value.

        Raises:
            ValueError: the schema asks for what cannot be made up; the message says where.
        """
        return self._value(self._schema, 0, "document")

    def _value(self, schema: Schema, depth: int, where: str) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        for word in ("anyOf", "oneOf"):
            if schema.get(word):
                return self._value(self._chosen(schema[word], depth), depth, where)
        if schema.get("allOf"):
            merged: dict[str, Any] = {}
            for part in schema["allOf"]:
                merged.update(self._resolved(part))
            return self._value(merged, depth, where)
        return self._of_type(schema, depth, where)

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found: Any = self._document
            for part in str(schema["$ref"]).removeprefix("#").split("/")[1:]:
                found = found[part.replace("~1", "/").replace("~0", "~")]
            schema = found
        return schema

    def _chosen(self, variants: list[Schema], depth: int) -> Schema:
        """The first variant that says something; nothing where the document is deep already."""
        empty = next((variant for variant in variants if variant.get("type") == "null"), None)
        if depth > DEEPEST and empty is not None:
            return empty
        return next((variant for variant in variants if variant is not empty), variants[0])

    def _of_type(self, schema: Schema, depth: int, where: str) -> Any:
        if SHAPE in schema:
            return self._tensor(schema[SHAPE])
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        if kind in ("array", "object"):
            return (self._list if kind == "array" else self._object)(schema, depth, where)
        if kind in ("integer", "number"):
            return self._number(schema, whole=kind == "integer")
        if kind == "string":
            return self._text(schema, where)
        return None if kind == "null" else self._random.random() < 0.5

    def _number(self, schema: Schema, whole: bool) -> Any:
        """One between the bounds, and on none of them."""
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        high = schema.get("maximum", schema.get("exclusiveMaximum", low + (100 if whole else 1)))
        if not whole:
            return round(low + (high - low) * (0.05 + 0.9 * self._random.random()), 4)
        return self._random.randint(low + ("exclusiveMinimum" in schema), high - ("exclusiveMaximum" in schema))

    def _text(self, schema: Schema, where: str) -> str:
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        if "pattern" in schema:
            raise ValueError(f"{where}: text that matches {schema['pattern']!r} cannot be made up")
        text = " ".join(self._random.choices(WORDS, k=self._random.randint(4, 12)))
        text = text.ljust(int(schema.get("minLength", 0)), string.ascii_lowercase[self._random.randrange(26)])
        return text[: int(schema.get("maxLength", len(text)))]

    def _tensor(self, shape: Any) -> Any:
        """Nested lists of numbers; `shape` is as the schemas of documents write it: `[3, 4]`."""
        sizes = [int(part) for part in str(shape).strip("[]()").split(",") if part.strip().isdigit()]
        return self._numbers(sizes or [UNKNOWN_TENSOR])

    def _numbers(self, sizes: list[int]) -> Any:
        if not sizes:
            return round(self._random.random(), 4)
        return [self._numbers(sizes[1:]) for _ in range(sizes[0])]

    def _list(self, schema: Schema, depth: int, where: str) -> list[Any]:
        fewest = int(schema.get("minItems", 0 if depth > DEEPEST else 1))
        number = self._random.randint(fewest, max(fewest, int(schema.get("maxItems", LONGEST_LIST))))
        if depth > DEEPEST:
            number = fewest
        return [self._value(schema.get("items", {}), depth + 1, f"{where}[]") for _ in range(number)]

    def _object(self, schema: Schema, depth: int, where: str) -> dict[str, Any]:
        made = {}
        required = schema.get("required", ())
        for name, part in schema.get("properties", {}).items():
            if name in required or (name != "id" and "default" not in part and depth <= DEEPEST):
                made[name] = self._value(part, depth + 1, f"{where}.{name}")
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping) and not schema.get("properties"):
            made[self._random.choice(WORDS)] = self._value(more, depth + 1, f"{where}.*")
        return made
