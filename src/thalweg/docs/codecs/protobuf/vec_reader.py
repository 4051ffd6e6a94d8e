"""DocArray's message DocVecProto into columns, without making documents of them."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from thalweg.docs.codecs.protobuf import wire
from thalweg.docs.codecs.protobuf.cells import Places, Where, listed, read_cells, rows_of
from thalweg.docs.codecs.protobuf.checks import checked_cells, in_field
from thalweg.docs.codecs.protobuf.fields import ReadField, ReadSchema, read_schema
from thalweg.docs.codecs.protobuf.octets import Stack
from thalweg.docs.codecs.protobuf.reader import Reader, validated
from thalweg.docs.codecs.protobuf.tensors import NOTHING, TensorForm, read_form, read_tensor
from thalweg.docs.codecs.protobuf.wire import malformed, read_fields
from thalweg.docs.column_store import Columns
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.fields import Holds
from thalweg.errors import InvalidDocument


class SentColumn(NamedTuple):
    """A column: the tag of its map, where its contents begin and end, and its items, if it is a list."""

    tag: int
    start: int
    stop: int
    starts: Places = ()
    stops: Places = ()


_LISTS = frozenset([wire.NESTED_COLUMNS, wire.OTHER_COLUMNS])
_COLUMNS = frozenset([wire.TENSOR_COLUMNS, wire.DOCUMENT_COLUMNS, wire.NESTED_COLUMNS, wire.OTHER_COLUMNS])


def read_columns(reader: Reader, at: int, end: int, doc_type: type[BaseDocWithoutId], where: Where) -> Columns:
    """The columns of the DocVecProto between two places.

    Raises:
        MalformedRequest: it is no such message.
        InvalidDocument: columns do not fit the class; `where` gives the paths of documents.
    """
    reader.descend(3)
    table, count = _table(reader, at, end)
    schema = read_schema(doc_type)
    found = _VecReader(reader, schema, table, count, where)
    columns = found.checked() if schema.plan.fast else None
    if columns is None:
        columns = found.validated()
    reader.descend(-3)
    return columns


def _table(reader: Reader, at: int, end: int) -> tuple[dict[str, SentColumn], int]:
    """The columns by name, and the number of documents."""
    table: dict[str, SentColumn] = {}
    told: int | None = None
    for field in read_fields(reader.data, at, end):
        if field.tag in _COLUMNS:
            name, first, last = b"", field.start, field.start
            for part in read_fields(reader.data, field.start, field.stop):
                if part.tag == wire.FIRST:
                    name = reader.data[part.start : part.stop]
                elif part.tag == wire.SECOND:
                    first, last = part.start, part.stop
            items = reader.items(first, last) if field.tag in _LISTS else ()
            table[name.decode()] = SentColumn(field.tag, first, last, *items)
        elif field.tag == wire.COUNT:
            told = field.number
    counts = {count for column in table.values() if (count := _count(reader, column)) is not None}
    if told is not None:
        counts.add(told)
    if len(counts) > 1:
        raise malformed("the columns have different lengths")
    count = counts.pop() if counts else 0
    reader.spend(count)
    return table, count


def _count(reader: Reader, column: SentColumn) -> int | None:
    """How many documents a column is for; None where it does not say."""
    if column.tag == wire.OTHER_COLUMNS:
        return len(column.starts)
    if column.tag == wire.NESTED_COLUMNS:
        return len(column.starts) or None
    if column.tag == wire.TENSOR_COLUMNS:
        form = read_form(reader.data, column.start, column.stop)
        return None if form.dtype == NOTHING else form.shape[0] if form.shape else 0
    return None if column.start == column.stop else _table(reader, column.start, column.stop)[1]


class _VecReader:
    """Reads the columns of one DocVecProto."""

    def __init__(
        self, reader: Reader, schema: ReadSchema, table: dict[str, SentColumn], count: int, where: Where
    ) -> None:
        self.reader = reader
        self.schema = schema
        self.table = table
        self.count = count
        self.where = where

    def checked(self) -> Columns | None:
        """The columns as they are; None where pydantic has to look at documents."""
        data: dict[str, Any] = {}
        for name, field in self.schema.fields.items():
            held = self._column(name, field)
            if held is None:
                return None
            data[name] = held[0]
        return Columns(self.schema.doc_type, self.count, data)

    def _column(self, name: str, field: ReadField) -> tuple[Any] | None:
        """A column in the form in which a DocVec keeps it, in a tuple; None where it has to be looked at row by row."""
        plan, column = field.plan, self.table.get(name)
        holds = plan.kind.holds
        if column is None:
            cells = plan.defaults(self.count)
        elif column.tag == wire.OTHER_COLUMNS:
            cells = checked_cells(self.reader, field, column.starts, column.stops, self._place(name))
        elif not plan.kind.plain:
            return None
        elif column.tag == wire.TENSOR_COLUMNS and holds is Holds.TENSOR:
            return self._tensors(field, read_form(self.reader.data, column.start, column.stop))
        elif column.tag == wire.DOCUMENT_COLUMNS and holds is Holds.DOCUMENT:
            return self._documents(field, column)
        elif column.tag == wire.NESTED_COLUMNS and holds is Holds.DOCUMENTS:
            cells = plan.arrays(self._lists(field, column))
        else:
            return None
        if cells is None:
            return None
        return (cells,) if holds not in (Holds.TENSOR, Holds.DOCUMENT) else plan.missing(cells)

    def _place(self, name: str) -> Where:
        return partial(_place, self.where, name)

    def _tensors(self, field: ReadField, form: TensorForm) -> tuple[Any] | None:
        if form.dtype == NOTHING:
            return (None,) if field.plan.kind.optional else None
        array = read_tensor(self.reader.data, form)
        tensors = in_field(field, Stack(array, "", ""), form.shape[1:]) if form.shape else None
        return None if tensors is None else (tensors,)

    def _documents(self, field: ReadField, column: SentColumn) -> tuple[Any] | None:
        kind = field.plan.kind
        if column.start == column.stop and (kind.optional or self.count):
            return (None,) if kind.optional else None
        return (read_columns(self.reader, column.start, column.stop, kind.type, self._place(field.plan.name)),)

    def _lists(self, field: ReadField, column: SentColumn) -> list[Any]:
        """The documents of each list; None where there is no list."""
        starts, stops = listed(column.starts), listed(column.stops)
        if not starts:
            return [None] * self.count
        doc_type = field.plan.kind.type.doc_type
        place = self._place(field.plan.name)
        lists: list[Any] = []
        for row, (at, end) in enumerate(zip(starts, stops, strict=True)):
            if self.reader.data[at:end] == wire.NO_LIST:
                lists.append(None)
                continue
            columns = read_columns(self.reader, at, end, doc_type, partial(_item, place, row))
            lists.append(columns.documents())
        return lists

    # --- row by row

    def validated(self) -> Columns:
        """The columns of documents that pydantic makes."""
        rows: list[dict[str, Any]] = [{} for _ in range(self.count)]
        for name, column in self.table.items():
            field = self.schema.fields.get(name)
            if field is None:
                continue
            for row, value in zip(rows, self._cells(field, column), strict=True):
                row[name] = value
        docs = validated(self.schema, rows, self.where)
        try:
            return Columns.of(self.schema.doc_type, docs)
        except ValueError as error:
            raise InvalidDocument(
                f"The documents do not make columns: {error}",
                details=[{"loc": self.where(0)[:-1], "msg": str(error), "type": "not_stackable"}],
            ) from None

    def _cells(self, field: ReadField, column: SentColumn) -> list[Any]:
        """The values of a field as they were sent."""
        name = field.plan.name
        if column.tag == wire.OTHER_COLUMNS:
            return read_cells(self.reader, column.starts, column.stops, field.choice, self._place(name))
        if column.tag == wire.TENSOR_COLUMNS:
            form = read_form(self.reader.data, column.start, column.stop)
            return [None] * self.count if form.dtype == NOTHING else rows_of(read_tensor(self.reader.data, form))
        holds = field.plan.kind.holds
        if column.tag == wire.NESTED_COLUMNS and holds is Holds.DOCUMENTS:
            return self._lists(field, column)
        if column.tag == wire.DOCUMENT_COLUMNS and holds is Holds.DOCUMENT:
            if column.start == column.stop:
                return [None] * self.count
            place = self._place(name)
            return read_columns(self.reader, column.start, column.stop, field.plan.kind.type, place).documents()
        raise InvalidDocument(
            f"{name} is sent as documents, which the field does not take.",
            details=[{"loc": [*self.where(0), name], "msg": "Documents are not expected here", "type": "documents"}],
        )


def _place(where: Where, name: str, row: int) -> list[str | int]:
    return [*where(row), name]


def _item(where: Where, row: int, number: int) -> list[str | int]:
    return [*where(row), number]
