"""Columns in one piece of bytes: where the header and each buffer begins.

    8 bytes     b"thalweg" and the version, 1
    8 bytes     number of buffers, the header being the first
    8 bytes     length of each buffer
    the rest    the buffers, each begun at a multiple of 16 bytes from the start

All integers are unsigned and little-endian.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from struct import Struct
from typing import TypeAlias

from thalweg.errors import MalformedRequest

Buffer: TypeAlias = bytes | bytearray | memoryview

MAGIC = b"thalweg\x01"
ALIGNMENT = 16
"""Bytes to a multiple of which every buffer begins, so that tensors are aligned in memory where the whole is."""

_HEAD = Struct("<8sQ")
_NOTHING = memoryview(bytearray())
"""Every empty buffer: a view takes more memory than the eight bytes that claim one."""


def pieces(buffers: Sequence[Buffer]) -> list[Buffer]:
    """What follows one another in the bytes of `buffers`; nothing is copied."""
    lengths = [buffer.nbytes if isinstance(buffer, memoryview) else len(buffer) for buffer in buffers]
    head = _HEAD.pack(MAGIC, len(buffers)) + Struct(f"<{len(lengths)}Q").pack(*lengths)
    padding = (bytes(-length % ALIGNMENT) for length in (len(head), *lengths[:-1]))
    padded = chain.from_iterable(zip((head, *buffers[:-1]), padding, strict=True))
    return [piece for piece in (*padded, *buffers[-1:]) if len(piece)]


def buffers_of(data: Buffer) -> list[memoryview]:
    """The buffers, as views of `data`.

    Raises:
        MalformedRequest: they are not what the lengths say.
    """
    view = memoryview(data).cast("B")
    if len(view) < _HEAD.size:
        raise MalformedRequest(f"Columns take {_HEAD.size} bytes at least, but there are {len(view)}.")
    magic, count = _HEAD.unpack_from(view)
    if magic != MAGIC:
        raise MalformedRequest("The bytes are not columns: they begin with something else.")
    if count > (len(view) - _HEAD.size) // 8:
        raise MalformedRequest(f"Columns of {count} buffers do not fit {len(view)} bytes.")
    lengths = Struct(f"<{count}Q").unpack_from(view, _HEAD.size)
    return list(_cut(view, _HEAD.size + 8 * count, lengths))


def _cut(view: memoryview, start: int, lengths: Sequence[int]) -> Iterator[memoryview]:
    for length in lengths:
        start += -start % ALIGNMENT
        end = start + length
        if end > len(view):
            raise MalformedRequest(f"The columns end after {len(view)} bytes, but a buffer of them ends at {end}.")
        yield view[start:end] if length else _NOTHING
        start = end
    if start != len(view):
        raise MalformedRequest("There are bytes behind the columns.")
