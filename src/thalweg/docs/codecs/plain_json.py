"""JSON of documents whose classes add nothing to their fields: written without pydantic, several times as fast.

Whoever calls gets None where pydantic has to do it; so what is written is the same either way, but for one thing: a
float32 is written with as many digits as a float32 needs.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import orjson
from pydantic_core import to_json

from thalweg.docs.derived import derive
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.fields import Holds, field_kinds, is_plain
from thalweg.docs.typing.array import is_tensor
from thalweg.docs.typing.tensor import to_nested_lists

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_READABLE = (str, int, float, bool)


class _NotPlain(Exception):
    """Something that pydantic has to write."""


def encode_plain(docs: Sequence[BaseDocWithoutId]) -> bytes | None:
    """The JSON array of documents of one class; None where pydantic has to write them."""
    doc_type = type(docs[0])
    if not derive(doc_type, "JSON written plainly", _writes_plainly):
        return None
    rows = [doc.__dict__ for doc in docs]
    try:
        written = orjson.dumps(rows, _other, _OPTIONS)
    except (orjson.JSONEncodeError, _NotPlain):  # an integer beyond 64 bits, text that is no Unicode, any other type
        return None
    # One byte is looked for eight times as fast as four, and numbers have none of these.
    if b"u" in written and b"null" in written and not all(map(_finite, rows)):
        return None
    return written


def plain_lines(rows: Sequence[dict[str, Any]], finite: bool) -> list[bytes]:
    """The line of JSON, with its end, of each of the documents given by their fields, whose class `writes_values`: what
    the class writes of all of them. `finite` says that no number is infinite or none at all."""
    options = _OPTIONS | orjson.OPT_APPEND_NEWLINE
    try:
        if finite:
            return [orjson.dumps(row, _other, options) for row in rows]
    except (orjson.JSONEncodeError, _NotPlain):
        pass
    # What pydantic writes for such a class; `ser_json_inf_nan` is that of all documents.
    return [to_json(row, inf_nan_mode="strings", fallback=to_nested_lists) + b"\n" for row in rows]


def writes_values(doc_type: type[BaseDocWithoutId]) -> bool:
    """Whether the JSON of a document is its text, numbers, booleans and NumPy's tensors, each under the name of its field,
    so that who has only those values can write it too."""
    return derive(doc_type, "JSON written plainly", _writes_plainly) and all(
        kind.type.library == "numpy" if kind.holds is Holds.TENSOR else kind.type in _READABLE
        for kind in field_kinds(doc_type).values()
    )


def _writes_plainly(doc_type: type[BaseDocWithoutId]) -> bool:
    kinds = field_kinds(doc_type)
    config, decorators = doc_type.model_config, doc_type.__pydantic_decorators__
    usual = BaseDocWithoutId.model_config
    return (
        is_plain(doc_type)
        and all(kind.plain and kind.holds is not Holds.OTHER for kind in kinds.values())
        and not (decorators.field_serializers or decorators.model_serializers or decorators.computed_fields)
        and not any(field.alias or field.serialization_alias or field.exclude for field in _infos(doc_type))
        and all(config.get(name) == usual.get(name) for name in ("ser_json_bytes", "ser_json_inf_nan"))
    )


def _infos(doc_type: type[BaseDocWithoutId]) -> Iterable[Any]:
    return doc_type.model_fields.values()


def _other(value: Any) -> Any:
    """What orjson asks about, in terms that it knows."""
    if type(value) is bytes:
        return urlsafe_b64encode(value).decode()
    if isinstance(value, BaseDocWithoutId):
        if not derive(type(value), "JSON written plainly", _writes_plainly):
            raise _NotPlain
        return value.__dict__
    if is_tensor(value) and not (type(value) is np.ndarray and value.dtype.kind == "c"):
        return to_nested_lists(value)
    raise _NotPlain


def _finite(value: Any) -> bool:
    """Whether nothing in it is infinite or not a number: for that orjson writes null, and we do not always."""
    if type(value) is float:
        return value - value == 0.0
    if type(value) is np.ndarray:
        return value.dtype.kind != "f" or bool(np.isfinite(value).all())
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, BaseDocWithoutId):
        return all(map(_finite, value.__dict__.values()))
    return all(map(_finite, value)) if isinstance(value, list) else not is_tensor(value)
