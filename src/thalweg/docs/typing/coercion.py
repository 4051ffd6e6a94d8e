"""NumPy arrays of what a caller gives: lists, buffers, text, tensors of other libraries."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
from pydantic_core import PydanticCustomError

from thalweg.docs.typing.array import library_of, to_numpy

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

NUMBERS = frozenset("?bBhHiIlLqQefdFD")
"""`numpy.dtype.char` of the numbers that have the same size on every machine."""

BFLOAT16 = "bfloat16"
"""`numpy.dtype.name` of a type of numbers that TensorFlow and JAX add to NumPy."""


def to_array(value: Any) -> Array:
    """`value` as a NumPy array, without a copy where it is one already or shares its memory.

    Raises:
        ValueError: it is no tensor, or one of Python objects.
    """
    if type(value) is np.ndarray:
        array = value
    elif isinstance(value, (list, tuple)):
        array = _from_lists(value)
    else:
        array = _from_other(value)
    if array.dtype.char in NUMBERS or not array.dtype.hasobject:
        return array
    if array.dtype.char == "T":  # text of any length, which are objects to everyone but NumPy 2
        return np.array(array.tolist(), np.str_).reshape(array.shape)
    raise _refused(array.dtype)


def check_numbers(array: Array) -> None:
    """Raise ValueError unless an array holds numbers or booleans."""
    if array.dtype.kind not in "biufc" and array.dtype.name != BFLOAT16:
        raise _refused(array.dtype)


def _refused(dtype: np.dtype[Any]) -> PydanticCustomError:
    return PydanticCustomError(
        "tensor_dtype",
        "A tensor holds booleans, integers, floats or complex numbers, not {dtype}",
        {"dtype": str(dtype)},
    )


def _from_lists(value: list[Any] | tuple[Any, ...]) -> Array:
    try:
        array: Array = np.array(value)
    except (ValueError, TypeError, OverflowError, RuntimeError):
        return _from_marked(value)
    kind = array.dtype.kind
    if kind == "O":
        return _from_marked(value)
    if kind == "U":  # NumPy makes text of numbers that stand beside text
        leaves = list(_leaves(value))
        return array if _all(leaves, str) and not set(leaves) <= _MARKS.keys() else _from_marked(value)
    return array if kind != "S" or _all(_leaves(value), bytes) else _from_marked(value)


def _all(leaves: Any, kind: type) -> bool:
    return all(isinstance(leaf, kind) for leaf in leaves)


def _leaves(value: Any) -> Iterator[Any]:
    for item in value:
        if isinstance(item, (list, tuple, np.ndarray)):
            yield from _leaves(item) if not isinstance(item, np.ndarray) else item.ravel().tolist()
        else:
            yield item


def _from_marked(value: Any) -> Array:
    """Nested lists in which null and "Infinity" stand for floats, or in which integers exceed 64 bits."""
    try:
        return np.array(_marked_numbers(value))
    except (ValueError, TypeError, OverflowError, RuntimeError, RecursionError) as error:
        raise PydanticCustomError(
            "tensor_lists",
            "Not a tensor: expected nested lists of numbers, all of the same length at each depth",
        ) from error


_MARKS = {None: math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _marked_numbers(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_marked_numbers(item) for item in value]
    if value is None or isinstance(value, str):
        if value not in _MARKS:
            raise ValueError(f"{value!r} is no number")
        return _MARKS[value]
    if isinstance(value, bytes):
        raise TypeError("bytes are no number")
    return float(value)


def _from_other(value: Any) -> Array:
    if library_of(value) is not None:
        return np.asarray(to_numpy(value))
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, (bytes, bytearray)):
        return np.frombuffer(value, np.uint8)
    if not isinstance(value, np.generic):
        with suppress(TypeError):
            return np.asarray(value if hasattr(value, "__array__") else memoryview(value))
    raise PydanticCustomError(
        "tensor_type", "Expected a tensor or nested lists of numbers, got {given}", {"given": type(value).__name__}
    )


def _from_text(text: str) -> Array:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise PydanticCustomError("tensor_text", "Expected a tensor; text is read only where it is a JSON array")
    return _from_lists(value)
