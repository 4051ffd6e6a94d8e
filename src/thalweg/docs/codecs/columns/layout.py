"""The header of documents in columns, and how a tensor lies in a buffer.

A body is one msgpack header and the raw buffers that it numbers from zero. Everything is written as arrays, so the order
of fields is the format. Buffers hold tensors as C-contiguous values in the byte order that the dtype names.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any, TypeAlias

import msgspec
import numpy as np

from thalweg.docs.typing.array import is_torch, to_numpy
from thalweg.docs.typing.coercion import BFLOAT16
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
"""The numbers that a tensor may hold, by `numpy.dtype.str`."""

HALVES = np.dtype("V2")
"""How the 16-bit floats that are named "bfloat16" lie in memory; NumPy alone has no type for them."""

# Text and bytes of a fixed length, points in time and durations.
_SIZED = re.compile(
    r"[<>]U[1-9]\d{0,7}|\|S[1-9]\d{0,8}|[<>][Mm]8(\[([1-9]\d{0,8})?(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)

Library: TypeAlias = bool | str
"""Whose tensor it was where it was sent: False NumPy's, True torch's, otherwise the library's name."""


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
    library: Library = False

    @property
    def length(self) -> int | None:
        return len(self.present) or None


class Cell(msgspec.Struct, array_like=True):
    """One tensor, `offset` bytes into a buffer."""

    dtype: str
    shape: list[int]
    buffer: int
    offset: int = 0
    library: Library = False


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


def dtype_named(name: str) -> np.dtype[Any] | None:
    """What a tensor may hold, by name; None for everything else. No other dtype is ever made of what comes in."""
    found = DTYPES.get(name)
    if found is not None or name == BFLOAT16:
        return found or HALVES
    return np.dtype(name) if _SIZED.fullmatch(name) else None


def dtype_name(dtype: np.dtype[Any]) -> str:
    """The name of what `raw` gives."""
    return BFLOAT16 if dtype == HALVES else dtype.str


def raw(tensor: Any) -> np.ndarray[Any, Any]:
    """The array whose bytes travel for a tensor; see `dtype_name`.

    Raises:
        ValueError: it holds what has not the same form on every machine.
    """
    if is_torch(tensor) and str(tensor.dtype) == "torch.bfloat16":
        halves: np.ndarray[Any, Any] = to_numpy(tensor.detach().cpu().contiguous().view(_int16())).view(HALVES)
        return halves
    array = to_numpy(tensor)
    if array.dtype.str in DTYPES:
        return array
    if array.dtype.name == BFLOAT16:
        return np.ascontiguousarray(array).reshape(array.shape).view(HALVES)
    if array.dtype.kind in "US" and array.dtype.itemsize == 0:
        array = array.astype(f"{array.dtype.kind}1")
    if dtype_named(array.dtype.str) is None:
        raise ValueError(f"a tensor of {array.dtype} cannot travel")
    if not _is_text(array):
        raise ValueError("a tensor of text holds what is no character")
    return array


def _int16() -> Any:
    import torch

    return torch.int16


def _is_text(array: np.ndarray[Any, Any]) -> bool:
    """Whether all of a text's numbers are characters; anything that is no text passes."""
    if array.dtype.kind != "U" or not array.size:
        return True
    points = np.ascontiguousarray(array).reshape(-1).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    return bool(points.max() <= 0x10FFFF) and not np.any((points >= 0xD800) & (points <= 0xDFFF))


def flat(array: np.ndarray[Any, Any]) -> memoryview:
    """The bytes of a tensor, without copying where it is contiguous."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def unflat(data: Buffer, dtype: str, shape: tuple[int, ...], offset: int | None = None) -> np.ndarray[Any, Any]:
    """The tensor that lies at `offset` of `data`, or that fills it where `offset` is None. Views `data`.

    Raises:
        MalformedRequest: the dtype is not one that is read, sizes do not agree, or text holds what is no character.
    """
    kind = DTYPES.get(dtype) or dtype_named(dtype)
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
        array = array.reshape(shape)
    except ValueError as error:
        raise MalformedRequest(f"A tensor cannot be read: {error}.") from None
    if not _is_text(array):
        raise MalformedRequest("A tensor of text holds what is no character.")
    return array
