"""Tensors from one library to another, without a copy where both can look at the same memory.

Two libraries share what lies in main memory by DLPack. TensorFlow and JAX take over only memory that begins at a multiple
of 64 bytes; anything else is copied, and so is what may not be written to.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from pydantic_core import PydanticCustomError

from thalweg.docs.typing.array import is_torch, library_of, load_library
from thalweg.docs.typing.coercion import BFLOAT16, to_array

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

_ALIGNMENT = 64


def to_library(value: Any, library: str) -> Any:
    """`value` as a tensor of a library, "numpy", "torch", "tensorflow" or "jax"; "any" keeps every tensor as it is.

    Lists of floats become what the library itself makes of them: float32 in torch, TensorFlow and JAX.

    Raises:
        ValueError: it is no tensor, or the library has none of its dtype.
        MissingDependency: the library is not installed.
    """
    if library == "numpy":
        return to_array(value)
    held = library_of(value)
    if held == library or (library == "any" and held not in (None, "numpy")):
        return value
    if library == "any":
        return to_array(value)
    module = load_library(library)
    if library == "torch" and type(value) in (int, float, bool, complex):
        return module.tensor(value)
    array = to_array(value)
    if isinstance(value, (list, tuple, str)) and array.dtype == np.float64:
        array = array.astype(_float(library, module))
    source = value if held not in (None, "numpy") else array
    try:
        return _CONVERSIONS[library](module, source, _native(array))
    except (TypeError, ValueError) as error:
        raise PydanticCustomError(
            "tensor_library", "{library} has no tensors of {dtype}", {"library": library, "dtype": str(array.dtype)}
        ) from error


def from_bfloat16(halves: Array, library: str, keep: bool) -> Any:
    """Numbers of 16 bits that are bfloat16, as a tensor of a library or as NumPy's.

    NumPy's are bfloat16 where `keep` says so and the package that adds it, `ml_dtypes`, is installed; else float32.
    """
    if library == "torch":
        torch = load_library("torch")
        return torch.from_numpy(halves.view(np.int16).copy()).view(torch.bfloat16)
    if keep or library in ("tensorflow", "jax"):
        try:
            return halves.view(import_module("ml_dtypes").bfloat16)
        except ImportError:
            pass
    widened: Array = halves.view(np.uint16).astype(np.uint32) << 16
    return widened.view(np.float32)


def _float(library: str, module: Any) -> np.dtype[Any]:
    """The type of floats that the library prefers."""
    if library == "torch":
        return np.dtype(str(module.get_default_dtype()).removeprefix("torch."))
    return np.dtype(np.float32)


def _native(array: Array) -> Array:
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _to_torch(torch: Any, source: Any, array: Array) -> Any:
    if not isinstance(source, np.ndarray):
        try:
            return torch.from_dlpack(source)
        except (BufferError, TypeError, ValueError, RuntimeError):
            pass  # a type or a device that the other library does not hand over
    # torch writes through to the array that it wraps, and knows no steps backwards.
    if not array.flags.writeable or any(step < 0 for step in array.strides):
        array = array.copy()
    if array.dtype.name == BFLOAT16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _to_tensorflow(tensorflow: Any, source: Any, array: Array) -> Any:
    if _shareable(array):
        try:
            return tensorflow.experimental.dlpack.from_dlpack(_detached(source).__dlpack__())
        except Exception:  # each of TensorFlow's own errors says the same: it has to be copied
            pass
    return tensorflow.convert_to_tensor(array)


def _to_jax(jax: Any, source: Any, array: Array) -> Any:
    if _shareable(array):
        try:
            return import_module("jax.dlpack").from_dlpack(_detached(source))
        except (BufferError, TypeError, ValueError, RuntimeError):
            pass
    return import_module("jax.numpy").asarray(array)


_CONVERSIONS: dict[str, Callable[[Any, Any, Array], Any]] = {
    "torch": _to_torch,
    "tensorflow": _to_tensorflow,
    "jax": _to_jax,
}


def _shareable(array: Array) -> bool:
    """Whether memory is laid out as TensorFlow and JAX want it. TensorFlow would end the process over any other."""
    aligned = array.__array_interface__["data"][0] % _ALIGNMENT == 0
    return bool(array.size) and aligned and array.flags.c_contiguous and array.dtype.kind in "iufc"


def _detached(source: Any) -> Any:
    return source.detach() if is_torch(source) else source
