"""Operations on torch's tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from thalweg.docs.computation.backend import Backend
from thalweg.docs.typing.array import load_library


class TorchBackend(Backend):
    library = "torch"

    @cached_property
    def _torch(self) -> Any:
        return load_library("torch")

    def stack(self, tensors: Sequence[Any], dim: int = 0) -> Any:
        return self._torch.stack(list(tensors), dim)

    def copy(self, tensor: Any) -> Any:
        return tensor.clone()

    def empty(self, shape: Sequence[int], dtype: Any = None, device: Any = None) -> Any:
        dtype = getattr(self._torch, dtype) if isinstance(dtype, str) else dtype
        return self._torch.empty(tuple(shape), dtype=dtype, device=device)

    def none_value(self) -> Any:
        return self._torch.tensor(float("nan"))

    def from_numpy(self, array: np.ndarray[Any, Any], like: Any = None) -> Any:
        tensor = self._torch.from_numpy(np.ascontiguousarray(array))
        return tensor if like is None else tensor.to(like.device)

    def to_device(self, tensor: Any, device: Any) -> Any:
        return tensor.to(device)

    def reshape(self, tensor: Any, shape: Sequence[int]) -> Any:
        return tensor.reshape(tuple(shape))

    def detach(self, tensor: Any) -> Any:
        return tensor.detach()

    def take(self, tensor: Any, rows: np.ndarray[Any, Any]) -> Any:
        return tensor[self._torch.as_tensor(rows, device=tensor.device)]

    def device(self, tensor: Any) -> str:
        return str(tensor.device)

    def isnan(self, tensor: Any) -> Any:
        return self._torch.isnan(tensor)

    def products(self, x: Any, y: Any) -> Any:
        return x @ y.T

    def square_distances(self, x: Any, y: Any) -> Any:
        # Differences, not the expanded form: in float32 that would leave no digits of small distances of large numbers.
        return self._torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()

    def lengths(self, tensor: Any) -> Any:
        return self._torch.linalg.vector_norm(tensor, dim=1)

    def root(self, tensor: Any) -> Any:
        return tensor.sqrt()

    def top(self, values: Any, count: int) -> tuple[Any, Any]:
        # NaN counts as the greatest value there, but here it is never among the best.
        keys = self._floats(values)
        keys = self._torch.where(self._torch.isnan(keys), float("-inf"), keys)
        positions = self._torch.topk(keys, count, dim=1).indices
        return values.gather(1, positions), positions

    def _floats(self, tensor: Any) -> Any:
        torch = self._torch
        if tensor.dtype in (torch.float32, torch.float64):
            return tensor
        return tensor.to(torch.float64 if tensor.dtype in (torch.int32, torch.int64) else torch.float32)

    def _extent(self, tensor: Any) -> tuple[Any, Any]:
        return tensor.amin(-1, keepdim=True), tensor.amax(-1, keepdim=True)

    def _clip(self, tensor: Any, low: float, high: float) -> Any:
        return tensor.clamp(low, high)
