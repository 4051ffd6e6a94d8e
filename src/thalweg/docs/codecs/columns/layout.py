"""The header of documents in columns, and how a tensor lies in a buffer.

A body is one msgpack header and the raw buffers that it numbers from zero. Everything is written as arrays, so the order
of fields is the format. Buffers hold tensors as C-contiguous values in the byte order that the dtype names.
"""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias

import msgspec
import numpy as np

from thalweg.errors import MalformedRequest

Buffer: TypeAlias = bytes | bytearray | memoryview

VERSION = 1
DEPTH = 64
"""Documents within documents that are read at most."""

ALIGNMENT = 16
"""Bytes to a multiple of which each tensor of a shared buffer begins."""

TENSOR, DOCUMENT, INTEGER = 1, 2, 3
"""Extension types of msgpack: a `Cell`, a `Documents` of one, and the decimal digits of an integer beyond 64 bits."""

DTYPES: dict[str, np.dtype[Any]] = {
    dtype.str: dtype
    for order in "<>"
    for name in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
    for dtype in (np.dtype(order + name),)
}
"""What a tensor may hold, by `numpy.dtype.str`. No other dtype is ever made of what comes in."""


class Values(msgspec.Struct, array_like=True, tag=0):
    """None, booleans, numbers, strings and bytes, one for each document."""

    name: str
    values: list[Any]

    @property
    def length(self) -> int | None:
        """How many documents the column is for; None where it does not say."""
        return len(self.values)


class Stacked(msgspec.Struct, array_like=True, tag=1):
    """Tensors of one shape in one buffer. `present` tells which documents have one; empty, all have."""

    name: str
    dtype: str
    shape: list[int]
    buffer: int
    present: list[bool] = []
    torch: bool = False

    @property
    def length(self) -> int | None:
        return len(self.present) or None


class Cell(msgspec.Struct, array_like=True):
    """One tensor, `offset` bytes into a buffer."""

    dtype: str
    shape: list[int]
    buffer: int
    offset: int = 0
    torch: bool = False


class Ragged(msgspec.Struct, array_like=True, tag=2):
    """Tensors that differ in shape or dtype."""

    name: str
    cells: list[Cell | None]

    @property
    def length(self) -> int | None:
        return len(self.cells)


class Packed(msgspec.Struct, array_like=True, tag=3):
    """Anything else: the msgpack of each document's value, with the extension types above."""

    name: str
    values: list[msgspec.Raw]

    @property
    def length(self) -> int | None:
        return len(self.values)


class Nested(msgspec.Struct, array_like=True, tag=4):
    """One document in each document that `present` tells; empty, in all."""

    name: str
    documents: Documents
    present: list[bool] = []

    @property
    def length(self) -> int | None:
        return len(self.present) or None


class NestedLists(msgspec.Struct, array_like=True, tag=5):
    """A list of documents in each document, all of them end to end; None where a document has no list."""

    name: str
    lengths: list[int | None]
    documents: Documents

    @property
    def length(self) -> int | None:
        return len(self.lengths)


Column: TypeAlias = Values | Stacked | Ragged | Packed | Nested | NestedLists


class Group(msgspec.Struct, array_like=True):
    """Documents of one class with the same fields. `name` is the name of the class, without its module."""

    name: str
    count: int
    columns: list[Values | Stacked | Ragged | Packed | Nested | NestedLists]


class Documents(msgspec.Struct, array_like=True):
    """Documents of one or several classes. `order` numbers the group of each document; empty, there is one group."""

    groups: list[Group]
    order: list[int] = []


class Header(msgspec.Struct, array_like=True):
    version: int
    documents: Documents


def size_of(data: Buffer) -> int:
    """Bytes of a buffer."""
    return data.nbytes if isinstance(data, memoryview) else len(data)


def flat(array: np.ndarray[Any, Any]) -> memoryview:
    """The bytes of a tensor, without copying where it is contiguous."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def unflat(data: Buffer, dtype: str, shape: tuple[int, ...], offset: int | None = None) -> np.ndarray[Any, Any]:
    """The tensor that lies at `offset` of `data`, or that fills it where `offset` is None. Views `data`.

    Raises:
        MalformedRequest: the dtype is not one of `DTYPES`, or sizes do not agree.
    """
    kind = DTYPES.get(dtype)
    if kind is None:
        raise MalformedRequest(f"A tensor of dtype {dtype[:20]!r} is not read.")
    if len(shape) > 32 or (shape and min(shape) < 0):
        raise MalformedRequest("A tensor has an impossible shape.")
    count = prod(shape)
    room = size_of(data)
    start = offset or 0
    end = start + count * kind.itemsize
    if start < 0 or end > room or (offset is None and end != room):
        raise MalformedRequest(f"A tensor of shape {shape} and {dtype} does not fit its buffer of {room} bytes.")
    try:
        array = np.frombuffer(data, kind, count, start) if count else np.empty(0, kind)
        return array.reshape(shape)
    except ValueError as error:
        raise MalformedRequest(f"A tensor cannot be read: {error}.") from None
