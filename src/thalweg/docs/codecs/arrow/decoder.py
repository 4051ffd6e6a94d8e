"""Documents out of tables."""

from __future__ import annotations

from typing import Any

from thalweg.docs.codecs.arrow.library import pa
from thalweg.docs.codecs.arrow.limits import allowance
from thalweg.docs.codecs.arrow.part import Part
from thalweg.docs.codecs.arrow.reader import TableReader, absent
from thalweg.docs.codecs.arrow.storage import stored_table
from thalweg.docs.codecs.columns.decoder import read_vec
from thalweg.docs.codecs.columns.layout import Documents
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.errors import MalformedRequest

_BROKEN = (ValueError, OverflowError, RecursionError)


def decode(table: Any, doc_type: type[BaseDocWithoutId] | None) -> DocList[Any]:
    """The documents of a table, a row each; `AnyDoc` where `doc_type` is None.

    Columns are found by the names of the fields. What the class does not know is dropped, refused or kept as its option
    `extra` says; a field without a column gets its default, a missing `id` is made. Values are validated. Tensors view
    the memory of the table and cannot be written to.

    Args:
        table: a `pyarrow.Table` or `RecordBatch`, or anything with Arrow's C stream, such as a Polars data frame.
        doc_type: the class of the documents.

    Raises:
        TypeError: `table` is nothing of that.
        MalformedRequest: the table is broken, or claims more than its bytes can hold.
        InvalidDocument: documents do not fit the class; `details` says which row and which field.
    """
    target = AnyDoc if doc_type is None else doc_type
    found = arrow_table(table)
    reader, documents = _opened(found, target)
    docs = reader.reader.documents(documents, lambda name: target, _row)
    if target is AnyDoc:
        _drop(docs, absent(found))
        return DocList.trusted(docs)
    return DocList[target].trusted(docs)  # type: ignore[valid-type]


def decode_vec(table: Any, doc_type: type[BaseDocWithoutId]) -> DocVec[Any]:
    """The documents of a table, still in columns: no object is made for any document, and no tensor is copied.

    Raises:
        TypeError, MalformedRequest: as `decode`.
        InvalidDocument: documents do not fit the class, or their tensors cannot be stacked.
    """
    reader, documents = _opened(arrow_table(table), doc_type)
    return read_vec(reader.reader, documents, doc_type, _row)


def arrow_table(data: Any) -> Any:
    """`data` as a `pyarrow.Table`.

    Raises:
        TypeError: it is nothing that a table can be made of.
    """
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data).read_all()
    raise TypeError(
        f"a table is a pyarrow.Table or something with Arrow's C stream, such as a data frame, not {type(data).__name__}"
    )


def _opened(table: Any, target: type[BaseDocWithoutId]) -> tuple[TableReader, Documents]:
    try:
        table.validate()
        cells = allowance(table)
        table.validate(full=True)  # looks at all text, which there could have been too much of
        reader = TableReader(cells)
        table = stored_table(table)
        parts = [Part.of(field, table.column(number).chunks) for number, field in enumerate(table.schema)]
        return reader, reader.documents(parts, table.num_rows, target, _row)
    except pa.ArrowException as error:
        raise MalformedRequest(f"The table cannot be read: {error}.") from error
    except _BROKEN as error:
        raise MalformedRequest(f"A value of the table cannot be read: {error}.") from error


def _row(number: int) -> list[str | int]:
    return [number]


def _drop(docs: list[Any], rows: dict[str, list[int]]) -> None:
    """Take fields away from the documents that do not have them."""
    for name, numbers in rows.items():
        for number in numbers:
            (docs[number].__pydantic_extra__ or {}).pop(name, None)
            docs[number].__pydantic_fields_set__.discard(name)
