"""When two values of documents are the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np

from thalweg.docs.typing.array import is_tensor, to_numpy
from thalweg.docs.typing.coercion import BFLOAT16


def same(left: Any, right: Any) -> bool:
    """Whether two field values hold the same data.

    Tensors are the same where shape and values are, whatever the dtype or the library; floats are compared in the less
    precise of the two dtypes. A tensor never equals None.
    NaN is the same as NaN, in tensors and as a number: a document always equals its own copy.
    """
    if left is right:
        return True
    if is_tensor(left) or is_tensor(right):
        return is_tensor(left) and is_tensor(right) and _same_tensors(left, right)
    for kind, compare in _COMPARISONS:
        if isinstance(left, kind) and isinstance(right, kind):
            return compare(left, right)
    return bool(left == right)


def _same_tensors(left: Any, right: Any) -> bool:
    first, second = to_numpy(left), to_numpy(right)
    if first.shape != second.shape:
        return False
    if first.dtype.kind == second.dtype.kind == "f" and first.itemsize != second.itemsize:
        # What was written with the digits of a float32 and read as a float64 is still the same.
        narrow = min(first.dtype, second.dtype, key=lambda dtype: dtype.itemsize)
        first, second = first.astype(narrow), second.astype(narrow)
    if _is_opaque(first) or _is_opaque(second):
        return first.dtype == second.dtype and bool(np.all(first == second))
    equal = first == second
    if np.all(equal):
        return True
    return bool(np.all(equal | ((first != first) & (second != second))))  # noqa: PLR0124  # only NaN and NaT do so


def _is_opaque(array: np.ndarray[Any, Any]) -> bool:
    """Whether it holds structures, or bytes that say nothing."""
    return bool(array.dtype.kind == "V" and array.dtype.name != BFLOAT16)


def _same_mappings(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> bool:
    return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())


def _same_sequences(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return len(left) == len(right) and all(map(same, left, right))


def _same_floats(left: float, right: float) -> bool:
    return left == right or (isnan(left) and isnan(right))


_COMPARISONS: tuple[tuple[type, Callable[[Any, Any], bool]], ...] = (
    (float, _same_floats),
    (list, _same_sequences),
    (tuple, _same_sequences),
    (Mapping, _same_mappings),
)
