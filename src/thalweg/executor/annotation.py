"""Annotations of endpoint methods: found, and taken apart into the types that a worker needs."""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from sys import _getframe
from typing import Annotated, Any, NamedTuple, Union

from pydantic import BaseModel

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList, DocVec

READ = ("docs", "docs_matrix", "docs_map", "doc", "parameters", "return")
"""The annotations that mean something here. Nobody needs to be able to evaluate the others."""

_ITERATORS = {
    collections.abc.Iterator: False,
    collections.abc.Iterable: False,
    collections.abc.Generator: False,
    collections.abc.AsyncIterator: True,
    collections.abc.AsyncIterable: True,
    collections.abc.AsyncGenerator: True,
}


class UnknownName(TypeError):
    """A string annotation names something that cannot be found, or not yet."""


class Taken(NamedTuple):
    """What `docs` is annotated with. A `doc_type` of None is any document."""

    doc_type: type[BaseDocWithoutId] | None
    as_columns: bool = False
    """True where the method wants a `DocVec`."""
    as_stream: bool = False
    """True where it wants an iterator of documents that are still coming."""
    asynchronous: bool = False
    """Of such an iterator: whether it is to be awaited."""


class Given(NamedTuple):
    """What a method is annotated to return."""

    doc_type: type[BaseDocWithoutId] | None = None
    keeps_documents: bool = False
    """True where only None or a dict is returned, so that the documents that go in come out."""
    iterates: bool = False
    asynchronous: bool = False
    """Of an iterator: whether it is to be awaited."""


def enclosing_names(depth: int) -> dict[str, Any]:
    """Local names at the place of a decorator, `depth` frames up: those of the class body and of a function around it.

    String annotations of classes that are defined inside a function can only be found there.
    """
    frame = _getframe(depth + 1)
    if frame.f_locals is frame.f_globals:
        return {}
    names = dict(frame.f_locals)
    in_class_body = "__module__" in names and "__qualname__" in names
    if in_class_body and frame.f_back is not None and frame.f_back.f_locals is not frame.f_back.f_globals:
        names = {**frame.f_back.f_locals, **names}
    return names


def evaluated(function: Callable[..., Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Those annotations of `function` that can be evaluated now; strings are looked up in `names` and its globals."""
    found: dict[str, Any] = {}
    # A name that is not there yet may be defined further down; `annotation` tries again, and then says so.
    for name in READ:
        with suppress(NameError):
            annotations = _annotations(function)
            if name in annotations:
                found[name] = _evaluated(annotations[name], function, names)
    return found


def annotation(function: Callable[..., Any], name: str, known: Mapping[str, Any], where: str) -> Any:
    """The annotation of `name` as a type, or `inspect.Parameter.empty`.

    Raises:
        UnknownName: it is a string in which a name cannot be found.
    """
    if name in known:
        return known[name]
    try:
        return _evaluated(_annotations(function).get(name, inspect.Parameter.empty), function, {})
    except NameError as error:
        raise UnknownName(
            f"{where}: the annotation of {_shown(name)} uses {error.name!r}, which cannot be found in module "
            f"{function.__module__}. Define or import it there outside of `if TYPE_CHECKING:`, or give the document "
            f"class as @requests(request_schema=..., response_schema=...)."
        ) from None


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    # Not `function.__annotations__`: newer interpreters compute it on access, and this also knows wrapped functions.
    return inspect.get_annotations(inspect.unwrap(function))


def _evaluated(hint: Any, function: Callable[..., Any], names: Mapping[str, Any]) -> Any:
    """`hint` with every string in it replaced by what it means. Raises `NameError`."""
    if isinstance(hint, typing.ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        # It is part of the user's own source code, which runs in this process anyway.
        hint = eval(hint, getattr(inspect.unwrap(function), "__globals__", {}), dict(names))
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (None, typing.Literal, Annotated, collections.abc.Callable):
        return hint
    resolved = tuple(_evaluated(part, function, names) for part in inner)
    if resolved == inner:
        return hint
    if origin in (Union, types.UnionType):
        return Union[resolved]  # noqa: UP007  the members are known at run time only
    return origin[resolved if len(resolved) > 1 else resolved[0]]


def batch(hint: Any, where: str) -> Taken:
    """Take the annotation of `docs` apart.

    Raises:
        TypeError: it is not a list of documents.
    """
    kind = _without_none(hint, where, "docs")
    if kind is inspect.Parameter.empty or kind is Any:
        return Taken(None)
    if isinstance(kind, type):
        if issubclass(kind, DocVec):
            if _element(kind) is None:
                raise TypeError(
                    f"{where}: `docs` is a DocVec of any documents. Columns need a class: DocVec[YourDocument]."
                )
            return Taken(_element(kind), as_columns=True)
        if issubclass(kind, DocList):
            return Taken(_element(kind))
        if issubclass(kind, BaseDocWithoutId):
            raise TypeError(
                f"{where}: `docs` is annotated with {kind.__name__}, which is one document. Write "
                f"`docs: DocList[{kind.__name__}]` to get all documents of a request at once, or "
                f"`doc: {kind.__name__}` to be called once for each."
            )
    if (typing.get_origin(kind) or kind) in _ITERATORS:
        return _stream(kind, where)
    inner = typing.get_args(kind)
    element = inner[0].__name__ if inner and isinstance(inner[0], type) else "YourDocument"
    raise TypeError(f"{where}: `docs` is annotated with {name_of(kind)}. Write `docs: DocList[{element}]`.")


def matrix(hint: Any, where: str) -> type[BaseDocWithoutId] | None:
    """Take the annotation of `docs_matrix` apart; None is any document.

    Raises:
        TypeError: it is not a list of lists of documents.
    """
    kinds = (list, collections.abc.Sequence)
    return _of_branches(hint, where, "docs_matrix", kinds, "list[DocList[{}]]")


def by_branch(hint: Any, where: str) -> type[BaseDocWithoutId] | None:
    """Take the annotation of `docs_map` apart; None is any document.

    Raises:
        TypeError: it is not a dict of lists of documents.
    """
    kinds = (dict, collections.abc.Mapping)
    return _of_branches(hint, where, "docs_map", kinds, "dict[str, DocList[{}]]")


def _of_branches(
    hint: Any, where: str, name: str, kinds: tuple[Any, ...], written: str
) -> type[BaseDocWithoutId] | None:
    kind = _without_none(hint, where, name)
    if kind is inspect.Parameter.empty or kind is Any or kind in kinds:
        return None
    items = typing.get_args(kind)
    held = _without_none(items[-1], where, name) if items else None
    if typing.get_origin(kind) in kinds and isinstance(held, type) and issubclass(held, DocList):
        return _element(held)
    raise TypeError(
        f"{where}: `{name}` is annotated with {name_of(kind)}. Write `{name}: {written.format('YourDocument')}`."
    )


def _stream(kind: Any, where: str) -> Taken:
    """Documents that come while the method works."""
    element = (typing.get_args(kind) or (AnyDoc,))[0]
    if not (isinstance(element, type) and issubclass(element, BaseDocWithoutId)):
        raise TypeError(
            f"{where}: `docs` is annotated with {name_of(kind)}. A method that reads a stream gets one document at a time: "
            f"write `docs: AsyncIterator[YourDocument]`, or `docs: Iterator[YourDocument]` where it is synchronous."
        )
    return Taken(_unless_any(element), as_stream=True, asynchronous=_ITERATORS[typing.get_origin(kind) or kind])


def single(hint: Any, where: str) -> type[BaseDocWithoutId] | None:
    """Take the annotation of `doc` apart; None is any document.

    Raises:
        TypeError: it is not a document.
    """
    kind = _without_none(hint, where, "doc")
    if kind is inspect.Parameter.empty or kind is Any:
        return None
    if isinstance(kind, type) and issubclass(kind, (DocList, DocVec)):
        raise TypeError(
            f"{where}: `doc` is annotated with {name_of(kind)}, which is many documents. Write "
            f"`docs: {name_of(kind)}` to get all documents of a request at once, or "
            f"`doc: {name_of(_element(kind) or BaseDoc)}` to be called once for each."
        )
    if isinstance(kind, type) and issubclass(kind, BaseDocWithoutId):
        return _unless_any(kind)
    raise TypeError(f"{where}: `doc` is annotated with {name_of(kind)}, which is no subclass of BaseDoc.")


def parameters(hint: Any, where: str) -> tuple[type[BaseModel] | None, bool]:
    """The pydantic model that `parameters` is annotated with, or None for a dict, and whether it may be None.

    Raises:
        TypeError: neither of the two.
    """
    kind = _without_none(hint, where, "parameters")
    optional = kind is not hint and type(None) in typing.get_args(hint)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind, optional
    origin = typing.get_origin(kind) or kind
    if origin in (inspect.Parameter.empty, Any, dict, collections.abc.Mapping, collections.abc.MutableMapping):
        return None, False
    raise TypeError(
        f"{where}: `parameters` is annotated with {name_of(kind)}. Write `parameters: dict`, or a pydantic model "
        f"whose fields are the parameters."
    )


def answer(hint: Any, where: str) -> Given:
    """Take a return annotation apart.

    Raises:
        TypeError: not documents, nothing, or a dict of results, and not an iterator of documents either.
    """
    if hint is inspect.Parameter.empty or hint is Any:
        return Given()
    if hint is None or hint is type(None):
        return Given(keeps_documents=True)
    kind = _without_none(hint, where, "return")
    origin = typing.get_origin(kind) or kind
    items = typing.get_args(kind)
    if origin in (dict, collections.abc.Mapping):
        return Given(keeps_documents=True)
    if origin in _ITERATORS or origin is list:
        inner = answer(items[0], where) if items else Given()
        return inner if origin is list else Given(inner.doc_type, iterates=True, asynchronous=_ITERATORS[origin])
    if isinstance(kind, type) and issubclass(kind, (BaseDocWithoutId, DocList, DocVec)):
        return Given(document_class(kind, where, "return"))
    raise TypeError(
        f"{where}: the return annotation is {name_of(kind)}. An endpoint returns documents (`-> DocList[YourDocument]`, "
        f"`-> YourDocument`, or an iterator of them if it streams), None to keep those it was given, or a dict of results."
    )


def document_class(schema: Any, where: str, argument: str) -> type[BaseDocWithoutId] | None:
    """The class that `request_schema` or `response_schema` names, itself or as a list of it; None is any document."""
    if isinstance(schema, type) and issubclass(schema, (DocList, DocVec)):
        return _element(schema)
    if isinstance(schema, type) and issubclass(schema, BaseDocWithoutId):
        return _unless_any(schema)
    raise TypeError(f"{where}: {argument} is {name_of(schema)}. Give a document class or a DocList of one.")


def name_of(kind: Any) -> str:
    """`kind` as its author would write it."""
    if isinstance(kind, type) and not isinstance(kind, types.GenericAlias):
        return kind.__name__
    return str(kind).replace("typing.", "")


def _element(kind: type[DocList[Any] | DocVec[Any]]) -> type[BaseDocWithoutId] | None:
    return _unless_any(getattr(kind, "doc_type", AnyDoc))  # a DocVec alone has none


def _unless_any(kind: type[BaseDocWithoutId]) -> type[BaseDocWithoutId] | None:
    return None if kind in (AnyDoc, BaseDoc, BaseDocWithoutId) else kind


def _shown(name: str) -> str:
    return "the return value" if name == "return" else f"`{name}`"


def _without_none(hint: Any, where: str, name: str) -> Any:
    """`hint` without `Annotated`, without None, and without the dict that may be returned beside documents."""
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) not in (Union, types.UnionType):
        return hint
    members = [member for member in typing.get_args(hint) if member is not type(None)]
    if name == "return" and len(members) > 1:
        members = [member for member in members if (typing.get_origin(member) or member) is not dict]
    if len(members) == 1:
        return _without_none(members[0], where, name)
    raise TypeError(
        f"{where}: {_shown(name)} is annotated with {name_of(hint)}. One endpoint reads and gives one class of documents; "
        f"write a class with optional fields, or one endpoint for each."
    )
