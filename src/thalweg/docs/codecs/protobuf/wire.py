"""DocArray's messages on the wire: the tags of their fields, and how numbers and lengths are written and read.

The messages are those of DocArray's package `docarray`. Fields numbered from 101 are ours: DocArray skips what it does not
know, so that it reads what is written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from thalweg.errors import MalformedRequest

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


def varint(number: int) -> bytes:
    """`number`, which is not negative, seven bits a byte, the lowest first."""
    if number < 0x80:
        return number.to_bytes(1, "little")
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


# What each message holds: field 1 of DocProto, DocListProto, ListOfAnyProto, DictOfAnyProto, ListOfDocVecProto, of the
# entries of maps, of NdArrayProto (`dense`) and of DenseNdArrayProto (`buffer`).
FIRST = 0x0A
SECOND = 0x12

TEXT, INTEGER, FLOAT, BOOLEAN, BLOB = 0x0A, 0x10, 0x19, 0x20, 0x2A
TENSOR, DOCUMENT, DOCUMENTS = 0x32, 0x3A, 0x42
LIST, SET, TUPLE, DICT = 0x4A, 0x52, 0x5A, 0x62
TYPE_KEY = 0x6A
"""Tags of NodeProto: the contents, of which there is at most one, and the type key."""

LARGE = 101 << 3 | LENGTH
"""Of NodeProto: an integer beyond 32 bits, as two's complement with the lowest byte first. Its content is the same number
as a float where that is exact, else as text, for DocArray to read."""
CLASS_NAME = 102 << 3 | LENGTH
"""Of NodeProto: the name of the class of the document, or of the documents of the list, where the field allows several."""
DTYPE = 103 << 3 | LENGTH
"""Of NodeProto: the dtype of a tensor that NumPy does not know, such as bfloat16; its content is float32."""

TENSOR_COLUMNS, DOCUMENT_COLUMNS, NESTED_COLUMNS, OTHER_COLUMNS = 0x0A, 0x12, 0x1A, 0x22
"""Tags of DocVecProto: maps from the names of columns to NdArrayProto, DocVecProto, ListOfDocVecProto, ListOfAnyProto."""
COUNT = 101 << 3 | VARINT
"""Of DocVecProto: how many documents there are."""
MISSING = 102 << 3 | VARINT
"""Of DocVecProto, in a list of them: that there is None in its place."""
NO_LIST = varint(MISSING) + b"\x01"
"""The whole of such a DocVecProto."""

DEPTH = 98
"""Messages within messages that are written at most, so that the protobuf library reads them for DocArray: it reads a
hundred, and a tensor takes two."""
READ_DEPTH = 102
"""Messages within messages that are read at most: all that the protobuf library reads, counted less exactly."""


class Field(NamedTuple):
    """A field of a message: where its contents begin and end, or the number that it holds."""

    tag: int
    start: int
    stop: int
    number: int = 0


def malformed(reason: str) -> MalformedRequest:
    """The error for bytes that are no such message."""
    return MalformedRequest(f"This is not a protobuf message of documents: {reason}.")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place after it; at most 64 bits.

    Raises:
        IndexError: `data` ends within it.
        MalformedRequest: it is longer than ten bytes.
    """
    number = data[at]
    at += 1
    if number < 0x80:
        return number, at
    number &= 0x7F
    for shift in range(7, 70, 7):
        octet = data[at]
        at += 1
        number |= (octet & 0x7F) << shift
        if octet < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at
    raise malformed("a number is longer than ten bytes")


def read_span(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Where what has its length at a place begins and ends, which is not after `end`."""
    size, at = read_varint(data, at)
    stop = at + size
    if stop > end:
        raise malformed("a length reaches beyond the end")
    return at, stop


def read_fields(data: bytes, at: int, end: int) -> Iterator[Field]:
    """The fields of the message between two places, in the order in which they are written."""
    while at < end:
        tag, at = read_varint(data, at)
        wire_type = tag & 7
        number = 0
        if wire_type == LENGTH:
            start, at = read_span(data, at, end)
        elif wire_type == VARINT:
            start = at
            number, at = read_varint(data, at)
        elif wire_type in (FIXED64, FIXED32):
            start = at
            at += 8 if wire_type == FIXED64 else 4
        else:
            raise malformed(f"there is no wire type {wire_type}")
        if tag < 8 or at > end:
            raise malformed("a field reaches beyond the end" if tag > 7 else "a field has the number 0")
        yield Field(tag, start, at, number)
