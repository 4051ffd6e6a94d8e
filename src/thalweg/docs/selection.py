"""What stands in the brackets of a DocList or a DocVec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg.docs.typing.array import is_tensor, to_numpy


def positions(index: Any, length: int) -> list[int] | None:
    """The row numbers that a list, a tuple, a mask or an array selects, in order; None where `index` is none of these.

    Arrays are those of any tensor library.

    Raises:
        IndexError: a mask of another length than `length`, or a row number outside of it.
        TypeError: something in `index` is neither an integer nor a bool, or both occur.
    """
    if isinstance(index, (list, tuple)):
        return _from_sequence(index, length)
    if is_tensor(index):
        array = to_numpy(index)
        return None if _is_scalar(array) else _from_array(array, length)
    return None


def _is_scalar(array: np.ndarray[Any, Any]) -> bool:
    """Whether it is one integer, which selects a document and not a list of one."""
    return array.ndim == 0 and array.dtype.kind in "ui"


def _from_array(index: np.ndarray[Any, Any], length: int) -> list[int]:
    if index.ndim != 1:
        raise TypeError(f"an array that selects documents has one dimension, not {index.ndim}")
    if index.dtype.kind not in "bui" and index.size:
        raise TypeError(f"an array that selects documents holds integers or booleans, not {index.dtype}")
    return _from_sequence(index.tolist(), length)


def _from_sequence(index: Sequence[Any], length: int) -> list[int]:
    masks = sum(isinstance(item, (bool, np.bool_)) for item in index)
    if masks and masks == len(index):
        if masks != length:
            raise IndexError(f"a mask needs one value for each of the {length} documents, but has {masks}")
        return [number for number, wanted in enumerate(index) if wanted]
    if masks:
        raise TypeError("integers and booleans are mixed in what selects documents")
    return [_position(item, length) for item in index]


def _position(item: Any, length: int) -> int:
    if not isinstance(item, (int, np.integer)):
        raise TypeError(f"documents are selected by integers or booleans, not by {type(item).__name__}")
    number = int(item)
    if not -length <= number < length:
        raise IndexError(f"document {number} of {length}")
    return number + length if number < 0 else number
