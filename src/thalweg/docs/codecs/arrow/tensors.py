"""Tensors in Arrow.

Tensors of one shape and dtype are Arrow's canonical `fixed_shape_tensor`. Others are a struct of `data`, `shape` and, where
dtypes differ, `dtype`. Complex numbers are pairs of floats in a last dimension of two; the field says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple

import numpy as np

from thalweg.docs.codecs.arrow.library import pa, pc
from thalweg.docs.codecs.arrow.storage import PERMUTATION, SHAPE, is_list
from thalweg.docs.codecs.columns.layout import HALVES, dtype_name, dtype_named, raw, unflat
from thalweg.docs.typing.array import end_to_end, is_tensor_class, library_of, stackable
from thalweg.docs.typing.coercion import BFLOAT16
from thalweg.errors import MalformedRequest

DTYPE, LIBRARY = b"thalweg.dtype", b"thalweg.library"
_FIELDS = frozenset({"data", "shape"})
_LARGE = 1 << 31


class Written(NamedTuple):
    """An array of Arrow's, and what its field says of it."""

    array: Any
    metadata: dict[bytes, bytes]


class TensorRows(NamedTuple):
    """Tensors of one shape, stacked; `present` tells which rows have one, and is empty where all have."""

    tensors: np.ndarray[Any, Any]
    present: list[bool]


# --- written


def from_tensors(values: list[Any]) -> Written:
    """The column of tensors or None.

    Raises:
        ValueError: something is no tensor, or holds what has not the same form on every machine.
    """
    there = [value for value in values if value is not None]
    if not there:
        return Written(pa.nulls(len(values)), {})
    others = [kind.__name__ for kind in set(map(type, there)) if not is_tensor_class(kind)]
    if others:
        raise ValueError(f"a tensor is expected, not {', '.join(others)}")
    metadata = _of_library(there[0])
    arrays = there if _ready(there) else [_native(raw(value)) for value in there]
    first = arrays[0]
    if not stackable(arrays) or not first.size or not _has_type(first.dtype):  # readers take empty ones for nothing
        return _variable(arrays, values, metadata)
    stacked = end_to_end(arrays).reshape(len(arrays), *first.shape)
    return _fixed(stacked, [] if len(there) == len(values) else [value is not None for value in values], metadata)


def _ready(tensors: list[Any]) -> bool:
    """Whether all are arrays of NumPy that can be written as they are: one look instead of one at each."""
    first = tensors[0]
    if set(map(type, tensors)) != {np.ndarray} or first.dtype.kind not in "?biuf" or not first.dtype.isnative:
        return False
    return stackable(tensors) and raw(first) is first


def from_stack(tensor: Any) -> Written:
    """The column of tensors that are stacked already; their memory is shared where Arrow has such numbers."""
    array = _native(raw(tensor))
    if not array.size or not _has_type(array.dtype):
        return from_tensors([tensor[row, ...] for row in range(len(tensor))])
    return _fixed(array, [], _of_library(tensor))


def _of_library(tensor: Any) -> dict[bytes, bytes]:
    library = library_of(tensor) or "numpy"
    return {} if library == "numpy" else {LIBRARY: library.encode()}


def _has_type(dtype: np.dtype[Any]) -> bool:
    """Whether Arrow has such numbers, or others that hold them all."""
    return dtype.kind in "?biufc" or dtype == HALVES


def _fixed(stacked: np.ndarray[Any, Any], present: list[bool], metadata: dict[bytes, bytes]) -> Written:
    if stacked.dtype.kind == "c":
        metadata = {**metadata, DTYPE: stacked.dtype.name.encode()}
        stacked = np.ascontiguousarray(stacked)[..., np.newaxis].view(f"f{stacked.itemsize // 2}")
    if stacked.dtype == HALVES:
        metadata = {**metadata, DTYPE: BFLOAT16.encode()}
        stacked = (np.ascontiguousarray(stacked).view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    shape = stacked.shape[1:]
    if present:
        spread = np.zeros((len(present), *shape), stacked.dtype)
        spread[np.array(present)] = stacked
        stacked = spread
    mask = pa.array([not there for there in present]) if present else None
    numbers = pa.array(np.ascontiguousarray(stacked).reshape(-1))
    storage = pa.FixedSizeListArray.from_arrays(numbers, prod(shape), mask=mask)
    kind = pa.fixed_shape_tensor(numbers.type, shape)
    return Written(pa.ExtensionArray.from_storage(kind, storage), metadata)


def _variable(arrays: list[np.ndarray[Any, Any]], values: list[Any], metadata: dict[bytes, bytes]) -> Written:
    dtypes = {array.dtype for array in arrays}
    shapes = _lists([array.shape for array in arrays], pa.int32())
    if len(dtypes) == 1 and arrays[0].dtype.kind in "?biuf":
        numbers = pa.array(np.concatenate([array.reshape(-1) for array in arrays]))
        offsets = _offsets([array.size for array in arrays])
        large = len(numbers) >= _LARGE
        data = (pa.LargeListArray if large else pa.ListArray).from_arrays(
            pa.array(offsets, pa.int64() if large else pa.int32()), numbers
        )
        parts = {"data": data, "shape": shapes}
    else:
        blobs = [array.tobytes() for array in arrays]
        kind = pa.large_binary() if sum(map(len, blobs)) >= _LARGE else pa.binary()
        names = pa.array([dtype_name(array.dtype) for array in arrays], pa.string())
        parts = {"data": pa.array(blobs, kind), "shape": shapes, "dtype": names}
    struct = pa.StructArray.from_arrays(list(parts.values()), names=list(parts))
    if len(arrays) < len(values):
        struct = struct.take(pa.array(_places(values), pa.int32()))
    return Written(struct, metadata)


def _places(values: list[Any]) -> list[int | None]:
    """For each value its number among those that are there."""
    numbers = iter(range(len(values)))
    return [None if value is None else next(numbers) for value in values]


def _lists(rows: Sequence[Sequence[int]], kind: Any) -> Any:
    flat = pa.array([item for row in rows for item in row], kind)
    return pa.ListArray.from_arrays(pa.array(_offsets(list(map(len, rows))), pa.int32()), flat)


def _offsets(lengths: list[int]) -> np.ndarray[Any, Any]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _native(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """In the byte order of this machine, the only one that Arrow has."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


# --- read


def empty(kind: Any) -> Any:
    """An array of a type without anything in it, which pyarrow does not make of every type."""
    return pa.nulls(1, kind).slice(1)


def is_variable(kind: Any) -> bool:
    """Whether a type is the struct that stands for tensors of different shapes."""
    return pa.types.is_struct(kind) and {kind.field(number).name for number in range(kind.num_fields)} >= _FIELDS


def fixed_rows(array: Any, metadata: dict[bytes, bytes]) -> TensorRows | None:
    """The tensors of a fixed-shape array, without a copy where all are there; None where numbers are missing in them.

    Raises:
        MalformedRequest: the shape is not that of so many numbers.
    """
    shape, permutation = _sizes(metadata.get(SHAPE)), _sizes(metadata.get(PERMUTATION))
    if not pa.types.is_fixed_size_list(array.type) or prod(shape) != array.type.list_size or min(shape, default=0) < 0:
        raise MalformedRequest("A tensor's shape does not agree with its numbers.")
    present = [] if not array.null_count else array.is_valid().to_pylist()
    numbers = _numbers(array.flatten())
    if numbers is None:
        return None
    tensors = numbers.reshape(len(array) - array.null_count, *shape)
    if permutation:
        if sorted(permutation) != list(range(len(shape))):
            raise MalformedRequest("A tensor's dimensions are in an impossible order.")
        tensors = tensors.transpose(0, *(axis + 1 for axis in permutation))
    return TensorRows(_as_meant(tensors, metadata), present)


def _sizes(text: bytes | None) -> list[int]:
    try:
        return [int(size) for size in text.split(b",")] if text else []
    except ValueError:
        raise MalformedRequest("A tensor's shape cannot be read.") from None


def list_rows(array: Any, metadata: dict[bytes, bytes]) -> TensorRows | None:
    """The tensors of lists of numbers, or of lists of lists; None where lengths differ or something is missing in them."""
    kind = array.type
    present = [] if not array.null_count else array.is_valid().to_pylist()
    shape, rows = [], len(array) - array.null_count
    array, count = array.drop_null() if present else array, rows
    while is_list(array.type):
        if array.null_count:
            return None
        length = _one_length(array)
        if length is None:
            return None
        shape.append(length)
        count *= length
        array = array.flatten()
    numbers = _numbers(array)
    if numbers is None or len(numbers) != count or kind == array.type:
        return None
    return TensorRows(_as_meant(numbers.reshape(rows, *shape), metadata), present)


def _one_length(array: Any) -> int | None:
    if pa.types.is_fixed_size_list(array.type):
        size: int = array.type.list_size
        return size
    lengths = np.diff(array.offsets.to_numpy())
    if not len(lengths):
        return None
    return int(lengths[0]) if (lengths == lengths[0]).all() else None


def variable_cells(array: Any, metadata: dict[bytes, bytes]) -> list[np.ndarray[Any, Any] | None]:
    """The tensors of the struct form.

    Raises:
        MalformedRequest: sizes do not agree, or a dtype is unknown.
    """
    names = {array.type.field(number).name: number for number in range(array.type.num_fields)}
    parts = {name: array.field(number) for name, number in names.items()}
    data, shapes = parts["data"], parts["shape"].to_pylist()
    there = array.is_valid().to_pylist()
    if "dtype" in parts:
        blobs = zip(data.to_pylist(), parts["dtype"].to_pylist(), strict=True)
        flat = [_from_bytes(*blob) if valid else None for blob, valid in zip(blobs, there, strict=True)]
        metadata = {}  # each says itself what it holds
    else:
        cells = list_cells(data) if is_list(data.type) else None
        if cells is None:
            raise MalformedRequest("A tensor's data is no list of numbers.")
        flat = [cell if valid else None for cell, valid in zip(cells, there, strict=True)]
    return [
        None if numbers is None else _as_meant(_shaped(numbers, shape), metadata)
        for numbers, shape in zip(flat, shapes, strict=True)
    ]


def list_cells(array: Any) -> list[np.ndarray[Any, Any] | None] | None:
    """The tensors of one dimension of lists of numbers, whatever their lengths; None where numbers are missing in them."""
    numbers = _numbers(array.flatten())
    if numbers is None:
        return None
    lengths = pc.list_value_length(array).to_pylist()
    ends = accumulate(length or 0 for length in lengths)
    return [None if length is None else numbers[end - length : end] for length, end in zip(lengths, ends, strict=True)]


def _from_bytes(data: Any, name: Any) -> np.ndarray[Any, Any]:
    kind = dtype_named(name) if isinstance(name, str) else None
    if kind is None or not isinstance(data, bytes) or len(data) % kind.itemsize:
        raise MalformedRequest(f"A tensor of dtype {str(name)[:20]!r} is not read.")
    return unflat(data, str(name), (len(data) // kind.itemsize,))


def _shaped(numbers: np.ndarray[Any, Any], shape: Any) -> np.ndarray[Any, Any]:
    sizes = shape if isinstance(shape, list) else [None]
    if any(type(size) is not int or size < 0 for size in sizes) or len(sizes) > 32 or prod(sizes) != len(numbers):
        raise MalformedRequest(f"A tensor of {len(numbers)} numbers has an impossible shape.")
    return numbers.reshape(sizes)


def _numbers(array: Any) -> np.ndarray[Any, Any] | None:
    """Without a copy but for booleans; None where some are missing, or are no numbers."""
    kind = array.type
    if array.null_count or not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return None
    found: np.ndarray[Any, Any] = array.to_numpy(zero_copy_only=not pa.types.is_boolean(kind))
    return found


def _as_meant(tensors: np.ndarray[Any, Any], metadata: dict[bytes, bytes]) -> np.ndarray[Any, Any]:
    """The numbers that Arrow's stand for, where it has none of that kind."""
    name = metadata.get(DTYPE, b"")
    if name == BFLOAT16.encode() and tensors.dtype == np.float32:
        return (np.ascontiguousarray(tensors).view(np.uint32) >> 16).astype(np.uint16).view(HALVES)
    kind = {b"complex64": np.complex64, b"complex128": np.complex128}.get(name)
    if kind is None or tensors.ndim < 2 or tensors.shape[-1] != 2 or 2 * tensors.itemsize != np.dtype(kind).itemsize:
        return tensors
    return np.ascontiguousarray(tensors).view(kind)[..., 0]
