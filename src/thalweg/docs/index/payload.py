"""A document as the bytes that a collection keeps."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from thalweg.docs.codecs.columns import decode, encode
from thalweg.docs.codecs.columns.layout import Buffer
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import BaseDocWithoutId
from thalweg.errors import MalformedRequest

_ALIGNMENT = 64


class _Head(msgspec.Struct, array_like=True):
    version: int
    root: str
    lengths: list[int]


class Kept(NamedTuple):
    """A document, and the id of the document in whose lists it is; empty where it is in none."""

    document: Any
    root: str


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Head)


def packed(doc: BaseDocWithoutId, root: str = "") -> bytes:
    """The whole document: its columns, each beginning where the processor likes numbers to begin.

    Raises:
        ValueError: a field holds something that cannot be written.
    """
    buffers = encode(DocList[type(doc)].trusted([doc]))  # type: ignore[misc]
    head = _ENCODER.encode(_Head(1, root, [memoryview(part).nbytes for part in buffers]))
    parts: list[Buffer] = [len(head).to_bytes(4, "little"), head]
    size = 4 + len(head)
    for part in buffers:
        padding = -size % _ALIGNMENT
        parts += [bytes(padding), part]
        size += padding + memoryview(part).nbytes
    return b"".join(parts)


def unpacked(payload: bytes, doc_type: type[BaseDocWithoutId]) -> Kept:
    """The document that `packed` wrote; its tensors can be written to.

    Raises:
        MalformedRequest: the bytes were not written by `packed`.
        InvalidDocument: the document does not fit the class.
    """
    data = memoryview(bytearray(payload))  # a copy, so that tensors belong to the document alone
    try:
        start = 4 + int.from_bytes(data[:4], "little")
        head = _DECODER.decode(data[4:start])
    except msgspec.MsgspecError as error:
        raise MalformedRequest(f"The database holds something that no index has written: {error}.") from None
    buffers = []
    for length in head.lengths:
        start += -start % _ALIGNMENT
        if not 0 <= length <= len(data) - start:
            raise MalformedRequest("The database holds a document that is cut off.")
        buffers.append(data[start : start + length])
        start += length
    docs = decode(buffers, doc_type)
    if len(docs) != 1:
        raise MalformedRequest(f"The database holds {len(docs)} documents where there is one.")
    return Kept(docs[0], head.root)
