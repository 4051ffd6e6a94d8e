"""What can be done with tensors whichever library they come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from thalweg.docs.typing.array import library_of, to_numpy


class Backend(ABC):
    """Operations on the tensors of one library. Results are tensors of the same library unless said otherwise.

    `Metrics` compares vectors, `Retrieval` finds the best values. Operations on lists of tensors need at least one.
    """

    library: ClassVar[str]
    """The name that `TensorType.library` has for it."""

    @property
    def Metrics(self) -> Metrics:
        """How near vectors are to each other."""
        return Metrics(self)

    @property
    def Retrieval(self) -> Retrieval:
        """The best of many values."""
        return Retrieval(self)

    # --- made and changed

    @abstractmethod
    def stack(self, tensors: Sequence[Any], dim: int = 0) -> Any:
        """Tensors of one shape in one, along a new dimension."""

    @abstractmethod
    def copy(self, tensor: Any) -> Any:
        """A tensor with the same values and memory of its own."""

    @abstractmethod
    def empty(self, shape: Sequence[int], dtype: Any = None, device: Any = None) -> Any:
        """A tensor of this shape whose values are not set, of the library's default dtype if none is given."""

    @abstractmethod
    def none_value(self) -> Any:
        """What stands for "no value" where the library needs a value: None for NumPy, NaN for the others."""

    @abstractmethod
    def from_numpy(self, array: np.ndarray[Any, Any], like: Any = None) -> Any:
        """The array in this library, on the device of `like`; shares memory where the library can."""

    def to_numpy(self, tensor: Any) -> np.ndarray[Any, Any]:
        """The tensor as a NumPy array; shares memory where it can, without its gradient."""
        return to_numpy(tensor)

    @abstractmethod
    def to_device(self, tensor: Any, device: Any) -> Any:
        """The tensor on another device.

        Raises:
            NotImplementedError: NumPy's arrays are in main memory alone, and `device` is not "cpu".
        """

    def squeeze(self, tensor: Any) -> Any:
        """The tensor without dimensions of size one."""
        return self.reshape(tensor, [size for size in self.shape(tensor) if size != 1])

    @abstractmethod
    def reshape(self, tensor: Any, shape: Sequence[int]) -> Any:
        """The same values in another shape."""

    @abstractmethod
    def detach(self, tensor: Any) -> Any:
        """The tensor without its gradient, sharing memory."""

    @abstractmethod
    def take(self, tensor: Any, rows: np.ndarray[Any, Any]) -> Any:
        """Some rows of the tensor, in the shape of `rows` and then that of a row."""

    def minmax_normalize(
        self,
        tensor: Any,
        t_range: tuple[float, float] = (0.0, 1.0),
        x_range: tuple[float, float] | None = None,
        eps: float = 1e-7,
    ) -> Any:
        """The values, scaled linearly so that each row (the last dimension) fills `t_range`; the result are floats.

        Args:
            tensor: of at least one dimension.
            t_range: where the least and the greatest value go; the first may be the greater one.
            x_range: the least and the greatest value, if they are known; what lies outside is cut off.
            eps: added to the width of the values, so that a row of equal ones does not divide by zero.
        """
        values = self._floats(tensor)
        low, high = x_range if x_range is not None else self._extent(values)
        first, last = t_range
        scaled = (values - low) * ((last - first) / (high - low + eps)) + first
        return self._clip(scaled, min(t_range), max(t_range))

    # --- told about

    def shape(self, tensor: Any) -> tuple[int, ...]:
        return tuple(map(int, tensor.shape))

    def n_dim(self, tensor: Any) -> int:
        """The number of dimensions."""
        return len(tensor.shape)

    def dtype(self, tensor: Any) -> Any:
        """The library's own dtype."""
        return tensor.dtype

    @abstractmethod
    def device(self, tensor: Any) -> str | None:
        """Where the tensor is, such as "cpu" or "cuda:0"; None for NumPy."""

    @abstractmethod
    def isnan(self, tensor: Any) -> Any:
        """For each value whether it is NaN; integers never are."""

    def equal(self, tensor1: Any, tensor2: Any) -> bool:
        """Whether both are tensors of this library with the same shape and values. NaN differs from NaN."""
        if not (self.holds(tensor1) and self.holds(tensor2)) or self.shape(tensor1) != self.shape(tensor2):
            return False
        return bool(np.array_equal(self.to_numpy(tensor1), self.to_numpy(tensor2)))

    def holds(self, value: Any) -> bool:
        """Whether `value` is a tensor of this library."""
        return library_of(value) == self.library

    # --- compared

    @abstractmethod
    def products(self, x: Any, y: Any) -> Any:
        """The inner products of all rows of x (n_x, d) with all rows of y (n_y, d): (n_x, n_y), without gradient."""

    @abstractmethod
    def square_distances(self, x: Any, y: Any) -> Any:
        """The squares of the distances of all rows of x (n_x, d) to all rows of y (n_y, d): (n_x, n_y)."""

    @abstractmethod
    def lengths(self, tensor: Any) -> Any:
        """The Euclidean length of each row of (n, d): (n,)."""

    @abstractmethod
    def root(self, tensor: Any) -> Any:
        """The square root of each value."""

    @abstractmethod
    def top(self, values: Any, count: int) -> tuple[Any, Any]:
        """The greatest values of each row of (n, m) and their positions, greatest first: two tensors (n, count)."""

    @abstractmethod
    def _floats(self, tensor: Any) -> Any:
        """The tensor as it is if it holds floats of 32 bits or more; others as the smallest floats that hold them."""

    @abstractmethod
    def _extent(self, tensor: Any) -> tuple[Any, Any]:
        """The least and the greatest value of each row, each with a last dimension of one."""

    @abstractmethod
    def _clip(self, tensor: Any, low: float, high: float) -> Any: ...


class Metrics:
    """How near the vectors of two tensors are to each other.

    Each takes x (n_x, d) and y (n_y, d), or one vector (d,) in place of either, and gives (n_x, n_y) without the dimensions
    of size one, but always with one dimension. Integers are compared as floats, and never overflow.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def cosine_sim(self, x: Any, y: Any, eps: float = 1e-7, device: Any = None) -> Any:
        """The cosine of the angle, in [-1, 1]. A vector shorter than `eps` counts as that long: one of zeros gives 0."""
        backend = self._backend
        x, y = self._rows(x, device), self._rows(y, device)
        lengths_x = backend._clip(backend.lengths(x), eps, float("inf"))
        lengths_y = backend._clip(backend.lengths(y), eps, float("inf"))
        cosines = backend.products(x, y) / lengths_x[:, None] / lengths_y[None, :]
        return self._squeezed(backend._clip(cosines, -1.0, 1.0))

    def euclidean_dist(self, x: Any, y: Any, device: Any = None) -> Any:
        """The distance."""
        return self._backend.root(self.sqeuclidean_dist(x, y, device))

    def sqeuclidean_dist(self, x: Any, y: Any, device: Any = None) -> Any:
        """The square of the distance."""
        return self._squeezed(self._backend.square_distances(self._rows(x, device), self._rows(y, device)))

    def _rows(self, tensor: Any, device: Any) -> Any:
        backend = self._backend
        if device is not None:
            tensor = backend.to_device(tensor, device)
        tensor = backend._floats(tensor)
        return tensor if backend.n_dim(tensor) > 1 else backend.reshape(tensor, (1, -1))

    def _squeezed(self, tensor: Any) -> Any:
        sizes = [size for size in self._backend.shape(tensor) if size != 1]
        return self._backend.reshape(tensor, sizes or [1])


class Retrieval:
    """The best of many values."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def top_k(self, values: Any, k: int, descending: bool = False, device: Any = None) -> tuple[Any, Any]:
        """The `k` least values of each row, or the greatest ones where `descending`, and their positions, best first.

        Args:
            values: (n_queries, n), or (n,) for one query.
            k: how many; all of them where there are fewer.
            descending: whether the greatest values are the best.
            device: where to look for them.

        Returns:
            Two tensors (n_queries, k): values and positions.
        """
        backend = self._backend
        if device is not None:
            values = backend.to_device(values, device)
        if backend.n_dim(values) == 1:
            values = backend.reshape(values, (1, -1))
        count = min(k, backend.shape(values)[1])
        if descending:
            return backend.top(values, count)
        # Unsigned and boolean values have no negative, and the least integer has none in its own dtype.
        _, positions = backend.top(-backend._floats(values), count)
        return self._picked(values, positions), positions

    def _picked(self, values: Any, positions: Any) -> Any:
        backend = self._backend
        at = backend.to_numpy(positions)
        rows = np.arange(at.shape[0])[:, None] * backend.shape(values)[1]
        return backend.take(backend.reshape(values, (-1,)), rows + at)
