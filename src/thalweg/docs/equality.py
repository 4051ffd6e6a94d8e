"""When two values of documents are the same data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from thalweg.docs.typing.array import is_tensor, to_numpy


def same(left: Any, right: Any) -> bool:
    """Whether two field values hold the same data.

    Tensors are the same where shape and values are, whatever the dtype or the library; a tensor never equals None.
    NaN is the same as NaN, in tensors and as a number: a document always equals its own copy.
    """
    if left is right:
        return True
    if left is None or right is None:
        return False
    if is_tensor(left) or is_tensor(right):
        return _same_tensors(left, right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return _same_sequences(left, right)
    if isinstance(left, float) and left != left:  # noqa: PLR0124  # only NaN differs from itself
        return isinstance(right, float) and right != right  # noqa: PLR0124
    return bool(left == right)


def _same_sequences(left: list[Any] | tuple[Any, ...], right: list[Any] | tuple[Any, ...]) -> bool:
    if isinstance(left, tuple) is not isinstance(right, tuple) or len(left) != len(right):
        return False
    return all(map(same, left, right))


def _same_tensors(left: Any, right: Any) -> bool:
    if not (is_tensor(left) and is_tensor(right)):
        return False
    first, second = to_numpy(left), to_numpy(right)
    if first.shape != second.shape:
        return False
    equal = first == second
    if first.dtype.kind in "fc" and second.dtype.kind in "fc":
        equal = equal | ((first != first) & (second != second))  # noqa: PLR0124
    return bool(np.all(equal))
