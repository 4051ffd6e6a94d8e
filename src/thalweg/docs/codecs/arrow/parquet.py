"""Documents in Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from thalweg.docs.codecs.arrow.decoder import decode, decode_vec
from thalweg.docs.codecs.arrow.encoder import encode
from thalweg.docs.codecs.arrow.library import pa
from thalweg.docs.codecs.columns.schema import plan_of
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.extras import load_extra
from thalweg.errors import MalformedRequest, PayloadTooLarge

pq: Any = load_extra("pyarrow.parquet", "arrow", "Parquet files")

LEAST, RATIO = 1 << 30, 100
"""Bytes of memory that the values of any file may take, and how many times its size those of a large file may."""


def write_parquet(docs: DocList[Any] | DocVec[Any], file: Any, **options: Any) -> None:
    """Write the table of `docs`.

    Args:
        docs: the documents.
        file: a path, a file that is open for binary writing, or what else `pyarrow.parquet.write_table` takes.
        options: those of that function, such as `compression="zstd"` or `row_group_size`.

    Raises:
        ValueError: a field holds something that cannot travel.
    """
    pq.write_table(encode(docs), file, **options)


def read_parquet(
    file: Any, doc_type: type[BaseDocWithoutId], *, limit: int | None = None, **options: Any
) -> DocList[Any]:
    """The documents of a file. Columns that are no fields of a closed class are not even read.

    Args:
        file: a path or a file that is open for binary reading.
        doc_type: the class of the documents; fields whose columns are left out need a default.
        limit: bytes of memory that the values may take; None for a hundred times the file's size, a gibibyte at least.
        options: those of `pyarrow.parquet.ParquetFile.read`, such as `columns`, and of `ParquetFile`, such as
            `memory_map`.

    Raises:
        FileNotFoundError: there is no such file.
        PayloadTooLarge: the values would take more than `limit`.
        MalformedRequest: it is no Parquet file.
        InvalidDocument: documents do not fit the class; `details` says which row and which field.
    """
    return decode(_table(file, doc_type, limit, options), doc_type)


def read_parquet_vec(
    file: Any, doc_type: type[BaseDocWithoutId], *, limit: int | None = None, **options: Any
) -> DocVec[Any]:
    """What `read_parquet` gives, still in columns; no object is made for any document."""
    return decode_vec(_table(file, doc_type, limit, options), doc_type)


def _table(file: Any, doc_type: type[BaseDocWithoutId], limit: int | None, options: dict[str, Any]) -> Any:
    reading = {name: options.pop(name) for name in ("columns", "use_threads") if name in options}
    with _opened(file, options) as opened:
        columns = _read(partial(_columns, opened, doc_type, reading.pop("columns", None)))
        _read(partial(_check, opened, columns, limit))
        if not opened.num_row_groups:
            return _read(lambda: opened.read(columns, **reading))
        # One after the other: text within structs is not read as dictionaries across row groups.
        groups = range(opened.num_row_groups)
        return _read(lambda: pa.concat_tables(opened.read_row_group(number, columns, **reading) for number in groups))


def iter_parquet(
    file: Any, doc_type: type[BaseDocWithoutId], *, batch_size: int = 1024, **options: Any
) -> Iterator[Any]:
    """The documents of a file one after the other; only `batch_size` of them are in memory at a time.

    Args:
        file, doc_type: as `read_parquet` takes them.
        batch_size: documents that are read at once.
        options: those of `pyarrow.parquet.ParquetFile.iter_batches`, such as `columns` and `row_groups`, and of
            `ParquetFile`, such as `memory_map`.

    Raises:
        FileNotFoundError, MalformedRequest, InvalidDocument: as `read_parquet`. A row is counted from its batch's first.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, but a batch holds one document at least")
    reading = {name: options.pop(name) for name in ("columns", "row_groups", "use_threads") if name in options}
    with _opened(file, options) as opened:
        columns = _read(partial(_columns, opened, doc_type, reading.pop("columns", None)))
        groups = reading.pop("row_groups", range(opened.num_row_groups))
        for number in groups:
            batches = opened.iter_batches(batch_size, row_groups=[number], columns=columns, **reading)
            while (batch := _read(partial(next, batches, None))) is not None:
                yield from decode(pa.Table.from_batches([batch]), doc_type)


def _opened(file: Any, options: dict[str, Any]) -> Any:
    """The file, text and bytes to be read as dictionaries: what it keeps once and repeats often stays one in memory."""
    with _read(lambda: pq.ParquetFile(file, **options)) as first:
        metadata = first.metadata
        columns = [first.schema.column(number) for number in range(metadata.num_columns)]
        options = {
            "read_dictionary": [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
        } | options
    return _read(lambda: pq.ParquetFile(file, metadata=metadata, **options))


def _read(work: Any) -> Any:
    try:
        return work()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"The Parquet file cannot be read: {error}.") from None


def _columns(opened: Any, doc_type: type[BaseDocWithoutId], wanted: list[str] | None) -> list[str]:
    """The columns to read: what a class cannot keep need not be decompressed."""
    names = opened.schema_arrow.names if wanted is None else wanted
    if doc_type is AnyDoc or plan_of(doc_type).open:
        return list(names)
    known = {name for field in plan_of(doc_type).fields for name in (field.key, field.name)}
    return [name for name in names if name.split(".")[0] in known]


def _check(opened: Any, columns: list[str], limit: int | None) -> None:
    """Refuse a file whose values take far more memory than the file: a few bytes can stand for a billion numbers."""
    tops = {name.split(".")[0] for name in columns}
    metadata = opened.metadata
    size = 0
    taken = metadata.num_rows
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for index in range(group.num_columns):
            column = group.column(index)
            size += column.total_compressed_size
            if column.path_in_schema.split(".")[0] in tops:
                width = max(opened.schema.column(index).length, _WIDTHS.get(column.physical_type, 4))
                taken += max(column.total_uncompressed_size, width * column.num_values)
    allowed = max(LEAST, RATIO * size) if limit is None else limit
    if taken > allowed:
        raise PayloadTooLarge(
            f"The file's values take {taken} bytes or more, and {allowed} are allowed; pass a larger limit if you trust it."
        )


_WIDTHS = {"INT64": 8, "DOUBLE": 8, "INT96": 12, "BOOLEAN": 1}
"""Bytes of a value in memory; four for any other, as 32-bit numbers and the ends of texts have."""
