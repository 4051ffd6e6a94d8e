"""Files as documents: the parts of a form (RFC 7578), or one file that is the whole body. Nothing is written to disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.errors import InvalidDocument, MalformedRequest, MissingDependency, UnsupportedContent
from thalweg.message import Buffer, EndpointDescription
from thalweg.transport.http.hush import HUSHED
from thalweg.transport.http.query import PARAMETERS, kinds, typed_fields

FORM = "multipart/form-data"
DATA = "data"
MOST_PARTS = 1000
HEADER_BYTES = 8 * 1024
"""Of one part."""
BINARY = frozenset(("string:base64url", "string:base64", "string:binary", "string:byte"))
_PIECE = 256 * 1024
_NEVER = frozenset(("application/x-www-form-urlencoded", "application/xml", "text/xml"))
"""What callers send without having said so, or that would better be understood than stored."""

Uploaded = tuple[tuple[Buffer, ...], dict[str, Any]]
"""A payload of columns, in which bytes stand as they are, and the parameters beside it."""


class FormPart(NamedTuple):
    """One part of a form."""

    name: str
    content: bytes
    file: bool


def uploads_into(endpoint: EndpointDescription) -> list[str]:
    """The fields of the endpoint's document that a file can be."""
    schema = endpoint.input_schema or {}
    return [name for name, field in schema.get("properties", {}).items() if _binary(field, schema)]


def form_upload(header: bytes, body: Buffer, endpoint: EndpointDescription | None) -> Uploaded:
    """The document of a form: a part named after a field fills it; `data` is the JSON of the other fields, `parameters`
    that of the parameters.

    Raises:
        MalformedRequest: it is no such form.
        InvalidDocument: a part belongs to no field.
    """
    schema = endpoint.input_schema if endpoint is not None else None
    documents: list[dict[str, Any]] = [{}]
    values: dict[str, Any] = {}
    fields: dict[str, list[FormPart]] = {}
    known = schema.get("properties") if schema is not None else None
    for part in parts_of(header, body):
        if part.name == PARAMETERS and (known is None or PARAMETERS not in known):
            values = _decoded(part, dict[str, Any])
        elif part.name == DATA and (known is None or DATA not in known):
            given = _decoded(part, dict[str, Any] | list[dict[str, Any]])
            documents = given if isinstance(given, list) else [given]
        elif known is not None and part.name not in known:
            raise _unexpected(f"No field is called {part.name!r}; there are: {', '.join(known)}.", part.name)
        else:
            fields.setdefault(part.name, []).append(part)
    if fields and len(documents) != 1:
        raise _unexpected("Parts named after fields belong to one document, and `data` has not one.", DATA)
    for name, found in fields.items():
        documents[0][name] = _content(name, found, schema or {})
    return columns.encode(DocList[AnyDoc]([AnyDoc(**document) for document in documents])), values


def raw_upload(content_type: str, charset: str, body: Buffer, endpoint: EndpointDescription | None) -> Uploaded:
    """The document whose one field of its kind is `body`.

    Raises:
        UnsupportedContent: no document here is made of such a file.
        InvalidDocument: several fields could be meant.
    """
    field = _field_for(content_type, endpoint)
    value: Any = bytes(body)
    schema = (endpoint.input_schema if endpoint is not None else None) or {}
    if not _binary(schema.get("properties", {}).get(field, {}), schema):
        try:
            value = value.decode(charset or "utf-8")
        except (LookupError, UnicodeDecodeError) as error:
            raise MalformedRequest(f"The body is no text: {error}.") from None
    return columns.encode(DocList[AnyDoc]([AnyDoc(**{field: value})])), {}


def parts_of(header: bytes, body: Buffer) -> list[FormPart]:
    """The parts of a form whose content type is `header`.

    Raises:
        MalformedRequest: it is no form, or has more than `MOST_PARTS`.
    """
    try:
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser, parse_options_header
    except ImportError:
        raise MissingDependency("Forms are read with: pip install python-multipart") from None
    boundary = parse_options_header(header)[1].get(b"boundary")
    if not boundary:
        raise MalformedRequest(f"The content type {FORM} says no boundary.")
    reader = _Parts()
    try:
        parser = MultipartParser(boundary, reader.callbacks())  # type: ignore[arg-type]
        parser.logger = HUSHED  # type: ignore[assignment]
        view = memoryview(body)
        for start in range(0, len(view), _PIECE):
            parser.write(bytes(view[start : start + _PIECE]))
        parser.finalize()
    except FormParserError as error:
        raise MalformedRequest(f"The body is no {FORM}: {error}.") from None
    if not reader.ended:
        raise MalformedRequest(f"The body is no {FORM}: it ends too early.")
    return reader.parts


class _Parts:
    """Gathers what the parser tells."""

    def __init__(self) -> None:
        self.parts: list[FormPart] = []
        self.ended = False
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._content: list[bytes] = []

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_name,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header,
            "on_part_data": lambda data, start, end: self._content.append(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.parts) >= MOST_PARTS:
            raise MalformedRequest(f"The form has more than {MOST_PARTS} parts.")
        self._headers = {}
        self._name = self._value = b""
        self._content = []

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check()

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check()

    def _check(self) -> None:
        if len(self._name) + len(self._value) > HEADER_BYTES or len(self._headers) > 16:
            raise MalformedRequest("A part of the form has too many headers.")

    def _on_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _end(self) -> None:
        from python_multipart.multipart import parse_options_header

        options = parse_options_header(self._headers.get(b"content-disposition", b""))[1]
        name = options.get(b"name")
        if not name:
            raise MalformedRequest("A part of the form has no name.")
        kind = self._headers.get(b"content-type", b"").lower()
        text = not kind or kind.startswith((b"text/", b"application/json"))
        file = b"filename" in options or not text
        self.parts.append(FormPart(name.decode(errors="replace"), b"".join(self._content), file))

    def _finish(self) -> None:
        self.ended = True


def _content(name: str, parts: list[FormPart], schema: Mapping[str, Any]) -> Any:
    """What the parts called `name` are worth to the field of that name."""
    field = schema.get("properties", {}).get(name)
    listed = field is not None and "array" in kinds(field, schema) and not _binary(field, schema)
    if (len(parts) > 1 or listed) and all(part.file for part in parts):
        if len(parts) > 1 and field is not None and not listed:
            raise _unexpected(f"{name!r} takes one file, and {len(parts)} were sent.", name)
        return [part.content for part in parts]
    if (parts[0].file and field is None) or (field is not None and _binary(field, schema)):
        return parts[0].content
    try:
        texts = [(name, part.content.decode()) for part in parts]
    except UnicodeDecodeError:
        raise _unexpected(f"{name!r} takes text, and what was sent is none in UTF-8.", name) from None
    return typed_fields(texts, schema)[name]


def _field_for(content_type: str, endpoint: EndpointDescription | None) -> str:
    schema = endpoint.input_schema if endpoint is not None else None
    if schema is None or content_type in _NEVER or content_type.endswith("+json"):
        raise UnsupportedContent(f"The content type is {content_type}, which this endpoint does not read.")
    fields = schema.get("properties", {})
    found = [name for name, field in fields.items() if _binary(field, schema)]
    if content_type.startswith("text/"):
        texts = [name for name, field in fields.items() if name != "id" and "string" in kinds(field, schema)]
        found = (["text"] if "text" in texts else [name for name in texts if name != "url"]) or found
    if not found:
        raise UnsupportedContent(
            f"The content type is {content_type}, and no field of the endpoint's document holds it."
        )
    required = [name for name in found if name in schema.get("required", ())]
    found = required if len(required) == 1 else found
    if len(found) > 1:
        raise _unexpected(f"The body could be any of {', '.join(found)}; send a form that names the field.", found[0])
    return str(found[0])


def _binary(field: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    """Whether `field` holds bytes, or a document that is made of some."""
    found = kinds(field, root)
    if found & BINARY:
        return True
    for candidate in (field, *field.get("anyOf", ())):
        nested = root.get("$defs", {}).get(str(candidate.get("$ref", "")).rpartition("/")[2], {})
        if "bytes_" in nested.get("properties", {}):
            return True
    return False


def _decoded(part: FormPart, kind: Any) -> Any:
    try:
        return msgspec.json.decode(part.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"The part {part.name!r} is not the JSON that belongs there: {error}.") from None


def _unexpected(message: str, name: str) -> InvalidDocument:
    return InvalidDocument(message, details=[{"loc": [name], "msg": message, "type": "unexpected"}])
