"""Documents one after the other, each with its length before it, so that they can be written and read one at a time.

    1 byte      2
    8 bytes     number of documents
    for each    4 bytes, its length, and the document, compressed by itself

All integers are unsigned and big-endian. It is DocArray's layout for the protocols that can be streamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from struct import Struct, error
from typing import IO, Any, TypeAlias

from thalweg.docs.codecs.binary import chunks
from thalweg.docs.codecs.binary.documents import DocType, document_decoder, documents_encoder
from thalweg.docs.codecs.compression import compressed, decompressed
from thalweg.docs.codecs.failures import invalid_document
from thalweg.errors import InvalidDocument, MalformedRequest

Buffer: TypeAlias = bytes | bytearray | memoryview

VERSION = 2

_HEAD = Struct(">BQ")
_LENGTH = Struct(">I")
_FIRST = 32
"""Documents that are decoded together at first, so that the first ones need not wait for many; later ones do."""
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
    encode = documents_encoder(protocol)
    for chunk in chunks.chunks_of(docs):
        for data in encode(chunk):
            yield with_length(compressed(data, compress))


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
    return decoded(_frames(file, count, compress, max_bytes), doc_type, protocol)


def _frames(file: IO[bytes], count: int, compress: str | None, max_bytes: int | None) -> Iterator[Buffer]:
    for number in range(count):
        data = next_frame(file)
        if data is None:
            raise MalformedRequest(f"The data ends after {number} of {count} documents.")
        try:
            yield decompressed(data, compress, max_bytes)
        except MalformedRequest as found:
            raise MalformedRequest(f"Document {number}: {found.message}") from None


def decoded(frames: Iterator[Buffer], doc_type: DocType, protocol: str) -> Iterator[Any]:
    """The documents of `frames`; raises what `each_document` does, after all that come before what is wrong."""
    if protocol == "protobuf":
        return _many_at_once(frames, doc_type)
    return _one_by_one(frames, doc_type, protocol, 0)


def _many_at_once(frames: Iterator[Buffer], doc_type: DocType) -> Iterator[Any]:
    from thalweg.docs.codecs import protobuf

    number, most = 0, _FIRST
    failed: list[MalformedRequest] = []
    while chunk := _gathered(frames, most, failed):
        try:
            yield from protobuf.decode_documents(chunk, doc_type)
        except (InvalidDocument, MalformedRequest):
            yield from _one_by_one(iter(chunk), doc_type, "protobuf", number)
        number += len(chunk)
        most = min(2 * most, chunks.MOST)
    if failed:
        raise failed[0]


def _gathered(frames: Iterator[Buffer], most: int, failed: list[MalformedRequest]) -> list[Buffer]:
    """The next few of `frames`. What goes wrong with one of them is put into `failed`, to be told when its turn comes."""
    gathered: list[Buffer] = []
    size = 0
    try:
        for data in islice(frames, most):
            gathered.append(data)
            size += len(data)
            if size >= chunks.BYTES:
                break
    except MalformedRequest as found:
        failed.append(found)
    return gathered


def _one_by_one(frames: Iterator[Buffer], doc_type: DocType, protocol: str, first: int) -> Iterator[Any]:
    decode = document_decoder(protocol)
    for number, data in enumerate(frames, first):
        try:
            doc = decode(data, doc_type)
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
