"""How a collection is laid out as bytes.

Ours, in chunks of columns:

    8 bytes      b"thaldoc" and the version, 1
    4 bytes      the compression of the chunks: "lz4", "bz2", "lzma", "zlib", "gzip" or nothing, filled up with zeros
    for each     8 bytes, its length, and the chunk: columns as `to_bytes` writes them
    at the end   8 bytes, zero, and 8 bytes, the number of documents

DocArray's of files: for each document 4 bytes, its length, and gzip of its protobuf; at the end 4 bytes, zero. DocArray's
of S3: the same with pickled documents, all of it in gzip; it is read where unpickling is allowed, and not written.

All integers are unsigned and big-endian. Which of them it is, the first bytes tell.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import IO, Any, Literal, TypeAlias

from thalweg.docs.codecs import columns
from thalweg.docs.codecs.binary import body, framing
from thalweg.docs.codecs.binary.chunks import chunks_of
from thalweg.docs.codecs.binary.protocol import check_pickle
from thalweg.docs.codecs.compression import COMPRESSIONS, check_compression, compressed, decompressed
from thalweg.docs.codecs.failures import invalid_document
from thalweg.docs.doc_list import DocList
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.query.suggestion import did_you_mean
from thalweg.errors import InvalidDocument, MalformedRequest

Form: TypeAlias = Literal["columns", "docarray"]

FORMS = ("columns", "docarray")
MAGIC = b"thaldoc\x01"

_LENGTH = Struct(">Q")
_END = bytes(4)
_GZIP = b"\x1f\x8b"


def pieces_of(docs: Iterable[Any], form: str, compress: str | None) -> Iterator[bytes]:
    """The bytes of a collection, piece by piece, with no more than a chunk of it in memory.

    Raises:
        ValueError: an unknown form or compression, or a field that has no such form.
        TypeError: something is no document.
    """
    if form not in FORMS:
        raise ValueError(f"There is no form {form!r}{did_you_mean(form, FORMS)}")
    check_compression(compress)
    if form == "columns":
        return _in_columns(docs, compress)
    if compress not in (None, "gzip"):
        raise ValueError(f"DocArray's form is compressed with gzip, not with {compress}")
    return _as_docarray(docs)


def documents_of(
    file: IO[bytes], doc_type: type[BaseDocWithoutId], allow_pickle: bool, max_bytes: int | None
) -> Iterator[Any]:
    """The documents of a collection in any of the three forms, one after the other.

    Raises:
        ValueError: it is pickled, and that is not allowed.
        InvalidDocument: a document does not fit the class; `details` begin with its number.
        MalformedRequest: it is no collection, or its end is missing.
    """
    head = bytes(framing.taken(file, len(MAGIC)))
    if head == MAGIC:
        return _from_columns(file, doc_type, max_bytes)
    rest: Any = _Rest(head, file)
    if head[:2] == _GZIP:
        check_pickle("pickle", allow_pickle)
        return _from_docarray(gzip.GzipFile(fileobj=rest), doc_type, "pickle", max_bytes)
    if head[4:6] == _GZIP or head[:4] == _END:
        return _from_docarray(rest, doc_type, "protobuf", max_bytes)
    raise MalformedRequest("It is no collection of documents: it begins with something else.")


def _in_columns(docs: Iterable[Any], compress: str | None) -> Iterator[bytes]:
    yield MAGIC + (compress or "").encode().ljust(4, b"\0")
    total = 0
    for chunk in chunks_of(docs):
        total += len(chunk)
        data = compressed(b"".join(body.pieces(columns.encode(DocList.trusted(chunk)))), compress)
        yield _LENGTH.pack(len(data)) + data
    yield _LENGTH.pack(0) + _LENGTH.pack(total)


def _as_docarray(docs: Iterable[Any]) -> Iterator[bytes]:
    yield from framing.with_lengths(docs, "protobuf", "gzip")
    yield _END


def _from_columns(file: IO[bytes], doc_type: type[BaseDocWithoutId], max_bytes: int | None) -> Iterator[Any]:
    wanted = None if doc_type is AnyDoc else doc_type
    compress = _compression(bytes(framing.taken(file, 4)))
    total = 0
    while length := _number(file):
        data = framing.taken(file, length)
        if len(data) < length:
            raise _cut_off(total)
        chunk = decompressed(data, compress, max_bytes)
        try:
            docs = columns.decode(body.buffers_of(chunk if isinstance(chunk, bytearray) else bytearray(chunk)), wanted)
        except InvalidDocument as found:
            raise _numbered(found, total) from None
        total += len(docs)
        yield from docs
    if _number(file) != total:
        raise MalformedRequest(f"The collection holds {total} documents, which is not what it says itself.")


def _compression(name: bytes) -> str | None:
    found = name.rstrip(b"\0").decode("ascii", "replace")
    if len(name) < 4 or (found and found not in COMPRESSIONS):
        raise MalformedRequest(f"The collection is compressed with {found!r}, which is not known.")
    return found or None


def _number(file: IO[bytes]) -> int:
    data = framing.taken(file, _LENGTH.size)
    if len(data) < _LENGTH.size:
        raise MalformedRequest("The collection has no end: it was cut off.")
    number: int = _LENGTH.unpack(data)[0]
    return number


def _from_docarray(file: Any, doc_type: type[BaseDocWithoutId], protocol: str, max_bytes: int | None) -> Iterator[Any]:
    return framing.decoded(_frames(file, "gzip" if protocol == "protobuf" else None, max_bytes), doc_type, protocol)


def _frames(file: Any, compress: str | None, max_bytes: int | None) -> Iterator[Any]:
    number = 0
    while data := _frame(file, number):
        yield decompressed(data, compress, max_bytes)
        number += 1


def _frame(file: Any, number: int) -> Any:
    try:
        data = framing.next_frame(file)
    except (OSError, EOFError, zlib.error) as error:
        raise MalformedRequest(f"The collection cannot be read behind {number} documents: {error}.") from None
    if data is None:
        raise _cut_off(number)
    return data


def _cut_off(number: int) -> MalformedRequest:
    return MalformedRequest(f"The collection was cut off: there is no end behind {number} documents.")


def _numbered(found: InvalidDocument, before: int) -> InvalidDocument:
    """The same error, documents counted from the beginning of the collection."""
    details = [{**item, "loc": [item["loc"][1] + before, *item["loc"][2:]]} for item in found.details]
    return invalid_document(details) if details else found


class _Rest:
    """A file of which the first bytes have been read already."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self.head = head
        self.file = file

    def read(self, size: int = -1) -> bytes:
        if not self.head:
            return self.file.read(size)
        data, self.head = (self.head, b"") if size < 0 else (self.head[:size], self.head[size:])
        return data
