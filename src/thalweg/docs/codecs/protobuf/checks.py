"""Values of a field that are known to fit it, so that documents are made of them without asking pydantic for each."""

from __future__ import annotations

from bisect import bisect_right
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from thalweg.docs.codecs.protobuf import wire
from thalweg.docs.codecs.protobuf.cells import (
    MANY,
    Contents,
    Places,
    Where,
    contents_of,
    listed,
    read_cells,
    rows_of,
    spread,
)
from thalweg.docs.codecs.protobuf.fields import ReadField
from thalweg.docs.codecs.protobuf.nodes import read_node
from thalweg.docs.codecs.protobuf.octets import Stack
from thalweg.docs.codecs.protobuf.sent import restored
from thalweg.docs.codecs.protobuf.tensors import read_form, read_tensor
from thalweg.docs.fields import Holds
from thalweg.docs.typing.array import tensor_class
from thalweg.docs.typing.coercion import NUMBERS
from thalweg.docs.typing.tensor import tensor_type
from thalweg.docs.typing.type_key import TENSORS_BY_KEY

if TYPE_CHECKING:
    from thalweg.docs.codecs.protobuf.reader import Reader


def checked_cells(reader: Reader, field: ReadField, starts: Places, stops: Places, where: Where) -> list[Any] | None:
    """The values of a field, of which `where` gives the paths; None where one does not fit."""
    plan = field.plan
    read = _READ.get(plan.kind.holds) if plan.kind.plain else None
    if read is not None:
        cells = read(reader, field, starts, stops, where)
        if cells is not None:
            return cells
    values = read_cells(reader, starts, stops, field.choice, where)
    if plan.kind.holds is Holds.SCALAR and not (plan.kind.type is bytes and str in set(map(type, values))):
        cells = plan.natives(values)
        if cells is not None:
            return cells
    try:
        return plan.validated(values)
    except ValidationError:
        return None


def in_field(field: ReadField, stack: Stack, sizes: tuple[int, ...]) -> Any:
    """A tensor, or several in one, each of these sizes, as the field holds it; None where only pydantic can tell."""
    kind, tensor = field.plan.kind.type, stack.array
    if tensor.dtype.char not in NUMBERS or kind.family == "video" or not field.plan.fits(list(sizes)):
        return None
    if kind.library == "any":
        library = TENSORS_BY_KEY.get(stack.key, ("numpy", ""))[0]
        if library != "numpy" and tensor_class(library) is not None:
            tensor = tensor_type(library).library_tensor(tensor)
    return restored(kind.library_tensor(tensor), stack.dtype)


def _tensors(reader: Reader, field: ReadField, starts: Places, stops: Places, where: Where) -> list[Any] | None:
    if len(starts) < MANY:
        return _few_tensors(reader, field, starts, stops)
    first, last = np.asarray(starts), np.asarray(stops)
    there = np.flatnonzero(last > first)
    if not len(there) or (len(there) < len(first) and not field.plan.kind.optional):
        return None
    try:
        stack = reader.octets.stack(first[there], last[there])
    except IndexError:
        return None
    tensors = None if stack is None else in_field(field, stack, stack.array.shape[1:])
    return None if tensors is None else spread(rows_of(tensors), there.tolist(), len(first))


def _few_tensors(reader: Reader, field: ReadField, starts: Places, stops: Places) -> list[Any] | None:
    cells = []
    for at, end in zip(starts, stops, strict=True):
        tensor = None
        if at < end:
            node = read_node(reader.data, at, end)
            if node.tag != wire.TENSOR:
                return None
            array = read_tensor(reader.data, read_form(reader.data, node.start, node.stop))
            tensor = in_field(field, Stack(array, node.key, node.dtype), array.shape)
        if tensor is None and (at < end or not field.plan.kind.optional):
            return None
        cells.append(tensor)
    return cells


def _documents(reader: Reader, field: ReadField, starts: Places, stops: Places, where: Where) -> list[Any] | None:
    kind, found = field.plan.kind, contents_of(reader, wire.DOCUMENT, starts, stops)
    if found is None or (len(found.rows) < len(starts) and not kind.optional):
        return None
    docs = reader.documents(found.starts, found.stops, kind.type, lambda number: where(found.rows[number]))
    return spread(docs, found.rows, len(starts))


def _lists(reader: Reader, field: ReadField, starts: Places, stops: Places, where: Where) -> list[Any] | None:
    found = contents_of(reader, wire.DOCUMENTS, starts, stops)
    return None if found is None else field.plan.arrays(nested_lists(reader, field, found, len(starts), where))


def nested_lists(reader: Reader, field: ReadField, found: Contents, count: int, where: Where) -> list[Any]:
    """The documents of each of `count` lists of which the contents are given; None where there is no list."""
    reader.descend(1)
    all_starts: list[int] = []
    all_stops: list[int] = []
    lengths = []
    for at, end in zip(found.starts, found.stops, strict=True):
        starts, stops = reader.items(at, end, True)
        all_starts += listed(starts)
        all_stops += listed(stops)
        lengths.append(len(starts))
    ends = list(accumulate(lengths))
    docs = reader.documents(
        all_starts, all_stops, field.plan.kind.type.doc_type, partial(_place, where, found.rows, lengths, ends)
    )
    reader.descend(-1)
    lists = [docs[end - length : end] for length, end in zip(lengths, ends, strict=True)]
    return spread(lists, found.rows, count)


def _place(where: Where, rows: Any, lengths: list[int], ends: list[int], number: int) -> list[str | int]:
    held = bisect_right(ends, number)
    return [*where(rows[held]), number - ends[held] + lengths[held]]


_READ = {Holds.TENSOR: _tensors, Holds.DOCUMENT: _documents, Holds.DOCUMENTS: _lists}
