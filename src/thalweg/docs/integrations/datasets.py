"""Documents as data sets of Hugging Face's library `datasets`, and data sets as documents."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, TypeVar

import datasets  # type: ignore[import-untyped]

from thalweg.docs.codecs.arrow import decode, encode
from thalweg.docs.codecs.arrow.library import pa
from thalweg.docs.codecs.arrow.plain import plain_table
from thalweg.docs.codecs.frame import from_lists
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import BaseDocWithoutId

T_doc = TypeVar("T_doc", bound=BaseDocWithoutId)

_ARRAYS = {2: datasets.Array2D, 3: datasets.Array3D, 4: datasets.Array4D, 5: datasets.Array5D}
"""The features for tensors, by their dimensions. Those of one dimension are lists of a known length."""


def to_dataset(docs: DocList[Any] | DocVec[Any]) -> datasets.Dataset:
    """The documents as a data set in memory, a row each.

    Tensors of one shape are `Array2D` to `Array5D`, or lists of a known length where they have one dimension. Nested
    documents are dicts, lists of them lists of dicts.

    Raises:
        ValueError: a field holds something that cannot travel.
    """
    tensors = encode(docs)
    table = plain_table(tensors)
    features = datasets.Features.from_arrow_schema(table.schema)
    columns = dict(zip(table.column_names, table.columns, strict=True))
    for field in tensors.schema:
        array = _array_of(field.type)
        if array is not None:
            features[field.name] = array
            columns[field.name] = _extended(columns[field.name], array())
    table = pa.table(columns).replace_schema_metadata(table.schema.metadata)
    return datasets.Dataset(datasets.table.InMemoryTable(table), info=datasets.DatasetInfo(features=features))


def from_dataset(dataset: datasets.Dataset, doc_type: type[T_doc]) -> DocList[T_doc]:
    """The documents of a data set whose columns are fields of `doc_type`; see `DocList.from_arrow`.

    Raises:
        TypeError: it is no data set, or several in one: choose a split.
        InvalidDocument: rows do not fit the class; `details` says which row and which field.
    """
    if isinstance(dataset, datasets.IterableDataset):
        return DocList[doc_type].trusted(stream_dataset(dataset, doc_type))  # type: ignore[valid-type]
    _check(dataset)
    return decode(dataset.with_format("arrow")[:], doc_type)


def stream_dataset(
    dataset: datasets.Dataset | datasets.IterableDataset, doc_type: type[T_doc], *, batch_size: int = 1024
) -> Iterator[T_doc]:
    """The documents one after the other, `batch_size` in memory at a time.

    Raises:
        TypeError, InvalidDocument: as `from_dataset`; a row is counted from the first of its batch.
    """
    _check(dataset)
    if dataset.features is not None:
        for table in dataset.with_format("arrow").iter(batch_size):
            yield from decode(table, doc_type)
        return
    # Without features each row is a table of its own kind: what is None in it has no type.
    for columns in dataset.with_format(None).iter(batch_size):
        yield from from_lists(columns, len(next(iter(columns.values()), ())), doc_type)


def _check(dataset: Any) -> None:
    if isinstance(dataset, (datasets.DatasetDict, datasets.IterableDatasetDict)):
        raise TypeError(f"there are several data sets in one; choose a split: {', '.join(map(repr, dataset))}")
    if not isinstance(dataset, (datasets.Dataset, datasets.IterableDataset)):
        raise TypeError(f"a data set of the library `datasets` is read, not {type(dataset).__name__}")


def _array_of(kind: Any) -> Any:
    """The feature for a column of tensors with several dimensions."""
    if not isinstance(kind, pa.FixedShapeTensorType) or not prod(kind.shape) or len(kind.shape) not in _ARRAYS:
        return None
    return _ARRAYS[len(kind.shape)](tuple(kind.shape), str(datasets.Value(_name(kind.value_type)).dtype))


def _name(kind: Any) -> str:
    return {"halffloat": "float16", "float": "float32", "double": "float64"}.get(str(kind), str(kind))


def _extended(column: Any, kind: Any) -> Any:
    """Lists of lists as the library's arrays."""
    chunks = [pa.ExtensionArray.from_storage(kind, chunk.cast(kind.storage_type)) for chunk in column.chunks]
    return pa.chunked_array(chunks, kind)
