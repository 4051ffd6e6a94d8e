"""Documents to requests and answers to documents; pure."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import Any, TypeAlias, get_origin

from pydantic import PydanticUserError

from thalweg.docs import AnyDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.codecs import columns
from thalweg.docs.codecs.apart import copies_apart
from thalweg.docs.codecs.content import decode_content
from thalweg.docs.codecs.objects import Objects
from thalweg.errors import MalformedRequest
from thalweg.graph.schema import lossless_as_json
from thalweg.message import COLUMNS, JSON, Request, Response
from thalweg.message.content import OBJECTS

Item: TypeAlias = BaseDocWithoutId | Mapping[str, Any]
Several: TypeAlias = Iterable[Item] | AsyncIterable[Item] | None
Inputs: TypeAlias = Item | Several | Callable[[], Item | Several]
ReturnType: TypeAlias = type[BaseDocWithoutId] | type[DocList[Any]] | None

Batch: TypeAlias = DocList[Any] | DocVec[Any]


class InvalidInput(MalformedRequest, TypeError):
    """What was given as inputs is neither a document nor a mapping of its fields."""


class Chunked(AsyncIterable[Item]):
    """Inputs that come several at a time."""

    @abstractmethod
    def chunks(self) -> AsyncGenerator[list[Item], None]: ...

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        async for chunk in self.chunks():
            for item in chunk:
                yield item


def made(inputs: Inputs) -> Item | Several:
    """`inputs`, or what they return where they are a function."""
    if callable(inputs) and not isinstance(inputs, (BaseDocWithoutId, Mapping, Iterable, AsyncIterable)):
        return inputs()
    return inputs


def single_batch(inputs: object, size: int) -> Batch | None:
    """All of `inputs` where they are at hand and make one request, else None."""
    if isinstance(inputs, BaseDocWithoutId):
        return _listed([inputs])
    if inputs is None:
        return DocList[AnyDoc]([])
    if isinstance(inputs, Mapping):
        return _listed([inputs])
    if isinstance(inputs, (DocList, DocVec)):
        return inputs if len(inputs) <= size else None
    if isinstance(inputs, (list, tuple)) and 0 < len(inputs) <= size:
        return _listed(inputs)
    return None


def check_inputs(inputs: Inputs) -> None:
    """Raise `MalformedRequest` where `inputs` cannot be sent, by the first of them. Takes that one from a generator."""
    found = made(inputs)
    if found is None or isinstance(found, (BaseDocWithoutId, Mapping, DocList, DocVec, AsyncIterable)):
        return
    for item in _checked(found):
        _listed([item])
        return


def _checked(inputs: object) -> Iterable[Item]:
    if isinstance(inputs, Iterable) and not isinstance(inputs, (str, bytes)):
        return inputs
    raise InvalidInput(
        f"inputs must be a document, an iterable of documents, a function that returns one, or None, "
        f"not {type(inputs).__name__}."
    )


def batches_at_hand(inputs: object, size: int) -> Iterable[Batch] | None:
    """`inputs` in lists of at most `size` documents where none of them has yet to be made, else None."""
    if isinstance(inputs, (DocList, DocVec)):
        return (inputs[start : start + size] for start in range(0, len(inputs), size))
    if isinstance(inputs, (list, tuple)):
        return (_listed(inputs[start : start + size]) for start in range(0, len(inputs), size))
    return None


async def batches(inputs: Item | Several, size: int) -> AsyncGenerator[Batch, None]:
    """`inputs` in lists of at most `size` documents; a generator is read no further than is asked for.

    Nothing at all (None) is one empty list: an endpoint may well work without documents.
    """
    if inputs is None:
        yield DocList[AnyDoc]([])
    elif isinstance(inputs, (BaseDocWithoutId, Mapping)):
        yield _listed([inputs])
    elif isinstance(inputs, (DocList, DocVec)):
        for start in range(0, len(inputs), size) or (0,):
            yield inputs if len(inputs) <= size else inputs[start : start + size]
    elif isinstance(inputs, AsyncIterable):
        async with aclosing(inputs.chunks() if isinstance(inputs, Chunked) else _singly(inputs)) as chunks:
            async for documents in _regrouped(chunks, size):
                yield documents
    else:
        for part in _parts(_checked(inputs), size):
            yield _listed(part)


async def _singly(items: AsyncIterable[Item]) -> AsyncGenerator[list[Item], None]:
    async for item in items:
        yield [item]


async def _regrouped(chunks: AsyncIterable[list[Item]], size: int) -> AsyncGenerator[Batch, None]:
    gathered: list[Item] = []
    async for chunk in chunks:
        gathered += chunk
        whole = len(gathered) - len(gathered) % size
        for start in range(0, whole, size):
            yield _listed(gathered[start : start + size])
        del gathered[:whole]
    if gathered:
        yield _listed(gathered)


def _parts(items: Iterable[Item], size: int) -> Iterable[list[Item]]:
    gathered: list[Item] = []
    for item in items:
        gathered.append(item)
        if len(gathered) == size:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def _listed(items: Sequence[Item]) -> DocList[Any]:
    """Documents of one class as a list of that class; mappings become documents without a schema."""
    documents = [item if isinstance(item, BaseDocWithoutId) else _from_mapping(item) for item in items]
    kind = type(documents[0])
    if all(type(document) is kind for document in documents):
        return DocList[kind].trusted(documents)  # type: ignore[valid-type]
    return DocList(documents)


def _from_mapping(item: object) -> AnyDoc:
    if not isinstance(item, Mapping):
        raise InvalidInput(f"Each input must be a document or a mapping of its fields, not {type(item).__name__}.")
    return AnyDoc(**item)


def encode(documents: Batch, request: Request) -> Request:
    """`request` with `documents` as its payload, in columns."""
    request.body = columns.encode(documents)
    return request


def hand_over(documents: Batch, request: Request) -> Request:
    """`request` with `documents` as they are, and the wish for an answer of that kind. Each is a copy that shares no
    more than tensors with the caller's."""
    request.accept = OBJECTS
    if isinstance(documents, DocVec):
        return encode(documents, request)  # its rows are views, and would write into the caller's columns
    request.content_type = OBJECTS
    request.body = (Objects.of(documents.__class__.trusted(copies_apart(documents))),)
    return request


def document_type(return_type: ReturnType) -> type[BaseDocWithoutId]:
    """The class that answers are read as.

    Raises:
        MalformedRequest: `return_type` is neither a document class nor a list of one.
    """
    if return_type is None:
        return AnyDoc
    if isinstance(return_type, type) and get_origin(return_type) is None:
        if issubclass(return_type, BaseDocWithoutId):
            return return_type
        if issubclass(return_type, DocList):
            return return_type.doc_type or AnyDoc
    raise MalformedRequest(f"return_type must be a document class or DocList[...] of one, not {return_type!r}.")


@lru_cache(maxsize=256)
def item_type(kind: type[BaseDocWithoutId]) -> str:
    """The content type in which items of a stream are read soonest: JSON for a document or two of a class that loses
    nothing in it, else columns."""
    if kind is AnyDoc:
        return COLUMNS
    try:
        schema = kind.model_json_schema(mode="serialization")
    except PydanticUserError:
        return COLUMNS
    return JSON if lossless_as_json(schema) else COLUMNS


def decode(response: Response, kind: type[BaseDocWithoutId]) -> DocList[Any]:
    """The documents of an answer."""
    return decode_content(response.content_type, response.body, kind)[0]
