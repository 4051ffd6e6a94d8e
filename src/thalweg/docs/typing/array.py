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
_TENSORS = (("torch", "Tensor"), ("tensorflow", "Tensor"), ("jax", "Array"))
_TITLES = {"torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX"}
# Most values are none of these, and JAX takes its time to say so.
_PLAIN = frozenset({str, int, float, bool, bytes, list, tuple, dict, set, type(None), complex})


def library_of(value: Any) -> str | None:
    """The library of a tensor, "numpy", "torch", "tensorflow" or "jax"; None for anything else."""
    if isinstance(value, np.ndarray):
        return "numpy"
    if type(value) in _PLAIN:
        return None
    for name, kind in _loaded():
        if isinstance(value, kind):
            return name
    return None


def is_tensor_class(kind: type) -> bool:
    """Whether instances of a class are tensors."""
    return issubclass(kind, (np.ndarray, *(found for _, found in _loaded())))


def tensor_class(library: str) -> Any:
    """The class of a library's tensors; None where the library is not loaded."""
    return np.ndarray if library == "numpy" else dict(_loaded()).get(library)


def _loaded() -> list[tuple[str, Any]]:
    found = []
    for name, attribute in _TENSORS:
        module = sys.modules.get(name)
        # While a library is being imported it has no such class yet, and there are no tensors of it.
        kind = None if module is None else getattr(module, attribute, None)
        if kind is not None:
            found.append((name, kind))
    return found


def is_torch(value: Any) -> bool:
    """True for a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_tensor(value: Any) -> bool:
    """True for a tensor of any of the libraries."""
    return library_of(value) is not None


def load_library(library: str) -> Any:
    """The module "torch", "tensorflow" or "jax".

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        return import_module(library)
    except ImportError as error:
        raise MissingDependency(
            f"Tensors of {_TITLES[library]} need {_TITLES[library]}: pip install 'thalweg[{library}]'"
        ) from error


def stackable(tensors: Sequence[Any]) -> bool:
    """Whether all of them are of one library and have one shape and one dtype."""
    if len(set(map(type, tensors))) > 1 and len(set(map(library_of, tensors))) > 1:
        return False
    # Sets, because keeping a tuple for each tensor would set off the garbage collector.
    return len(set(map(_SHAPE, tensors))) == 1 and len(set(map(_DTYPE, tensors))) == 1


def end_to_end(arrays: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Stackable arrays in one: the same bytes as stacked, and much cheaper. Byte order is kept."""
    first = arrays[0]
    if len(arrays) == 1:
        return first
    return np.concatenate(arrays, dtype=first.dtype) if first.ndim else np.array(arrays, first.dtype)


def stack(tensors: Sequence[Any]) -> Any:
    """Stackable tensors as one of the same library, copied; the first dimension numbers them."""
    library = library_of(tensors[0])
    if library == "numpy":
        return end_to_end(tensors).reshape(len(tensors), *tensors[0].shape).copy()
    if library == "jax":
        return load_library("jax").numpy.stack(tensors)
    return load_library(str(library)).stack(list(tensors))


def select_rows(tensor: Any, rows: slice | list[int]) -> Any:
    """Some rows of a tensor. A slice shares the memory where the library can; a list of row numbers copies."""
    if isinstance(rows, slice):
        return tensor[rows]
    library = library_of(tensor)
    if library == "tensorflow":
        return load_library("tensorflow").gather(tensor, np.array(rows, np.int64))
    return tensor[np.array(rows, np.int64)] if library == "jax" else tensor[rows]


def with_row(tensor: Any, row: int, value: Any) -> Any:
    """`tensor` with another row: the same object, written to, where the library lets one write; otherwise a new one."""
    library = library_of(tensor)
    if library == "jax":
        return tensor.at[row].set(value)
    if library == "tensorflow":
        tensorflow = load_library("tensorflow")
        given = tensorflow.cast(tensorflow.convert_to_tensor(value), tensor.dtype)
        return tensorflow.tensor_scatter_nd_update(tensor, [[row]], given[None])
    tensor[row] = value
    return tensor


def to_numpy(tensor: Any) -> np.ndarray[Any, Any]:
    """`tensor` as a NumPy array.

    Shares memory where it can: not for a GPU's tensors, nor for those of torch that NumPy has no type for, such as
    bfloat16, which become float32. What JAX and TensorFlow share cannot be written to.
    """
    if isinstance(tensor, np.ndarray):
        return tensor
    if not is_torch(tensor):
        array = np.asarray(tensor)
        return array.astype(np.bytes_) if array.dtype.kind == "O" else array  # text of TensorFlow
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    try:
        shared: np.ndarray[Any, Any] = tensor.numpy()
    except TypeError:  # float32 holds all values of the types that NumPy does not know
        shared = tensor.float().numpy()
    return shared
