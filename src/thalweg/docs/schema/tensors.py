"""Tensors in JSON schemas: an array of numbers with two keys beside it.

`tensor/array shape` is DocArray's; ours say names and ellipses of a shape too. `tensor/array type` is the annotation's
name, such as "NdArray"; DocArray does not say it.
"""

from __future__ import annotations

from importlib.util import find_spec

from thalweg.docs import typing
from thalweg.docs.schema.definitions import Part
from thalweg.docs.typing.shape import Shape
from thalweg.docs.typing.tensor import JSON_SHAPE, JSON_TYPE, TensorType, tensor_type

_MODULES = {"torch": "torch", "tensorflow": "tensorflow", "jax": "jax"}


def tensor_of(part: Part) -> TensorType:
    """The annotation that a schema of a tensor describes; of any library where the one it names is not installed here.

    Raises:
        ValueError: the shape is none.
    """
    named = part.get(JSON_TYPE)
    kind = getattr(typing, named, None) if isinstance(named, str) and named in typing.__all__ else None
    library, family = (kind.library, kind.family) if isinstance(kind, TensorType) else ("any", "tensor")
    if library in _MODULES and find_spec(_MODULES[library]) is None:
        library = "any"
    return tensor_type(library, Shape.read(part[JSON_SHAPE]), family)
