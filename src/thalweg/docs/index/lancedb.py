"""Records in LanceDB: one table of a folder, or of a bucket, for each collection."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from os import PathLike, fspath
from typing import Any, ClassVar, TypeVar, cast

import numpy as np

from thalweg.docs.document import BaseDoc
from thalweg.docs.extras import load_extra
from thalweg.docs.index.collection import (
    ID,
    OPERATORS,
    Collection,
    Hit,
    Layout,
    Native,
    Record,
    ValueColumn,
    VectorColumn,
)
from thalweg.docs.index.dicts import asked_without_dicts, values_without_dicts, without_dicts
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.lancedb_sql import column_name, one_of, where
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import Condition, Operator
from thalweg.docs.query.metric import Metric

T_doc = TypeVar("T_doc", bound=BaseDoc)

_PAYLOAD = "_payload"
_PAGE = 1_000
"""Records that are fetched at a time, and ids that are asked for at a time."""

TIDY_AFTER = 100
"""Writes after which fragments are joined: each write makes one, and searches open them all."""

_KEPT = timedelta(hours=1)
"""How long states are kept that another process may still be reading."""

_TRAINED_ON = 256
"""Vectors that LanceDB wants before it makes an index."""

_SEARCH_OPTIONS = frozenset({"nprobes", "refine_factor", "ef"})
_DISTANCES = {Metric.COSINE: "cosine", Metric.DOT: "dot", Metric.EUCLIDEAN: "l2", Metric.SQEUCLIDEAN: "l2"}
_DESCRIBED = b"thalweg.layout"
_INDEXES = {
    "ivf_flat": "IvfFlat",
    "ivf_sq": "IvfSq",
    "ivf_pq": "IvfPq",
    "ivf_rq": "IvfRq",
    "ivf_hnsw_flat": "HnswFlat",
    "ivf_hnsw_sq": "HnswSq",
    "ivf_hnsw_pq": "HnswPq",
}


class LanceDBCollection(Collection):
    """One table of a LanceDB database.

    A native condition is the text of a SQL condition, as `where` of LanceDB takes it. Without an index (the default) every
    search looks at every vector that fulfils the condition, and is exact. Options of a vector column:

    - `index_type`: `ivf_flat`, `ivf_sq`, `ivf_pq`, `ivf_rq`, `ivf_hnsw_flat`, `ivf_hnsw_sq` or `ivf_hnsw_pq` make searches
      approximate. The index is built, and brought up to date, by `flush`; what was put since is looked at one by one.
    - what LanceDB's class of this index takes, such as `num_partitions`, `num_sub_vectors`, `m`, `ef_construction`
    - `nprobes`, `refine_factor`, `ef`: how much of the index a search looks at.

    Words are found by LanceDB's own index (BM25). The option `language` of a value column, such as `English`, lets it know
    stems and stop words; without it words are found as they are.

    Args:
        layout: the columns.
        url: a folder, or what LanceDB takes: `s3://bucket/path`, `gs://...`, `az://...`, `db://...`.
        options: further arguments of `lancedb.connect`, such as `storage_options` or `api_key`.
    """

    operators: ClassVar[Mapping[type, frozenset[Operator]]] = {
        kind: operators - {Operator.REGEX} for kind, operators in OPERATORS.items()
    }
    compares_values = True
    searches_words = True
    exact = True

    def __init__(self, layout: Layout, url: str = "lancedb", options: Mapping[str, Any] | None = None) -> None:
        self._lancedb = load_extra("lancedb", "lancedb", "indexes in LanceDB")
        self._arrow = load_extra("pyarrow", "lancedb", "indexes in LanceDB")
        self.layout = layout
        self._plain = without_dicts(layout)
        self._lock = threading.RLock()
        self._writes = 0
        self._name = spelled(layout.name)
        self._database = self._lancedb.connect(url, **{"read_consistency_interval": timedelta(0), **(options or {})})
        self._table = self._opened()

    def put(self, records: Sequence[Record]) -> None:
        latest = list({record.id: record for record in records}.values())
        for first in range(0, len(latest), _PAGE):
            rows = self._rows(latest[first : first + _PAGE])
            with self._writing():
                merge = self._table.merge_insert(ID).when_matched_update_all().when_not_matched_insert_all()
                merge.execute(rows, on_bad_vectors="null")  # what is missing counts as bad

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        for first in range(0, len(ids), _PAGE):
            found.update(self._found(one_of(ID, ids[first : first + _PAGE]), None))
        return [found.get(key) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), _PAGE):
            with self._writing():
                self._table.delete(one_of(ID, ids[first : first + _PAGE]))

    def count(self) -> int:
        return cast(int, self._table.count_rows())

    def scan(self) -> Iterator[tuple[str, bytes]]:
        for batch in self._table.search().select([ID, _PAYLOAD]).limit(None).to_batches(batch_size=_PAGE):
            yield from zip(batch[ID].to_pylist(), batch[_PAYLOAD].to_pylist(), strict=True)

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        place = self.layout.vector(column)
        where = self._where(condition)
        if limit < 1:
            return [[] for _ in vectors]
        return [self._nearest(place, vector, limit, where) for vector in vectors]

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        return [] if limit == 0 else self._found(self._where(condition), limit)

    def match(self, column: str, text: str, limit: int, condition: Condition | Native | None = None) -> list[Hit]:
        where = self._where(condition)
        if limit < 1:
            return []
        question = load_extra("lancedb.query", "lancedb", "indexes in LanceDB").MatchQuery(text, column_name(column))
        search = self._table.search(question, query_type="fts").select([ID, _PAYLOAD, "_score"]).limit(limit)
        return _hits(search if where is None else search.where(where, prefilter=True), "_score", lambda score: score)

    def is_native(self, query: Any) -> bool:
        return isinstance(query, str) and not query.lstrip().startswith(("{", "["))  # that is JSON

    def flush(self) -> None:
        with self._lock:
            for column in self.layout.vectors:
                if column.options.get("index_type"):
                    self._build(column)
            self._table.optimize(cleanup_older_than=_KEPT)

    def drop(self) -> None:
        self._database.drop_table(self._name, ignore_missing=True)

    def _opened(self) -> Any:
        try:
            table = self._database.open_table(self._name)
        except ValueError:  # there is none
            table = self._database.create_table(self._name, schema=self._schema(), exist_ok=True)
            for column in self._plain.values:
                if column.words:
                    table.create_index(column_name(column.name), config=self._words_index(column))
        self.layout.verify((table.schema.metadata or {}).get(_DESCRIBED, b'{"vectors":[],"values":[]}').decode())
        return table

    def _schema(self) -> Any:
        arrow = self._arrow
        types = {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}
        fields = [arrow.field(ID, arrow.string(), nullable=False), arrow.field(_PAYLOAD, arrow.large_binary())]
        for vector in self.layout.vectors:
            fields.append(arrow.field(column_name(vector.name), arrow.list_(arrow.float32(), vector.size)))
        for value in self._plain.values:
            kind = types[value.type]
            fields.append(arrow.field(column_name(value.name), arrow.list_(kind) if value.many else kind))
        return arrow.schema(fields, metadata={_DESCRIBED: self.layout.described().encode()})

    def _rows(self, records: Sequence[Record]) -> Any:
        values = [values_without_dicts(self.layout, record.values) for record in records]
        columns: list[Any] = [[record.id for record in records], [record.payload for record in records]]
        columns += [[record.vectors.get(vector.name) for record in records] for vector in self.layout.vectors]
        columns += [[held.get(value.name) for held in values] for value in self._plain.values]
        schema = self._table.schema
        arrays = [self._arrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        return self._arrow.Table.from_arrays(arrays, schema=schema)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            yield
            self._writes += 1
            if self._writes % TIDY_AFTER == 0:
                self._table.optimize(cleanup_older_than=_KEPT)

    def _where(self, condition: Condition | Native | None) -> str | None:
        if condition is None or isinstance(condition, str):
            return condition
        return where(asked_without_dicts(self.layout, condition), self._plain)

    def _found(self, condition: str | None, limit: int | None) -> list[tuple[str, bytes]]:
        search = self._table.search().where(condition).select([ID, _PAYLOAD]).limit(limit)
        found = search.to_arrow()
        return list(zip(found[ID].to_pylist(), found[_PAYLOAD].to_pylist(), strict=True))

    def _nearest(self, column: VectorColumn, vector: Any, limit: int, condition: str | None) -> list[Hit]:
        def search() -> Any:
            query = self._table.search(vector, vector_column_name=column_name(column.name))
            query = query.distance_type(_DISTANCES[column.metric]).select([ID, _PAYLOAD, "_distance"]).limit(limit)
            return query if condition is None else query.where(condition, prefilter=True)

        def score(distance: float) -> float:
            return _score(column.metric, distance)

        if column.options.get("index_type"):
            query = search()
            for option in _SEARCH_OPTIONS & column.options.keys():
                query = getattr(query, option)(column.options[option])
            found = _hits(query, "_distance", score)
            if len(found) == limit:
                return found
        return _hits(search().bypass_vector_index(), "_distance", score)

    def _build(self, column: VectorColumn) -> None:
        """Make the index of a vector, where there are enough vectors to learn its partitions from."""
        kind = str(column.options["index_type"])
        if kind not in _INDEXES:
            raise ValueError(f"LanceDB has no index {kind!r}; there are {', '.join(map(repr, _INDEXES))}")
        name = column_name(column.name)
        known = any(name in index.columns for index in self._table.list_indices())
        if not known and self._table.count_rows(f"`{name}` IS NOT NULL") >= _TRAINED_ON:
            indexes = load_extra("lancedb.index", "lancedb", "indexes in LanceDB")
            taken = {key: value for key, value in column.options.items() if key not in _SEARCH_OPTIONS | {"index_type"}}
            config = getattr(indexes, _INDEXES[kind])(distance_type=_DISTANCES[column.metric], **taken)
            self._table.create_index(name, config=config)

    def _words_index(self, column: ValueColumn) -> Any:
        indexes = load_extra("lancedb.index", "lancedb", "indexes in LanceDB")
        language = column.options.get("language")
        known = {"language": str(language)} if language else {"stem": False, "remove_stop_words": False}
        return indexes.FTS(**known, ascii_folding=False, max_token_length=None)


class LanceDBDocumentIndex(DocIndex[T_doc]):
    """Documents in LanceDB: `LanceDBDocumentIndex[MyDoc](url="folder")`.

    Searches are exact unless a field asks for an index, such as `Field(json_schema_extra={"index_type": "ivf_hnsw_sq"})`,
    which `persist` builds; see `LanceDBCollection`. A filter that is text is a condition in SQL.
    """

    collection_type = LanceDBCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """`url` is a folder or a bucket; `options` are further arguments of `lancedb.connect`."""

        url: str | PathLike[str] = "lancedb"
        options: dict[str, Any] = field(default_factory=dict)

    def open_collection(self, layout: Layout) -> LanceDBCollection:
        config = cast(LanceDBDocumentIndex.DBConfig, self.db_config)
        return LanceDBCollection(layout, fspath(config.url), config.options)


def _hits(query: Any, score: str, normalised: Callable[[float], float]) -> list[Hit]:
    found = query.to_arrow()
    columns = (found[ID].to_pylist(), found[_PAYLOAD].to_pylist(), map(normalised, found[score].to_pylist()))
    return [Hit(*row) for row in zip(*columns, strict=True)]


def _score(metric: Metric, distance: float) -> float:
    if metric in (Metric.COSINE, Metric.DOT):
        return 1 - distance
    return math.sqrt(distance) if metric is Metric.EUCLIDEAN else distance
