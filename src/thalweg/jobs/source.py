"""Where the documents of a job come from: files of lines of JSON, of comma-separated values, and of Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from typing import IO, Any

import msgspec

from thalweg.docs.codecs.content import ARROW, COLUMNS, JSON
from thalweg.docs.codecs.lines import columns_of_lines
from thalweg.docs.extras import load_extra
from thalweg.errors import ConfigurationError, MalformedRequest
from thalweg.jobs.parcel import Parcel, Position
from thalweg.jobs.place import FilePlace, place_at
from thalweg.message import Buffer

LONGEST_LINE = 64 << 20
"""Bytes of one line: a file without line ends is no file of lines."""
PARCEL_BYTES = 8 << 20
"""With so many bytes a parcel is full, however few documents they are."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class FileSource(ABC):
    """One file of the input, number `number` of all."""

    def __init__(self, place: FilePlace, number: int) -> None:
        self.place = place
        self.number = number

    @property
    @abstractmethod
    def extent(self) -> int:
        """How much there is to read, in the unit of `Parcel.work`; 0 where nobody can tell."""

    @abstractmethod
    def work_before(self, offset: int) -> int:
        """How much of `extent` is before `offset`."""

    @abstractmethod
    def parcels(self, offset: int, first: int, size: int) -> Generator[Parcel, None, None]:
        """The documents from `offset` on, `size` at a time or fewer where they are large; the first one is number `first` of
        the whole input.

        Raises:
            MalformedRequest: something is no document; names the file, and the line or the row.
        """


class _Lines(FileSource):
    """A document each line. Simple ones go in columns, which cost the Flow half as much to read; all others as they
    stand, looked into no further than whether they are objects."""

    def __init__(self, place: FilePlace, number: int) -> None:
        super().__init__(place, number)
        self._object = msgspec.json.Decoder(dict[str, msgspec.Raw])

    @property
    def extent(self) -> int:
        return 0 if self.place.name.endswith(".gz") else self.place.state()[0]

    def work_before(self, offset: int) -> int:
        return offset

    def parcels(self, offset: int, first: int, size: int) -> Generator[Parcel, None, None]:
        with _content(self.place) as file:
            file.seek(offset)
            while True:
                begun, texts, places, room = offset, [], [], PARCEL_BYTES
                for line in _bounded(file, self.place):
                    text = (line if offset else line.removeprefix(BYTE_ORDER_MARK)).strip()
                    if text:
                        texts.append(text)
                        places.append(offset)
                        room -= len(text)
                    offset += len(line)
                    if len(texts) == size or room <= 0:
                        break
                if not texts:
                    return
                columns = columns_of_lines(texts)
                if columns is None:
                    self._check(texts, places)
                yield _of_json(texts, first, Position(self.number, offset), offset - begun, columns)
                first += len(texts)

    def _check(self, texts: list[bytes], places: list[int]) -> None:
        for text, at in zip(texts, places, strict=True):
            try:
                self._object.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                start = text[:60].decode("utf-8", "replace")
                raise MalformedRequest(
                    f"{self.place.shown}: what begins at byte {at} is no JSON object ({error}): {start}"
                ) from None


class _Table(FileSource):
    """A document each line, whose fields the first line names. Every value is text, which the Executor's class may read as a
    number."""

    @property
    def extent(self) -> int:
        return 0

    def work_before(self, offset: int) -> int:
        return 0

    def parcels(self, offset: int, first: int, size: int) -> Generator[Parcel, None, None]:
        with _content(self.place) as file:
            csv.field_size_limit(
                max(csv.field_size_limit(), LONGEST_LINE)
            )  # the whole process's: it is only ever raised
            rows = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""), strict=True)
            try:
                self._check(rows.fieldnames or ())
                next(islice(rows, offset, offset), None)
                texts: list[bytes] = []
                room = PARCEL_BYTES
                for row in rows:
                    texts.append(self._document(row, rows.line_num))
                    room -= len(texts[-1])
                    if len(texts) == size or room <= 0:
                        offset += len(texts)
                        yield _of_json(texts, first, Position(self.number, offset))
                        first += len(texts)
                        texts, room = [], PARCEL_BYTES
                if texts:
                    yield _of_json(texts, first, Position(self.number, offset + len(texts)))
            except (csv.Error, UnicodeDecodeError) as error:
                raise MalformedRequest(f"{self.place.shown}, line {rows.line_num}: {error}") from None

    def _check(self, names: Sequence[str]) -> None:
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise MalformedRequest(
                f"{self.place.shown}: the first line has {' and '.join(map(repr, twice))} more than once."
            )

    def _document(self, row: dict[str | Any, Any], line: int) -> bytes:
        if None in row or None in row.values():
            raise MalformedRequest(f"{self.place.shown}, line {line}: not as many values as the first line has names.")
        return json.dumps({name: value for name, value in row.items() if value != ""}, ensure_ascii=False).encode()


def _of_json(
    texts: list[bytes], first: int, end: Position, work: int = 0, columns: tuple[Buffer, ...] | None = None
) -> Parcel:
    """Documents that are JSON each; the same ones as `columns` where they are simple enough."""
    return Parcel(
        columns or (b'{"data":[' + b",".join(texts) + b"]}",),
        COLUMNS if columns else JSON,
        len(texts),
        first,
        end,
        work,
        lambda: [_of_json([text], first + index, end) for index, text in enumerate(texts)],
        lambda: texts[0].decode("utf-8", "replace"),
    )


class _Parquet(FileSource):
    """A document each row."""

    def __init__(self, place: FilePlace, number: int) -> None:
        super().__init__(place, number)
        self._arrow = load_extra("pyarrow", "arrow", "Parquet files")
        self._parquet = load_extra("pyarrow.parquet", "arrow", "Parquet files")
        with place.reading() as file:
            self._rows = self._opened(file).metadata.num_rows
        self._bytes = place.state()[0]

    def _opened(self, file: IO[bytes]) -> Any:
        try:
            return self._parquet.ParquetFile(file)
        except (self._arrow.ArrowException, OSError) as error:
            raise MalformedRequest(f"{self.place.shown} is no Parquet file: {error}.") from None

    @property
    def extent(self) -> int:
        return self._bytes

    def work_before(self, offset: int) -> int:
        return self._bytes * offset // max(1, int(self._rows))

    def parcels(self, offset: int, first: int, size: int) -> Generator[Parcel, None, None]:
        with self.place.reading() as file:
            opened = self._opened(file)
            passed = 0
            for group in range(opened.num_row_groups):
                rows = opened.metadata.row_group(group).num_rows
                if passed + rows > offset:
                    for batch in self._batches(opened, group, size):
                        skipped = min(max(offset - passed, 0), batch.num_rows)
                        passed += batch.num_rows
                        kept = batch.slice(skipped)
                        if kept.num_rows:
                            yield self._parcel(kept, first, passed)
                            first += kept.num_rows
                else:
                    passed += rows

    def _batches(self, opened: Any, group: int, size: int) -> Generator[Any, None, None]:
        try:
            for batch in opened.iter_batches(size, row_groups=[group], use_threads=False):
                rows = max(1, batch.num_rows // (1 + batch.nbytes // PARCEL_BYTES))
                for start in range(0, batch.num_rows, rows):
                    yield batch.slice(start, rows)
        except (self._arrow.ArrowException, OSError) as error:
            raise MalformedRequest(f"{self.place.shown} cannot be read any further: {error}.") from None

    def _parcel(self, batch: Any, first: int, offset: int) -> Parcel:
        sink = self._arrow.BufferOutputStream()
        with self._arrow.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return Parcel(
            (memoryview(sink.getvalue()),),
            ARROW,
            batch.num_rows,
            first,
            Position(self.number, offset),
            self.work_before(offset) - self.work_before(offset - batch.num_rows),
            lambda: [self._parcel(batch.slice(row, 1), first + row, offset) for row in range(batch.num_rows)],
            partial(_shown, batch),
        )


def _shown(batch: Any) -> str:
    return json.dumps(batch.to_pylist()[0], ensure_ascii=False, default=str)


KINDS: dict[str, type[FileSource]] = {
    ".jsonl": _Lines,
    ".ndjson": _Lines,
    ".jsonl.gz": _Lines,
    ".ndjson.gz": _Lines,
    ".csv": _Table,
    ".csv.gz": _Table,
    ".parquet": _Parquet,
}
"""How the name of a file ends -> how it is read."""


class Input:
    """All files of the input, in the order given."""

    def __init__(self, addresses: Sequence[str]) -> None:
        """
        Raises:
            ConfigurationError: a file is not there, or of no kind that is read.
            MissingDependency: what reads it is not installed.
        """
        if not addresses:
            raise ConfigurationError("There is no input: name a file.")
        self._sources = [_source(address, number) for number, address in enumerate(addresses)]

    @property
    def extent(self) -> int:
        """How much there is to read, in the unit of `Parcel.work`; 0 where nobody can tell."""
        extents = [source.extent for source in self._sources]
        return sum(extents) if all(extents) else 0

    def work_before(self, position: Position) -> int:
        """How much of `extent` is before that position."""
        before = sum(source.extent for source in self._sources[: position.file])
        return before + self._sources[position.file].work_before(position.offset)

    def identity(self) -> list[dict[str, Any]]:
        """What is another one where the input is."""
        found = []
        for source in self._sources:
            size, version = source.place.state()
            found.append({"input": source.place.shown, "bytes": size, "version": version})
        return found

    def parcels(self, start: Position, first: int, size: int) -> Generator[Parcel, None, None]:
        """The documents from `start` on. Raises as `FileSource.parcels` does."""
        for source in self._sources[start.file :]:
            offset = start.offset if source.number == start.file else 0
            with closing(source.parcels(offset, first, size)) as parcels:
                for parcel in parcels:
                    first += parcel.documents
                    yield parcel


def _source(address: str, number: int) -> FileSource:
    place = place_at(address)
    kind = next((kind for suffix, kind in KINDS.items() if place.name.endswith(suffix)), None)
    if kind is None:
        raise ConfigurationError(f"{place.shown} is read by none of: {', '.join(KINDS)}.")
    if not place.exists():
        raise ConfigurationError(f"There is no file {place.shown}.")
    return kind(place, number)


@contextmanager
def _content(place: FilePlace) -> Iterator[IO[bytes]]:
    """What is in the file, unpacked."""
    with place.reading() as file:
        if not place.name.endswith(".gz"):
            yield file
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked  # type: ignore[misc]
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise MalformedRequest(f"{place.shown} is no whole file of gzip: {error}.") from None


def _bounded(file: IO[bytes], place: FilePlace) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise MalformedRequest(f"{place.shown} has a line of more than {LONGEST_LINE} bytes.")
        yield line
