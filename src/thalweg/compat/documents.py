"""DocArray's predefined documents: ours, with its types of tensors."""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import create_model

import thalweg.docs.documents as predefined
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.typing.tensor import TensorType, tensor_type


@cache
def _adapted(doc_type: type[BaseDocWithoutId]) -> type[BaseDocWithoutId]:
    fields: dict[str, Any] = {
        name: (wrapped, info)
        for name, info in doc_type.model_fields.items()
        if (wrapped := _wrapped(info.annotation)) is not info.annotation
    }
    if not fields:
        return doc_type
    return create_model(doc_type.__name__, __base__=doc_type, __module__=__name__, __doc__=doc_type.__doc__, **fields)


def _wrapped(annotation: Any) -> Any:
    if isinstance(annotation, TensorType):
        return tensor_type(annotation.library, annotation.shape, annotation.family, wrapped=True)
    if get_origin(annotation) in (Union, UnionType):
        members = tuple(map(_wrapped, get_args(annotation)))
        return annotation if members == get_args(annotation) else Union[members]  # noqa: UP007  # made of a tuple
    return annotation


def __getattr__(name: str) -> Any:
    if name not in predefined.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(predefined, name)
    return _adapted(found) if isinstance(found, type) else found
