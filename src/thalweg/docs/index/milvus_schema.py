"""The fields of a collection in Milvus, and records as rows of it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from thalweg.docs.index.collection import ID, Layout, Record, ValueColumn, VectorColumn
from thalweg.docs.index.dicts import values_without_dicts
from thalweg.docs.index.milvus_filter import LONGEST_LIST, LONGEST_TEXT, field_name, kept_text, presence
from thalweg.docs.query.metric import Metric
from thalweg.errors import InvalidDocument

PAYLOAD = "_payload"
METRICS = {Metric.COSINE: "COSINE", Metric.DOT: "IP", Metric.EUCLIDEAN: "L2", Metric.SQEUCLIDEAN: "L2"}
FLAT = "FLAT"

_NO_VECTOR = VectorColumn("_none", 1)
_FEWEST_NUMBERS = 2
"""Numbers in a vector, at least."""

_PIECE = LONGEST_TEXT // 4 * 4
"""Characters of base64 in one piece of a payload."""

_PAGE = 1_000
_PAGE_BYTES = 16 << 20
"""Records, and bytes of their payloads, that are sent at a time."""

_LONGEST_ID = 1_024
_BM25 = {"bm25_k1": 1.2, "bm25_b": 0.75}  # the defaults of a server; those of Milvus Lite differ


def schema_of(milvus: Any, layout: Layout, plain: Layout, *, description: str, lite: bool) -> tuple[Any, Any]:
    """The schema of a collection and its indexes. `milvus` is the client's module, `plain` the layout without dicts."""

    def params(given: Mapping[str, Any]) -> dict[str, Any]:
        # The client spreads parameters out, as servers take them; Milvus Lite looks for them in one.
        return {"params": dict(given)} if lite else dict(given)

    kinds = milvus.DataType
    schema = milvus.MilvusClient.create_schema(auto_id=False, description=description)
    indexes = milvus.MilvusClient.prepare_index_params()
    schema.add_field(ID, kinds.VARCHAR, is_primary=True, max_length=_LONGEST_ID)
    pieces = {"element_type": kinds.VARCHAR, "max_length": LONGEST_TEXT, "max_capacity": LONGEST_LIST}
    schema.add_field(PAYLOAD, kinds.ARRAY, **pieces)
    for vector in layout.vectors or (_NO_VECTOR,):  # Milvus makes no collection without
        name = _vector_name(vector)
        schema.add_field(name, kinds.FLOAT_VECTOR, dim=max(vector.size, _FEWEST_NUMBERS))
        schema.add_field(presence(vector.name), kinds.BOOL)
        kind = str(vector.options.get("index_type", FLAT))
        indexes.add_index(
            name, kind, metric_type=METRICS[vector.metric], params=params(vector.options.get("params", {}))
        )
    for value in plain.values:
        _add_value(milvus, schema, value)
        if value.words:
            weights = _add_words(milvus, schema, value)
            indexes.add_index(weights, "SPARSE_INVERTED_INDEX", metric_type="BM25", params=params(_BM25))
    return schema, indexes


def row_of(record: Record, layout: Layout, plain: Layout) -> dict[str, Any]:
    """A record as Milvus keeps it.

    Raises:
        InvalidDocument: its payload or a list is too large.
    """
    text = b64encode(record.payload).decode()
    pieces = [text[first : first + _PIECE] for first in range(0, len(text), _PIECE)]
    if len(pieces) > LONGEST_LIST:
        raise InvalidDocument(f"document {record.id!r} has {len(record.payload):,} bytes; Milvus keeps 200 MB at most")
    row: dict[str, Any] = {ID: record.id, PAYLOAD: pieces}
    for vector in layout.vectors or (_NO_VECTOR,):
        held = record.vectors.get(vector.name)
        row[presence(vector.name)] = held is not None
        row[_vector_name(vector)] = padded(np.zeros(vector.size, np.float32) if held is None else held)
    values = values_without_dicts(layout, record.values)
    for value in plain.values:
        kept = values.get(value.name)
        row[field_name(value.name)] = None if kept is None else _kept(record.id, value, kept)
        if value.words:
            row[_words(value.name)] = shortened(kept or "")
    return row


def payload_of(row: Mapping[str, Any]) -> bytes:
    """The payload of a record that Milvus gave back."""
    return b64decode("".join(row[PAYLOAD]))


def pages(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As many rows as may be sent at a time."""
    page: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        page.append(row)
        size += sum(map(len, row[PAYLOAD]))
        if len(page) == _PAGE or size >= _PAGE_BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page


def padded(vectors: Any) -> Any:
    """Vectors of as many numbers as Milvus wants at least; zeros change neither angles nor distances."""
    missing = max(0, _FEWEST_NUMBERS - vectors.shape[-1])
    return np.pad(vectors, [(0, 0)] * (vectors.ndim - 1) + [(0, missing)]) if missing else vectors


def shortened(text: str) -> str:
    """As much of a text as Milvus searches for words."""
    return text if len(text) * 4 <= LONGEST_TEXT else text.encode()[:LONGEST_TEXT].decode(errors="ignore")


def weights_of(column: str) -> str:
    """The name of the field in which Milvus keeps what the words of a text weigh."""
    return f"_weights_{field_name(column)}"


def _add_value(milvus: Any, schema: Any, column: ValueColumn) -> None:
    kinds = milvus.DataType
    kind = {str: kinds.VARCHAR, int: kinds.INT64, float: kinds.DOUBLE, bool: kinds.BOOL}[column.type]
    options: dict[str, Any] = {"nullable": True} | ({"max_length": LONGEST_TEXT} if column.type is str else {})
    if column.many:
        options |= {"element_type": kind, "max_capacity": LONGEST_LIST}
    schema.add_field(field_name(column.name), kinds.ARRAY if column.many else kind, **options)


def _add_words(milvus: Any, schema: Any, column: ValueColumn) -> str:
    language = column.options.get("language")
    analyzer = {"type": str(language)} if language else {"tokenizer": "standard", "filter": ["lowercase"]}
    words, weights, kinds = _words(column.name), weights_of(column.name), milvus.DataType
    schema.add_field(words, kinds.VARCHAR, max_length=LONGEST_TEXT, enable_analyzer=True, analyzer_params=analyzer)
    schema.add_field(weights, kinds.SPARSE_FLOAT_VECTOR)
    names = {"input_field_names": [words], "output_field_names": [weights]}
    schema.add_function(milvus.Function(f"_bm25{weights}", milvus.FunctionType.BM25, **names))
    return weights


def _kept(key: str, column: ValueColumn, value: Any) -> Any:
    if not column.many:
        return kept_text(value) if column.type is str else column.type(value)
    if len(value) > LONGEST_LIST:
        raise InvalidDocument(
            f"document {key!r} has {len(value):,} items in {column.name!r}, of which Milvus keeps {LONGEST_LIST:,}; leave "
            "the field out of the index with Field(json_schema_extra={'index': False})"
        )
    return [kept_text(each) if column.type is str else column.type(each) for each in value]


def _vector_name(column: VectorColumn) -> str:
    return column.name if column is _NO_VECTOR else field_name(column.name)


def _words(column: str) -> str:
    return f"_words_{field_name(column)}"
