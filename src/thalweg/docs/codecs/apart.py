"""Copies of documents that share nothing which user code changes in passing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import numpy as np

from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId, copy_all
from thalweg.docs.typing.tensor import TensorType

D = TypeVar("D", bound=BaseDocWithoutId)

PLAIN = (str, int, float, bool, bytes, NoneType, np.ndarray)
"""What is either never changed or too large to be copied."""


def copies_apart(documents: Sequence[D]) -> list[D]:
    """A copy of each: fields, nested documents, lists, sets and mappings are its own; tensors, and what is of any other
    class, are shared."""
    kinds = set(map(type, documents))
    if all(map(_bare, kinds)):
        return copy_all(documents)
    if all(map(_flat, kinds)):
        return [document.__copy__() for document in documents]
    return [_document(document) for document in documents]


def _document(document: D) -> D:
    made = document.__copy__()
    names = _held(type(document))
    if names:
        values = made.__dict__
        for name in names:
            if name in values:
                values[name] = _apart(values[name])
    extra = made.__pydantic_extra__
    if extra:
        for name, value in extra.items():
            extra[name] = _apart(value)
    return made


@lru_cache(maxsize=1024)
def _flat(kind: type[BaseDocWithoutId]) -> bool:
    """Whether a plain copy shares no more than it should."""
    return not _held(kind) and kind.model_config.get("extra") != "allow"


@lru_cache(maxsize=1024)
def _bare(kind: type[BaseDocWithoutId]) -> bool:
    """Whether nothing but fields belongs to a document."""
    own = kind.__copy__ is not BaseDocWithoutId.__copy__ or kind.__new__ is not object.__new__
    return _flat(kind) and not own and not kind.__private_attributes__


@lru_cache(maxsize=1024)
def _held(kind: type[BaseDocWithoutId]) -> tuple[str, ...]:
    """The fields that may hold what has to be copied."""
    return tuple(name for name, field in kind.model_fields.items() if not _plain(field.annotation))


def _plain(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType):
        return all(map(_plain, get_args(annotation)))
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    return isinstance(annotation, TensorType) or (isinstance(annotation, type) and issubclass(annotation, PLAIN))


def _apart(value: Any) -> Any:
    copied = COPIES.get(type(value))
    if copied is not None:
        return copied(value)
    if isinstance(value, BaseDocWithoutId):
        return _document(value)
    if isinstance(value, DocList):
        return type(value).trusted(copies_apart(value))
    if isinstance(value, DocVec):
        return deepcopy(value)  # its rows write into its columns
    return value


COPIES: dict[type, Callable[[Any], Any]] = {
    list: lambda given: [_apart(item) for item in given],
    tuple: lambda given: tuple(map(_apart, given)),
    set: set.copy,
    dict: lambda given: {name: _apart(item) for name, item in given.items()},
}
