"""What a condition asks of a class of document."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.fields import ready
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Or, Path
from thalweg.docs.query.suggestion import did_you_mean
from thalweg.docs.typed import ArrayClass, resolve


def paths_of(condition: Condition) -> list[Path]:
    """The paths that a condition reads, those of operands too, in order and each once."""
    match condition:
        case Comparison(path, _, operand):
            paths = [path, operand] if isinstance(operand, Path) else [path]
        case Not(inner):
            paths = paths_of(inner)
        case And(several) | Or(several):
            paths = [path for inner in several for path in paths_of(inner)]
    return list(dict.fromkeys(paths))


def check_condition(condition: Condition, doc_type: type[BaseDocWithoutId]) -> None:
    """Make sure that documents of `doc_type` have the fields that `condition` reads.

    Checked is what the class fixes: fields of documents and of those nested in them. What stands below a dict, an untyped
    field or an open schema may be there or not.

    Raises:
        ValueError: a field is not there; the message names the nearest one.
    """
    for path in paths_of(condition):
        check_path(path, doc_type)


def check_path(path: Path, doc_type: type[BaseDocWithoutId]) -> None:
    """Make sure that documents of `doc_type` have what `path` leads to, as far as the class fixes it.

    Raises:
        ValueError: a field is not there; the message names the nearest one.
    """
    _check(doc_type, path, 0)


def _check(held: Any, path: Path, depth: int) -> None:
    """Follow `path` from `depth` on into the type `held`. Of a union one member has to know the way."""
    if depth == len(path.parts):
        return
    failures = []
    for member in _members(held):
        try:
            _follow(member, path, depth)
        except ValueError as error:
            failures.append(error)
        else:
            return
    if failures:
        raise failures[0]


def _follow(held: Any, path: Path, depth: int) -> None:
    part = path.parts[depth]
    if isinstance(held, type) and issubclass(held, BaseModel):
        _follow_model(held, path, depth)
    elif (item := _item(held)) is not None:
        if not part.lstrip("-").isdigit():
            raise ValueError(f"{path}: {part!r} follows a list, where only a position can")
        _check(item, path, depth + 1)
    elif _is_mapping(held):
        _check((get_args(held) or (Any, Any))[1], path, depth + 1)
    elif held in (str, int, float, bool, bytes):
        raise ValueError(f"{path}: {part!r} follows a value of type {held.__name__}, in which there is nothing to find")


def _follow_model(model: type[BaseModel], path: Path, depth: int) -> None:
    if issubclass(model, BaseDocWithoutId):
        ready(model)
    field = model.model_fields.get(path.parts[depth])
    if field is not None:
        _check(field.annotation, path, depth + 1)
    elif model.model_config.get("extra") != "allow":
        name = path.parts[depth]
        raise ValueError(f"{path}: {model.__name__} has no field {name!r}{did_you_mean(name, model.model_fields)}")


def _members(held: Any) -> list[Any]:
    """The types that `held` may be, None left out."""
    if get_origin(held) is Annotated:
        return _members(get_args(held)[0])
    if get_origin(held) in (Union, types.UnionType):
        return [member for item in get_args(held) if item is not type(None) for member in _members(item)]
    if isinstance(held, TypeVar):
        return _members(held.__bound__ or Any)
    return [held]


def _item(held: Any) -> Any:
    """The type of the items, where `held` is a type of lists."""
    origin = get_origin(held)
    if isinstance(held, ArrayClass):
        return held.doc_type
    if isinstance(origin, ArrayClass):
        return resolve(held, origin).doc_type
    kind = origin or held
    if not isinstance(kind, type) or not issubclass(kind, Sequence) or issubclass(kind, (str, bytes, bytearray)):
        return None
    args = get_args(held)
    return args[0] if len(args) == 1 or (len(args) == 2 and args[1] is ...) else Any


def _is_mapping(held: Any) -> bool:
    kind = get_origin(held) or held
    return isinstance(kind, type) and issubclass(kind, Mapping)
