"""How the answers of a job are asked for and written: lines of JSON, or rows of Parquet."""

from __future__ import annotations

import gzip
import io
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import IO, Any, ClassVar, NamedTuple

import msgspec

from thalweg.docs.codecs.content import ARROW, COLUMNS, JSON, decode_content, joined
from thalweg.docs.codecs.lines import lines_of_columns
from thalweg.docs.extras import load_extra
from thalweg.errors import ConfigurationError, InternalError, ThalwegError
from thalweg.jobs.place import FilePlace
from thalweg.message import EndpointDescription, Response

COPY_BYTES = 1 << 20
VALUED = b"thalweg.valued"
"""In the schema of a part, which columns hold anything: for the others no type is known."""


class OutputRows(NamedTuple):
    """What came of one request: so many documents, of so many bytes, in the way of the form that they are written in."""

    documents: int
    size: int
    content: list[Any]


class OutputForm(ABC):
    """One way to write answers. `part_suffix` is how the name of a part ends, which need not be written as the output."""

    part_suffix: ClassVar[str]
    appended: ClassVar[bool] = False
    """Whether parts one behind the other are the output."""

    @abstractmethod
    def accept(self, endpoint: EndpointDescription | None) -> str:
        """The content type in which answers are asked for; `endpoint` is what is known of who gives them."""

    @abstractmethod
    def rows(self, responses: Sequence[Response], endpoint: EndpointDescription | None) -> OutputRows | None:
        """What is to be written of the answers to one request; None where they have to be asked for once more, with
        nothing known of who gives them."""

    @abstractmethod
    def write(self, rows: Sequence[OutputRows], file: IO[bytes]) -> None:
        """Write a part."""

    @abstractmethod
    def join(self, parts: Sequence[FilePlace], file: IO[bytes]) -> None:
        """Write all that `parts` hold."""


class UnlikeAnswers(ThalwegError):
    """Documents whose fields are of types that no column can be of."""

    def __init__(self, error: object) -> None:
        super().__init__(f"The documents that came do not fit into one table: {error}. An output of .jsonl takes them.")


class _Envelope(msgspec.Struct):
    data: list[msgspec.Raw] | msgspec.Raw = []


_ENVELOPE = msgspec.json.Decoder(_Envelope)


class Lines(OutputForm):
    """A line of JSON each document. Who works on the documents is spared to write it where it can be written here."""

    part_suffix = ".jsonl"
    appended = True

    def __init__(self, packed: bool = False) -> None:
        self._packed = packed

    def accept(self, endpoint: EndpointDescription | None) -> str:
        return COLUMNS if endpoint is not None and endpoint.plain else JSON

    def rows(self, responses: Sequence[Response], endpoint: EndpointDescription | None) -> OutputRows | None:
        lines: list[bytes] = []
        for response in responses:
            found = self._lines(response, endpoint)
            if found is None:
                return None
            lines += found
        text = b"".join(lines)
        return OutputRows(len(lines), len(text), [text])

    def _lines(self, response: Response, endpoint: EndpointDescription | None) -> list[bytes] | None:
        if response.content_type == COLUMNS and endpoint is not None and endpoint.plain:
            return lines_of_columns(response.body, (endpoint.output_schema or {}).get("title", ""))
        if response.content_type != JSON:
            raise InternalError(f"The answer is {response.content_type}, and JSON was asked for.")
        data = _ENVELOPE.decode(joined(response.body) or b"{}").data
        texts = map(bytes, data if isinstance(data, list) else [data])
        return [(text if b"\n" not in text else msgspec.json.format(text, indent=-1)) + b"\n" for text in texts]

    def write(self, rows: Sequence[OutputRows], file: IO[bytes]) -> None:
        if self._packed:
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                packed.writelines(text for one in rows for text in one.content)
        else:
            file.writelines(text for one in rows for text in one.content)

    def join(self, parts: Sequence[FilePlace], file: IO[bytes]) -> None:
        for part in parts:  # members of gzip that follow each other are one file of gzip
            with part.reading() as content:
                shutil.copyfileobj(content, file, COPY_BYTES)


class Parquet(OutputForm):
    """A row each document. Parts are streams of Arrow: nothing is packed and unpacked again on the way to the output."""

    part_suffix = ".arrows"

    def __init__(self) -> None:
        self._arrow = load_extra("pyarrow", "arrow", "Parquet files")
        self._parquet = load_extra("pyarrow.parquet", "arrow", "Parquet files")

    def accept(self, endpoint: EndpointDescription | None) -> str:
        return ARROW

    def rows(self, responses: Sequence[Response], endpoint: EndpointDescription | None) -> OutputRows:
        tables = [self._table(response) for response in responses]
        return OutputRows(
            sum(table.num_rows for table in tables),
            sum(table.nbytes for table in tables),
            [table for table in tables if table.num_columns],
        )

    def _table(self, response: Response) -> Any:
        if response.content_type == ARROW:
            options = self._arrow.ipc.IpcReadOptions(use_threads=False)  # to wake one takes longer than to read
            with self._arrow.ipc.open_stream(self._arrow.py_buffer(joined(response.body)), options=options) as reader:
                return reader.read_all()
        from thalweg.docs.codecs import arrow

        return arrow.encode(decode_content(response.content_type, response.body, None)[0])

    def write(self, rows: Sequence[OutputRows], file: IO[bytes]) -> None:
        together = self._together([table for one in rows for table in one.content] or [self._arrow.table({})])
        valued = [name for name, column in zip(together.column_names, together.columns, strict=True) if _valued(column)]
        noted = {**(together.schema.metadata or {}), VALUED: json.dumps(valued).encode()}
        together = together.replace_schema_metadata(noted)
        with self._arrow.ipc.new_stream(file, together.schema) as writer:
            writer.write_table(together)

    def join(self, parts: Sequence[FilePlace], file: IO[bytes]) -> None:
        schema = self._unified(parts)
        with self._parquet.ParquetWriter(file, schema, **self._packing(schema)) as writer:
            for part in parts:
                with part.reading() as content, self._arrow.ipc.open_stream(content) as stream:
                    table = stream.read_all()
                if table.num_columns:
                    whole = self._together([self._nothing(schema), table])
                    writer.write_table(self._fitted(whole.select(schema.names), schema))

    def _nothing(self, schema: Any) -> Any:
        """A table without rows: `Schema.empty_table` would load pandas."""
        return self._arrow.Table.from_batches([], schema)

    def _packing(self, schema: Any) -> dict[str, Any]:
        """How columns are packed: the numbers of tensors as they are, because they take much time and hardly get smaller;
        values that may come again, once each."""
        empty = io.BytesIO()
        self._parquet.write_table(self._nothing(schema), empty)
        leaves = self._parquet.ParquetFile(empty).schema
        columns = [leaves.column(number) for number in range(len(leaves))]
        plain = {
            column.path
            for column in columns
            if column.max_repetition_level and column.physical_type in ("FLOAT", "DOUBLE")
        }
        others = [column.path for column in columns if column.path not in plain]
        types = self._arrow.types
        repeated = [field.name for field in schema if types.is_string(field.type) or types.is_integer(field.type)]
        return {
            "compression": {column.path: "none" if column.path in plain else "zstd" for column in columns} or "zstd",
            "use_dictionary": repeated or False,
            "write_statistics": others or False,
        }

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
        with part.reading() as content, self._arrow.ipc.open_stream(content) as stream:
            noted = stream.schema
        metadata = dict(noted.metadata)
        valued = set(json.loads(metadata.pop(VALUED)))
        schema = noted.with_metadata(metadata or None)
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


def _valued(column: Any) -> bool:
    """Whether there is a value in the column, or in what its values are made of."""
    return any(map(_any_value, column.chunks))


def _any_value(array: Any) -> bool:
    if array.null_count == len(array):
        return False
    if not array.type.num_fields:
        return True
    parts = array.flatten()  # the fields of structs, or the items of lists
    return any(map(_any_value, parts if isinstance(parts, list) else [parts]))


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
