"""The vectors of an array of documents, stacked once and searched many times."""

from __future__ import annotations

import warnings
from collections.abc import MutableMapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from thalweg.docs.column_store import Columns
from thalweg.docs.computation import backend_of
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.query.condition import Path
from thalweg.docs.query.language import path_of
from thalweg.docs.query.matching import MISSING, value_at
from thalweg.docs.query.vectors import Array, Vectors
from thalweg.docs.typing.array import end_to_end, is_tensor, library_of, stackable, to_numpy

_MARKS = 16
"""Documents that are looked at to see whether a cache still fits."""


class StackedVectors:
    """The vectors of one field of an array of documents, and what tells whether they are still those."""

    def __init__(self, index: Any, name: str, device: Any) -> None:
        column = _column(index, name)
        self.device = device
        self.length = len(index)
        self.library = "numpy"
        self.vectors: Vectors | None = None
        self._rows: Array | None = None
        self._marks = _marks(index, name)
        if is_tensor(column):
            self._hold(column, name)
        else:
            self._hold_all(column, name)

    def _hold_all(self, values: list[Any], name: str) -> None:
        if type(None) in set(map(type, values)):
            rows = [number for number, value in enumerate(values) if value is not None]
            self._rows = np.array(rows, np.intp)
            values = [values[row] for row in rows]
        if values:
            self._hold(_stacked(values, name), name)

    def _hold(self, tensor: Any, name: str) -> None:
        backend = backend_of(tensor)
        self.library = backend.library
        if self.device is not None:
            tensor = _moved(tensor, self.device)
        try:
            self.vectors = Vectors(tensor) if len(tensor) else None
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def numbers(self, rows: Array) -> Array:
        """The documents that these rows of the vectors belong to."""
        return rows if self._rows is None else self._rows[rows]

    def fits(self, index: Any, name: str, device: Any) -> bool:
        if self.length != len(index) or self.device != device:
            return False
        return all(one is other for one, other in zip(self._marks, _marks(index, name), strict=True))


def stack_of(index: Any, name: str, device: Any, cache: MutableMapping[str, Any] | None) -> StackedVectors:
    if cache is None:
        return StackedVectors(index, name, device)
    held = cache.get(name)
    if not isinstance(held, StackedVectors) or not held.fits(index, name, device):
        cache[name] = held = StackedVectors(index, name, device)
    return held


def _marks(index: Any, name: str) -> list[Any]:
    """What the vectors depend on: the column of a DocVec; of a DocList some documents and their tensors."""
    if isinstance(index, DocVec):
        return [_held(index._columns, path_of(name))]
    read = value_at(path_of(name))
    count = len(index)
    chosen = dict.fromkeys(mark * (count - 1) // (_MARKS - 1) for mark in range(_MARKS)) if count else ()
    return [mark for doc in map(index.__getitem__, chosen) for mark in (doc, read(doc))]


def _column(index: Any, name: str) -> Any:
    """The stacked tensor of a DocVec, or one value for each document, None where there is none."""
    if isinstance(index, DocVec):
        held = _held(index._columns, path_of(name))
        if is_tensor(held):
            return held
    path = path_of(name)
    first = path.parts[0]
    if first not in index.doc_type.model_fields:
        values = list(map(value_at(path), index))
    else:
        values = list(map(attrgetter(first), index))
        if len(path.parts) > 1:
            values = list(map(value_at(Path(path.parts[1:])), values))
    return [None if value is MISSING else value for value in values]


def _held(columns: Columns, path: Path) -> Any:
    held: Any = columns
    for part in path.parts:
        if not isinstance(held, Columns):
            return None
        held = held.data.get(part)
    return held


def _stacked(values: Sequence[Any], name: str) -> Any:
    kinds = {type(value): value for value in values}
    strange = next((value for value in kinds.values() if not is_tensor(value)), None)
    if strange is not None:
        raise ValueError(
            f"{name} holds {type(strange).__name__}, which cannot be compared by nearness; it must be a tensor"
        )
    if not stackable(values):
        seen = sorted({f"{library_of(value)} {tuple(value.shape)} {value.dtype}" for value in values})[:4]
        raise ValueError(f"{name}: vectors of one size and dtype can be compared, but there are {', '.join(seen)}")
    backend = backend_of(values[0])
    if backend.library == "torch":
        return backend.stack(values)
    # JAX and TensorFlow take a hundred times as long for many small tensors.
    arrays = list(map(to_numpy, values))
    return backend.from_numpy(end_to_end(arrays).reshape(len(arrays), *arrays[0].shape), values[0])


def _moved(tensor: Any, device: Any) -> Any:
    backend = backend_of(tensor)
    if backend.library != "numpy":
        return backend.to_device(tensor, device)
    if str(device) != "cpu":
        warnings.warn(f"NumPy's arrays are compared in main memory, not on {device!r}", stacklevel=6)
    return tensor
