"""The type of a field as one would write it, without the names of modules."""

from __future__ import annotations

import types
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.typed import ArrayClass
from thalweg.docs.typing.identity import ID
from thalweg.docs.typing.tensor import TensorType


def written_field(field: FieldInfo) -> str:
    """The type of a field; see `written`."""
    tensors = [item for item in field.metadata if isinstance(item, TensorType)]  # Annotated[np.ndarray, NdArray[3]]
    return written(tensors[0] if tensors else field.annotation)


def written(annotation: Any) -> str:
    """`annotation` as in source, such as `dict[str, DocList[Text]] | None`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    return _simple(annotation) if origin is None or annotation == ID else _composed(origin, arguments)


def _simple(annotation: Any) -> str:
    if annotation == ID:
        return "ID"
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    if isinstance(annotation, TypeVar):
        return annotation.__name__
    if annotation is None or annotation is type(None):
        return "None"
    if isinstance(annotation, type):
        return annotation.__name__
    return "..." if annotation is ... else str(annotation).removeprefix("typing.")


def _composed(origin: Any, arguments: tuple[Any, ...]) -> str:
    if origin in (Union, types.UnionType):
        return " | ".join(map(written, arguments))
    if origin is Annotated:
        tensors = [item for item in arguments[1:] if isinstance(item, TensorType)]
        return written(tensors[0] if tensors else arguments[0])
    if origin is Literal:
        return f"Literal[{', '.join(str(item) if isinstance(item, Enum) else repr(item) for item in arguments)}]"
    inside = ", ".join(map(_group, arguments))
    return f"{getattr(origin, '__name__', origin)}[{inside}]"


def _group(argument: Any) -> str:
    return f"[{', '.join(map(written, argument))}]" if isinstance(argument, list) else written(argument)


def documents_in(annotation: Any) -> Iterator[type[BaseDocWithoutId]]:
    """The classes of document that `annotation` names, in order."""
    if isinstance(annotation, ArrayClass):
        if "doc_type" in vars(annotation) and "array_type" in vars(annotation):
            yield annotation.doc_type
    elif isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, BaseDocWithoutId):
            yield annotation
    elif get_origin(annotation) is not Literal:
        for argument in get_args(annotation):
            yield from documents_in(argument)
