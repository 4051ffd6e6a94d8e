"""Documents out of columns, which strangers may have written: every number is checked and nothing is executed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import msgspec
import numpy as np
from pydantic import ValidationError

from thalweg.docs.codecs.columns import layout
from thalweg.docs.codecs.columns.layout import Buffer, Documents, Group
from thalweg.docs.codecs.columns.schema import FieldPlan, ReadPlan, as_sent, plan_of
from thalweg.docs.codecs.failures import LIMIT, error_details, invalid_document
from thalweg.docs.column_store import Columns
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import AnyDoc, BaseDocWithoutId, assemble, assemble_all
from thalweg.docs.fields import Holds
from thalweg.docs.typing.identity import fresh_ids
from thalweg.errors import MalformedRequest

Where: TypeAlias = Callable[[int], list[str | int]]
"""Number of a document -> its path in an error."""

Choose: TypeAlias = Callable[[str], Any]
"""Name of a class of document -> what its documents become."""

_CELL = msgspec.msgpack.Decoder(layout.Cell)
_DOCUMENTS = msgspec.msgpack.Decoder(Documents)
_BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, TypeError, ValueError)
_NONE = frozenset({type(None)})


class Reader:
    """Reads one body.

    `cells` is how many values may still be made, so that a short message cannot ask for millions of empty tensors or
    defaults; every honest document takes a byte at least.
    """

    def __init__(self, body: Sequence[Buffer]) -> None:
        self.buffers = body[1:]
        self.body = body
        self.cells = 1024
        self.granted = False
        self.depth = 0
        # By the id of a group or column, which is kept alive here so that no other can get the same id.
        self.counted: dict[int, Group] = {}
        self.read: dict[int, tuple[layout.Column, list[Any]]] = {}

    # --- documents

    def documents(self, documents: Documents, choose: Choose, where: Where) -> list[Any]:
        self.depth += 1
        if self.depth > layout.DEPTH:
            raise MalformedRequest(f"Documents are nested more than {layout.DEPTH} deep.")
        groups, order = documents.groups, documents.order
        if len(groups) == 1 and not order:
            docs = self.group(groups[0], choose(groups[0].name), where)
        else:
            docs = self._interleaved(groups, order, choose, where)
        self.depth -= 1
        return docs

    def _interleaved(self, groups: list[Group], order: list[int], choose: Choose, where: Where) -> list[Any]:
        rows: list[list[int]] = [[] for _ in groups]
        for row, number in enumerate(order):
            if not 0 <= number < len(groups):
                raise MalformedRequest("A document belongs to a group that is not there.")
            rows[number].append(row)
        docs: list[Any] = [None] * len(order)
        for group, members in zip(groups, rows, strict=True):
            if group.count != len(members):
                raise MalformedRequest("A group has another number of documents than the order says.")
            found = self.group(group, choose(group.name), _among(members, where))
            for row, doc in zip(members, found, strict=True):
                docs[row] = doc
        return docs

    def group(self, group: Group, target: Any, where: Where) -> list[Any]:
        self._count(group)
        if target is dict:
            return self._dicts(group, where)
        if target is AnyDoc:
            return self._any_docs(group, where)
        plan = plan_of(target)
        columns = {column.name: column for column in group.columns}
        if plan.fast:
            docs = self._checked(plan, columns, group.count, where)
            if docs is not None:
                return docs
        return self._validated(plan, columns, group.count, where)

    def _count(self, group: Group) -> None:
        if id(group) in self.counted:
            return
        self.counted[id(group)] = group
        if group.count < 0:
            raise MalformedRequest("A group has a negative number of documents.")
        self._spend(group.count * (len(group.columns) + 1))
        for column in group.columns:
            length = column.length
            if length is not None and length != group.count:
                raise MalformedRequest(f"A column has {length} values for {group.count} documents.")

    def _spend(self, cells: int) -> None:
        self.cells -= cells
        if self.cells < 0 and not self.granted:
            self.granted = True
            self.cells += 16 * sum(map(layout.size_of, self.body))
        if self.cells < 0:
            raise MalformedRequest("The columns claim more documents than their bytes can hold.")

    def _checked(self, plan: ReadPlan, columns: dict[str, Any], count: int, where: Where) -> list[Any] | None:
        """The documents, made without pydantic; None where something needs it, if only to say what is wrong."""
        given, cells = set(), []
        for field in plan.fields:
            column = columns.get(field.name)
            if column is None:
                held = field.defaults(count)
            else:
                given.add(field.name)
                held = self.checked(field, column, count, where)
            if held is None:
                return None
            cells.append(held)
        return assemble_all(plan.doc_type, plan.names, cells, given)

    def _validated(self, plan: ReadPlan, columns: dict[str, Any], count: int, where: Where) -> list[Any]:
        """The documents, each made by pydantic."""
        keys, cells = [], []
        known = {field.name: field for field in plan.fields}
        for name, column in columns.items():
            field = known.get(name)
            if field is not None or plan.open:
                keys.append(name if field is None else field.key)
                held = self.python(column, count, _any if field is None else field.choose, where)
                cells.append(held if field is None else field.received(held))
        details: list[dict[str, Any]] = []
        docs = []
        validate = plan.doc_type.__pydantic_validator__.validate_python
        rows = zip(*cells, strict=True) if cells else [()] * count
        for number, row in enumerate(rows):
            try:
                docs.append(validate(dict(zip(keys, row, strict=True)), strict=plan.strict))
            except ValidationError as error:
                details += error_details(error, where(number))
                if len(details) >= LIMIT:
                    break
        if details:
            raise invalid_document(details)
        return docs

    def _dicts(self, group: Group, where: Where) -> list[Any]:
        cells = [self.python(column, group.count, _dict, where) for column in group.columns]
        names = [column.name for column in group.columns]
        if not cells:
            return [{} for _ in range(group.count)]
        return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]

    def _any_docs(self, group: Group, where: Where) -> list[Any]:
        columns = {column.name: column for column in group.columns}
        held = columns.pop("id", None)
        if held is None:
            ids = fresh_ids(group.count)
        elif isinstance(held, layout.Values) and set(map(type, held.values)) <= {str, type(None)}:
            ids = held.values
        else:
            return self._validated(plan_of(AnyDoc), columns | {"id": held}, group.count, where)
        cells = [self._any_cells(column, group.count, where) for column in columns.values()]
        rows = zip(*cells, strict=True) if cells else [()] * group.count
        return [
            assemble(AnyDoc, {"id": identity}, dict(zip(columns, row, strict=True)))
            for identity, row in zip(ids, rows, strict=True)
        ]

    # --- columns

    def columns(self, documents: Documents, doc_type: type[BaseDocWithoutId], where: Where) -> Columns | None:
        """The columns as they are; None where documents must be made first."""
        plan = plan_of(doc_type)
        if len(documents.groups) != 1 or documents.order or not plan.fast:
            return None
        group = documents.groups[0]
        self._count(group)
        columns = {column.name: column for column in group.columns}
        data: dict[str, Any] = {}
        for field in plan.fields:
            held = self._stored(field, columns.get(field.name), group.count, where)
            if held is None:
                return None
            data[field.name] = held[0]
        return Columns(doc_type, group.count, data)

    def _stored(self, field: FieldPlan, column: Any, count: int, where: Where) -> tuple[Any] | None:
        """A column in the form in which a DocVec keeps it, in a tuple; None where it must be looked at row by row."""
        if field.kind.holds is Holds.TENSOR and isinstance(column, layout.Stacked) and not column.present:
            if field.kind.plain and field.fits(column.shape, column.dtype):
                return _held(field, self.stacked(column, count), column.library)
            return None
        if field.kind.holds is Holds.DOCUMENT and isinstance(column, layout.Nested) and not column.present:
            nested = self.columns(column.documents, field.kind.type, lambda row: [*where(row), field.name])
            return None if nested is None or nested.length != count else (nested,)
        cells = field.defaults(count) if column is None else self.checked(field, column, count, where)
        if cells is None:
            return None
        return (cells,) if field.kind.holds not in (Holds.TENSOR, Holds.DOCUMENT) else field.missing(cells)

    def checked(self, field: FieldPlan, column: Any, count: int, where: Where) -> list[Any] | None:
        """The values of a field, known to fit it; None where one does not."""
        kind = field.kind
        cells: list[Any] | None = None
        if isinstance(column, layout.Values):
            cells = field.natives(column.values)
        elif not kind.plain:
            pass
        elif kind.holds is Holds.TENSOR:
            cells = self._tensors(field, column, count)
        elif (
            kind.holds is Holds.DOCUMENT and isinstance(column, layout.Nested) and (kind.optional or not column.present)
        ):
            cells = self.python(column, count, field.choose, where)
        elif kind.holds is Holds.DOCUMENTS and isinstance(column, layout.NestedLists):
            cells = field.arrays(self.python(column, count, field.choose, where))
        if cells is not None:
            return cells
        try:
            return field.validated(self.python(column, count, field.choose, where))
        except ValidationError:
            return None

    def _tensors(self, field: FieldPlan, column: Any, count: int) -> list[Any] | None:
        if (
            isinstance(column, layout.Stacked)
            and field.fits(column.shape, column.dtype)
            and (field.kind.optional or not column.present)
        ):
            held = _held(field, self.stacked(column, count), column.library)
            return None if held is None else _rows(held[0], column.present)
        if isinstance(column, layout.Ragged) and all(
            field.kind.optional if cell is None else field.fits(cell.shape, cell.dtype) for cell in column.cells
        ):
            cells = [(None,) if cell is None else _held(field, self._cell(cell), cell.library) for cell in column.cells]
            return None if None in cells else [held[0] for held in cells if held is not None]
        return None

    def python(self, column: layout.Column, count: int, choose: Choose, where: Where) -> list[Any]:
        """The values of a column as they were sent, unchecked against any schema."""
        kept = self.read.get(id(column))
        if kept is None:
            self.read[id(column)] = kept = column, self._python(column, count, choose, where)
        return kept[1]

    def _python(self, column: layout.Column, count: int, choose: Choose, where: Where) -> list[Any]:
        if isinstance(column, layout.Values):
            return column.values
        if isinstance(column, layout.Stacked):
            return _rows(as_sent(self.stacked(column, count), column.library), column.present)
        if isinstance(column, layout.Ragged):
            return [None if cell is None else as_sent(self._cell(cell), cell.library) for cell in column.cells]
        if isinstance(column, layout.Packed):
            return self._unpacked(column, choose, where)
        if isinstance(column, layout.Nested):
            return self._nested(column, count, choose, where)
        return self._nested_lists(column, choose, where)

    def _any_cells(self, column: layout.Column, count: int, where: Where) -> list[Any]:
        cells = self.python(column, count, _any, where)
        if isinstance(column, layout.NestedLists):
            return [None if docs is None else DocList.trusted(docs) for docs in cells]
        return cells

    def _nested(self, column: layout.Nested, count: int, choose: Choose, where: Where) -> list[Any]:
        rows = [row for row, there in enumerate(column.present) if there] if column.present else range(count)
        if _claimed(column.documents) != len(rows):
            raise MalformedRequest(f"A column has other than {len(rows)} nested documents for {len(rows)} documents.")
        docs = self.documents(column.documents, choose, lambda number: [*where(rows[number]), column.name])
        return _spread(docs, column.present)

    def _nested_lists(self, column: layout.NestedLists, choose: Choose, where: Where) -> list[Any]:
        lengths = [length or 0 for length in column.lengths]
        if min(lengths, default=0) < 0:
            raise MalformedRequest("A list of nested documents has a negative length.")
        ends = list(accumulate(lengths))

        def at(number: int) -> list[str | int]:
            row = bisect_right(ends, number)
            return [*where(row), column.name, number - ends[row] + lengths[row]]

        if _claimed(column.documents) != (ends[-1] if ends else 0):
            raise MalformedRequest("Lists of nested documents do not add up.")
        docs = self.documents(column.documents, choose, at)
        return [
            None if length is None else docs[end - length : end]
            for length, end in zip(column.lengths, ends, strict=True)
        ]

    def _unpacked(self, column: layout.Packed, choose: Choose, where: Where) -> list[Any]:
        row = 0

        def extension(code: int, data: memoryview) -> Any:
            if code == layout.TENSOR:
                cell = _CELL.decode(data)
                return as_sent(self._cell(cell), cell.library)
            if code == layout.INTEGER:
                return int(bytes(data))
            if code != layout.DOCUMENT:
                raise MalformedRequest(f"A value is of a kind that is not read here: {code}.")
            return self._single(_DOCUMENTS.decode(data), choose, lambda _: [*where(row), column.name])

        decoder = msgspec.msgpack.Decoder(ext_hook=extension)
        values = []
        try:
            for row in range(len(column.values)):  # `extension` reads it
                values.append(decoder.decode(column.values[row]))
        except _BROKEN as error:
            raise MalformedRequest(f"A value cannot be read: {error}.") from None
        return values

    def _single(self, documents: Documents, choose: Choose, where: Where) -> Any:
        count = _claimed(documents)
        if count != 1:
            raise MalformedRequest(f"One nested document is expected, but there are {count}.")
        return self.documents(documents, choose, where)[0]

    def stacked(self, column: layout.Stacked, count: int) -> np.ndarray[Any, Any]:
        rows = sum(column.present) if column.present else count
        return layout.unflat(self._buffer(column.buffer), column.dtype, (rows, *column.shape))

    def _cell(self, cell: layout.Cell) -> np.ndarray[Any, Any]:
        return layout.unflat(self._buffer(cell.buffer), cell.dtype, tuple(cell.shape), cell.offset)

    def _buffer(self, number: int) -> Buffer:
        if not 0 <= number < len(self.buffers):
            raise MalformedRequest(f"A tensor is in buffer {number}, but there are {len(self.buffers)}.")
        return self.buffers[number]


def _claimed(documents: Documents) -> int:
    """How many documents there will be, which has to be known before one of them can be wrong somewhere."""
    return documents.groups[0].count if len(documents.groups) == 1 and not documents.order else len(documents.order)


def _any(name: str) -> Any:
    return AnyDoc


def _dict(name: str) -> Any:
    return dict


def _among(rows: Sequence[int], where: Where) -> Where:
    return lambda number: where(rows[number])


def _held(field: FieldPlan, array: Any, sent: layout.Library) -> tuple[Any] | None:
    """A tensor in the library of its field, in a tuple; None where that library has no such tensors."""
    try:
        return (field.tensor(array, sent),)
    except ValueError:  # pydantic will say what is wrong
        return None


def _rows(tensors: Any, present: list[bool]) -> list[Any]:
    cells = list(tensors) if tensors.ndim > 1 else [tensors[row, ...] for row in range(len(tensors))]
    return _spread(cells, present)


def _spread(cells: list[Any], present: list[bool]) -> list[Any]:
    """`cells` where `present` is True, None elsewhere; as they are where all documents have one."""
    if not present:
        return cells
    remaining = iter(cells)
    return [next(remaining) if there else None for there in present]
