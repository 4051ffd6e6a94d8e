"""What others call a document's JSON: bytes as plain text, and the raw forms that pydantic 1 read."""

from __future__ import annotations

import pickle
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from thalweg.docs.codecs.failures import error_details
from thalweg.docs.document import BaseDocWithoutId

D = TypeVar("D", bound=BaseDocWithoutId)
T = TypeVar("T")


def read_text_bytes(validate: Callable[[bytes], T], data: str | bytes | bytearray, error: ValidationError) -> T:
    """Read `data` again after `error`, with text in fields of bytes that is not base64 taken for UTF-8.

    DocArray writes bytes as text. Text that happens to be base64 stays base64: nothing tells it apart.

    Raises:
        pydantic.ValidationError: `error`, where something else is wrong too.
    """
    if not is_text_for_bytes(error):
        raise error
    value = from_json(data)
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        if found["type"] != "bytes_invalid_encoding" or not _encode_at(value, found["loc"]):
            raise error
    return validate(to_json(value))


def is_text_for_bytes(error: ValidationError) -> bool:
    """Whether nothing worse is wrong than what `read_text_bytes` mends, as far as an error is told."""
    return all(found["type"] == "bytes_invalid_encoding" for found in error_details(error))


def _encode_at(value: Any, path: tuple[int | str, ...]) -> bool:
    """Turn the text at `path` into base64. Steps that are not in the data name a choice of the schema."""
    around: Any = None
    place: Any = None
    for step in path:
        if step in value if isinstance(value, dict) else isinstance(value, list) and type(step) is int:
            around, place, value = value, step, value[step]
    if around is None or not isinstance(value, str):
        return False
    around[place] = urlsafe_b64encode(value.encode()).decode()
    return True


def parse_raw(
    doc_type: type[D],
    data: str | bytes,
    content_type: str | None,
    encoding: str,
    protocol: str | None,
    allow_pickle: bool,
) -> D:
    """The document of JSON or pickled fields; `protocol` or `content_type` says which, JSON where neither does.

    Raises:
        ValueError: an unknown form, a pickle without `allow_pickle`, or fields that do not fit.
    """
    if protocol is None:
        protocol = _protocol(content_type)
    if protocol == "json":
        return doc_type.from_json(data if isinstance(data, str) else bytes(data).decode(encoding))
    if protocol != "pickle":
        raise ValueError(f"documents are read from 'json' or 'pickle', not from {protocol!r}")
    if not allow_pickle:
        raise ValueError("unpickling runs whatever code the data holds; say allow_pickle=True where you trust it")
    return doc_type.model_validate(pickle.loads(data.encode() if isinstance(data, str) else data))  # noqa: S301


def _protocol(content_type: str | None) -> str:
    if content_type is None or content_type.endswith(("json", "javascript")):
        return "json"
    if content_type.endswith("pickle"):
        return "pickle"
    raise ValueError(f"content type {content_type!r} is neither JSON nor pickle")
