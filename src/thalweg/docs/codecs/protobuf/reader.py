"""DocArray's messages into documents. Strangers may have written them: every length is checked, and nothing is executed."""

from __future__ import annotations

from array import array as numbers
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from pydantic import ValidationError

from thalweg.docs.codecs.failures import LIMIT, error_details, invalid_document
from thalweg.docs.codecs.protobuf import wire
from thalweg.docs.codecs.protobuf.cells import MANY, Places, Where, read_cells
from thalweg.docs.codecs.protobuf.checks import checked_cells
from thalweg.docs.codecs.protobuf.fields import ANYTHING, UNDECIDED, Choice, ReadSchema, read_schema
from thalweg.docs.codecs.protobuf.octets import Octets
from thalweg.docs.codecs.protobuf.sent import remember_made_id
from thalweg.docs.codecs.protobuf.wire import malformed, read_fields, read_span
from thalweg.docs.document import AnyDoc, assemble, assemble_all
from thalweg.docs.typing.identity import fresh_ids

Target: TypeAlias = Any
"""A class of document, or `dict` for pydantic to make something of."""

SHORT = 256
"""Bytes of a list up to which its items are looked at one after the other."""

CHUNK = 8192
"""Documents that are made at a time: their tensors share one buffer, and what is needed on the way stays small."""

_MISSING: Any = object()
_TOO_MANY = "there are more documents than its bytes can hold"


class FieldSpans(NamedTuple):
    """Where the values of one field begin and end; `rows` are the documents that have it, None where all have."""

    starts: Any
    stops: Any
    rows: list[int] | None = None


class Reader:
    """Reads one message.

    `left` is how many documents may still be made: one that says anything takes nine bytes.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.octets = Octets(data)
        self.left = (1 << 16) + len(data) // 8
        self.depth = 0
        self.names: dict[bytes, str] = {}

    def descend(self, levels: int) -> None:
        """Go so many messages deeper, or up again."""
        self.depth += levels
        if self.depth > wire.READ_DEPTH:
            raise malformed(f"messages are nested more than {wire.READ_DEPTH} deep")

    def spend(self, documents: int) -> None:
        """Count documents that are to be made."""
        self.left -= documents
        if self.left < 0:
            raise malformed(_TOO_MANY)

    # --- lists and maps

    def items(self, at: int, end: int, documents: bool = False) -> tuple[Places, Places]:
        """Where the items of a list, which may be `documents`, begin and end."""
        if end - at < SHORT:
            return self._few_items(at, end)
        tags = self._tags(at, end)
        if documents and len(tags) > self.left:
            raise malformed(_TOO_MANY)
        if len(tags) >= MANY:
            found = self.octets.spans(np.frombuffer(tags, np.int64), wire.FIRST, end)
            if found is not None:
                return found
        spans = [read_span(self.data, tag + 1, end) for tag in tags]
        return [start for start, _ in spans], [stop for _, stop in spans]

    def _few_items(self, at: int, end: int) -> tuple[Places, Places]:
        data = self.data
        starts, stops = [], []
        while at < end:
            if data[at] != wire.FIRST:
                at = self._behind(at, end)
                continue
            start, at = read_span(data, at + 1, end)
            starts.append(start)
            stops.append(at)
        return starts, stops

    def _tags(self, at: int, end: int) -> numbers[int]:
        """The places of the items of a list."""
        data = self.data
        tags = numbers("q")
        last = 0
        while at < end:
            if data[at] != wire.FIRST:
                at = self._behind(at, end)
                continue
            tags.append(at)
            size = data[at + 1]
            if size < 0x80:
                after = at + 2 + size
            elif data[at + 2] < 0x80:
                after = at + 3 + (size & 0x7F) + (data[at + 2] << 7)
            else:
                after = read_span(data, at + 1, end)[1]
            width, at = after - at, after
            if width == last:  # where two are equally long, more may be
                count = self.octets.run(after - width, after, end, width)
                tags.extend(range(after, after + count * width, width))
                at += count * width
                width = 0
            last = width
        if at > end:
            raise malformed("a length reaches beyond the end")
        return tags

    def _behind(self, at: int, end: int) -> int:
        """The place behind a field that is not known here."""
        return next(read_fields(self.data, at, end)).stop

    def entries(self, at: int, end: int) -> dict[str, tuple[int, int]]:
        """Where the values of a map begin and end."""
        data, names = self.data, self.names
        found: dict[str, tuple[int, int]] = {}
        while at < end:
            if data[at] != wire.FIRST:
                at = self._behind(at, end)
                continue
            start, at = read_span(data, at + 1, end)
            usual = start + 2 < at and data[start] == wire.FIRST
            value = start + 2 + data[start + 1] if usual else at
            if value < at and data[start + 1] < 0x80 and data[value] == wire.SECOND:
                node, stop = read_span(data, value + 1, at)
                if stop == at:
                    key = data[start + 2 : value]
                    found[names.get(key) or self._name(key)] = node, stop
                    continue
            self._add_entry(found, start, at)
        return found

    def _name(self, key: bytes) -> str:
        name = self.names[key] = key.decode()
        return name

    def _add_entry(self, found: dict[str, tuple[int, int]], at: int, end: int) -> None:
        """An entry that is not written as usual: parts are missing, twice there, or in another order."""
        key, node = b"", (at, at)
        for field in read_fields(self.data, at, end):
            if field.tag == wire.FIRST:
                key = self.data[field.start : field.stop]
            elif field.tag == wire.SECOND:
                node = field.start, field.stop
        found[self._name(key)] = node

    def keys(self, at: int, end: int) -> list[str]:
        """The names of the fields of a document."""
        return list(self.entries(at, end))

    def cells(self, starts: Places, stops: Places, choice: Choice, where: Where) -> list[Any]:
        """The values between places; see `read_cells`."""
        return read_cells(self, starts, stops, choice, where)

    # --- documents

    def documents(self, starts: Places, stops: Places, target: Target, where: Where) -> list[Any]:
        """The documents between places."""
        self.spend(len(starts))
        self.descend(3)
        docs = self._some(starts[:CHUNK], stops[:CHUNK], target, where)
        for first in range(CHUNK, len(starts), CHUNK):
            rows = slice(first, first + CHUNK)
            docs += self._some(starts[rows], stops[rows], target, partial(_shifted, where, first))
        self.descend(-3)
        return docs

    def _some(self, starts: Places, stops: Places, target: Target, where: Where) -> list[Any]:
        if not len(starts):
            return []
        table = self._table(starts, stops)
        if target is dict:
            return self._rows(table, len(starts), dict.fromkeys(table, UNDECIDED), where)
        if target is AnyDoc:
            return self._any_documents(table, len(starts), where)
        schema = read_schema(target)
        if schema.plan.fast:
            docs = self._checked(schema, table, len(starts), where)
            if docs is not None:
                return docs
        return self._unchecked(schema, table, len(starts), where)

    def _table(self, starts: Places, stops: Places) -> dict[str, FieldSpans]:
        """The fields of documents, and where their values are."""
        if len(starts) >= MANY:
            first, last = np.asarray(starts), np.asarray(stops)
            names = self.keys(starts[0], stops[0])
            found = self.octets.entries([name.encode() for name in names], first, last)
            if found is not None:
                return {name: FieldSpans(*spans) for name, spans in zip(names, found, strict=True)}
        columns: dict[str, tuple[list[int], list[int], list[int]]] = {}
        for row, (at, end) in enumerate(zip(starts, stops, strict=True)):
            for name, (start, stop) in self.entries(at, end).items():
                column = columns.get(name)
                if column is None:
                    column = columns[name] = [], [], []
                column[0].append(start)
                column[1].append(stop)
                column[2].append(row)
        return {name: FieldSpans(a, b, None if len(c) == len(starts) else c) for name, (a, b, c) in columns.items()}

    def _checked(self, schema: ReadSchema, table: dict[str, FieldSpans], count: int, where: Where) -> list[Any] | None:
        """The documents, made without pydantic; None where something needs it, if only to say what is wrong."""
        given, cells = set(), []
        for name, field in schema.fields.items():
            column = table.get(name)
            if column is None:
                held = field.plan.defaults(count)
            else:
                given.add(name)
                place = partial(_field, where, name, range(count))
                held = None if column.rows else checked_cells(self, field, column.starts, column.stops, place)
            if held is None:
                return None
            cells.append(held)
        return assemble_all(schema.doc_type, schema.plan.names, cells, given) if cells else None

    def _unchecked(self, schema: ReadSchema, table: dict[str, FieldSpans], count: int, where: Where) -> list[Any]:
        """The documents, whose fields pydantic looks at."""
        choices = {
            name: schema.fields[name].choice if name in schema.fields else ANYTHING
            for name in table
            if name in schema.fields or schema.plan.open
        }
        return validated(schema, self._rows(table, count, choices, where), where)

    def _rows(
        self, table: dict[str, FieldSpans], count: int, choices: dict[str, Choice], where: Where
    ) -> list[dict[str, Any]]:
        """The fields of each document as they were sent, of those that there are choices for."""
        rows: list[dict[str, Any]] = [{} for _ in range(count)]
        for name, choice in choices.items():
            column = table[name]
            places = range(count) if column.rows is None else column.rows
            values = read_cells(self, column.starts, column.stops, choice, partial(_field, where, name, places))
            for row, value in zip(places, values, strict=True):
                rows[row][name] = value
        return rows

    def _any_documents(self, table: dict[str, FieldSpans], count: int, where: Where) -> list[Any]:
        rows = self._rows(table, count, dict.fromkeys(table, ANYTHING), where)
        ids = [row.pop("id", _MISSING) for row in rows]
        if not all(own is None or own is _MISSING or isinstance(own, str) for own in ids):
            return self._unchecked(read_schema(AnyDoc), table, count, where)
        if _MISSING not in ids:
            return [_any_document(own, row) for own, row in zip(ids, rows, strict=True)]
        docs = []
        for own, row, fresh in zip(ids, rows, fresh_ids(count), strict=True):
            doc = _any_document(fresh if own is _MISSING else own, row)
            if own is _MISSING:
                remember_made_id(doc)
            docs.append(doc)
        return docs


def _any_document(identity: str | None, fields: dict[str, Any]) -> Any:
    return assemble(AnyDoc, {"id": None if identity is None else str.__str__(identity)}, fields)


def validated(schema: ReadSchema, rows: Iterable[dict[str, Any]], where: Where) -> list[Any]:
    """Documents of the fields that were sent for each, made by pydantic.

    Raises:
        InvalidDocument: one does not fit; `where` gives its path.
    """
    keys = {name: field.plan.key for name, field in schema.fields.items()}
    details: list[dict[str, Any]] = []
    docs = []
    validate = schema.doc_type.__pydantic_validator__.validate_python
    for number, row in enumerate(rows):
        try:
            named = {keys.get(name, name): value for name, value in row.items()}
            docs.append(validate(named, strict=schema.plan.strict))
        except ValidationError as error:
            details += error_details(error, where(number))
            if len(details) >= LIMIT:
                break
    if details:
        raise invalid_document(details)
    return docs


def _field(where: Where, name: str, rows: Sequence[int], number: int) -> list[str | int]:
    return [*where(rows[number]), name]


def _shifted(where: Where, first: int, number: int) -> list[str | int]:
    return where(first + number)
