"""Bodies that travel compressed: gzip of the standard library, and zstd where its library is installed."""

from __future__ import annotations

import zlib
from functools import cache, lru_cache
from typing import Any

from thalweg.errors import MalformedRequest, PayloadTooLarge, UnsupportedContent
from thalweg.message import Buffer
from thalweg.transport.http.negotiation import weight

GZIP = "gzip"
ZSTD = "zstd"
GZIP_LEVEL = 4
"""About half of what level 9 saves over none, at a quarter of its time."""
ZSTD_LEVEL = 3
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_PIECE = 1 << 20
_GZIP_PIECE = 4096
"""Bytes that are unpacked at once. What follows a member of gzip is copied, and a body may be nothing but members."""
_ZSTD_WINDOW = 1 << 27
_ZSTD_PIECE = 256
"""Bytes that are unpacked at once. Four of them can become 128 KiB, and the library knows no limit of its own."""


@cache
def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        return None
    return zstandard


def codings() -> tuple[str, ...]:
    """What can be read and written here, best first."""
    return (ZSTD, GZIP) if _zstandard() is not None else (GZIP,)


def parsed_coding(value: bytes) -> str:
    """The coding of a body, empty where there is none.

    Raises:
        UnsupportedContent: it is none that is read here.
    """
    name = value.decode("latin-1").strip().lower()
    if name in ("", "identity"):
        return ""
    name = GZIP if name == "x-gzip" else name
    if name not in codings():
        hint = " Install zstd with: pip install 'thalweg[zstd]'." if name == ZSTD else ""
        raise UnsupportedContent(f"The body is encoded as {name}; this server reads {' and '.join(codings())}.{hint}")
    return name


@lru_cache(maxsize=256)
def chosen_coding(value: bytes) -> str:
    """The coding that an `accept-encoding` header asks for, empty for none (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in value.decode("latin-1").lower().split(","):
        name, _, parameter = (piece.strip() for piece in part.partition(";"))
        if name:
            weights[name] = weight(parameter.partition("=")[2]) if parameter.startswith("q") else 1.0
    known = [(weights.get(name, 0.0), name) for name in codings()]
    best = max(known, key=lambda candidate: candidate[0])
    return best[1] if best[0] > 0 else ""


def packed_body(coding: str, parts: list[Buffer]) -> bytes:
    """`parts`, one after the other, as one body."""
    packer = _zstandard().ZstdCompressor(level=ZSTD_LEVEL).compressobj() if coding == ZSTD else _gzip()
    return b"".join([*(packer.compress(part) for part in parts), packer.flush()])


def _gzip() -> Any:
    return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)


def unpacked_body(coding: str, data: Buffer, largest: int) -> bytes:
    """What `data` is without its coding. Never makes more than `largest` bytes and a little.

    Raises:
        MalformedRequest: `data` is not what its coding says, or ends too early.
        PayloadTooLarge: it would have more than `largest` bytes.
    """
    try:
        return (_from_zstd if coding == ZSTD else _from_gzip)(data, largest)
    except _errors() as error:
        raise MalformedRequest(f"The body is not {coding}: {error}.") from None


def _errors() -> tuple[type[Exception], ...]:
    library = _zstandard()
    return (zlib.error, library.ZstdError) if library is not None else (zlib.error,)


def _from_gzip(data: Buffer, largest: int) -> bytes:
    pieces: list[bytes] = []
    size = position = 0
    view = memoryview(data)
    while position < len(view):  # a file of gzip may be several, one after the other
        unpacker = zlib.decompressobj(_GZIP_WINDOW)
        while not unpacker.eof:
            given = view[position : position + _GZIP_PIECE]
            piece = unpacker.decompress(given, _PIECE)
            position += len(given) - len(unpacker.unconsumed_tail) - len(unpacker.unused_data)
            size = _bounded(size + len(piece), largest)
            if piece:
                pieces.append(piece)
            elif not given and not unpacker.eof:
                raise zlib.error("it ends too early")
    return b"".join(pieces)


def _from_zstd(data: Buffer, largest: int) -> bytes:
    library = _zstandard()
    pieces: list[bytes] = []
    size = position = 0
    view = memoryview(data)
    while position < len(view):  # several frames may follow each other
        unpacker = library.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        while not unpacker.eof:
            if position >= len(view):
                raise library.ZstdError("it ends too early")
            piece = unpacker.decompress(view[position : position + _ZSTD_PIECE])
            position += min(_ZSTD_PIECE, len(view) - position)
            size = _bounded(size + len(piece), largest)
            pieces.append(piece)
        position -= len(unpacker.unused_data)
    return b"".join(pieces)


def _bounded(size: int, largest: int) -> int:
    if size > largest:
        raise PayloadTooLarge(f"The body has more than {largest} bytes without its coding; no more are taken.")
    return size
