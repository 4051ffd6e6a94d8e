"""Tensor fields: an annotation for each library and for what tensors stand for, with or without a shape.

`NdArray`, `TorchTensor`, `TensorFlowTensor` and `JaxArray` are tensors of one library, `AnyTensor` of whichever a value is
of. Each of the five comes as an embedding, a picture, sound and a film too: `NdArrayEmbedding`, `ImageTorchTensor`,
`AudioTensor` and so on.

Values are plain `numpy.ndarray`, `torch.Tensor`, `tf.Tensor` and `jax.Array` objects: nothing is wrapped, and a tensor that
is given is kept as it is, without a copy and with its dtype. NumPy's pictures, sounds and films are arrays with a few
methods more; see `thalweg.docs.typing.media_array`. Anything but Python objects may be held; an embedding, a picture, sound
and a film hold numbers or booleans.

In JSON a tensor is nested arrays of numbers. NaN is null, infinity is "Infinity" or "-Infinity". The dtype is lost but for
its kind: integers come back as int64, floats as float64 (float32 in torch, TensorFlow and JAX), booleans as bool, text as
text. Points in time become ISO 8601 text, and stay text. Of an empty tensor the sizes come back that its field's shape
fixes. Complex numbers, durations, bytes and structures have no JSON form.
"""

from __future__ import annotations

import math
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from thalweg.docs.typing.array import is_tensor, is_torch, library_of, load_library, tensor_class, to_numpy
from thalweg.docs.typing.coercion import BFLOAT16, NUMBERS, check_numbers
from thalweg.docs.typing.conversion import to_library
from thalweg.docs.typing.media_array import ARRAYS, AudioArray, ImageArray, VideoArray, WrappedArray
from thalweg.docs.typing.shape import UNKNOWN, Dimension, Shape
from thalweg.docs.typing.type_key import TENSOR_KEYS, TENSORS_BY_KEY
from thalweg.docs.typing.wrapped_tensor import wrapped_tensor

JSON_SHAPE = "tensor/array shape"
"""The key under which JSON schemas, DocArray's too, tell the shape of a tensor."""
JSON_TYPE = "tensor/array type"
"""The key under which ours tell the annotation, such as "NdArray"."""

# One type each: FastAPI's model of OpenAPI knew no lists of them for long.
_NUMBER: dict[str, Any] = {
    "anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}, {"enum": ["Infinity", "-Infinity"]}]
}

_NAMES = {
    "numpy": ("NdArray", "NdArrayEmbedding", "{}NdArray"),
    "torch": ("TorchTensor", "TorchEmbedding", "{}TorchTensor"),
    "tensorflow": ("TensorFlowTensor", "TensorFlowEmbedding", "{}TensorFlowTensor"),
    "jax": ("JaxArray", "JaxArrayEmbedding", "{}JaxArray"),
    "any": ("AnyTensor", "AnyEmbedding", "{}Tensor"),
}


class TensorType:
    """What `NdArray`, `ImageTorchTensor` and the others are: an annotation that knows a library, a family and a shape.

    Subscribe it to fix the shape, as in `NdArray[384]`, `NdArray["n", 3]` or `AnyTensor[..., 3]`. Equal annotations are one
    object. `isinstance(array, NdArray[384])` looks at the shape; `NdArray | None` and `Optional[NdArray]` work.

    A tensor of other sizes than a shape of numbers alone is reshaped where it has as many elements, with a UserWarning;
    where warnings are errors, that is one. Names and `...` are never met by reshaping.

    `library` is "numpy", "torch", "tensorflow", "jax" or "any", `family` "tensor", "embedding", "image", "audio" or
    "video". `wrapped` says that tensors of NumPy and torch get the methods that DocArray's have.

    Raises:
        ValueError: the shape of an embedding has more than one dimension.
    """

    __slots__ = ("_array", "_keeps", "family", "library", "shape", "wrapped")

    def __init__(self, library: str, shape: Shape | None = None, family: str = "tensor", wrapped: bool = False) -> None:
        if family == "embedding" and shape is not None and len(shape.dimensions) != 1:
            raise ValueError(f"an embedding has one dimension, not {len(shape.dimensions)}: {shape}")
        self.library = library
        self.shape = shape
        self.family = family
        self.wrapped = wrapped
        self._array: type[np.ndarray[Any, Any]] = ARRAYS.get(family, WrappedArray if wrapped else np.ndarray)
        self._keeps = library in ("numpy", "any") and self._array is np.ndarray

    def __getitem__(self, dimensions: Dimension | tuple[Dimension, ...]) -> TensorType:
        if self.shape is not None:
            raise TypeError(f"{self!r} has a shape already")
        shape = Shape(dimensions if isinstance(dimensions, tuple) else (dimensions,))
        return tensor_type(self.library, shape, self.family, self.wrapped)

    @property
    def type_key(self) -> str | None:
        """The name of the type in DocArray's messages, such as "image_ndarray"; None where only a value can tell."""
        return TENSOR_KEYS.get((self.library, self.family))

    def type_key_of(self, tensor: Any) -> str:
        """The name in DocArray's messages under which a tensor of this field travels."""
        return TENSOR_KEYS[library_of(tensor) or "numpy", self.family]

    def get_comp_backend(self) -> Any:
        """The functions of `thalweg.docs.computation` for its library; the library is loaded when one is used.

        Raises:
            ValueError: tensors of any library fit; `thalweg.docs.computation.backend_of(tensor)` tells.
        """
        from thalweg.docs.computation import backend_of_library

        return backend_of_library(self.library)

    # --- as a class

    def __instancecheck__(self, value: Any) -> bool:
        held = library_of(value)
        if (
            held is None
            or self.library not in (held, "any")
            or (held == "numpy" and not isinstance(value, self._array))
        ):
            return False
        return self.fits(tuple(value.shape))

    def __subclasscheck__(self, other: Any) -> bool:
        if isinstance(other, TensorType):
            return (
                self.library in (other.library, "any")
                and self.family in (other.family, "tensor")
                and self.shape in (None, other.shape)
            )
        if not isinstance(other, type) or self.shape is not None:
            return False
        if issubclass(other, np.ndarray):
            return self.library in ("numpy", "any") and issubclass(other, self._array)
        libraries = ("torch", "tensorflow", "jax") if self.library == "any" else (self.library,)
        classes = [found for library in libraries if (found := tensor_class(library)) is not None]
        return self.family == "tensor" and any(issubclass(other, found) for found in classes)

    def __or__(self, other: Any) -> Any:
        return Union[self, other]  # noqa: UP007  # this is what makes `|` work

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007

    def __repr__(self) -> str:
        plain, embedding, media = _NAMES[self.library]
        name = {"tensor": plain, "embedding": embedding}.get(self.family) or media.format(self.family.title())
        if self.shape is None:
            return name
        return f"{name}[{', '.join('...' if d is ... else repr(d) for d in self.shape.dimensions) or '()'}]"

    @property
    def __name__(self) -> str:
        return repr(self)

    def _key(self) -> tuple[str, Shape | None, str, bool]:
        return self.library, self.shape, self.family, self.wrapped

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorType) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Callable[..., TensorType], tuple[str, Shape | None, str, bool]]:
        return tensor_type, self._key()

    # --- values

    def __call__(self, value: Any) -> Any:
        """`value` as this kind of tensor, of this shape.

        Raises:
            ValueError: it is no tensor, or can have no such shape.
        """
        tensor = self.library_tensor(value)
        shape, sizes = self.shape, tuple(tensor.shape)
        if shape is not None and sizes != shape.exact:
            if isinstance(value, (list, tuple)) and 0 in sizes:
                sizes = shape.completed(sizes)
                tensor = _reshape(tensor, sizes)
            if not shape.accepts(sizes):
                tensor = _reshape(tensor, self._reached(shape, sizes))
        if self.family == "video" and not _is_film(tuple(tensor.shape)):
            raise PydanticCustomError(
                "tensor_video",
                "Expected frames of shape (rows, columns, 3) or (frames, rows, columns, 3), got {given}",
                {"given": str(tuple(tensor.shape))},
            )
        return tensor

    @property
    def plain(self) -> bool:
        """Whether arrays of NumPy are held as they are, not as arrays that know what they stand for."""
        return self._keeps

    def fits(self, sizes: tuple[int, ...]) -> bool:
        """Whether a tensor of these sizes is of this kind without being reshaped."""
        return (self.shape is None or self.shape.accepts(sizes)) and (self.family != "video" or _is_film(sizes))

    def library_tensor(self, tensor: Any) -> Any:
        """`tensor` in this library and family, whatever its shape."""
        if self._is_ready(tensor):
            return tensor
        tensor = to_library(tensor, self.library)
        if isinstance(tensor, np.ndarray):
            if tensor.dtype.char not in NUMBERS and self.family != "tensor":
                check_numbers(tensor)
            if not isinstance(tensor, self._array):
                return tensor.view(self._array)
            if self._keeps and type(tensor) is not np.ndarray:
                return tensor.view(np.ndarray)
        elif self.wrapped and is_torch(tensor):
            return wrapped_tensor(tensor, self.family)
        return tensor

    def _is_ready(self, tensor: Any) -> bool:
        """Whether it is an array of numbers that knows already what it stands for."""
        return (
            not self._keeps
            and self.library in ("numpy", "any")
            and isinstance(tensor, self._array)
            and tensor.dtype.char in NUMBERS
        )

    def reshaped_rows(self, tensors: Any) -> Any:
        """Tensors that are stacked already, each row in the shape of the field, by the rules of a call.

        Raises:
            ValueError: the rows can have no such shape.
        """
        sizes = tuple(tensors.shape[1:])
        if self.shape is None or self.shape.accepts(sizes):
            return tensors
        return _reshape(tensors, (int(tensors.shape[0]), *self._reached(self.shape, sizes)))

    def _reached(self, shape: Shape, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes to reshape to; a warning tells of it."""
        reached = shape.reached_from(sizes)
        if reached is not None:
            try:
                warnings.warn(f"a tensor of shape {sizes} is reshaped to {reached}", UserWarning, stacklevel=4)
                return reached
            except UserWarning:
                pass  # whoever makes errors of warnings wants no tensor reshaped
        raise PydanticCustomError(
            "tensor_shape",
            "Expected a tensor of shape {expected}, got one of shape {given}",
            {"expected": str(shape), "given": str(sizes)},
        )

    # --- for pydantic

    def _from_json(self, value: Any) -> Any:
        # A bare number is a tensor without dimensions in JSON; in Python it is more likely a mistake.
        return self(np.asarray(value) if type(value) in (int, float) else value)

    def _of_this_library(self, value: Any) -> Any:
        """What a strict model takes, and what a union of tensors prefers: no conversion."""
        held = library_of(value)
        if held is None or self.library not in (held, "any"):
            raise PydanticCustomError("tensor_type", "Expected a tensor of {library}", {"library": self.library})
        return self(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_plain_validator_function(self._from_json),
            python_schema=core_schema.lax_or_strict_schema(
                lax_schema=core_schema.no_info_plain_validator_function(self),
                strict_schema=core_schema.no_info_plain_validator_function(self._of_this_library),
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(
                to_nested_lists, when_used="json-unless-none"
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        kind = {JSON_TYPE: repr(tensor_type(self.library, None, self.family))}
        if self.shape is None:
            told = "A tensor: nested arrays of numbers, without gaps."
            return {"type": "array", "items": {}, "description": told, JSON_SHAPE: UNKNOWN, **kind}
        described = self.shape.json_schema(_NUMBER)
        return {**described, "description": f"A tensor of shape {self.shape}.", JSON_SHAPE: self.shape.text, **kind}


def tensor_type(library: str, shape: Shape | None = None, family: str = "tensor", wrapped: bool = False) -> TensorType:
    """The one annotation for this library, shape and family; see `TensorType`."""
    return _made(library, shape, family, wrapped)


_made = lru_cache(maxsize=None, typed=True)(TensorType)


def tensor_type_of_key(type_key: str) -> TensorType | None:
    """The annotation that DocArray's messages name so, such as "image_ndarray"; None where there is none."""
    kind = TENSORS_BY_KEY.get(type_key)
    return None if kind is None else tensor_type(kind[0], None, kind[1])


def _is_film(sizes: tuple[int, ...]) -> bool:
    return len(sizes) in (3, 4) and sizes[-1] == 3


def _reshape(tensor: Any, sizes: tuple[int, ...]) -> Any:
    if library_of(tensor) == "tensorflow":
        return load_library("tensorflow").reshape(tensor, sizes)
    return tensor.reshape(sizes)


def to_nested_lists(tensor: Any) -> Any:
    """`tensor` as JSON writes it.

    Raises:
        ValueError: it holds complex numbers, durations, bytes or structures.
    """
    array = to_numpy(tensor)
    kind = array.dtype.kind
    if array.dtype.name == BFLOAT16 or array.dtype.char == "g":
        array, kind = array.astype(np.float32 if kind == "V" else np.float64), "f"
    if kind == "f":
        return array.tolist() if np.isfinite(array).all() else _mark(array.tolist())
    if kind == "M":
        return array.astype(np.str_).tolist()
    if kind in _UNWRITTEN:
        raise ValueError(f"a tensor of {_UNWRITTEN[kind]} has no JSON form; {_INSTEAD.get(kind, 'use columns')}")
    return array.tolist()


_UNWRITTEN = {"c": "complex numbers", "m": "durations", "S": "bytes", "V": "structures"}
_INSTEAD = {"c": "send real and imaginary parts, or use columns"}


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
    NdArrayEmbedding: TypeAlias = np.ndarray[Any, np.dtype[Any]]
    ImageNdArray: TypeAlias = ImageArray
    AudioNdArray: TypeAlias = AudioArray
    VideoNdArray: TypeAlias = VideoArray
    TorchTensor: TypeAlias = Any
    TorchEmbedding: TypeAlias = Any
    ImageTorchTensor: TypeAlias = Any
    AudioTorchTensor: TypeAlias = Any
    VideoTorchTensor: TypeAlias = Any
    TensorFlowTensor: TypeAlias = Any
    TensorFlowEmbedding: TypeAlias = Any
    ImageTensorFlowTensor: TypeAlias = Any
    AudioTensorFlowTensor: TypeAlias = Any
    VideoTensorFlowTensor: TypeAlias = Any
    JaxArray: TypeAlias = Any
    JaxArrayEmbedding: TypeAlias = Any
    ImageJaxArray: TypeAlias = Any
    AudioJaxArray: TypeAlias = Any
    VideoJaxArray: TypeAlias = Any
    AnyTensor: TypeAlias = Any
    AnyEmbedding: TypeAlias = Any
    ImageTensor: TypeAlias = Any
    AudioTensor: TypeAlias = Any
    VideoTensor: TypeAlias = Any
else:
    NdArray = tensor_type("numpy")
    NdArrayEmbedding = tensor_type("numpy", family="embedding")
    ImageNdArray = tensor_type("numpy", family="image")
    AudioNdArray = tensor_type("numpy", family="audio")
    VideoNdArray = tensor_type("numpy", family="video")
    TorchTensor = tensor_type("torch")
    TorchEmbedding = tensor_type("torch", family="embedding")
    ImageTorchTensor = tensor_type("torch", family="image")
    AudioTorchTensor = tensor_type("torch", family="audio")
    VideoTorchTensor = tensor_type("torch", family="video")
    TensorFlowTensor = tensor_type("tensorflow")
    TensorFlowEmbedding = tensor_type("tensorflow", family="embedding")
    ImageTensorFlowTensor = tensor_type("tensorflow", family="image")
    AudioTensorFlowTensor = tensor_type("tensorflow", family="audio")
    VideoTensorFlowTensor = tensor_type("tensorflow", family="video")
    JaxArray = tensor_type("jax")
    JaxArrayEmbedding = tensor_type("jax", family="embedding")
    ImageJaxArray = tensor_type("jax", family="image")
    AudioJaxArray = tensor_type("jax", family="audio")
    VideoJaxArray = tensor_type("jax", family="video")
    AnyTensor = tensor_type("any")
    AnyEmbedding = tensor_type("any", family="embedding")
    ImageTensor = tensor_type("any", family="image")
    AudioTensor = tensor_type("any", family="audio")
    VideoTensor = tensor_type("any", family="video")
