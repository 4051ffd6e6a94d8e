"""Bytes made smaller, and made whole again without trusting what they claim.

A few bytes can stand for gigabytes, so reading stops at a limit: `RATIO` times the size of what is read, at least `FLOOR`
bytes, or what the caller says.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from thalweg.docs.extras import load_extra
from thalweg.docs.query.suggestion import did_you_mean
from thalweg.errors import MalformedRequest

__all__ = ["COMPRESSIONS", "FLOOR", "RATIO", "check_compression", "compressed", "decompressed"]

Buffer: TypeAlias = bytes | bytearray | memoryview

COMPRESSIONS = ("lz4", "bz2", "lzma", "zlib", "gzip")
FLOOR = 64 << 20
RATIO = 100

_PIECE = 1 << 20
"""Bytes that go into and come out of a decompressor at a time."""
_SMALL = 1 << 16
"""Bytes up to which it is worth a try whether all comes out at once, as a document of a stream does."""
_LZMA_MEMORY = 128 << 20
"""Bytes that a decoder of lzma may use: the strongest preset needs 65 MiB, and the data could ask for gigabytes."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: Buffer, max_length: int = -1) -> bytes: ...


class _Inflate:
    """zlib's decompressor, to be used as the other ones are."""

    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)

    def decompress(self, data: Buffer, max_length: int = -1) -> bytes:
        tail = self._inner.unconsumed_tail
        return self._inner.decompress(tail + data if tail else data, max_length)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


_ZLIB, _GZIP = zlib.MAX_WBITS, zlib.MAX_WBITS | 16
"""How zlib is told which of the two containers is meant."""


def _lz4() -> Any:
    return load_extra("lz4.frame", "lz4", "Data compressed with lz4")


_COMPRESS: dict[str, Callable[[Buffer], bytes]] = {
    "lz4": lambda data: _lz4().compress(data),
    "bz2": bz2.compress,
    "lzma": lzma.compress,
    "zlib": zlib.compress,
    "gzip": lambda data: zlib.compress(data, wbits=_GZIP),
}
_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    "lz4": lambda: _lz4().LZ4FrameDecompressor(),
    "bz2": bz2.BZ2Decompressor,
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY),
    "zlib": lambda: _Inflate(_ZLIB),
    "gzip": lambda: _Inflate(_GZIP),
}
_BROKEN = (OSError, EOFError, ValueError, RuntimeError, lzma.LZMAError, zlib.error)


def check_compression(name: str | None) -> None:
    """Raise ValueError, with the nearest name that there is, unless `name` is None or one of `COMPRESSIONS`."""
    if name is not None and name not in COMPRESSIONS:
        raise ValueError(f"There is no compression {name!r}{did_you_mean(name, COMPRESSIONS)}")


def compressed(data: Buffer, name: str | None) -> Buffer:
    """`data` in the format of `name`; as it is where `name` is None.

    Raises:
        ValueError: there is no such compression.
        MissingDependency: it is lz4, which is not installed.
    """
    check_compression(name)
    return data if name is None else _COMPRESS[name](data)


def decompressed(data: Buffer, name: str | None, max_bytes: int | None = None) -> Buffer:
    """What was compressed, in memory of its own; `data` itself where `name` is None.

    Args:
        data: one or several compressed streams, one after the other.
        name: one of `COMPRESSIONS`.
        max_bytes: bytes that may come out; None for `RATIO` times what goes in, at least `FLOOR`.

    Raises:
        ValueError: there is no such compression.
        MalformedRequest: it is not in that format, ends too early, or is larger than `max_bytes`.
    """
    check_compression(name)
    if name is None:
        return data
    size = data.nbytes if isinstance(data, memoryview) else len(data)
    limit = max(FLOOR, RATIO * size) if max_bytes is None else max_bytes
    view = memoryview(data).cast("B")
    try:
        made = _at_once(view, name, limit)
        return _in_pieces(view, name, limit) if made is None else made
    except _BROKEN as error:
        raise MalformedRequest(f"The data cannot be read as {name}: {str(error).rstrip('.')}.") from None


def _at_once(data: memoryview, name: str, limit: int) -> bytes | None:
    """What was compressed, where it is not much; None where that takes a closer look."""
    if len(data) > _SMALL:
        return None
    machine = _DECOMPRESSORS[name]()
    made = machine.decompress(data, min(_PIECE, limit + 1))
    return made if machine.eof and not machine.unused_data and len(made) <= limit else None


def _in_pieces(rest: Buffer, name: str, limit: int) -> bytearray:
    made = bytearray()
    while True:
        machine = _DECOMPRESSORS[name]()
        position = 0
        while not machine.eof:
            piece = rest[position : position + _PIECE] if machine.needs_input else b""
            position += len(piece)
            more = machine.decompress(piece, min(_PIECE, limit - len(made) + 1))
            if not (piece or more or machine.eof):
                raise MalformedRequest(f"The data is compressed with {name}, and its end is missing.")
            made += more
            if len(made) > limit:
                raise MalformedRequest(
                    f"The data becomes more than {limit:,} bytes when it is decompressed, which is as much as is allowed. "
                    "Where you trust it, allow more with max_bytes."
                )
        left = len(rest) - position + len(machine.unused_data or b"")
        if not left:
            return made
        rest = rest[len(rest) - left :]
