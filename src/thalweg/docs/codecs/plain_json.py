"""JSON of documents whose classes add nothing to their fields: written and read without pydantic, several times as fast.

Whoever calls gets None where pydantic has to do it, be it only to say what is wrong; so what is read and written is the
same either way, but for one thing: a float32 is written with as many digits as a float32 needs.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import orjson
from pydantic_core import to_json

from thalweg.docs.derived import derive
from thalweg.docs.document import BaseDocWithoutId, assemble_all
from thalweg.docs.fields import FieldKind, Holds, field_kinds, is_plain
from thalweg.docs.garbage import uncollected
from thalweg.docs.typing.array import is_tensor
from thalweg.docs.typing.identity import fresh_id, fresh_ids
from thalweg.docs.typing.tensor import to_nested_lists

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_READABLE = (str, int, float, bool)


class _NotPlain(Exception):
    """Something that pydantic has to write or read."""


# --- written


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
    if b"null" in written and not all(map(_finite, rows)):
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


# --- read


def decode_plain(data: bytes | bytearray | str, doc_type: type[BaseDocWithoutId]) -> list[Any] | None:
    """The documents of a JSON array; None where pydantic has to read them.

    Numbers of tensors take the time, and there simdjson (an extra) is twice as fast as anything that makes a Python
    object of each: without it, and without tensors, pydantic reads.
    """
    plan = derive(doc_type, "JSON read plainly", _plan)
    if plan is None:
        return None
    try:
        return plan.read(data.encode() if isinstance(data, str) else bytes(data))
    except (ValueError, TypeError, KeyError, IndexError, RuntimeError, _NotPlain):
        return None  # not JSON, or not plain; pydantic says what is wrong, if anything is


def _plan(doc_type: type[BaseDocWithoutId]) -> _Plan | None:
    kinds = field_kinds(doc_type)
    usual = all(info.alias is None and info.validation_alias is None for info in _infos(doc_type))
    strict = doc_type.model_config.get("strict")
    if strict or not usual or not is_plain(doc_type) or not all(map(_readable, kinds.values())):
        return None
    if all(kind.holds is not Holds.TENSOR for kind in kinds.values()):
        return None
    try:
        import simdjson
    except ImportError:
        return None
    return _Plan(doc_type, kinds, simdjson.Parser)


def _readable(kind: FieldKind) -> bool:
    if kind.holds is Holds.TENSOR:
        return kind.plain and not kind.optional and kind.type.library in ("numpy", "any")
    return kind.plain and kind.holds is Holds.SCALAR and kind.type in _READABLE


class _Plan:
    """How documents of one class are read."""

    def __init__(self, doc_type: type[BaseDocWithoutId], kinds: dict[str, FieldKind], parser: Any) -> None:
        self.doc_type = doc_type
        self.kinds = kinds
        self.parser = parser

    def read(self, data: bytes) -> list[Any]:
        """The documents.

        Raises:
            _NotPlain: something needs pydantic; so does whatever simdjson objects to.
        """
        if b"\\u005" in data:
            raise _NotPlain  # a bracket that cannot be told from those around numbers
        # A parser of its own: it owns what it reads, and threads must not share one.
        parser = self.parser()
        root = parser.parse(data)
        with uncollected(len(root)):
            return self._documents(list(root), data.count(b"[") - 1)

    def _documents(self, objects: list[Any], brackets: int) -> list[Any]:
        if not objects:
            return []
        names = [name for name in self.kinds if name in objects[0]]
        if set(map(len, objects)) != {len(names)}:
            raise _NotPlain
        cells = {name: [found[name] for found in objects] for name in names}
        for name, kind in self.kinds.items():
            held = cells.get(name)
            if held is None:
                cells[name] = self._absent(name, len(objects))
            elif kind.holds is Holds.TENSOR:
                cells[name] = _vectors(kind, held)
                brackets -= len(held)
            else:
                brackets -= _brackets(kind, held)
        if brackets:
            raise _NotPlain  # lists within lists
        columns = [cells[name] for name in self.kinds]
        return assemble_all(self.doc_type, tuple(self.kinds), columns, set(names))

    def _absent(self, name: str, count: int) -> list[Any]:
        info = self.doc_type.model_fields[name]
        if info.default_factory is fresh_id:
            return fresh_ids(count)
        if info.is_required() or info.validate_default or info.default_factory_takes_validated_data:
            raise _NotPlain
        return [info.get_default(call_default_factory=True) for _ in range(count)]


def _brackets(kind: FieldKind, cells: list[Any]) -> int:
    """How many opening brackets stand in text; values of another type than the field's are for pydantic."""
    if not set(map(type, cells)) <= ({kind.type, type(None)} if kind.optional else {kind.type}):
        raise _NotPlain
    return "".join(filter(None, cells)).count("[") if kind.type is str else 0


def _vectors(kind: FieldKind, arrays: list[Any]) -> list[Any]:
    """Vectors of floats, all of them in one array."""
    sizes = [len(array) for array in arrays]
    shape = kind.type.shape
    if shape is not None and not all(shape.accepts((size,)) for size in set(sizes)):
        raise _NotPlain
    packed = bytearray().join([array.as_buffer(of_type="d") for array in arrays])
    numbers = kind.type.library_tensor(np.frombuffer(packed))
    if len(numbers) != sum(sizes) or 0 in sizes:
        raise _NotPlain
    starts = np.fromiter(accumulate(sizes[:-1], initial=0), np.intp, len(sizes))
    fractions = np.add.reduceat(numbers != np.floor(numbers), starts, dtype=np.intp)
    for row in np.flatnonzero(fractions == 0):
        if not any(type(number) is float for number in arrays[row].as_list()):
            raise _NotPlain  # integers, which stay integers
    if len(set(sizes)) == 1:
        return list(numbers.reshape(len(sizes), sizes[0]))
    return [numbers[start : start + size] for start, size in zip(starts, sizes, strict=True)]
