"""Rows of columns, cut out and joined as they are: no document is made, and nothing is validated.

For who passes documents on. Whoever reads them at last finds what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from typing import Any, Self, TypeAlias

import msgspec
import numpy as np

from thalweg.docs.codecs.columns import layout
from thalweg.docs.codecs.columns.layout import Column, Documents, Group, Header
from thalweg.errors import MalformedRequest

Buffer: TypeAlias = bytes | bytearray | memoryview
Block: TypeAlias = np.ndarray[Any, Any]

_HEADER = msgspec.msgpack.Decoder(Header)
_ENCODER = msgspec.msgpack.Encoder()


class _Unfit(Exception):
    """These rows have to be taken for documents."""


class RawRows:
    """Documents of one class with the same fields, in columns."""

    def __init__(self, group: Group, blocks: Sequence[Block]) -> None:
        self._group = group
        self._blocks = blocks

    @classmethod
    def of(cls, body: Sequence[Buffer]) -> Self | None:
        """The rows of a body; None where they have to be taken for documents: there are several classes of them, tensors
        of several shapes, or something is wrong."""
        try:
            header = _HEADER.decode(body[0])
            group = _only(header.documents)
            reading = _Reading(body[1:])
            reading.group(group)
            if reading.used != set(range(len(body) - 1)) or header.version != layout.VERSION:
                return None
        except (_Unfit, IndexError, ValueError, TypeError, MalformedRequest, msgspec.MsgspecError):
            return None
        return cls(group, [reading.blocks[number] for number in range(len(body) - 1)])

    def __len__(self) -> int:
        return self._group.count

    @property
    def ids(self) -> list[str] | None:
        """The `id` of each; None where not each has one."""
        for column in self._group.columns:
            if column.name == "id" and isinstance(column, layout.Values):
                return column.values if all(isinstance(one, str) and one for one in column.values) else None
        return None

    def cut(self, places: Sequence[int]) -> RawRows:
        """Those at these places."""
        writing = _Cutting(self._blocks)
        return RawRows(writing.group(self._group, places), writing.made)

    @classmethod
    def joined(cls, parts: Sequence[RawRows]) -> RawRows | None:
        """One after the other; None where they do not have the same fields."""
        try:
            joining = _Joining([part._blocks for part in parts])
            return cls(joining.group([part._group for part in parts]), joining.made)
        except (_Unfit, ValueError):
            return None

    def body(self) -> tuple[Buffer, ...]:
        """As columns again."""
        header = _ENCODER.encode(Header(layout.VERSION, Documents([self._group])))
        return (header, *(layout.flat(block) if block.size else b"" for block in self._blocks))


def _only(documents: Documents) -> Group:
    if len(documents.groups) != 1 or documents.order:
        raise _Unfit
    return documents.groups[0]


def _nested(column: layout.Nested | layout.NestedLists) -> bool:
    """Whether there is any document in the column."""
    return bool(column.documents.groups)


def _rows_of(present: Sequence[bool], count: int) -> int:
    return sum(present) if present else count


class _Reading:
    """Checks that all of a group can be cut, and finds the bytes of each row of its tensors."""

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self._buffers = buffers
        self.blocks: dict[int, Block] = {}
        self.used: set[int] = set()

    def group(self, group: Group, depth: int = 0) -> None:
        if depth > layout.DEPTH or group.count < 0:
            raise _Unfit
        for column in group.columns:
            if column.length not in (None, group.count):
                raise _Unfit
            if isinstance(column, layout.Stacked):
                self._stacked(column, _rows_of(column.present, group.count))
            elif isinstance(column, layout.Ragged):
                raise _Unfit
            elif isinstance(column, (layout.Nested, layout.NestedLists)):
                inside = (
                    _rows_of(column.present, group.count)
                    if isinstance(column, layout.Nested)
                    else sum(length or 0 for length in column.lengths)
                )
                self._documents(column, inside, depth)

    def _stacked(self, column: layout.Stacked, rows: int) -> None:
        if column.buffer in self.used:
            raise _Unfit
        data = np.frombuffer(self._buffers[column.buffer], np.uint8)
        if not rows or len(data) % rows:
            raise _Unfit
        self.used.add(column.buffer)
        self.blocks[column.buffer] = data.reshape(rows, -1)

    def _documents(self, column: layout.Nested | layout.NestedLists, count: int, depth: int) -> None:
        if isinstance(column, layout.NestedLists) and min((one or 0 for one in column.lengths), default=0) < 0:
            raise _Unfit
        if not _nested(column):
            if count:
                raise _Unfit
            return
        group = _only(column.documents)
        if group.count != count:
            raise _Unfit
        self.group(group, depth + 1)


class _Cutting:
    """Makes a group of some rows of another one."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        self.made: list[Block] = []

    def group(self, group: Group, places: Sequence[int]) -> Group:
        return Group(group.name, len(places), [self._column(column, places) for column in group.columns])

    def _column(self, column: Column, places: Sequence[int]) -> Column:
        if isinstance(column, layout.Values):
            return layout.Values(column.name, [column.values[place] for place in places])
        if isinstance(column, layout.Packed):
            return layout.Packed(column.name, [column.values[place] for place in places])
        if isinstance(column, layout.Stacked):
            rows, present = _among(column.present, places)
            self.made.append(self._blocks[column.buffer][rows])
            return msgspec.structs.replace(column, buffer=len(self.made) - 1, present=present)
        if isinstance(column, layout.Nested):
            rows, present = _among(column.present, places)
            return layout.Nested(column.name, self._documents(column.documents, rows), present)
        assert isinstance(column, layout.NestedLists)
        ends = list(accumulate(length or 0 for length in column.lengths))
        inside = [range(ends[place] - (column.lengths[place] or 0), ends[place]) for place in places]
        lengths = [column.lengths[place] for place in places]
        return layout.NestedLists(column.name, lengths, self._documents(column.documents, list(chain(*inside))))

    def _documents(self, documents: Documents, places: Sequence[int]) -> Documents:
        return Documents([self.group(documents.groups[0], places)]) if documents.groups else documents


def _among(present: Sequence[bool], places: Sequence[int]) -> tuple[Sequence[int], list[bool]]:
    """Where the values of these places are among those that are there, and which of the places have one."""
    if not present:
        return places, []
    before = [0, *accumulate(present)]
    there = [present[place] for place in places]
    return [before[place] for place, has in zip(places, there, strict=True) if has], there


class _Joining:
    """Makes one group of several with the same fields."""

    def __init__(self, blocks: Sequence[Sequence[Block]]) -> None:
        self._blocks = blocks
        self.made: list[Block] = []

    def group(self, groups: Sequence[Group]) -> Group:
        first = groups[0]
        names = [column.name for column in first.columns]
        if any([column.name for column in group.columns] != names for group in groups):
            raise _Unfit
        counts = [group.count for group in groups]
        columns = [
            self._column(list(columns), counts) for columns in zip(*(group.columns for group in groups), strict=True)
        ]
        return Group(first.name, sum(counts), columns)

    def _column(self, columns: list[Any], counts: Sequence[int]) -> Column:
        first = columns[0]
        if any(type(column) is not type(first) for column in columns):
            raise _Unfit
        join: Callable[[list[Any], Sequence[int]], Column] = _JOINING[type(first)].__get__(self)
        return join(columns, counts)

    def _values(self, columns: list[Any], counts: Sequence[int]) -> Column:
        made: Column = type(columns[0])(columns[0].name, [value for column in columns for value in column.values])
        return made

    def _stacked(self, columns: list[Any], counts: Sequence[int]) -> Column:
        first = columns[0]
        same = (first.dtype, first.shape, first.library)
        if any((column.dtype, column.shape, column.library) != same for column in columns):
            raise _Unfit
        self.made.append(
            np.concatenate([blocks[column.buffer] for blocks, column in zip(self._blocks, columns, strict=True)])
        )
        return msgspec.structs.replace(first, buffer=len(self.made) - 1, present=_presence(columns, counts))  # type: ignore[no-any-return]

    def _nested(self, columns: list[Any], counts: Sequence[int]) -> Column:
        return layout.Nested(columns[0].name, self._documents(columns), _presence(columns, counts))

    def _lists(self, columns: list[Any], counts: Sequence[int]) -> Column:
        lengths = [length for column in columns for length in column.lengths]
        return layout.NestedLists(columns[0].name, lengths, self._documents(columns))

    def _documents(self, columns: Sequence[layout.Nested | layout.NestedLists]) -> Documents:
        if not any(_nested(column) for column in columns):
            return columns[0].documents
        if not all(_nested(column) for column in columns):
            raise _Unfit
        return Documents([self.group([column.documents.groups[0] for column in columns])])


_JOINING: dict[type, Any] = {
    layout.Values: _Joining._values,
    layout.Packed: _Joining._values,
    layout.Stacked: _Joining._stacked,
    layout.Nested: _Joining._nested,
    layout.NestedLists: _Joining._lists,
}


def _presence(columns: Sequence[Any], counts: Sequence[int]) -> list[bool]:
    if not any(column.present for column in columns):
        return []
    return [
        there for column, count in zip(columns, counts, strict=True) for there in (column.present or [True] * count)
    ]
