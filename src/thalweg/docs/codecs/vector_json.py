"""Reading JSON of documents with vectors, whose numbers take the time: by simdjson (an extra), and not one by one.

Whoever calls gets None where pydantic has to read them, be it only to say what is wrong; so what is read is the same
either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np

from thalweg.docs.derived import derive
from thalweg.docs.document import BaseDocWithoutId, assemble_all
from thalweg.docs.fields import FieldKind, Holds, field_kinds, is_plain
from thalweg.docs.garbage import uncollected
from thalweg.docs.typing.identity import fresh_id, fresh_ids

Array: TypeAlias = np.ndarray[Any, Any]

BLOCK = 1 << 19
"""Bytes that are parsed at once. What simdjson makes of so few stays in the processor's cache: that saves a third. Of fewer,
what is done once for each block begins to count."""

_READABLE = (str, int, float, bool)
_SPACE = b" \t\n\r"
_SEAM = re.compile(rb"\}[%b]*,[%b]*\{" % (_SPACE, _SPACE))


class _NotPlain(Exception):
    """Something that pydantic has to read."""


def decode_vectors(data: bytes | bytearray | str, doc_type: type[BaseDocWithoutId]) -> list[Any] | None:
    """The documents of a JSON array; None where pydantic has to read them.

    It has to without the extra, and may as well where there are no tensors: simdjson is twice as fast as anything that
    makes a Python object of each number.
    """
    plan = derive(doc_type, "JSON read plainly", _plan)
    if plan is None:
        return None
    try:
        return plan.read(data.encode() if isinstance(data, str) else bytes(data))
    except (ValueError, TypeError, KeyError, IndexError, RuntimeError, _NotPlain):
        return None  # not JSON, or not plain; pydantic says what is wrong, if anything is


def blocks(data: bytes, size: int = BLOCK) -> Iterator[bytes]:
    """A JSON array of objects as several, of a little more than `size` bytes each.

    Where it is cut nobody has looked whether it is in the middle of text. But if each block is an array of JSON, then all
    cuts were between two objects, and these are the objects of the whole.

    Raises:
        ValueError: there are no brackets around it.
    """
    text = data.strip(_SPACE)
    if not (text.startswith(b"[") and text.endswith(b"]")):
        raise ValueError("an array of JSON begins and ends with a bracket")
    view, start, end = memoryview(text), 1, len(text) - 1
    while start + size < end and (seam := _SEAM.search(text, start + size, end)):
        yield b"".join((b"[", view[start : seam.start() + 1], b"]"))
        start = seam.end() - 1
    yield b"".join((b"[", view[start:end], b"]"))


def _plan(doc_type: type[BaseDocWithoutId]) -> _Plan | None:
    kinds = field_kinds(doc_type)
    usual = all(info.alias is None and info.validation_alias is None for info in doc_type.model_fields.values())
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
        # A parser of its own: it owns what it reads, and threads must not share one.
        parser = self.parser()
        docs: list[Any] = []
        with uncollected(len(data) >> 7):  # there are hardly more; each has a vector
            for block in blocks(data):
                docs += self._documents(parser, block)
        return docs

    def _documents(self, parser: Any, block: bytes) -> list[Any]:
        """Those of one block. Nothing that is the parser's is kept: it can be used again."""
        if b"\\" in block and b"\\u005" in block:  # a byte is found sooner than six
            raise _NotPlain  # a bracket that cannot be told from those around numbers
        objects = list(parser.parse(block))
        if not objects:
            return []
        names = [name for name in self.kinds if name in objects[0]]
        if set(map(len, objects)) != {len(names)}:
            raise _NotPlain
        brackets = _count(block, b"[") - 1
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


def _count(block: bytes, byte: bytes) -> int:
    """As `bytes.count`, which takes four times as long."""
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord(byte)))


def _brackets(kind: FieldKind, cells: list[Any]) -> int:
    """How many opening brackets stand in text; values of another type than the field's are for pydantic."""
    if not set(map(type, cells)) <= ({kind.type, type(None)} if kind.optional else {kind.type}):
        raise _NotPlain
    return "".join(filter(None, cells)).count("[") if kind.type is str else 0


def _vectors(kind: FieldKind, arrays: list[Any]) -> list[Any]:
    """Vectors of floats, all of them in one array."""
    sizes = list(map(len, arrays))
    shape = kind.type.shape
    if shape is not None and not all(shape.accepts((size,)) for size in set(sizes)):
        raise _NotPlain
    packed = bytearray().join([array.as_buffer(of_type="d") for array in arrays])
    numbers = kind.type.library_tensor(np.frombuffer(packed))
    if len(numbers) != sum(sizes) or 0 in sizes:
        raise _NotPlain
    starts = np.fromiter(accumulate(sizes[:-1], initial=0), np.intp, len(sizes))
    for row in np.flatnonzero(_whole(numbers, starts)):
        if not any(type(number) is float for number in arrays[row].as_list()):
            raise _NotPlain  # integers, which stay integers
    if len(set(sizes)) == 1:
        return list(numbers.reshape(len(sizes), sizes[0]))
    return [numbers[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def _whole(numbers: Array, starts: Array) -> Array:
    """Of each vector, by where it starts, whether all of its numbers are whole."""
    first = numbers[starts]
    if (first != np.floor(first)).all():  # the common case, and known from few of them
        return np.zeros(len(starts), np.bool_)
    found: Array = np.add.reduceat(numbers != np.floor(numbers), starts, dtype=np.intp) == 0
    return found
