"""Documents as the bytes of DocArray's messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from thalweg.docs.codecs.protobuf.rows import ITEM
from thalweg.docs.codecs.protobuf.values import Refused
from thalweg.docs.codecs.protobuf.vec_writer import vec_pieces
from thalweg.docs.codecs.protobuf.writer import Writer
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.row import detach

T = TypeVar("T")


def encode_document(doc: BaseDocWithoutId) -> bytes:
    """A document as a `DocProto`.

    Raises:
        ValueError: a field holds something that has no form there, or the document contains itself; the message begins
            with the path to it.
    """
    return encode_documents([detach(doc)])[0]


def encode_documents(docs: Sequence[BaseDocWithoutId]) -> list[bytes]:
    """Each document as a `DocProto` of its own; raises what `encode_document` raises."""
    if not docs:
        return []
    return list(map(b"".join, _written(docs, lambda writer: writer.documents(docs)).pieces()))


def encode_list(docs: DocList[Any] | Sequence[BaseDocWithoutId]) -> bytes:
    """Documents as a `DocListProto`; raises what `encode_document` raises."""
    if not docs:
        return b""
    return b"".join(_written(docs, lambda writer: writer.documents(docs).framed((ITEM,))).flat())


def encode_vec(vec: DocVec[Any]) -> bytes:
    """A DocVec as a `DocVecProto`; tensors are copied once. Raises what `encode_document` raises."""
    return b"".join(_written([], lambda writer: vec_pieces(writer, vec._columns)))


def _written(roots: Sequence[Any], write: Callable[[Writer], T]) -> T:
    try:
        return write(Writer(roots))
    except Refused as refused:
        raise refused.error() from None
    except RecursionError:
        raise ValueError("documents are nested too deep") from None
