"""Lines of JSON to columns and back, without a document in between: for who moves documents and does not know their class.

Both ways are for simple documents only. Whoever calls gets None for all others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from thalweg.docs.codecs.columns import layout
from thalweg.docs.codecs.columns.decoder import opened
from thalweg.docs.codecs.columns.layout import Buffer, Column, Documents, Group, Header
from thalweg.docs.codecs.columns.reader import Reader
from thalweg.docs.codecs.plain_json import plain_lines
from thalweg.docs.document import AnyDoc

_SCALARS = frozenset({str, int, float, bool, type(None)})
_NUMBERS = frozenset({"b", "i", "u", "f"})
_OBJECT = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
_HEADER = msgspec.msgpack.Encoder()


def columns_of_lines(lines: Sequence[bytes]) -> tuple[Buffer, ...] | None:
    """Columns of objects of JSON, one each line; None where they have not all the same fields in the same order, where a
    value is no text, number, boolean or null, or where a line is no such object at all."""
    try:
        rows = [_OBJECT.decode(line) for line in lines]
        names = list(rows[0]) if rows else []
        if not names or any(list(row) != names for row in rows):
            return None
        columns: list[Any] = [layout.Values(name, [row[name] for row in rows]) for name in names]
        group = Group(AnyDoc.__name__, len(rows), columns)
        return (_HEADER.encode(Header(layout.VERSION, Documents([group]))),)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError):
        return None


def lines_of_columns(body: Sequence[Buffer], name: str) -> list[bytes] | None:
    """The line of JSON, with its end, of each document in columns: what a class of that `name` writes of itself, where
    it writes of each field just the value. None where documents are of another class, or where a value is anything but
    text, a number, a boolean, None or a tensor of NumPy.

    Raises:
        MalformedRequest: the bytes are no columns.
    """
    reader, documents = opened(body)
    groups = documents.groups
    if len(groups) != 1 or documents.order or groups[0].name != name or not all(map(_simple, groups[0].columns)):
        return None
    rows = reader.documents(documents, lambda _: dict, lambda number: ["data", number])
    return plain_lines(rows, all(_finite(reader, column, groups[0].count) for column in groups[0].columns))


def _simple(column: Column) -> bool:
    if isinstance(column, layout.Values):
        return set(map(type, column.values)) <= _SCALARS
    if isinstance(column, layout.Stacked):
        return _numbers(column)
    return isinstance(column, layout.Ragged) and all(cell is None or _numbers(cell) for cell in column.cells)


def _finite(reader: Reader, column: Column, count: int) -> bool:
    if isinstance(column, layout.Stacked):
        return bool(np.isfinite(reader.stacked(column, count)).all())
    cells: list[Any] = reader.python(column, count, lambda _: dict, lambda _: [])
    return all(
        math.isfinite(cell)
        if type(cell) is float
        else not isinstance(cell, np.ndarray) or bool(np.isfinite(cell).all())
        for cell in cells
    )


def _numbers(tensor: layout.Stacked | layout.Cell) -> bool:
    kind = layout.DTYPES.get(tensor.dtype)
    return tensor.library is False and kind is not None and kind.kind in _NUMBERS
