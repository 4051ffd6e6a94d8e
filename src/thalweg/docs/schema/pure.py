"""Classes of document of Python's own containers."""

from __future__ import annotations

import types
from copy import copy
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import create_model

from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.fields import ready
from thalweg.docs.typed import ArrayClass


def create_pure_python_type_model(model: type[BaseDocWithoutId]) -> type[BaseDocWithoutId]:
    """A subclass of `model`, of the same name, in which `list[X]` stands wherever `model` has `DocList[X]` or `DocVec[X]`.

    However deep in a field's annotation that is, and for inherited fields too. Data, JSON and the JSON schema are those
    of `model`.
    """
    ready(model)
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        plain = _plain(field.annotation)
        if plain is not field.annotation:
            info = copy(field)
            info.annotation = plain
            fields[name] = plain, info
    return create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **fields)


def _plain(annotation: Any) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, ArrayClass) or isinstance(origin, ArrayClass):
        item = arguments[0] if arguments else annotation.doc_type
        return list[item]  # type: ignore[valid-type]
    if origin is None or origin is Literal:
        return annotation
    plain = tuple(map(_plain, arguments)) if origin is not Annotated else (_plain(arguments[0]), *arguments[1:])
    if all(new is old for new, old in zip(plain, arguments, strict=True)):
        return annotation
    if origin in (Union, types.UnionType):
        return Union[plain]  # noqa: UP007
    return Annotated[plain] if origin is Annotated else origin[plain]
