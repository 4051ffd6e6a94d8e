"""What a tensor is at run time, whichever library it comes from. No library is imported to find out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from operator import attrgetter
from typing import Any

import numpy as np

from thalweg.errors import MissingDependency

_SHAPE, _DTYPE = attrgetter("shape"), attrgetter("dtype")


def is_torch(value: Any) -> bool:
    """True for a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def load_torch() -> Any:
    """The module `torch`.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        return import_module("torch")
    except ImportError as error:
        raise MissingDependency("A TorchTensor field needs PyTorch: pip install torch") from error


def is_tensor(value: Any) -> bool:
    """True for a NumPy array or a torch tensor."""
    return isinstance(value, np.ndarray) or is_torch(value)


def stackable(tensors: Sequence[Any]) -> bool:
    """Whether all of them have one shape and one dtype."""
    shapes, dtypes = list(map(_SHAPE, tensors)), list(map(_DTYPE, tensors))
    return shapes.count(shapes[0]) == len(shapes) and dtypes.count(dtypes[0]) == len(dtypes)


def end_to_end(arrays: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Stackable arrays in one: the same bytes as stacked, and much cheaper. Byte order is kept."""
    first = arrays[0]
    if len(arrays) == 1:
        return first
    return np.concatenate(arrays, dtype=first.dtype) if first.ndim else np.array(arrays, first.dtype)


def to_numpy(tensor: Any) -> np.ndarray[Any, Any]:
    """`tensor` as a NumPy array. Shares memory where it can: not for a GPU's tensors, nor for bfloat16."""
    if isinstance(tensor, np.ndarray):
        return tensor
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    if str(tensor.dtype) == "torch.bfloat16":  # NumPy has no such type; float32 holds all its values
        tensor = tensor.float()
    array: np.ndarray[Any, Any] = tensor.numpy()
    return array
