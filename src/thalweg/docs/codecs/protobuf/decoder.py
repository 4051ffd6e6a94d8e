"""Documents out of the bytes of DocArray's messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from thalweg.docs.codecs.protobuf.reader import Reader
from thalweg.docs.codecs.protobuf.vec_reader import read_columns
from thalweg.docs.codecs.protobuf.wire import malformed
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId

Buffer: TypeAlias = bytes | bytearray | memoryview

T = TypeVar("T")


def decode_document(data: Buffer, doc_type: type[BaseDocWithoutId]) -> Any:
    """The document of a `DocProto`.

    Fields that the class does not have are ignored, missing ones get their default, a missing `id` is made. Tensors are
    writable copies.

    Raises:
        MalformedRequest: the bytes are no such message.
        InvalidDocument: the fields do not fit the class; `details` says which.
    """
    held = owned(data)
    return _read(held, lambda reader: reader.documents([0], [len(held)], doc_type, lambda number: []))[0]


def decode_documents(messages: Sequence[Buffer], doc_type: type[BaseDocWithoutId]) -> list[Any]:
    """The documents of so many messages `DocProto`; raises what `decode_list` raises."""
    stops, at = [], 0
    for message in messages:
        at += len(message)
        stops.append(at)
    starts = [0, *stops[:-1]][: len(stops)]
    return _read(b"".join(messages), lambda reader: reader.documents(starts, stops, doc_type, _at_top))


def decode_list(data: Buffer, doc_type: type[BaseDocWithoutId] | None) -> DocList[Any]:
    """The documents of a `DocListProto`; `AnyDoc` where `doc_type` is None.

    The tensors of a field share one buffer for some thousand documents, so that one that is kept keeps the others.

    Raises:
        MalformedRequest: the bytes are no such message.
        InvalidDocument: documents do not fit the class; `details` says which and where.
    """
    wanted = doc_type or AnyDoc
    held = owned(data)
    docs = _read(held, lambda reader: reader.documents(*reader.items(0, len(held), True), wanted, _at_top))
    return (DocList if wanted is AnyDoc else DocList[wanted]).trusted(docs)  # type: ignore[valid-type]


def decode_vec(data: Buffer, doc_type: type[BaseDocWithoutId]) -> DocVec[Any]:
    """The documents of a `DocVecProto`, still in columns: no object is made for any document.

    Raises:
        MalformedRequest: the bytes are no such message.
        InvalidDocument: columns do not fit the class.
    """
    held = owned(data)
    columns = _read(held, lambda reader: read_columns(reader, 0, len(held), doc_type, _at_top))
    return DocVec[doc_type].over(columns)  # type: ignore[valid-type]


def owned(data: Buffer) -> bytes:
    """The bytes themselves; copied where they could change, or lie elsewhere."""
    return data if isinstance(data, bytes) else bytes(data)


def _at_top(number: int) -> list[str | int]:
    return ["data", number]


def _read(data: bytes, read: Callable[[Reader], T]) -> T:
    try:
        return read(Reader(data))
    except IndexError:
        raise malformed("it ends too early") from None
    except UnicodeDecodeError:
        raise malformed("a text is not UTF-8") from None
    except RecursionError:
        raise malformed("messages are nested too deep") from None
