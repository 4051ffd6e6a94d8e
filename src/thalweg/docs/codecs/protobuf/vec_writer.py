"""The columns of a DocVec into DocArray's message DocVecProto, without making documents of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg.docs.codecs.columns.layout import flat
from thalweg.docs.codecs.protobuf import wire
from thalweg.docs.codecs.protobuf.fields import WriteField, write_schema
from thalweg.docs.codecs.protobuf.rows import ITEM, Piece, Rows, ends, entry
from thalweg.docs.codecs.protobuf.tensors import NOTHING, sendable, tensor_frame
from thalweg.docs.codecs.protobuf.values import Refused
from thalweg.docs.codecs.protobuf.wire import varint
from thalweg.docs.codecs.protobuf.writer import UNFIT, Writer
from thalweg.docs.column_store import Columns
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.fields import Holds, field_kinds

_NO_TENSORS = b"\x0a\x09\x12\x01\x00\x1a\x04" + NOTHING.encode()
"""The NdArrayProto of a column in which no document has a tensor."""


def vec_pieces(writer: Writer, columns: Columns) -> list[Piece]:
    """The pieces of the DocVecProto."""
    kinds, fields = field_kinds(columns.doc_type), write_schema(columns.doc_type).fields
    pieces: list[Piece] = []
    writer.descend(3)
    for name, held in columns.data.items():
        if name not in fields:
            continue
        try:
            pieces += _column(writer, fields[name], kinds[name].holds, held)
        except UNFIT as error:
            raise Refused.within(name, error) from None
    writer.descend(-3)
    return [*pieces, varint(wire.COUNT) + varint(columns.length)]


def _column(writer: Writer, field: WriteField, holds: Holds, held: Any) -> list[Piece]:
    if holds is Holds.TENSOR:
        return _entry(field.name, wire.TENSOR_COLUMNS, [_NO_TENSORS] if held is None else _tensor(sendable(held)))
    if holds is Holds.DOCUMENT:
        return _entry(field.name, wire.DOCUMENT_COLUMNS, [] if held is None else vec_pieces(writer, held))
    if holds is Holds.DOCUMENTS and not field.named:
        try:
            return _entry(field.name, wire.NESTED_COLUMNS, _nested(writer, held))
        except ValueError:  # lists that do not make columns travel one document after the other
            pass
    rows = writer.column(field, held, (ITEM,)) if held else Rows(0, 0, [])
    return _entry(field.name, wire.OTHER_COLUMNS, list(rows.flat()))


def _entry(name: str, tag: int, pieces: list[Piece]) -> list[Piece]:
    return [ends(entry(name, tag), sum(map(len, pieces)))[0], *pieces]


def _tensor(array: np.ndarray[Any, Any]) -> list[Piece]:
    head, tail = tensor_frame(array)
    return [head, flat(array), tail]


def _nested(writer: Writer, lists: list[Any]) -> list[Piece]:
    if lists and all(value is None for value in lists):
        return []  # as DocArray says that no document has a list
    pieces: list[Piece] = []
    for value in lists:
        inner = _inner(writer, value)
        pieces += [bytes([wire.FIRST]) + varint(sum(map(len, inner))), *inner]
    return pieces


def _inner(writer: Writer, value: Any) -> list[Piece]:
    if value is None:
        return [wire.NO_LIST]
    if not len(value):
        return _no_documents(value.doc_type)
    store = value._columns if isinstance(value, DocVec) else Columns.of(value.doc_type, value)
    return vec_pieces(writer, store)


def _no_documents(doc_type: type[BaseDocWithoutId]) -> list[Piece]:
    """The DocVecProto of no documents, with all columns, so that DocArray can tell their number."""
    pieces: list[Piece] = []
    for name, kind in field_kinds(doc_type).items():
        if kind.holds is Holds.TENSOR:
            exact = kind.type.shape.exact if kind.type.shape is not None else None
            pieces += _entry(name, wire.TENSOR_COLUMNS, _tensor(np.empty((0, *(exact or ())))))
        else:
            pieces += _entry(name, _COLUMNS_OF.get(kind.holds, wire.OTHER_COLUMNS), [])
    return [*pieces, varint(wire.COUNT) + b"\x00"]


_COLUMNS_OF = {Holds.DOCUMENT: wire.DOCUMENT_COLUMNS, Holds.DOCUMENTS: wire.NESTED_COLUMNS}
