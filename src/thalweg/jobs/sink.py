"""Where the answers of a job go: one part after the other, each there whole or not at all, and all of them in one file at
the end.

A part's name says where the input goes on after it, so the parts that are there are all that has to be known to go on.
"""

from __future__ import annotations

import gzip
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import IO, Any, ClassVar, NamedTuple

import msgspec

from thalweg.docs.codecs.content import ARROW, JSON, decode_content
from thalweg.docs.extras import load_extra
from thalweg.errors import ConfigurationError, InternalError, ThalwegError
from thalweg.jobs.parcel import Position
from thalweg.jobs.place import FilePlace
from thalweg.message import Response

COPY_BYTES = 1 << 20
PART = re.compile(r"part-(\d{8})-(\d+)-(\d+)-(\d+)-(\d+)-(\d+)\.\w[\w.]*\Z")
ERRORS = ".errors"
LOCK = "lock"
IDENTITY = "job.json"
MADE = "made.json"
"""What says that the output was made of the parts, and which file that is."""


class OutputPart(NamedTuple):
    """A part of the output: how many documents of the input are in it and before it, how many came of them and how many
    failed, also counted from the beginning, and where the input goes on."""

    number: int
    read: int
    written: int
    failed: int
    end: Position

    @property
    def name(self) -> str:
        return f"part-{self.number:08d}-{self.read}-{self.written}-{self.failed}-{self.end.file}-{self.end.offset}"


class _Made(msgspec.Struct):
    """The output as it is when it is made, and the counts of all of it."""

    state: tuple[int, str]
    counts: tuple[int, int, int]


NOTHING = OutputPart(-1, 0, 0, 0, Position())


class OutputForm(ABC):
    """How answers are written."""

    suffix: ClassVar[str]
    accept: ClassVar[str]
    """The content type in which they are asked for."""

    @abstractmethod
    def add(self, responses: Sequence[Response]) -> int:
        """Take the answers to one request; how many documents they are."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes that were added since the last `write`."""

    @abstractmethod
    def write(self, file: IO[bytes]) -> None:
        """Write what was added, and forget it."""

    @abstractmethod
    def join(self, parts: Sequence[FilePlace], file: IO[bytes]) -> None:
        """Write all that `parts` hold."""


class UnlikeAnswers(ThalwegError):
    """Documents whose fields are of types that no column can be of."""

    def __init__(self, error: object) -> None:
        super().__init__(f"The documents that came do not fit into one table: {error}. An output of .jsonl takes them.")


class _Envelope(msgspec.Struct):
    data: list[msgspec.Raw] | msgspec.Raw = []


class Lines(OutputForm):
    """A line of JSON each document."""

    suffix = ".jsonl"
    accept = JSON

    def __init__(self, packed: bool = False) -> None:
        self._packed = packed
        self._decoder = msgspec.json.Decoder(_Envelope)
        self._texts: list[bytes] = []
        self._size = 0

    @property
    def size(self) -> int:
        return self._size

    def add(self, responses: Sequence[Response]) -> int:
        before = len(self._texts)
        for response in responses:
            if response.content_type != JSON:
                raise InternalError(f"The answer is {response.content_type}, and JSON was asked for.")
            data = self._decoder.decode(b"".join(response.body) or b"{}").data
            for document in data if isinstance(data, list) else [data]:
                text = bytes(document)
                self._texts.append(text if b"\n" not in text else msgspec.json.format(text, indent=-1))
                self._size += len(text)
        return len(self._texts) - before

    def write(self, file: IO[bytes]) -> None:
        lines = b"".join(text + b"\n" for text in self._texts)
        file.write(gzip.compress(lines, 6, mtime=0) if self._packed else lines)
        self._texts, self._size = [], 0

    def join(self, parts: Sequence[FilePlace], file: IO[bytes]) -> None:
        for part in parts:  # members of gzip that follow each other are one file of gzip
            with part.reading() as content:
                shutil.copyfileobj(content, file, COPY_BYTES)


class Parquet(OutputForm):
    """A row each document."""

    suffix = ".parquet"
    accept = ARROW

    def __init__(self) -> None:
        self._arrow = load_extra("pyarrow", "arrow", "Parquet files")
        self._parquet = load_extra("pyarrow.parquet", "arrow", "Parquet files")
        self._tables: list[Any] = []
        self._size = 0

    @property
    def size(self) -> int:
        return self._size

    def add(self, responses: Sequence[Response]) -> int:
        rows = 0
        for response in responses:
            table = self._table(response)
            if table.num_columns:
                self._tables.append(table)
            self._size += table.nbytes
            rows += table.num_rows
        return rows

    def _table(self, response: Response) -> Any:
        if response.content_type == ARROW:
            with self._arrow.ipc.open_stream(self._arrow.py_buffer(b"".join(response.body))) as reader:
                return reader.read_all()
        from thalweg.docs.codecs import arrow

        return arrow.encode(decode_content(response.content_type, response.body, None)[0])

    def write(self, file: IO[bytes]) -> None:
        together = self._together(self._tables or [self._arrow.table({})])
        self._parquet.write_table(together, file, compression="lz4", use_dictionary=False)  # for a short while
        self._tables, self._size = [], 0

    def join(self, parts: Sequence[FilePlace], file: IO[bytes]) -> None:
        schema = self._unified(parts)
        types = self._arrow.types
        # Of use where values come again, which numbers of tensors do not.
        repeated = [field.name for field in schema if types.is_string(field.type) or types.is_integer(field.type)]
        with self._parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=repeated or False) as writer:
            for part in parts:
                with part.reading() as content:
                    opened = self._parquet.ParquetFile(content)
                    for group in range(opened.num_row_groups):
                        table = opened.read_row_group(group)
                        if table.num_columns:
                            whole = self._together([schema.empty_table(), table])
                            writer.write_table(self._fitted(whole.select(schema.names), schema))

    def _unified(self, parts: Sequence[FilePlace]) -> Any:
        both = [self._schemas(part) for part in parts]
        for schemas in zip(*both, strict=True):
            found = [schema for schema in schemas if len(schema)] or [self._arrow.schema([])]
            try:
                return self._arrow.unify_schemas(found, promote_options="permissive")
            except self._arrow.ArrowException as error:
                reason = error
        raise UnlikeAnswers(reason) from None

    def _schemas(self, part: FilePlace) -> tuple[Any, Any]:
        """Of that part: as it says, and such that a column without values is of no type."""
        with part.reading() as content:
            opened = self._parquet.ParquetFile(content)
            schema, metadata = opened.schema_arrow, opened.metadata
            valued = set()
            for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
                for column in (group.column(number) for number in range(group.num_columns)):
                    known = column.statistics
                    if known is None or not known.has_null_count or known.null_count < column.num_values:
                        valued.add(column.path_in_schema.partition(".")[0])
            return schema, self._arrow.schema(
                [field if field.name in valued else field.with_type(self._arrow.null()) for field in schema]
            )

    def _together(self, tables: list[Any]) -> Any:
        """Raises `UnlikeAnswers`."""
        try:
            return self._arrow.concat_tables(tables, promote_options="permissive")
        except self._arrow.ArrowException:
            return self._concatenated([self._without_empty(table) for table in tables])

    def _concatenated(self, tables: list[Any]) -> Any:
        try:
            return self._arrow.concat_tables(tables, promote_options="permissive")
        except self._arrow.ArrowException as error:
            raise UnlikeAnswers(error) from None

    def _without_empty(self, table: Any) -> Any:
        """A column in which nothing is has a type all the same, and that would stand in the way of the others'."""
        for index, field in enumerate(table.schema):
            if table.column(index).null_count == table.num_rows and table.num_rows:
                table = table.set_column(index, field.name, self._arrow.nulls(table.num_rows))
        return table

    def _fitted(self, table: Any, schema: Any) -> Any:
        for index, field in enumerate(schema):
            column = table.column(index)
            if column.type != field.type and column.null_count == table.num_rows:
                table = table.set_column(index, field.name, self._arrow.nulls(table.num_rows, field.type))
        return table.cast(schema)


def output_form(output: FilePlace) -> OutputForm:
    """How what lies at `output` is written.

    Raises:
        ConfigurationError: its name does not say.
        MissingDependency: what writes it is not installed.
    """
    if output.name.endswith((".jsonl", ".ndjson")):
        return Lines()
    if output.name.endswith((".jsonl.gz", ".ndjson.gz")):
        return Lines(packed=True)
    if output.name.endswith(".parquet"):
        return Parquet()
    raise ConfigurationError(
        f"{output.shown}: the output ends with .jsonl, .ndjson, .jsonl.gz, .ndjson.gz or .parquet."
    )


class Output:
    """The parts of one job, in a folder beside what they become."""

    def __init__(self, place: FilePlace, form: OutputForm) -> None:
        self.place = place
        self.form = form
        self.folder = place.beside(f"{place.name}.parts")
        self.errors = place.beside(f"{place.name}.errors.jsonl")
        self._failures: list[bytes] = []
        self._failed_size = 0

    def begun(self) -> bytes | None:
        """What `begin` has written down here; None where nothing was."""
        place = self.folder.within(IDENTITY)
        if not place.exists():
            return None
        with place.reading() as file:
            return file.read()

    def begin(self, identity: bytes) -> None:
        """Forget all parts that are there, and write down whose the next ones are."""
        self._empty(LOCK)
        with self.folder.within(IDENTITY).writing() as file:
            file.write(identity)

    def _empty(self, *but: str) -> None:
        for name in self.folder.names():
            if name not in but:
                self.folder.within(name).remove()

    def last(self) -> OutputPart:
        """The last of the parts that are there, with all before it; `NOTHING` where there is none."""
        parts = self._parts()
        return parts[-1] if parts else NOTHING

    def _parts(self) -> list[OutputPart]:
        found = []
        for name in self.folder.names():
            match = PART.match(name)
            if match and ERRORS not in name:
                number, read, written, failed, file, offset = map(int, match.groups())
                found.append(OutputPart(number, read, written, failed, Position(file, offset)))
        found.sort()
        missing = next((number for number, part in enumerate(found) if part.number != number), None)
        if missing is not None:
            raise ConfigurationError(f"{self.folder.shown} lacks part {missing}; begin anew with --restart.")
        return found

    @property
    def size(self) -> int:
        """Bytes that wait for `finish`."""
        return self.form.size + self._failed_size

    def fail(self, record: dict[str, Any]) -> None:
        """Remember a document that has failed, and why."""
        self._failures.append(msgspec.json.encode(record) + b"\n")
        self._failed_size += len(self._failures[-1])

    def finish(self, part: OutputPart) -> None:
        """Write what was added since the part before it. It is there when this returns, its errors before it."""
        if self._failures:
            with self.folder.within(f"{part.name}{ERRORS}.jsonl").writing() as file:
                file.write(b"".join(self._failures))
            self._failures, self._failed_size = [], 0
        with self.folder.within(part.name + self.form.suffix).writing() as file:
            self.form.write(file)

    def made(self) -> OutputPart | None:
        """The end, where all parts are in the output already and are only still to be removed."""
        mark = self.folder.within(MADE)
        if not mark.exists() or not self.place.exists():
            return None
        with mark.reading() as file:
            made = msgspec.json.decode(file.read(), type=_Made)
        return OutputPart(0, *made.counts, Position()) if made.state == self.place.state() else None

    def join(self) -> None:
        """Make one file of all errors where there are any, one of all parts, and remove the parts."""
        parts = self._parts()
        names = [part.name for part in parts]
        there = set(self.folder.names())
        failed = [f"{name}{ERRORS}.jsonl" for name in names if f"{name}{ERRORS}.jsonl" in there]
        self.place.remove_unfinished()
        self.errors.remove()
        if failed:
            with self.errors.writing() as file:
                for name in failed:
                    with self.folder.within(name).reading() as content:
                        shutil.copyfileobj(content, file, COPY_BYTES)
        with self.place.writing() as file:
            self.form.join([self.folder.within(name + self.form.suffix) for name in names], file)
            state = self.place.state_of(file)
            if state is not None:
                self._mark(state, parts[-1])
        if state is None:
            self._mark(self.place.state(), parts[-1])
        self.tidy()

    def _mark(self, state: tuple[int, str], end: OutputPart) -> None:
        with self.folder.within(MADE).writing() as file:
            file.write(msgspec.json.encode(_Made(state, (end.read, end.written, end.failed))))

    def tidy(self) -> None:
        """Remove the parts; last what says that they are in the output."""
        self._empty(LOCK, IDENTITY, MADE)
        self.folder.remove()
