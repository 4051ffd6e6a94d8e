"""Tensor fields: `NdArray`, `TorchTensor` and `AnyTensor`, with or without a shape.

Values are plain `numpy.ndarray` and `torch.Tensor` objects: nothing is wrapped, and an array that is given is kept as it
is, without a copy and with its dtype. Booleans, integers, floats and complex numbers may be held.

In JSON a tensor is nested arrays of numbers. NaN is null, infinity is "Infinity" or "-Infinity". The dtype is lost but
for its kind: integers come back as int64, floats as float64, booleans as bool. Of an empty tensor the sizes come back
that its field's shape fixes. Complex numbers have no JSON form.
"""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from thalweg.docs.typing.array import is_tensor, is_torch, load_torch, to_numpy
from thalweg.docs.typing.shape import Dimension, Shape

_TYPES = frozenset("?bBhHiIlLqQefdFD")
"""`numpy.dtype.char` of what a tensor may hold: what has the same size on every machine."""

_UNKNOWN = object()
"""Sizes that no tensor has: those of a shape with names or an ellipsis."""

_NUMBER: dict[str, Any] = {"anyOf": [{"type": ["number", "boolean", "null"]}, {"enum": ["Infinity", "-Infinity"]}]}


class TensorType:
    """What `NdArray`, `TorchTensor` and `AnyTensor` are: an annotation that knows a library and, perhaps, a shape.

    Subscribe it to fix the shape, as in `NdArray[384]`, `NdArray["n", 3]` or `NdArray[..., 3]`. Equal annotations are one
    object. `isinstance(array, NdArray[384])` looks at the shape; `NdArray | None` and `Optional[NdArray]` work.
    """

    __slots__ = ("_sizes", "library", "shape")

    def __init__(self, library: str, shape: Shape | None = None) -> None:
        self.library = library
        self.shape = shape
        self._sizes = None if shape is None else shape.exact or _UNKNOWN

    def __getitem__(self, dimensions: Dimension | tuple[Dimension, ...]) -> TensorType:
        if self.shape is not None:
            raise TypeError(f"{self!r} has a shape already")
        return tensor_type(self.library, Shape(dimensions if isinstance(dimensions, tuple) else (dimensions,)))

    def __instancecheck__(self, value: Any) -> bool:
        if not _LIBRARIES[self.library].holds(value):
            return False
        return self.shape is None or self.shape.accepts(tuple(value.shape))

    def __subclasscheck__(self, other: Any) -> bool:
        if isinstance(other, TensorType):
            return self.library in (other.library, "any") and self.shape in (None, other.shape)
        return (
            isinstance(other, type) and self.shape is None and self.library == "numpy" and issubclass(other, np.ndarray)
        )

    def __or__(self, other: Any) -> Any:
        return Union[self, other]  # noqa: UP007  # this is what makes `|` work

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007

    def __repr__(self) -> str:
        name = _LIBRARIES[self.library].name
        if self.shape is None:
            return name
        return f"{name}[{', '.join('...' if d is ... else repr(d) for d in self.shape.dimensions)}]"

    @property
    def __name__(self) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorType) and (self.library, self.shape) == (other.library, other.shape)

    def __hash__(self) -> int:
        return hash((self.library, self.shape))

    def __reduce__(self) -> tuple[Callable[[str, Shape | None], TensorType], tuple[str, Shape | None]]:
        return tensor_type, (self.library, self.shape)

    def __call__(self, value: Any) -> Any:
        """`value` as this kind of tensor, its shape checked.

        Raises:
            ValueError: it is no tensor, or has another shape.
        """
        tensor = _LIBRARIES[self.library].convert(value)
        shape = self.shape
        if shape is not None and tensor.shape != shape.exact:
            if isinstance(value, (list, tuple)) and 0 in tensor.shape:
                tensor = tensor.reshape(shape.completed(tuple(tensor.shape)))
            self.check_shape(tuple(tensor.shape))
        return tensor

    def keeps(self, value: Any) -> bool:
        """Whether a call would give back `value` as it is; asked of arrays, and cheaper than the call."""
        return (
            (self._sizes is None or value.shape == self._sizes)
            and value.dtype.char in _TYPES
            and self.library != "torch"
        )

    def library_tensor(self, tensor: Any) -> Any:
        """`tensor` in this library, whatever its shape."""
        return _LIBRARIES[self.library].convert(tensor)

    def check_shape(self, sizes: tuple[int, ...]) -> None:
        """Raise ValueError unless a tensor of these sizes fits."""
        if self.shape is not None and not self.shape.accepts(sizes):
            raise PydanticCustomError(
                "tensor_shape",
                "Expected a tensor of shape {expected}, got one of shape {given}",
                {"expected": str(self.shape), "given": str(sizes)},
            )

    def _from_json(self, value: Any) -> Any:
        # A bare number is a tensor without dimensions in JSON; in Python it is more likely a mistake.
        return self(np.asarray(value) if type(value) in (int, float) else value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_plain_validator_function(self._from_json),
            python_schema=core_schema.no_info_plain_validator_function(self),
            serialization=core_schema.plain_serializer_function_ser_schema(
                to_nested_lists, when_used="json-unless-none"
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if self.shape is None:
            return {"type": "array", "items": {}, "description": "A tensor: nested arrays of numbers, without gaps."}
        described = self.shape.json_schema(_NUMBER)
        return {**described, "description": f"A tensor of shape {self.shape}."}


@lru_cache(maxsize=None, typed=True)
def tensor_type(library: str, shape: Shape | None = None) -> TensorType:
    """The one annotation for this library ("numpy", "torch" or "any") and shape."""
    return TensorType(library, shape)


class _NumPy:
    name = "NdArray"

    @staticmethod
    def holds(value: Any) -> bool:
        return isinstance(value, np.ndarray)

    @staticmethod
    def convert(value: Any) -> np.ndarray[Any, Any]:
        if type(value) is np.ndarray:
            array = value
        elif isinstance(value, (list, tuple)):
            array = _from_lists(value)
        else:
            array = _from_other(value)
        if array.dtype.char not in _TYPES:
            raise PydanticCustomError(
                "tensor_dtype",
                "A tensor holds booleans, integers, floats or complex numbers, not {dtype}",
                {"dtype": str(array.dtype)},
            )
        return array


class _Torch:
    name = "TorchTensor"

    @staticmethod
    def holds(value: Any) -> bool:
        return is_torch(value)

    @staticmethod
    def convert(value: Any) -> Any:
        if is_torch(value):
            return value
        array = _NumPy.convert(value)
        torch = load_torch()
        # torch writes through to the array it wraps and knows native byte order only.
        if not array.flags.writeable or not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        return torch.from_numpy(array)


class _Any:
    name = "AnyTensor"

    @staticmethod
    def holds(value: Any) -> bool:
        return is_tensor(value)

    @staticmethod
    def convert(value: Any) -> Any:
        return value if is_torch(value) else _NumPy.convert(value)


_LIBRARIES: dict[str, type[_NumPy] | type[_Torch] | type[_Any]] = {"numpy": _NumPy, "torch": _Torch, "any": _Any}


def _from_lists(value: list[Any] | tuple[Any, ...]) -> np.ndarray[Any, Any]:
    try:
        array: np.ndarray[Any, Any] = np.array(value)
    except (ValueError, TypeError, OverflowError, RuntimeError):
        array = _from_marked(value)
    return array if array.dtype.char in _TYPES else _from_marked(value)


def _from_marked(value: Any) -> np.ndarray[Any, Any]:
    """Nested lists in which null and "Infinity" stand for floats, or in which integers exceed 64 bits."""
    try:
        return np.array(_marked_numbers(value))
    except (ValueError, TypeError, OverflowError, RuntimeError, RecursionError) as error:
        raise PydanticCustomError(
            "tensor_lists",
            "Not a tensor: expected nested lists of numbers, all of the same length at each depth",
        ) from error


_MARKS = {None: math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _marked_numbers(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_marked_numbers(item) for item in value]
    if value is None or isinstance(value, str):
        if value not in _MARKS:
            raise ValueError(f"{value!r} is no number")
        return _MARKS[value]
    return float(value)


def _from_other(value: Any) -> np.ndarray[Any, Any]:
    if is_torch(value):
        return to_numpy(value)
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, (bytes, bytearray)):
        return np.frombuffer(value, np.uint8)
    if not isinstance(value, np.generic):
        with suppress(TypeError):
            return np.asarray(value if hasattr(value, "__array__") else memoryview(value))
    raise PydanticCustomError(
        "tensor_type", "Expected a tensor or nested lists of numbers, got {given}", {"given": type(value).__name__}
    )


def _from_text(text: str) -> np.ndarray[Any, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise PydanticCustomError("tensor_text", "Expected a tensor; text is read only where it is a JSON array")
    return _from_lists(value)


def to_nested_lists(tensor: Any) -> Any:
    """`tensor` as JSON writes it.

    Raises:
        ValueError: it holds complex numbers.
    """
    array = to_numpy(tensor)
    if array.dtype.kind == "f":
        return array.tolist() if np.isfinite(array).all() else _mark(array.tolist())
    if array.dtype.kind == "c":
        raise ValueError("a tensor of complex numbers has no JSON form; send real and imaginary parts, or use columns")
    return array.tolist()


def _mark(value: Any) -> Any:
    if isinstance(value, list):
        return [_mark(item) for item in value]
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def to_plain(value: Any) -> Any:
    """`value` as JSON of a document would have it, whatever the options of the model around it.

    Tensors, however deep in lists and dicts, become nested lists; bytes become base64, numbers that are not finite text.
    """
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, bytes):
        return urlsafe_b64encode(value).decode()
    if type(value) is float and not math.isfinite(value):
        return "NaN" if math.isnan(value) else _mark(value)
    return to_nested_lists(value) if is_tensor(value) else value


if TYPE_CHECKING:
    NdArray: TypeAlias = np.ndarray[Any, np.dtype[Any]]
    TorchTensor: TypeAlias = Any
    AnyTensor: TypeAlias = Any
else:
    NdArray = tensor_type("numpy")
    TorchTensor = tensor_type("torch")
    AnyTensor = tensor_type("any")
