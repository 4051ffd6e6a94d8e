"""Operations on NumPy's arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from thalweg.docs.computation.backend import Backend

Array: TypeAlias = np.ndarray[Any, Any]

_AT_ONCE = 1 << 22
"""Values of a float64 copy that are held at once, so that the copy of a large array never exists as a whole."""


class NumPyBackend(Backend):
    library = "numpy"

    def stack(self, tensors: Sequence[Array], dim: int = 0) -> Array:
        return np.stack(tensors, dim)

    def copy(self, tensor: Array) -> Array:
        return tensor.copy()

    def empty(self, shape: Sequence[int], dtype: Any = None, device: Any = None) -> Array:
        _check_device(device)
        return np.empty(tuple(shape), dtype)

    def none_value(self) -> None:
        return None

    def from_numpy(self, array: Array, like: Any = None) -> Array:
        return array

    def to_device(self, tensor: Array, device: Any) -> Array:
        _check_device(device)
        return tensor

    def reshape(self, tensor: Array, shape: Sequence[int]) -> Array:
        return tensor.reshape(tuple(shape))

    def detach(self, tensor: Array) -> Array:
        return tensor

    def take(self, tensor: Array, rows: Array) -> Array:
        return tensor[rows]

    def device(self, tensor: Array) -> None:
        return None

    def isnan(self, tensor: Array) -> Array:
        result: Array = np.isnan(tensor)
        return result

    def products(self, x: Array, y: Array) -> Array:
        result: Array = x @ y.T
        return result

    def square_distances(self, x: Array, y: Array) -> Array:
        """As |x|^2 + |y|^2 - 2xy in float64: in float32 the difference of large numbers would have no digits left."""
        dtype = np.result_type(x, y)
        result = np.empty((len(x), len(y)), dtype)
        wide = x.astype(np.float64, copy=False)
        squares = np.einsum("ij,ij->i", wide, wide)
        step = max(1, _AT_ONCE // max(1, y.shape[1]))
        for start in range(0, len(y), step):
            part = y[start : start + step].astype(np.float64, copy=False)
            sums = squares[:, None] + np.einsum("ij,ij->i", part, part)
            result[:, start : start + step] = np.maximum(sums - 2 * (wide @ part.T), 0)
        return result

    def lengths(self, tensor: Array) -> Array:
        result: Array = np.sqrt(np.einsum("ij,ij->i", tensor, tensor))
        return result

    def root(self, tensor: Array) -> Array:
        result: Array = np.sqrt(tensor)
        return result

    def top(self, values: Array, count: int) -> tuple[Array, Array]:
        keys = -self._floats(values)
        if 0 < count < keys.shape[1]:
            positions = np.sort(np.argpartition(keys, count - 1, axis=1)[:, :count], axis=1)
        else:
            positions = np.broadcast_to(np.arange(keys.shape[1]), keys.shape)[:, :count]
        order = np.argsort(np.take_along_axis(keys, positions, 1), axis=1, kind="stable")
        positions = np.take_along_axis(positions, order, 1)
        return np.take_along_axis(values, positions, 1), positions

    def _floats(self, tensor: Array) -> Array:
        # As a plain array: pictures and the like need more time for each operation.
        return np.asarray(tensor).astype(np.result_type(tensor.dtype, np.float32), copy=False)

    def _extent(self, tensor: Array) -> tuple[Array, Array]:
        return tensor.min(axis=-1, keepdims=True), tensor.max(axis=-1, keepdims=True)

    def _clip(self, tensor: Array, low: float, high: float) -> Array:
        return np.clip(tensor, low, high)


def _check_device(device: Any) -> None:
    if device is not None and str(device) != "cpu":
        raise NotImplementedError(f"NumPy's arrays are in main memory, they cannot be on {device!r}")
