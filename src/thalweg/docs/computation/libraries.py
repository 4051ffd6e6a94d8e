"""The operations for the tensors of each library."""

from __future__ import annotations

from typing import Any

from thalweg.docs.computation.backend import Backend
from thalweg.docs.computation.jax import JaxBackend
from thalweg.docs.computation.numpy import NumPyBackend
from thalweg.docs.computation.tensorflow import TensorFlowBackend
from thalweg.docs.computation.torch import TorchBackend
from thalweg.docs.typing.array import library_of

_BACKENDS: dict[str, Backend] = {
    backend.library: backend for backend in (NumPyBackend(), TorchBackend(), TensorFlowBackend(), JaxBackend())
}


def backend_of(tensor: Any) -> Backend:
    """The operations for this tensor.

    Raises:
        TypeError: it is no tensor of a library that is known here.
    """
    library = library_of(tensor)
    if library is None:
        raise TypeError(f"{type(tensor).__name__} is no tensor of {', '.join(_BACKENDS)}")
    return _BACKENDS[library]


def backend_of_library(library: str) -> Backend:
    """The operations for tensors of "numpy", "torch", "tensorflow" or "jax"; the library is loaded when it is used.

    Raises:
        ValueError: another library. The tensors of an `AnyTensor` field come from any: `backend_of(tensor)` tells.
    """
    if library not in _BACKENDS:
        raise ValueError(f"there are no operations for {library!r}; there are those of {', '.join(_BACKENDS)}")
    return _BACKENDS[library]
