"""Operations on JAX's arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from thalweg.docs.computation.backend import Backend
from thalweg.docs.typing.array import load_library


class JaxBackend(Backend):
    """JAX knows 64 bits only where `jax_enable_x64` is set; without it, wider arrays become those of 32 bits."""

    library = "jax"

    @cached_property
    def _jax(self) -> Any:
        return load_library("jax")

    @cached_property
    def _square_distances(self) -> Any:
        jnp = self._jax.numpy
        # Compiled, the differences of all pairs are summed as they come and never held at once.
        return self._jax.jit(lambda x, y: jnp.sum((x[:, None, :] - y[None, :, :]) ** 2, -1))

    def stack(self, tensors: Sequence[Any], dim: int = 0) -> Any:
        return self._jax.numpy.stack(list(tensors), dim)

    def copy(self, tensor: Any) -> Any:
        return tensor.copy()

    def empty(self, shape: Sequence[int], dtype: Any = None, device: Any = None) -> Any:
        tensor = self._jax.numpy.empty(tuple(shape), dtype)
        return tensor if device is None else self.to_device(tensor, device)

    def none_value(self) -> Any:
        return self._jax.numpy.asarray(float("nan"))

    def from_numpy(self, array: np.ndarray[Any, Any], like: Any = None) -> Any:
        if array.dtype.itemsize == 8 and array.dtype.kind in "iuf" and not self._jax.config.jax_enable_x64:
            array = array.astype(f"{array.dtype.kind}4")
        tensor = self._jax.numpy.asarray(array)
        return tensor if like is None else self._jax.device_put(tensor, like.sharding)

    def to_device(self, tensor: Any, device: Any) -> Any:
        if isinstance(device, str):
            platform, _, number = device.partition(":")
            device = self._jax.devices(platform)[int(number or 0)]
        return self._jax.device_put(tensor, device)

    def reshape(self, tensor: Any, shape: Sequence[int]) -> Any:
        return tensor.reshape(tuple(shape))

    def detach(self, tensor: Any) -> Any:
        return self._jax.lax.stop_gradient(tensor)

    def take(self, tensor: Any, rows: np.ndarray[Any, Any]) -> Any:
        return tensor[rows]

    def device(self, tensor: Any) -> str:
        """The platform, such as "cpu" or "gpu"."""
        return str(next(iter(tensor.devices())).platform)

    def isnan(self, tensor: Any) -> Any:
        return self._jax.numpy.isnan(tensor)

    def products(self, x: Any, y: Any) -> Any:
        return self._jax.numpy.matmul(x, y.T, precision="highest")

    def square_distances(self, x: Any, y: Any) -> Any:
        return self._square_distances(x, y)

    def lengths(self, tensor: Any) -> Any:
        return self._jax.numpy.linalg.norm(tensor, axis=1)

    def root(self, tensor: Any) -> Any:
        return self._jax.numpy.sqrt(tensor)

    def top(self, values: Any, count: int) -> tuple[Any, Any]:
        # NaN would count as the greatest value; it is never among the best.
        jnp = self._jax.numpy
        keys = self._floats(values)
        _, positions = self._jax.lax.top_k(jnp.where(jnp.isnan(keys), -jnp.inf, keys), count)
        return jnp.take_along_axis(values, positions, 1), positions

    def _floats(self, tensor: Any) -> Any:
        jnp = self._jax.numpy
        if tensor.dtype in (jnp.float32, jnp.float64):
            return tensor
        wide = tensor.dtype.kind in "iu" and tensor.dtype.itemsize > 2 and self._jax.config.jax_enable_x64
        return tensor.astype(jnp.float64 if wide else jnp.float32)

    def _extent(self, tensor: Any) -> tuple[Any, Any]:
        return tensor.min(-1, keepdims=True), tensor.max(-1, keepdims=True)

    def _clip(self, tensor: Any, low: float, high: float) -> Any:
        return self._jax.numpy.clip(tensor, low, high)
