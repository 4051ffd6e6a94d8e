"""Records in Elasticsearch: documents of an index of its own."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
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
    LayoutMismatch,
    Native,
    Record,
    Unsupported,
    VectorColumn,
)
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.elasticsearch_query import ANYTHING, Query, elastic_query, elastic_values, mapped_values
from thalweg.docs.index.matrix import unit
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import Condition, Operator
from thalweg.docs.query.metric import Metric
from thalweg.errors import Unavailable

T_doc = TypeVar("T_doc", bound=BaseDoc)

_PAGE = 500
"""Documents that are sent or fetched at a time."""

_LARGEST = 32 << 20
_LARGEST_BATCH = 16 << 20
_MOST_NUMBERS = 4096
_MOST_CANDIDATES = 10_000
_KEEP_ALIVE = "2m"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_HASHED = re.compile(r"sha256-[0-9a-f]{64}")
_SIMILARITIES = {
    Metric.COSINE: "cosine",
    Metric.DOT: "max_inner_product",
    Metric.EUCLIDEAN: "l2_norm",
    Metric.SQEUCLIDEAN: "l2_norm",
}
_DISTANCE = "1 / (1 + l2norm(params.vector, '{}'))"
_SCRIPTS = {
    Metric.COSINE: "Math.max(0.0, cosineSimilarity(params.vector, '{}') + 1.0)",
    Metric.DOT: "double product = dotProduct(params.vector, '{}'); return product < 0 ? 1 / (1 - product) : product + 1",
    Metric.EUCLIDEAN: _DISTANCE,
    Metric.SQEUCLIDEAN: _DISTANCE,
}
"""Scores of Elasticsearch are never negative, and greater for what is nearer."""


class ElasticsearchCollection(Collection):
    """An index of Elasticsearch 8 or 9, with a mapping of its own; made where it is not there.

    All vectors are compared (`script_score`), so that searches are exact, by any metric. The option `knn` of a vector column
    makes a graph in its place (`dense_vector` with `index`), which is approximate; where it comes back with too few, all are
    compared. Options beside it: `num_candidates` (of a search, ten times the limit), and `m` and `ef_construction`. Vectors
    that are compared by cosine are kept at length one, and one of zeros is not found.

    Scores are those of Elasticsearch, brought back to the metric: float32, to about seven digits of one plus the value.
    `put` and `delete` refresh the index, so that searches see what was written.

    A native condition is an `elasticsearch.dsl.query.Query`; the values are `values.<field>`. Patterns, and parts of text,
    are asked that way.

    Args:
        layout: the columns.
        hosts: the address of a server, or several; None where `options` say where it is.
        options: further arguments of `elasticsearch.Elasticsearch`.
        settings: settings of a new index.
        mappings: what the mapping of a new index has besides the columns.
    """

    operators: ClassVar[Mapping[type, frozenset[Operator]]] = {
        kind: operators - {Operator.REGEX} - ({Operator.CONTAINS} if kind is str else set())
        for kind, operators in OPERATORS.items()
    }
    searches_words = True

    def __init__(
        self,
        layout: Layout,
        hosts: str | Sequence[str] | None = "http://localhost:9200",
        options: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        mappings: Mapping[str, Any] | None = None,
    ) -> None:
        library = load_extra("elasticsearch", "elasticsearch", "indexes in Elasticsearch")
        self._query_type = load_extra("elasticsearch.dsl.query", "elasticsearch", "indexes in Elasticsearch").Query
        self._errors = library.exceptions
        for vector in layout.vectors:
            if vector.size > _MOST_NUMBERS:
                raise Unsupported(
                    f"Elasticsearch keeps vectors of up to {_MOST_NUMBERS:,} numbers, but {vector.name!r} has "
                    f"{vector.size:,}; use another database, or `index: False` to keep it without searching it"
                )
        self.layout = layout
        self.name = spelled(layout.name, 200, _NAME).lower()
        self._client = library.Elasticsearch(
            hosts if hosts is None or isinstance(hosts, str) else list(hosts), **(options or {})
        )
        try:
            self._open(dict(settings or {}), dict(mappings or {}))
        except BaseException:
            self.close()
            raise

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """All vectors are compared, unless a column is to be searched by a graph."""
        return not any(column.options.get("knn") for column in self.layout.vectors)

    def put(self, records: Sequence[Record]) -> None:
        batch: list[dict[str, Any]] = []
        size = 0
        for record in {record.id: record for record in records}.values():
            document = self._document(record)
            length = 2 * len(record.payload) + 24 * sum(map(len, record.vectors.values()))
            if batch and (len(batch) >= 2 * _PAGE or size + length > _LARGEST_BATCH):
                self._send(batch)
                batch, size = [], 0
            batch += [{"index": {"_id": _key(record.id)}}, document]
            size += length
        self._send(batch)
        self._client.indices.refresh(index=self.name)

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        for page in _pages(ids):
            answer = self._client.mget(index=self.name, ids=page, source_includes=[ID, "payload"])
            for held in answer["docs"]:
                if "error" in held:
                    raise Unavailable(f"Elasticsearch does not give a document: {held['error']['reason']}")
                if held["found"]:
                    found[held["_source"][ID]] = b64decode(held["_source"]["payload"])
        return [found.get(key) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        for page in _pages(ids):
            self._send([{"delete": {"_id": key}} for key in page])
        self._client.indices.refresh(index=self.name)

    def count(self) -> int:
        return int(self._client.count(index=self.name)["count"])

    def scan(self) -> Iterator[tuple[str, bytes]]:
        with closing(self._all(ANYTHING, scored=False)) as found:
            for held in found:
                yield _pair(held)

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        place = self.layout.vector(column)
        asked = self._asked(condition)
        given = np.asarray(vectors, np.float32)
        if limit < 1:
            return [[] for _ in given]
        if place.metric is Metric.COSINE:
            given = unit(given)
        return [self._nearest(place, vector, limit, asked) for vector in given]

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        return [_pair(held) for held in self._found({"bool": {"filter": [self._asked(condition)]}}, limit)]

    def match(self, column: str, text: str, limit: int, condition: Condition | Native | None = None) -> list[Hit]:
        words = {"match": {f"words.{spelled(column)}": {"query": text}}}
        found = self._found({"bool": {"must": [words], "filter": [self._asked(condition)]}}, limit, scored=True)
        return [_hit(held, held["_score"]) for held in found]

    def is_native(self, query: Any) -> bool:
        return isinstance(query, self._query_type)

    def close(self) -> None:
        self._client.close()

    def drop(self) -> None:
        self._client.options(ignore_status=404).indices.delete(index=self.name)

    # --- what is found

    def _asked(self, condition: Condition | Native | None) -> Query:
        if condition is None:
            return ANYTHING
        return cast(Any, condition).to_dict() if self.is_native(condition) else elastic_query(condition, self.layout)

    def _nearest(self, column: VectorColumn, vector: Any, limit: int, asked: Query) -> list[Hit]:
        if column.metric is Metric.COSINE and not vector.any():
            return []
        place = f"vectors.{spelled(column.name)}"
        if column.options.get("knn") and limit <= _MOST_CANDIDATES:
            wanted = int(column.options.get("num_candidates", 10 * limit))
            near = {"field": place, "query_vector": vector.tolist(), "k": limit, "filter": [asked]}
            near["num_candidates"] = min(max(limit, wanted), _MOST_CANDIDATES)
            found = self._search(knn=near, size=limit)
            if len(found) == limit:
                return [_hit(held, _from_graph(column.metric, held["_score"])) for held in found]
        there = {"bool": {"filter": [asked, {"exists": {"field": place}}]}}
        script = {"source": _SCRIPTS[column.metric].format(place), "params": {"vector": vector.tolist()}}
        compared = self._found({"script_score": {"query": there, "script": script}}, limit, scored=True)
        return [_hit(held, _from_script(column.metric, held["_score"])) for held in compared]

    def _found(self, query: Query, limit: int | None, *, scored: bool = False) -> Iterator[Any]:
        """What fulfils the query; the best first where it is `scored`."""
        if limit is not None and limit < 1:
            return iter(())
        wanted = _PAGE if limit is None else min(limit, _PAGE)
        found = self._search(query=query, size=wanted)
        if limit == wanted or len(found) < wanted:
            return iter(found)
        return islice(self._all(query, scored=scored), limit)

    def _all(self, query: Query, *, scored: bool) -> Generator[Any, None, None]:
        """All of them, page by page, as they were when this began: a single search ends at 10,000."""
        order = [{"_score": "desc"}, {"_shard_doc": "asc"}] if scored else [{"_shard_doc": "asc"}]
        moment = self._client.open_point_in_time(index=self.name, keep_alive=_KEEP_ALIVE)["id"]
        after: dict[str, Any] = {}
        try:
            while True:
                kept = {"id": moment, "keep_alive": _KEEP_ALIVE}
                page = self._search(index=None, pit=kept, query=query, size=_PAGE, sort=order, **after)
                yield from page
                if len(page) < _PAGE:
                    return
                after = {"search_after": page[-1]["sort"]}
        finally:
            self._client.options(ignore_status=404).close_point_in_time(id=moment)

    def _search(self, **asked: Any) -> list[Any]:
        question = {"index": self.name, "source": [ID, "payload"], "track_total_hits": False, **asked}
        answer = self._client.search(allow_partial_search_results=False, **question)
        return cast("list[Any]", answer["hits"]["hits"])

    # --- what is written

    def _document(self, record: Record) -> dict[str, Any]:
        if len(record.payload) > _LARGEST:
            raise ValueError(
                f"the document {record.id!r} is larger than Elasticsearch takes, which is {_LARGEST >> 20} MB: keep its "
                "large parts elsewhere, such as in a file of which the document holds the URL"
            )
        vectors = {}
        for column in self.layout.vectors:
            vector = record.vectors.get(column.name)
            if vector is None or (column.metric is Metric.COSINE and not vector.any()):
                continue
            kept = unit(vector[None])[0] if column.metric is Metric.COSINE else vector
            vectors[spelled(column.name)] = kept.tolist()
        values = elastic_values(record.id, record.values, self.layout)
        return {ID: record.id, "payload": b64encode(record.payload).decode(), "vectors": vectors, **values}

    def _send(self, operations: list[dict[str, Any]]) -> None:
        if not operations:
            return
        answer = self._client.bulk(index=self.name, operations=operations)
        if not answer["errors"]:
            return
        for item in answer["items"]:
            (result,) = item.values()
            if "error" in result:
                refused = ValueError if result["status"] < 429 else Unavailable
                raise refused(f"Elasticsearch does not take a document: {result['error']['reason']}")

    # --- the index itself

    def _open(self, settings: Mapping[str, Any], mappings: Mapping[str, Any]) -> None:
        try:
            if not self._client.indices.exists(index=self.name):
                self._make(settings, mappings)
            known = self._client.indices.get_mapping(index=self.name)
        except (self._errors.TransportError, self._errors.ApiError) as error:
            raise Unavailable(f"Elasticsearch cannot be used: {error}. Name a server with `hosts`.") from error
        (about,) = known.values()
        described = about["mappings"].get("_meta", {}).get("layout")
        if described is None:
            raise LayoutMismatch(
                f"Elasticsearch has an index {self.name!r} already that is no document index; choose another index_name"
            )
        self.layout.verify(described)

    def _make(self, settings: Mapping[str, Any], mappings: Mapping[str, Any]) -> None:
        own = {
            ID: {"type": "keyword"},
            "payload": {"type": "binary"},
            "vectors": {"properties": {spelled(column.name): _mapped(column) for column in self.layout.vectors}},
            **mapped_values(self.layout),
        }
        whole = {
            "dynamic": False,
            **mappings,
            "_meta": {**mappings.get("_meta", {}), "layout": self.layout.described()},
            "properties": {**mappings.get("properties", {}), **own},
        }
        try:
            self._client.indices.create(index=self.name, mappings=whole, settings=settings)
        except self._errors.BadRequestError as error:
            if error.error != "resource_already_exists_exception":  # else somebody else was faster
                raise ValueError(f"Elasticsearch does not make the index {self.name!r}: {error}") from error


class ElasticDocIndex(DocIndex[T_doc]):
    """Documents in Elasticsearch: `ElasticDocIndex[MyDoc](hosts="http://localhost:9200")`.

    See `ElasticsearchCollection` for what it can do and for the options of fields.
    """

    collection_type = ElasticsearchCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """Where the server is. `es_config` are further arguments of `elasticsearch.Elasticsearch`, such as `api_key`;
        `index_settings` and `index_mappings` are for the indexes that are made.
        """

        hosts: str | list[str] | None = field(default="http://localhost:9200", repr=False)
        es_config: dict[str, Any] = field(default_factory=dict, repr=False)
        index_settings: dict[str, Any] = field(default_factory=dict)
        index_mappings: dict[str, Any] = field(default_factory=dict)

    def open_collection(self, layout: Layout) -> ElasticsearchCollection:
        config = cast(ElasticDocIndex.DBConfig, self.db_config)
        return ElasticsearchCollection(
            layout, config.hosts, config.es_config, config.index_settings, config.index_mappings
        )


def _mapped(column: VectorColumn) -> dict[str, Any]:
    mapped: dict[str, Any] = {"type": "dense_vector", "dims": column.size, "index": bool(column.options.get("knn"))}
    if mapped["index"]:
        own = {name: int(column.options[name]) for name in ("m", "ef_construction") if name in column.options}
        mapped |= {"similarity": _SIMILARITIES[column.metric], "index_options": {"type": "hnsw", **own}}
    return mapped


def _key(key: str) -> str:
    """The `_id` of a record. Elasticsearch takes at most 512 bytes."""
    if len(key.encode()) <= 512 and not _HASHED.fullmatch(key):
        return key
    return f"sha256-{sha256(key.encode()).hexdigest()}"


def _pages(ids: Sequence[str]) -> Iterator[list[str]]:
    keys = [_key(key) for key in dict.fromkeys(ids)]
    return (keys[first : first + _PAGE] for first in range(0, len(keys), _PAGE))


def _pair(held: Mapping[str, Any]) -> tuple[str, bytes]:
    return held["_source"][ID], b64decode(held["_source"]["payload"])


def _hit(held: Mapping[str, Any], score: float) -> Hit:
    return Hit(*_pair(held), score)


def _from_script(metric: Metric, score: float) -> float:
    if metric is Metric.COSINE:
        return min(score - 1, 1.0)
    if metric is Metric.DOT:
        return _product(score)
    distance = 1 / score - 1
    return distance if metric is Metric.EUCLIDEAN else distance * distance


def _from_graph(metric: Metric, score: float) -> float:
    """https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/dense-vector#dense-vector-similarity"""
    if metric is Metric.COSINE:
        return min(2 * score - 1, 1.0)
    if metric is Metric.DOT:
        return _product(score)
    square = 1 / score - 1
    return float(np.sqrt(max(square, 0.0))) if metric is Metric.EUCLIDEAN else square


def _product(score: float) -> float:
    return score - 1 if score >= 1 else 1 - 1 / score
