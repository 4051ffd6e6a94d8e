"""GraphQL types of what JSON Schema describes; pure.

An object with properties is an object type. Tensors, mappings and whatever else may be anything are scalars, given and taken
as the JSON that they are: a list of a thousand numbers is one value and not a thousand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import count
from typing import Any, TypeAlias

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLFloat,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLString,
)

Schema: TypeAlias = Mapping[str, Any]
Type: TypeAlias = Any
"""A type of graphql-core; its own unions of them say no more."""

TENSOR = "tensor/array shape"
"""Stands in the schema of every tensor."""
_DEFINITION = "#/$defs/"


ANYTHING = GraphQLScalarType("JSON", description="Any JSON value.")
TENSOR_VALUE = GraphQLScalarType("Tensor", description="Numbers in nested lists, one level for each dimension.")
INTEGER = GraphQLScalarType("Long", description="A whole number of any size.")


class Types:
    """The types of one schema. What has the same name and differs gets a number; what is the same is one type."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._types: dict[str, Type] = {}

    def output(self, schema: Schema | None, name: str) -> Type:
        """The type of values that are given. Any of them may be missing: services answer what they answer."""
        return ANYTHING if schema is None else self._type(schema, schema.get("$defs", {}), name, given=True)

    def input(self, schema: Schema | None, name: str) -> Type:
        """The type of values that are taken."""
        return ANYTHING if schema is None else self._type(schema, schema.get("$defs", {}), name, given=False)

    def _type(self, schema: Schema, definitions: Schema, name: str, *, given: bool) -> Type:
        if "$ref" in schema:
            key = str(schema["$ref"]).removeprefix(_DEFINITION).replace("~1", "/").replace("~0", "~")
            found = definitions.get(key)
            return ANYTHING if found is None else self._type(found, definitions, key, given=given)
        if TENSOR in schema:
            return TENSOR_VALUE
        kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
        if kinds:
            return self._of_several(kinds, definitions, name, given=given)
        kind = schema.get("type")
        if kind == "object" and schema.get("properties"):
            return self._object(schema, definitions, str(schema.get("title", name)), given=given)
        if kind == "array" and isinstance(schema.get("items"), Mapping) and schema["items"]:
            return GraphQLList(self._type(schema["items"], definitions, f"{name}_item", given=given))
        scalars = {"string": GraphQLString, "integer": INTEGER, "number": GraphQLFloat, "boolean": GraphQLBoolean}
        return scalars.get(kind, ANYTHING) if isinstance(kind, str) else ANYTHING

    def _of_several(self, kinds: list[Schema], definitions: Schema, name: str, *, given: bool) -> Type:
        """One of several: the type where there is but one, text for an id, which may be a number, and else anything."""
        if len(kinds) == 1:
            return self._type(kinds[0], definitions, name, given=given)
        if {kind.get("type") for kind in kinds} == {"string", "integer"}:
            return ANYTHING if not given else GraphQLString
        return ANYTHING

    def _object(self, schema: Schema, definitions: Schema, title: str, *, given: bool) -> Type:
        identity = f"{given}{title}{_text(schema)}"
        if identity not in self._types:
            name = self.name(title if given else f"{title}Input", identity)
            # Fields are looked up when all types are there: documents may hold documents of their own kind.
            if given:
                self._types[identity] = GraphQLObjectType(
                    name, lambda: self._fields(schema, definitions, title), description=schema.get("description")
                )
            else:
                self._types[identity] = GraphQLInputObjectType(
                    name, lambda: self._input_fields(schema, definitions, title), description=schema.get("description")
                )
        return self._types[identity]

    def _fields(self, schema: Schema, definitions: Schema, title: str) -> dict[str, GraphQLField]:
        fields = {}
        for key, field in schema["properties"].items():
            kind = self._type(field, definitions, f"{title}_{key}", given=True)
            fields[identifier(key)] = GraphQLField(kind, resolve=_member(key), description=field.get("description"))
        return fields

    def _input_fields(self, schema: Schema, definitions: Schema, title: str) -> dict[str, GraphQLInputField]:
        required = set(schema.get("required", ()))
        fields = {}
        for key, field in schema["properties"].items():
            kind = self._type(field, definitions, f"{title}_{key}", given=False)
            kind = GraphQLNonNull(kind) if key in required else kind
            fields[identifier(key)] = GraphQLInputField(kind, out_name=key, description=field.get("description"))
        return fields

    def name(self, wanted: str, identity: str) -> str:
        """A name for what is known by `identity`; nobody else has it."""
        if identity not in self._names:
            taken, plain = set(self._names.values()), identifier(wanted)
            self._names[identity] = next(
                name for number in count(1) if (name := plain if number == 1 else f"{plain}_{number}") not in taken
            )
        return self._names[identity]


def identifier(text: str) -> str:
    """`text` as a name of GraphQL. Two underscores at the beginning are the language's own."""
    plain = re.sub(r"[^0-9A-Za-z_]+", "_", text.strip("/")) or "root"
    plain = re.sub(r"^__+", "_", plain)
    return f"_{plain}" if plain[0].isdigit() else plain


def _member(key: str) -> Any:
    def resolve(source: Any, info: GraphQLResolveInfo[Any]) -> Any:
        return source.get(key) if isinstance(source, Mapping) else None

    return resolve


def _text(schema: Schema) -> str:
    return json.dumps(schema, sort_keys=True, default=str)
