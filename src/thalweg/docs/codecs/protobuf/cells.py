"""The values of one field of all documents, at once where they are alike."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from thalweg.docs.codecs.protobuf import wire
from thalweg.docs.codecs.protobuf.fields import Choice
from thalweg.docs.codecs.protobuf.nodes import as_set, read_node, read_value
from thalweg.docs.codecs.protobuf.octets import Leaves
from thalweg.docs.codecs.protobuf.sent import sent_bytes, sent_tensor, sent_text

if TYPE_CHECKING:
    from thalweg.docs.codecs.protobuf.reader import Reader

Where: TypeAlias = Callable[[int], list[str | int]]
"""Number of a document -> its path in an error."""

Places: TypeAlias = Any
"""Places in the message: a sequence of integers, or a NumPy array where there are many."""

ReadLeaves: TypeAlias = Callable[["Reader", Leaves, Choice, Where], list[Any] | None]
"""Reads values that are alike; None where they have to be looked at one after the other after all."""

MANY = 24
"""Values from which looking at all of them at once is cheaper than at one after the other."""


def listed(places: Places) -> list[int]:
    """Places as a list of Python's integers."""
    return places.tolist() if isinstance(places, np.ndarray) else list(places)


class Contents(NamedTuple):
    """Where the contents of values of one kind begin and end, which rows they are of, and the type key that all have."""

    starts: Places
    stops: Places
    rows: list[int]
    key: str


def contents_of(reader: Reader, tag: int, starts: Places, stops: Places) -> Contents | None:
    """The contents of the values that are not None; None where one is of another kind, or has other fields with it."""
    if len(starts) >= MANY:
        return _many_contents(reader, tag, np.asarray(starts), np.asarray(stops))
    found = Contents([], [], [], "")
    for row, (at, end) in enumerate(zip(starts, stops, strict=True)):
        if at == end:
            continue
        node = read_node(reader.data, at, end)
        if node[0] != tag or any(node[3:]):
            return None
        found.starts.append(node.start)
        found.stops.append(node.stop)
        found.rows.append(row)
    return found


def _many_contents(reader: Reader, tag: int, starts: Any, stops: Any) -> Contents | None:
    rows = np.flatnonzero(stops > starts)
    if not len(rows):
        return Contents([], [], [], "")
    try:
        leaves = reader.octets.leaves(tag, starts[rows], stops[rows])
    except IndexError:
        return None
    return None if leaves is None else Contents(leaves.starts, leaves.stops, rows.tolist(), leaves.key)


def spread(cells: list[Any], rows: Sequence[int], count: int) -> list[Any]:
    """`cells` in their rows of `count`, None in the others."""
    if len(rows) == count:
        return cells
    made = [None] * count
    for row, cell in zip(rows, cells, strict=True):
        made[row] = cell
    return made


def read_cells(reader: Reader, starts: Places, stops: Places, choice: Choice, where: Where) -> list[Any]:
    """The values between places as they were sent; `choice` tells what documents in them become."""
    if len(starts) >= MANY:
        first, last = np.asarray(starts), np.asarray(stops)
        rows = np.flatnonzero(last > first)
        if not len(rows):
            return [None] * len(first)
        try:
            alike = _alike(reader, first[rows], last[rows], choice, lambda number: where(int(rows[number])))
        except IndexError:
            alike = None
        if alike is not None:
            return spread(alike, rows.tolist(), len(first))
        starts, stops = first.tolist(), last.tolist()
    return [
        read_value(reader, at, end, choice, lambda: where(row))  # noqa: B023  # called before the next
        for row, (at, end) in enumerate(zip(starts, stops, strict=True))
    ]


def _alike(reader: Reader, starts: Any, stops: Any, choice: Choice, where: Where) -> list[Any] | None:
    """Values none of which is None; None where they are not all of one kind."""
    octets = reader.octets
    tag = int(octets.octets[starts[0]])
    if (octets.octets[starts] != tag).any():
        return None
    if tag == wire.TENSOR:
        return _tensors(reader, starts, stops, choice)
    if tag in _LEAVES:
        leaves = octets.leaves(tag, starts, stops)
        return None if leaves is None else _LEAVES[tag](reader, leaves, choice, where)
    read = {wire.INTEGER: octets.integers, wire.FLOAT: octets.floats, wire.BOOLEAN: octets.booleans}.get(tag)
    return None if read is None else read(starts, stops)


def _texts(reader: Reader, leaves: Leaves, choice: Choice, where: Where) -> list[Any]:
    data = reader.data
    texts = [data[at:end].decode() for at, end in leaves.spans()]
    return [sent_text(text, leaves.key) for text in texts] if leaves.key and choice.open else texts


def _blobs(reader: Reader, leaves: Leaves, choice: Choice, where: Where) -> list[Any]:
    data = reader.data
    blobs = [data[at:end] for at, end in leaves.spans()]
    return [sent_bytes(blob, leaves.key) for blob in blobs] if leaves.key and choice.open else blobs


def _documents(reader: Reader, leaves: Leaves, choice: Choice, where: Where) -> list[Any] | None:
    if choice.several:
        return None
    return reader.documents(leaves.starts, leaves.stops, choice.target("", ()), where)


def _tensors(reader: Reader, starts: Any, stops: Any, choice: Choice) -> list[Any] | None:
    stack = reader.octets.stack(starts, stops)
    if stack is None:
        return None
    tensors = sent_tensor(stack.array, stack.key, stack.dtype) if choice.open else stack.array
    return rows_of(tensors)


def rows_of(tensors: Any) -> list[Any]:
    """The tensors that are stacked in one, as views of it."""
    return list(tensors) if len(tensors.shape) > 1 else [tensors[row, ...] for row in range(len(tensors))]


def _sequences(make: Callable[[list[Any]], Any]) -> ReadLeaves:
    def read(reader: Reader, leaves: Leaves, choice: Choice, where: Where) -> list[Any] | None:
        reader.descend(2)
        lists = [reader.items(at, end) for at, end in leaves.spans()]
        lengths = [len(starts) for starts, _ in lists]
        starts = [at for starts, _ in lists for at in listed(starts)]
        stops = [end for _, stops in lists for end in listed(stops)]
        ends = list(accumulate(lengths))
        values = read_cells(reader, starts, stops, choice, lambda number: where(bisect_right(ends, number)))
        reader.descend(-2)
        return [make(values[end - length : end]) for length, end in zip(lengths, ends, strict=True)]

    return read


def _mappings(reader: Reader, leaves: Leaves, choice: Choice, where: Where) -> list[Any]:
    reader.descend(3)
    maps = [reader.entries(at, end) for at, end in leaves.spans()]
    spans = [span for entries in maps for span in entries.values()]
    ends = list(accumulate(map(len, maps)))
    values = iter(
        read_cells(
            reader,
            [at for at, _ in spans],
            [end for _, end in spans],
            choice,
            lambda number: where(bisect_right(ends, number)),
        )
    )
    reader.descend(-3)
    return [{name: next(values) for name in entries} for entries in maps]


_LEAVES: dict[int, ReadLeaves] = {
    wire.TEXT: _texts,
    wire.BLOB: _blobs,
    wire.DOCUMENT: _documents,
    wire.LIST: _sequences(list),
    wire.TUPLE: _sequences(tuple),
    wire.SET: _sequences(as_set),
    wire.DICT: _mappings,
}
