"""What a tensor is at run time, whichever library it comes from. No library is imported to find out."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def is_torch(value: Any) -> bool:
    """True for a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_tensor(value: Any) -> bool:
    """True for a NumPy array or a torch tensor."""
    return isinstance(value, np.ndarray) or is_torch(value)


def to_numpy(tensor: Any) -> np.ndarray[Any, Any]:
    """`tensor` as a NumPy array. Shares memory where it can: not for a GPU's tensors, nor for bfloat16."""
    if isinstance(tensor, np.ndarray):
        return tensor
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    if str(tensor.dtype) == "torch.bfloat16":  # NumPy has no such type; float32 holds all its values
        tensor = tensor.float()
    array: np.ndarray[Any, Any] = tensor.numpy()
    return array
