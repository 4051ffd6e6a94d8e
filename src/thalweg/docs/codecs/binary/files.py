"""Documents in files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path
from typing import IO, Any

from thalweg.docs.codecs.binary import framing
from thalweg.docs.codecs.binary.arrays import Array, array_from_bytes, array_of, array_pieces
from thalweg.docs.codecs.binary.protocol import ARRAY, STREAMED, check_pickle, check_protocol
from thalweg.docs.codecs.compression import COMPRESSIONS, check_compression
from thalweg.docs.progress import tracked
from thalweg.docs.whole_file import whole_file
from thalweg.errors import MalformedRequest

Source = str | PathLike[str] | bytes | bytearray | memoryview | IO[bytes]


def save_binary(
    docs: Array,
    file: str | PathLike[str] | IO[bytes],
    protocol: str,
    compress: str | None,
    show_progress: bool = False,
) -> None:
    """See `DocList.save_binary`."""
    if not isinstance(file, (str, PathLike)):
        file.writelines(array_pieces(docs, protocol, compress, show_progress))
        return
    protocol, compress = _by_suffix(file, protocol, compress)
    pieces = array_pieces(docs, protocol, compress, show_progress)
    with whole_file(file) as target:
        target.writelines(pieces)


def load_binary(
    array: type[Array],
    file: Source,
    protocol: str,
    compress: str | None,
    show_progress: bool = False,
    allow_pickle: bool = False,
    max_bytes: int | None = None,
) -> Any:
    """See `DocList.load_binary`."""
    if isinstance(file, (bytes, bytearray, memoryview)):
        return array_from_bytes(array, file, protocol, compress, allow_pickle, max_bytes)
    if isinstance(file, (str, PathLike)):
        protocol, compress = _by_suffix(file, protocol, compress)
    if protocol in STREAMED:
        docs = stream_binary(array, file, protocol, compress, show_progress, allow_pickle, max_bytes)
        return array_of(array, list(docs))
    data = _content(file)
    return array_from_bytes(array, data, protocol, compress, allow_pickle, max_bytes)


def stream_binary(
    array: type[Array],
    file: Source,
    protocol: str,
    compress: str | None,
    show_progress: bool = False,
    allow_pickle: bool = False,
    max_bytes: int | None = None,
) -> Iterator[Any]:
    """The documents of a file one after the other; see `DocList.load_binary` with `streaming`."""
    if isinstance(file, (str, PathLike)):
        protocol, compress = _by_suffix(file, protocol, compress)
        os.stat(file)  # missing, it is missed here and not when the first document is asked for
    check_protocol(protocol, ARRAY)
    if protocol not in STREAMED:
        raise ValueError(
            f"Documents written with {protocol!r} are all in one and cannot be read one after the other; "
            f"{', '.join(map(repr, STREAMED))} can."
        )
    check_pickle(protocol, allow_pickle)
    check_compression(compress)
    return _documents(array, file, protocol, compress, show_progress, max_bytes)


def _documents(
    array: type[Array], file: Source, protocol: str, compress: str | None, show_progress: bool, max_bytes: int | None
) -> Iterator[Any]:
    with _opened(file) as source:
        count = framing.count_of(source)
        docs = framing.each_document(source, count, array.doc_type, protocol, compress, max_bytes)
        yield from tracked(docs, "Loading", show_progress, count)
        if source is not file and source.read(1):
            raise MalformedRequest(f"There are bytes behind the {count} documents.")


def _opened(file: Source) -> AbstractContextManager[IO[bytes]]:
    if isinstance(file, (bytes, bytearray, memoryview)):
        return io.BytesIO(file)
    return open(file, "rb") if isinstance(file, (str, PathLike)) else nullcontext(file)


def _content(file: str | PathLike[str] | IO[bytes]) -> bytes:
    return Path(file).read_bytes() if isinstance(file, (str, PathLike)) else file.read()


def _by_suffix(path: str | PathLike[str], protocol: str, compress: str | None) -> tuple[str, str | None]:
    """What the suffixes of a path say, wherever they stand in its name; the last one of each kind wins."""
    for suffix in Path(path).suffixes:
        name = suffix.removeprefix(".")
        protocol = name if name in ARRAY else protocol
        compress = name if name in COMPRESSIONS else compress
    return protocol, compress
