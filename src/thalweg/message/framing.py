"""Several buffers in one body: a count, their sizes, then the buffers themselves, so that decoding copies nothing.

    u32 count | u32 zero | count x u64 size | padding | buffer | padding | buffer ...

Numbers are little-endian. Each buffer begins at a multiple of 64 bytes from the start of the body; padding is zeros, and
the last buffer is the end. The sizes are checked against what is there before anything is made of them, so a body can
never ask for more memory than it brought.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from thalweg.errors import MalformedRequest
from thalweg.message.envelope import Buffer

ALIGNMENT = 64
_PADDING = bytes(ALIGNMENT)
_START = struct.Struct("<II")


def pack_body(parts: Sequence[Buffer]) -> list[Buffer]:
    """The buffers to write one after the other; `parts` are among them, not copied."""
    views = [part if isinstance(part, bytes) else memoryview(part).cast("B") for part in parts]
    sizes = [len(view) for view in views]
    start = _START.pack(len(sizes), 0) + struct.pack(f"<{len(sizes)}Q", *sizes)
    packed: list[Buffer] = [start]
    position = len(start)
    for view, size in zip(views, sizes, strict=True):
        gap = -position % ALIGNMENT
        if size:
            if gap:
                packed.append(_PADDING[:gap])
            packed.append(view)
            position += gap + size
    return packed


def unpack_body(data: Buffer) -> tuple[memoryview, ...]:
    """The buffers in `data`, as views of it.

    Raises:
        MalformedRequest: `data` is not what `pack_body` writes.
    """
    view = memoryview(data).cast("B")
    total = len(view)
    if total < _START.size:
        raise MalformedRequest(f"The body has {total} bytes; a framed body has at least {_START.size}.")
    count, zero = _START.unpack_from(view)
    position = _START.size + 8 * count
    if zero or position > total:
        raise MalformedRequest(f"The body says that it holds {count} buffers, and {total} bytes cannot be their frame.")
    parts: list[memoryview] = []
    for size in struct.unpack_from(f"<{count}Q", view, _START.size):
        if size:
            position += -position % ALIGNMENT
        if position + size > total:
            raise MalformedRequest(
                f"Buffer {len(parts)} of {count} should end at byte {position + size}; the body has {total}."
            )
        parts.append(view[position : position + size])
        position += size
    if position != total:
        raise MalformedRequest(f"{total - position} bytes follow the last buffer of the body.")
    return tuple(parts)
