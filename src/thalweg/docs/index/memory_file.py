"""Collections in memory, written to one file and read again.

The file is eight bytes that tell what it is, the length of a header in four bytes, the header in msgpack, and then for
each collection its payloads one after the other and for each vector one byte for each record (1 where it has one) and the
vectors, float32 in little-endian order. Reading runs no code, and takes no more memory than the file is long.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import accumulate, pairwise
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import msgspec
import numpy as np

from thalweg.docs.index.memory import MemoryCollection, Snapshot
from thalweg.errors import MalformedRequest

MAGIC = b"THALWEGi"
_VERSION = 1


class _Part(msgspec.Struct):
    """One collection. `name` is that of its layout without the name of the index; `sizes` are the lengths of vectors."""

    name: str
    described: str
    ids: list[str]
    payloads: list[int]
    values: dict[str, list[Any]]
    sizes: dict[str, int]


class _Header(msgspec.Struct):
    version: int
    parts: list[_Part]


_DECODER = msgspec.msgpack.Decoder(_Header)


def save_collections(path: Path, collections: Mapping[str, MemoryCollection]) -> None:
    """Write collections, each under its name. Whoever reads meanwhile finds the old file or the new one, never a part."""
    parts, snapshots = [], []
    for name, collection in collections.items():
        with collection.snapshot() as kept:
            copied = Snapshot(
                list(kept.ids),
                list(kept.payloads),
                {column: list(values) for column, values in kept.values.items()},
                {column: (vectors.copy(), present.copy()) for column, (vectors, present) in kept.matrices.items()},
            )
        sizes = {column: vectors.shape[1] for column, (vectors, _) in copied.matrices.items()}
        lengths = list(map(len, copied.payloads))
        parts.append(_Part(name, collection.layout.described(), copied.ids, lengths, copied.values, sizes))
        snapshots.append(copied)
    header = msgspec.msgpack.encode(_Header(_VERSION, parts))
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        with beside.open("wb") as file:
            file.write(MAGIC + len(header).to_bytes(4, "little") + header)
            for snapshot in snapshots:
                _write(file, snapshot)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def is_ours(path: Path) -> bool:
    """Whether `save_collections` has written this file."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def load_collections(path: Path, collections: Mapping[str, MemoryCollection]) -> None:
    """Read what `save_collections` wrote into collections with the same names.

    Raises:
        LayoutMismatch: it was written for another class of document.
        MalformedRequest: the file is damaged, or of another version.
    """
    data = bytearray(path.read_bytes())
    start = len(MAGIC) + 4
    end = start + int.from_bytes(data[len(MAGIC) : start], "little")
    try:
        header = _DECODER.decode(memoryview(data)[start:end])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"{path} is damaged: {error}.") from None
    if header.version != _VERSION or data[: len(MAGIC)] != MAGIC:
        raise MalformedRequest(f"{path} is no index that this version of Thalweg reads.")
    parts = {part.name: part for part in header.parts}
    for name, collection in collections.items():
        if name in parts:
            collection.layout.verify(parts[name].described)
    reading = _Reading(path, memoryview(data), end)
    snapshots = {part.name: reading.snapshot(part) for part in header.parts}
    for name, collection in collections.items():
        if name in snapshots:
            reading.check_columns(collection, snapshots[name])
            collection.restore(snapshots[name])


def _write(file: IO[bytes], snapshot: Snapshot) -> None:
    file.write(b"".join(snapshot.payloads))
    for vectors, present in snapshot.matrices.values():
        file.write(present.astype(np.uint8).tobytes())
        file.write(vectors.astype("<f4", copy=False).tobytes())


class _Reading:
    """Takes one piece of the file after the other."""

    def __init__(self, path: Path, data: memoryview, start: int) -> None:
        self._path = path
        self._data = data
        self._start = start

    def snapshot(self, part: _Part) -> Snapshot:
        count = len(part.ids)
        columns_fit = all(len(values) == count for values in part.values.values())
        if len(part.payloads) != count or min(part.payloads, default=0) < 0 or not columns_fit:
            raise self._damaged()
        payloads = self._take(sum(part.payloads))
        ends = [0, *accumulate(part.payloads)]
        return Snapshot(
            part.ids,
            [bytes(payloads[first:last]) for first, last in pairwise(ends)],
            part.values,
            {name: self._matrix(count, size) for name, size in part.sizes.items()},
        )

    def check_columns(self, collection: MemoryCollection, snapshot: Snapshot) -> None:
        layout = collection.layout
        sizes_fit = all(
            column.size in (0, snapshot.matrices[column.name][0].shape[1])
            for column in layout.vectors
            if column.name in snapshot.matrices
        )
        names = {column.name for column in layout.vectors}, {column.name for column in layout.values}
        if (set(snapshot.matrices), set(snapshot.values)) != names or not sizes_fit:
            raise self._damaged()

    def _matrix(self, count: int, size: int) -> tuple[Any, Any]:
        present = np.frombuffer(self._take(count), np.uint8).astype(bool)
        if size < 0:
            raise self._damaged()
        vectors = np.frombuffer(self._take(4 * count * size), "<f4").astype(np.float32).reshape(count, size)
        return vectors, present

    def _take(self, length: int) -> memoryview:
        if length > len(self._data) - self._start:
            raise self._damaged()
        self._start += length
        return self._data[self._start - length : self._start]

    def _damaged(self) -> MalformedRequest:
        return MalformedRequest(f"{self._path} is damaged: it is cut off, or does not hold what its header says.")
