"""JSON Schemas of documents in the form from which DocArray makes classes again (`create_base_doc_from_schema`, 0.40).

That reader takes a number for a list of numbers, looks for optional documents where pydantic 2 does not put them, knows
bytes as text, makes empty documents of lists of anything, and never ends with a class that refers to itself. So every field
that it would get wrong is given as anything at all, `{"anyOf": [{}]}`, beside its JSON type, by which Jina compares schemas;
and a document among alternatives stands inside an `allOf`.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

DEFINITIONS = "$defs"
TENSOR = "tensor/array shape"
UNTYPED = "LegacyDocumentJina"
"""The document that Jina takes where an endpoint names none."""
_KEPT = ("title", "description", "default")
_SAME = ("integer", "boolean", "null")


def exported(schema: Schema) -> Schema:
    """`schema`, of one document, in that form."""
    return _Export(schema).document()


def untyped() -> Schema:
    """The schema of any document: one with the fields that Jina's has, as a class made from a schema has no others."""
    tensor = _either({"type": "array", "items": {"type": "number"}, TENSOR: "not specified"})
    anything: Schema = {"anyOf": [{}], "default": None}
    fields = {
        "id": _identity(),
        "tensor": tensor,
        "chunks": anything,
        "matches": anything,
        "blob": anything,
        "text": _either({"type": "string"}),
        "url": _either({"type": "string"}),
        "embedding": tensor,
        "tags": {"type": "object", "default": {}},
        "scores": anything,
    }
    return {"title": UNTYPED, "type": "object", "properties": fields}


def _either(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}], "default": None}


def _identity() -> Schema:
    return {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Id"}


def _anything(kind: Any = None) -> Schema:
    return {"anyOf": [{}], "type": kind} if isinstance(kind, str) else {"anyOf": [{}]}


class _Export:
    """One schema on its way. Definitions are made when they are first referred to."""

    def __init__(self, schema: Schema) -> None:
        self._given: Schema = schema.get(DEFINITIONS, {})
        self._made: Schema = {}
        self._open: list[str] = []
        self._root = schema

    def document(self) -> Schema:
        root = self._root
        if "$ref" in root:
            name = _name(root)
            self._open.append(name)
            root = self._given.get(name, {})
        made = self._object(_whole(root, self._given))
        if self._made:
            made[DEFINITIONS] = made["definitions"] = self._made  # where pydantic 2 and where pydantic 1 have them
        return made

    def _object(self, schema: Schema) -> Schema:
        made: Schema = {"title": schema.get("title", "Document"), "type": "object"}
        if "description" in schema:
            made["description"] = schema["description"]
        made["properties"] = {
            name: _identity() if name == "id" else self._field(field)
            for name, field in schema.get("properties", {}).items()
        }
        if schema.get("required"):
            made["required"] = list(schema["required"])
        return made

    def _field(self, schema: Any) -> Schema:
        if not isinstance(schema, dict):
            return _anything()
        return {**self._shape(schema), **{key: schema[key] for key in _KEPT if key in schema}}

    def _shape(self, schema: Schema) -> Schema:
        kind = schema.get("type")
        if TENSOR in schema:
            return {"type": "array", "items": {"type": "number"}, TENSOR: schema[TENSOR]}
        if "$ref" in schema:
            return self._reference(schema)
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return {"anyOf": [_wrapped(self._shape(option)) for option in options]}
        if kind in _SAME or (kind == "string" and not _is_binary(schema)):
            return {"type": kind}
        if kind == "array":
            return self._array(schema)
        return {"type": "object"} if kind == "object" else _anything(kind)

    def _reference(self, schema: Schema) -> Schema:
        name = _name(schema)
        target = self._given.get(name, {})
        if not target.get("properties"):
            return self._shape(target)  # an enumeration, or the like
        if name in self._open:
            return _anything("object")
        if name not in self._made:
            self._open.append(name)
            made = self._object(target)
            self._open.pop()
            self._made[name] = made
        return {"$ref": f"#/{DEFINITIONS}/{name}"}

    def _array(self, schema: Schema) -> Schema:
        items = schema.get("items")
        if not isinstance(items, dict) or not items:
            return _anything("array")
        if items.get("type") == "number":
            return {"type": "array", "items": {"type": "number"}}
        shape = self._shape(items)
        return {"type": "array", "items": _anything("object") if shape == {"type": "object"} else shape}


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _whole(schema: Schema, definitions: Schema) -> Schema:
    """`schema` with the fields of all that it combines."""
    parts = schema.get("allOf")
    if not parts:
        return schema
    whole: Schema = {"properties": {}, "required": []}
    for part in parts:
        found = definitions.get(_name(part), {}) if "$ref" in part else part
        whole.setdefault("title", found.get("title", "Document"))
        whole["properties"].update(found.get("properties", {}))
        whole["required"] += [name for name in found.get("required", ()) if name not in whole["required"]]
    return whole


def _wrapped(shape: Schema) -> Schema:
    return {"allOf": [shape]} if "$ref" in shape else shape


def _is_binary(schema: Schema) -> bool:
    return schema.get("format") in ("binary", "byte", "base64", "base64url") or "contentEncoding" in schema
