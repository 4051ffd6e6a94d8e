"""Documents as JSON: `{"data": [...], "parameters": {...}}`.

Reading and validating is one pass in Rust; no Python object is made for what is not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, FailFast, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, SchemaValidator, core_schema, to_json

from thalweg.docs.codecs.failures import error_details, invalid_document
from thalweg.docs.codecs.foreign import is_text_for_bytes, read_text_bytes
from thalweg.docs.codecs.plain_json import encode_plain
from thalweg.docs.codecs.vector_json import decode_vectors
from thalweg.docs.derived import derive, derived, keep
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import AnyDoc, BaseDocWithoutId, plain_number
from thalweg.docs.row import class_of
from thalweg.docs.typing.tensor import to_plain
from thalweg.errors import MalformedRequest

__all__ = ["decode", "decode_array", "encode", "encode_array", "error_details"]

Buffer: TypeAlias = bytes | bytearray | memoryview

SMALL = 1 << 15
"""Bytes up to which everything that is wrong is told; of more, only the first wrong document. A finding takes a kilobyte."""
_LIST, _ONE = "list", "one"


class _Body:
    """The schema of a request's body, as an annotation, so that recursive documents resolve as they do anywhere."""

    def __init__(
        self, doc_type: type[BaseDocWithoutId], parameters_type: type[BaseModel] | None, fail_fast: bool
    ) -> None:
        self.doc_type = doc_type
        self.parameters_type = parameters_type
        self.fail_fast = fail_fast

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        doc = handler.generate_schema(self.doc_type)
        many = core_schema.list_schema(doc, fail_fast=self.fail_fast)
        data = core_schema.union_schema([(many, _LIST), (doc, _ONE)], mode="left_to_right")
        fields = {
            "data": core_schema.typed_dict_field(data, required=False),
            "parameters": core_schema.typed_dict_field(self._parameters(handler), required=False),
        }
        return core_schema.typed_dict_schema(fields)

    def _parameters(self, handler: Any) -> CoreSchema:
        if self.parameters_type is None:
            return core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())
        return core_schema.with_default_schema(
            handler.generate_schema(self.parameters_type), default_factory=dict, validate_default=True
        )


def _validator(
    doc_type: type[BaseDocWithoutId], parameters_type: type[BaseModel] | None, fail_fast: bool
) -> SchemaValidator:
    key = "json", parameters_type, fail_fast
    validator = derived(doc_type, key)
    if validator is None:
        body = _Body(doc_type, parameters_type, fail_fast)
        validator = keep(doc_type, key, TypeAdapter(Annotated[Any, body]).validator)
    return validator  # type: ignore[no-any-return]


def decode(
    data: Buffer, doc_type: type[BaseDocWithoutId] | None, parameters_type: type[BaseModel] | None = None
) -> tuple[DocList[Any], Any]:
    """The documents and the parameters of a body `{"data": [...], "parameters": {...}}`.

    `data` may also be one object, which makes a list of one; missing, there are no documents. Other keys are ignored.

    Args:
        data: the body.
        doc_type: class of the documents; None for any, which gives `AnyDoc`.
        parameters_type: model of the parameters; None for any JSON object, which gives a dict.

    Raises:
        MalformedRequest: it is not JSON.
        InvalidDocument: documents or parameters do not fit; `details` says which fields.
    """
    text = bytes(data) if isinstance(data, memoryview) else data
    wanted = AnyDoc if doc_type is None else doc_type
    try:
        body = _validator(wanted, parameters_type, True).validate_json(text)
    except ValidationError as error:
        raise _failure(error, text, wanted, parameters_type) from None
    docs = body.get("data", ())
    if isinstance(docs, BaseDocWithoutId):
        docs = (docs,)
    array = DocList if doc_type is None else DocList[doc_type]  # type: ignore[valid-type]
    return array.trusted(docs), body.get("parameters", {})


def _failure(
    error: ValidationError,
    data: bytes | bytearray,
    doc_type: type[BaseDocWithoutId],
    parameters_type: type[BaseModel] | None,
) -> Exception:
    if error.error_count() == 1:
        only = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if only["type"] == "json_invalid":
            return MalformedRequest(f"The body is not JSON: {only['msg'].removeprefix('Invalid JSON: ')}.")
    if len(data) <= SMALL:
        try:
            _validator(doc_type, parameters_type, False).validate_json(data)
        except ValidationError as complete:
            error = complete
    return invalid_document(_details(error))


def _details(error: ValidationError) -> list[dict[str, Any]]:
    """The findings, without those of the alternative that was not meant: a list or one object."""
    found = error_details(error)
    data = [item for item in found if item["loc"][:1] == ["data"]]
    types = {(item["loc"][1], item["type"]) for item in data if len(item["loc"]) == 2}
    not_a_list, not_an_object = (_LIST, "list_type") in types, (_ONE, "model_type") in types
    if not_a_list and not_an_object:
        found = [item for item in found if item not in data]
        found.append(
            {"loc": ["data"], "msg": "Input should be a list of documents or one document", "type": "data_type"}
        )
        return found
    other = _LIST if not_a_list else _ONE
    kept = [item for item in found if item not in data or item["loc"][1] != other]
    for item in kept:
        if item in data:
            del item["loc"][1]
    return kept


def decode_array(data: str | Buffer, doc_type: type[BaseDocWithoutId]) -> list[Any]:
    """The documents of a JSON array. Text for a field of bytes that is not base64 is taken for UTF-8.

    Raises:
        pydantic.ValidationError: it is no such array.
    """
    text = bytes(data) if isinstance(data, memoryview) else data
    docs = decode_vectors(text, doc_type)
    if docs is not None:
        return docs
    try:
        return _first_failure(doc_type).validate_json(text)
    except ValidationError as error:
        if len(text) > SMALL and not is_text_for_bytes(error):
            raise
    validate = _adapter(doc_type).validate_json
    try:
        return validate(text)
    except ValidationError as error:
        return read_text_bytes(validate, text, error)


def encode(docs: Any, parameters: Mapping[str, Any]) -> bytes:
    """`{"data":[...],"parameters":{...}}` of a DocList or DocVec.

    Each document is written with all fields of its own class, whatever the class of the list.
    """
    rest = to_json(to_plain(dict(parameters))) if parameters else b"{}"
    return b'{"data":%b,"parameters":%b}' % (encode_array(docs), rest)


def encode_array(docs: Any) -> bytes:
    """The JSON array of a DocList or DocVec."""
    if not isinstance(docs, DocList):
        docs = docs.to_doc_list()
    kinds = set(map(type, docs))
    if len(kinds) > 1:
        return b"[%b]" % b",".join(map(_encode_one, docs))
    if not docs:
        return b"[]"
    written = encode_plain(docs)
    if written is not None:
        return written
    if len(docs) == 1:
        return b"[%b]" % _encode_one(docs[0])
    return _adapter(class_of(kinds.pop())).serializer.to_json(docs, by_alias=True, fallback=plain_number)


def _encode_one(doc: BaseDocWithoutId) -> bytes:
    return doc.__pydantic_serializer__.to_json(doc, by_alias=True, fallback=plain_number)


def _adapter(doc_type: type[BaseDocWithoutId]) -> TypeAdapter[list[Any]]:
    return derive(doc_type, "json array", _list_adapter)


def _first_failure(doc_type: type[BaseDocWithoutId]) -> TypeAdapter[list[Any]]:
    """Reads what the other one reads, and ends at the first wrong document."""
    return derive(doc_type, "json array to the first failure", _hasty_adapter)


def _hasty_adapter(doc_type: type[BaseDocWithoutId]) -> TypeAdapter[list[Any]]:
    many: Any = Annotated[list[doc_type], FailFast()]  # type: ignore[valid-type]
    return TypeAdapter(many, config=BaseDocWithoutId.model_config)


def _list_adapter(doc_type: type[BaseDocWithoutId]) -> TypeAdapter[list[Any]]:
    # Pydantic writes what is in a union by the options of the outermost schema.
    return TypeAdapter(list[doc_type], config=BaseDocWithoutId.model_config)  # type: ignore[valid-type]
