"""What an annotation says of the values themselves."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.typed import ArrayClass, resolve
from thalweg.docs.typing.tensor import TensorType, tensor_type

_NONE = type(None)


def bare_annotation(annotation: Any) -> Any:
    """The annotation without `Annotated`, None and the names that stand for another; a union of tensors is any tensor."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            tensors = [item for item in get_args(annotation)[1:] if isinstance(item, TensorType)]
            annotation = tensors[0] if tensors else get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            members = [member for member in map(bare_annotation, get_args(annotation)) if member is not _NONE]
            if len(members) > 1:
                tensors = [member for member in members if isinstance(member, TensorType)]
                return tensor_type("any") if len(tensors) == len(members) else Any
            annotation = members[0] if members else Any
        elif hasattr(annotation, "__value__"):  # type Name = ...
            annotation = annotation.__value__
        else:
            return annotation


def document_of(annotation: Any) -> type[BaseDocWithoutId] | None:
    """The class of document with a schema that the annotation is."""
    if isinstance(annotation, type) and issubclass(annotation, BaseDocWithoutId) and annotation is not AnyDoc:
        return annotation
    return None


def item_of(annotation: Any) -> Any:
    """What the items of a list, a set or a tuple of any length are; None where the annotation is none of these."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, ArrayClass) or isinstance(origin, ArrayClass):
        array = annotation if isinstance(annotation, ArrayClass) else resolve(annotation, origin)
        return array.doc_type
    if not isinstance(origin, type) or not issubclass(origin, Collection) or issubclass(origin, Mapping):
        return None
    if issubclass(origin, tuple):
        return arguments[0] if len(arguments) == 2 and arguments[1] is ... else None
    return arguments[0] if len(arguments) == 1 else None


def positions_of(annotation: Any) -> tuple[Any, ...]:
    """What the items of a tuple of fixed length are; empty where the annotation is no such tuple."""
    arguments = get_args(annotation)
    return () if get_origin(annotation) is not tuple or ... in arguments else arguments


def entries_of(annotation: Any) -> tuple[Any, Any] | None:
    """What the keys and the values of a dict are; None where the annotation is no such dict."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
        return arguments[0], arguments[1]
    return None
