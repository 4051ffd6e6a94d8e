"""Reading columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from thalweg.docs.codecs.columns import layout
from thalweg.docs.codecs.columns.layout import Buffer, Documents, Header
from thalweg.docs.codecs.columns.reader import Reader, Where
from thalweg.docs.column_store import Columns
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.errors import InvalidDocument, MalformedRequest

_HEADER = msgspec.msgpack.Decoder(Header)
_BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, TypeError, ValueError)


def decode(body: Sequence[Buffer], doc_type: type[BaseDocWithoutId] | None) -> DocList[Any]:
    """The documents of a body; `AnyDoc` where `doc_type` is None.

    Tensors view the buffers: nothing is copied, and those of a read-only buffer (such as bytes) cannot be written to.
    Fields that the class does not have are ignored, missing ones get their default, a missing `id` is made.

    Raises:
        MalformedRequest: the bytes are no such body.
        InvalidDocument: documents do not fit the class; `details` says which and where.
    """
    reader, documents = opened(body)
    if doc_type is None:
        return DocList.trusted(reader.documents(documents, lambda name: AnyDoc, _at_top))
    docs = reader.documents(documents, lambda name: doc_type, _at_top)
    return DocList[doc_type].trusted(docs)  # type: ignore[valid-type]


def decode_vec(body: Sequence[Buffer], doc_type: type[BaseDocWithoutId]) -> DocVec[Any]:
    """The documents of a body, still in columns: no object is made for any document.

    Raises:
        MalformedRequest: the bytes are no such body.
        InvalidDocument: documents do not fit the class, or their tensors cannot be stacked.
    """
    return read_vec(*opened(body), doc_type, _at_top)


def read_vec(reader: Reader, documents: Documents, doc_type: type[BaseDocWithoutId], where: Where) -> DocVec[Any]:
    """What `decode_vec` gives, of a body that is open; `where` gives the place of a document in an error."""
    columns = reader.columns(documents, doc_type, where)
    if columns is None:
        docs = reader.documents(documents, lambda name: doc_type, where)
        try:
            columns = Columns.of(doc_type, docs)
        except ValueError as error:
            raise InvalidDocument(
                f"The documents do not make columns: {error}",
                details=[{"loc": where(0)[:-1], "msg": str(error), "type": "not_stackable"}],
            ) from None
    return DocVec[doc_type].over(columns)  # type: ignore[valid-type]


def _at_top(number: int) -> list[str | int]:
    return ["data", number]


def opened(body: Sequence[Buffer]) -> tuple[Reader, Documents]:
    """A reader of a body, and what its header says of the documents.

    Raises:
        MalformedRequest: there is no such header.
    """
    if not body:
        raise MalformedRequest("Columns need a header, but there is no buffer at all.")
    try:
        header = _HEADER.decode(body[0])
    except _BROKEN as error:
        raise MalformedRequest(f"The header of the columns cannot be read: {error}.") from None
    if header.version != layout.VERSION:
        raise MalformedRequest(f"Columns of version {header.version} are not read here, only version {layout.VERSION}.")
    return Reader(body), header.documents
