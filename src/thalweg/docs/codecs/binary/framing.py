"""Documents one after the other, each with its length before it, so that they can be written and read one at a time.

    1 byte      2
    8 bytes     number of documents
    for each    4 bytes, its length, and the document, compressed by itself

All integers are unsigned and big-endian. It is DocArray's layout for the protocols that can be streamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct, error
from typing import IO, Any, TypeAlias

from thalweg.docs.codecs.binary.documents import DocType, document_decoder, document_encoder
from thalweg.docs.codecs.compression import compressed, decompressed
from thalweg.docs.codecs.failures import invalid_document
from thalweg.errors import InvalidDocument, MalformedRequest

Buffer: TypeAlias = bytes | bytearray | memoryview

VERSION = 2

_HEAD = Struct(">BQ")
_LENGTH = Struct(">I")
_PIECE = 1 << 20
"""Bytes that are asked for at a time, so that nobody's word is taken for how many there are."""


def head(count: int) -> bytes:
    """What stands before `count` documents."""
    return _HEAD.pack(VERSION, count)


def with_lengths(docs: Iterable[Any], protocol: str, compress: str | None) -> Iterator[bytes]:
    """Each document with its length.

    Raises:
        ValueError: a document takes 4 GiB or more, or has no form in the protocol.
    """
    encode = document_encoder(protocol)
    for doc in docs:
        yield with_length(compressed(encode(doc), compress))


def with_length(data: Buffer) -> bytes:
    """`data` with its length before it."""
    try:
        return _LENGTH.pack(len(data)) + data
    except error:
        raise ValueError(
            f"A document of {len(data):,} bytes does not fit this form, which takes 4 GiB at most."
        ) from None


def count_of(file: IO[bytes]) -> int:
    """The number of documents that follow.

    Raises:
        MalformedRequest: no documents in this form follow.
    """
    data = taken(file, _HEAD.size)
    if data[:1] != bytes([VERSION]):
        given = f"with {data[0]}" if data else "with nothing"
        raise MalformedRequest(f"Documents one after the other begin with the byte {VERSION}, not {given}.")
    if len(data) < _HEAD.size:
        raise MalformedRequest("The data ends before it says how many documents there are.")
    count: int = _HEAD.unpack(data)[1]
    return count


def each_document(
    file: IO[bytes], count: int, doc_type: DocType, protocol: str, compress: str | None, max_bytes: int | None
) -> Iterator[Any]:
    """`count` documents, one after the other.

    Raises:
        InvalidDocument: a document does not fit the class; `details` begin with its number.
        MalformedRequest: the data ends too early, or is not what the protocol or the compression says.
    """
    decode = document_decoder(protocol)
    for number in range(count):
        data = next_frame(file)
        if data is None:
            raise MalformedRequest(f"The data ends after {number} of {count} documents.")
        try:
            doc = decode(decompressed(data, compress, max_bytes), doc_type)
        except InvalidDocument as found:
            raise numbered(found, number) from None
        except MalformedRequest as found:
            raise MalformedRequest(f"Document {number}: {found.message}") from None
        yield doc


def next_frame(file: IO[bytes]) -> Buffer | None:
    """What stands behind the next length; None where the data ends instead.

    Raises:
        MalformedRequest: the data ends within it.
    """
    head = taken(file, _LENGTH.size)
    if not head:
        return None
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    data = taken(file, length)
    if len(head) < _LENGTH.size or len(data) < length:
        raise MalformedRequest("The data ends in the middle of a document.")
    return data


def taken(file: IO[bytes], size: int) -> Buffer:
    """The next `size` bytes, or what there is until the end; a bytearray where it is more than a piece."""
    data = file.read(min(size, _PIECE)) or b""
    if len(data) == size or not data:
        return data
    joined = bytearray(data)
    while len(joined) < size and (data := file.read(min(size - len(joined), _PIECE))):
        joined += data
    return joined


def numbered(found: InvalidDocument, number: int) -> InvalidDocument:
    """The same error, of document `number`."""
    details = [{**item, "loc": [number, *item["loc"]]} for item in found.details]
    return invalid_document(details) if details else InvalidDocument(f"Document {number}: {found.message}")
