"""Classes of document made of JSON schemas, ours and DocArray's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, ForwardRef, Literal, Union
from uuid import UUID

from pydantic import create_model

from thalweg.docs.derived import derived, keep
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import BaseDoc, BaseDocWithoutId
from thalweg.docs.schema.definitions import DEEPEST, Definitions, Part, SchemaTooDeep
from thalweg.docs.schema.fields import attribute_of, described_field, is_document, is_id
from thalweg.docs.schema.tensors import tensor_of
from thalweg.docs.typing.tensor import JSON_SHAPE

PARTS = 10_000
"""Schemas within one schema, at most."""

_FORMATS: dict[Any, Any] = {
    "binary": bytes,
    "byte": bytes,
    "base64": bytes,
    "base64url": bytes,
    "date-time": datetime,
    "date": date,
    "time": time,
    "duration": timedelta,
    "uuid": UUID,
}
_SCALARS: dict[Any, Any] = {"integer": int, "number": float, "boolean": bool, "null": None}
_TYPES = ("string", "array", "object", *_SCALARS)
_CONTENT = "content of the schema"


def create_base_doc_from_schema(
    schema: Part,
    base_doc_name: str,
    cached_models: dict[str, type[BaseDocWithoutId]] | None = None,
    definitions: Part | None = None,
) -> type[BaseDocWithoutId]:
    """The class of document that `schema` describes: a class that reads and writes the data of the original.

    The schema may be pydantic's of either major version, and DocArray's of either. It is not changed. Types, defaults,
    descriptions, and the library and shape of tensors come back; constraints on values do not, and addresses are `str`.
    A class has an `id` where the schema has one; it is made where it is not given. A field that need not be given, and
    of which the schema tells no default, is empty or None.

    Args:
        base_doc_name: the name of the class; those in it are called as in the schema.
        cached_models: name -> class. One that is there for the same content is taken, and those that are made are added;
            where a name is there for something else, the new class comes under the name followed by `#` and digits.
        definitions: named parts beside those in the schema itself.

    Raises:
        ValueError: it is no schema of an object, refers to what it does not define, is nested too deep, or is too large.
    """
    if not isinstance(schema, Mapping):
        raise ValueError(f"a JSON schema is an object, not {type(schema).__name__}")
    classes = _Classes(Definitions(schema, definitions), {} if cached_models is None else cached_models)
    try:
        return classes.root(schema, base_doc_name)
    except RecursionError:
        raise SchemaTooDeep from None


class _Classes:
    """The classes that are made of one schema."""

    def __init__(self, definitions: Definitions, cached: dict[str, type[BaseDocWithoutId]]) -> None:
        self._definitions = definitions
        self._cached = cached
        self._left = PARTS
        self._open: dict[str, str] = {}  # name of a part that is being made -> how it is called until it is
        self._made: dict[str, Any] = {}  # what it is called -> the type
        self._unfinished: list[type[BaseDocWithoutId]] = []
        self._added: dict[str, type[BaseDocWithoutId]] = {}

    def root(self, schema: Part, name: str) -> type[BaseDocWithoutId]:
        made = self._named(schema["$ref"], name) if "$ref" in schema else self.type_of(schema, name, 0)
        if not is_document(made):
            raise ValueError(f"{name!r:.50}: a document is an object with properties, not {made!r:.100}")
        for unfinished in self._unfinished:
            try:
                unfinished.model_rebuild(_types_namespace=self._made)
            except NameError as error:
                raise ValueError(f"{name!r:.50}: a part of the schema is nothing but itself") from error
        self._cached.update(self._added)  # not before all of it came out well
        return made

    # --- types

    def type_of(self, part: Any, name: str, depth: int) -> Any:
        """The type that a schema describes; `name` is for a class that has no other."""
        if depth > DEEPEST:
            raise SchemaTooDeep
        self._count(1)
        if part is True:
            return Any
        if not isinstance(part, Mapping):
            raise ValueError(f"{name}: a JSON schema is an object, not {part!r:.50}")
        if JSON_SHAPE in part:
            return tensor_of(part)
        for key, read in self._readers.items():
            if key in part:
                return read(self, part, name, depth)
        return Any

    def _count(self, parts: int) -> None:
        self._left -= parts
        if self._left < 0:
            raise ValueError(f"the schema has more than {PARTS} parts")

    def _reference(self, part: Part, name: str, depth: int) -> Any:
        return self._named(part["$ref"], None)

    def _named(self, reference: Any, name: str | None) -> Any:
        """What a reference refers to; until it is made, a reference to it."""
        key, part = self._definitions.part(reference)
        if key not in self._open:
            if len(self._open) > DEEPEST:
                raise SchemaTooDeep
            called = self._open[key] = f"Part{len(self._made)}_{len(self._open)}"
            self._made[called] = self.type_of(part, name or key, 0)
            del self._open[key]
            return self._made[called]
        return ForwardRef(self._open[key])

    def _choice(self, part: Part, name: str, depth: int) -> Any:
        members = part.get("anyOf") or part.get("oneOf")
        if not isinstance(members, (list, tuple)) or not members:
            raise ValueError(f"{name}: a choice needs members")
        return Union[tuple(self.type_of(member, name, depth + 1) for member in members)]  # noqa: UP007

    def _all(self, part: Part, name: str, depth: int) -> Any:
        members = part["allOf"]
        if not isinstance(members, (list, tuple)) or len(members) != 1:
            raise ValueError(f"{name}: 'allOf' is understood with one member only")
        return self.type_of(members[0], name, depth + 1)

    def _values(self, part: Part, name: str, depth: int) -> Any:
        values = [part["const"]] if "const" in part else part["enum"]
        whole = part.get("type") == "integer"  # schemas travel in messages that know no integers
        if not isinstance(values, (list, tuple)) or not values:
            raise ValueError(f"{name}: an enumeration needs values")
        self._count(len(values))
        values = tuple(int(value) if whole and isinstance(value, float) else value for value in values)
        if all(value is None or isinstance(value, (str, int)) for value in values):
            return Literal[values]
        return self._typed(part, name, depth)

    def _typed(self, part: Part, name: str, depth: int) -> Any:
        kind = part.get("type")
        if isinstance(kind, (list, tuple)):
            if len(kind) > len(_TYPES):
                raise ValueError(f"{name}: JSON schema has {len(_TYPES)} types, not {len(kind)}")
            members = tuple(self._typed({**part, "type": one}, name, depth + 1) for one in kind)
            return Union[members] if members else Any  # noqa: UP007
        if kind == "string":
            return bytes if "contentEncoding" in part else _FORMATS.get(part.get("format"), str)
        if kind == "array":
            return self._array(part, name, depth)
        if kind == "object" or (kind is None and "properties" in part):
            return self._object(part, name, depth)
        if kind is None:
            return Any
        if not isinstance(kind, str) or kind not in _SCALARS:
            raise ValueError(f"{name}: JSON schema has no type {kind!r:.50}")
        return _SCALARS[kind]

    def _array(self, part: Part, name: str, depth: int) -> Any:
        items = part.get("items", True)
        several = part.get("prefixItems", items if isinstance(items, (list, tuple)) else None)
        if isinstance(several, (list, tuple)):
            members = tuple(self.type_of(item, name, depth + 1) for item in several)
            return tuple[members] if members else tuple[()]  # type: ignore[valid-type]
        item = self.type_of(items, name, depth + 1)
        if isinstance(item, ForwardRef) or is_document(item):
            return DocList[item]  # type: ignore[valid-type]
        if part.get("uniqueItems") and item in (str, int, float, bool, bytes):
            return set[item]  # type: ignore[valid-type]
        return list[item]  # type: ignore[valid-type]

    def _object(self, part: Part, name: str, depth: int) -> Any:
        if isinstance(part.get("properties"), Mapping):
            title = part.get("title")
            return self._document(part, title if depth and isinstance(title, str) and title else name)
        values = part.get("additionalProperties")
        return dict[str, self.type_of(values, name, depth + 1) if isinstance(values, Mapping) else Any]  # type: ignore[misc]

    _readers: Mapping[str, Callable[[_Classes, Part, str, int], Any]] = {
        "$ref": _reference,
        "const": _values,
        "enum": _values,
        "anyOf": _choice,
        "oneOf": _choice,
        "allOf": _all,
        "type": _typed,
        "properties": _typed,
    }

    # --- documents

    def _document(self, part: Part, name: str) -> type[BaseDocWithoutId]:
        content = self._definitions.content(part)
        key = name
        known = self._known(key)
        if known is not None and _content(known) != content:
            key = f"{name}#{content[:12]}"
            known = self._known(key)
        if known is not None:
            return known
        made = self._make(part, name)
        self._added[key] = keep_content(made, content)
        if not made.__pydantic_complete__:
            self._unfinished.append(made)
        return made

    def _known(self, key: str) -> type[BaseDocWithoutId] | None:
        return self._added.get(key) or self._cached.get(key)

    def _make(self, part: Part, name: str) -> type[BaseDocWithoutId]:
        properties = part["properties"] if isinstance(part.get("properties"), Mapping) else {}
        required = part.get("required")
        needed = set(map(str, required)) if isinstance(required, (list, tuple)) else set()
        fields: dict[str, Any] = {}
        for key, described in properties.items():
            if key == "id" and is_id(described):
                continue
            attribute = attribute_of(str(key), properties)
            kind = self.type_of(described, f"{name}_{key}", 1)
            alias = {} if attribute == key else {"alias": str(key)}
            fields[attribute] = described_field(kind, described, key in needed, alias)
        base = BaseDoc if "id" in properties else BaseDocWithoutId
        told = part.get("description")
        try:
            return create_model(
                name, __base__=base, __module__=__name__, __doc__=told if isinstance(told, str) else None, **fields
            )
        except (NameError, TypeError, ValueError) as error:
            raise ValueError(f"{name!r:.50}: no class can be made of this schema: {error}") from error


def keep_content(made: type[BaseDocWithoutId], content: str) -> type[BaseDocWithoutId]:
    """Note what a class was made of."""
    keep(made, _CONTENT, content)
    return made


def _content(known: type[BaseDocWithoutId]) -> str:
    """What a class was made of, or would be."""
    found: str | None = derived(known, _CONTENT)
    if found is None:
        schema = known.model_json_schema()
        definitions = Definitions(schema)
        found = keep(
            known, _CONTENT, definitions.content(definitions.part(schema["$ref"])[1] if "$ref" in schema else schema)
        )
    return found
