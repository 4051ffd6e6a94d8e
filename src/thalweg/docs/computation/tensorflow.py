"""Operations on TensorFlow's tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from thalweg.docs.computation.backend import Backend
from thalweg.docs.typing.array import load_library


class TensorFlowBackend(Backend):
    library = "tensorflow"

    @cached_property
    def _tf(self) -> Any:
        return load_library("tensorflow")

    def stack(self, tensors: Sequence[Any], dim: int = 0) -> Any:
        return self._tf.stack(list(tensors), dim)

    def copy(self, tensor: Any) -> Any:
        return self._tf.constant(tensor.numpy())

    def empty(self, shape: Sequence[int], dtype: Any = None, device: Any = None) -> Any:
        with self._tf.device(device):
            return self._tf.zeros(tuple(shape), dtype or self._tf.float32)

    def none_value(self) -> Any:
        return self._tf.constant(float("nan"))

    def from_numpy(self, array: np.ndarray[Any, Any], like: Any = None) -> Any:
        with self._tf.device(None if like is None else like.device):
            return self._tf.convert_to_tensor(array)

    def to_device(self, tensor: Any, device: Any) -> Any:
        with self._tf.device(device):
            return self._tf.identity(tensor)

    def reshape(self, tensor: Any, shape: Sequence[int]) -> Any:
        return self._tf.reshape(tensor, tuple(shape))

    def detach(self, tensor: Any) -> Any:
        return self._tf.stop_gradient(tensor)

    def take(self, tensor: Any, rows: np.ndarray[Any, Any]) -> Any:
        return self._tf.gather(tensor, rows)

    def device(self, tensor: Any) -> str:
        return str(tensor.device)

    def isnan(self, tensor: Any) -> Any:
        if not tensor.dtype.is_floating:
            return self._tf.zeros_like(tensor, dtype=bool)
        return self._tf.math.is_nan(tensor)

    def products(self, x: Any, y: Any) -> Any:
        return self._tf.matmul(x, y, transpose_b=True)

    def square_distances(self, x: Any, y: Any) -> Any:
        """As |x|^2 + |y|^2 - 2xy in float64: in float32 the difference of large numbers would have no digits left."""
        tf = self._tf
        wide_x, wide_y = tf.cast(x, tf.float64), tf.cast(y, tf.float64)
        squares_x, squares_y = tf.reduce_sum(wide_x * wide_x, 1), tf.reduce_sum(wide_y * wide_y, 1)
        squares = squares_x[:, None] + squares_y[None, :] - 2 * self.products(wide_x, wide_y)
        return tf.cast(tf.maximum(squares, 0), x.dtype)

    def lengths(self, tensor: Any) -> Any:
        return self._tf.norm(tensor, axis=1)

    def root(self, tensor: Any) -> Any:
        return self._tf.sqrt(tensor)

    def top(self, values: Any, count: int) -> tuple[Any, Any]:
        # NaN would spoil the order; it is never among the best.
        keys = self._floats(values)
        keys = self._tf.where(self._tf.math.is_nan(keys), self._tf.constant(float("-inf"), keys.dtype), keys)
        positions = self._tf.math.top_k(keys, count).indices
        return self._tf.gather(values, positions, batch_dims=1), positions

    def _floats(self, tensor: Any) -> Any:
        tf = self._tf
        tensor = tf.convert_to_tensor(tensor)
        if tensor.dtype in (tf.float32, tf.float64):
            return tensor
        wide = tensor.dtype in (tf.int32, tf.int64, tf.uint32, tf.uint64)
        return tf.cast(tensor, tf.float64 if wide else tf.float32)

    def _extent(self, tensor: Any) -> tuple[Any, Any]:
        tf = self._tf
        return tf.reduce_min(tensor, -1, keepdims=True), tf.reduce_max(tensor, -1, keepdims=True)

    def _clip(self, tensor: Any, low: float, high: float) -> Any:
        return self._tf.clip_by_value(tensor, low, high)
