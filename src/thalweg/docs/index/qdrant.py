"""Records in Qdrant: on a server, in files of its own, or in memory."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from threading import RLock
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID, uuid5

import numpy as np

from thalweg.docs.document import BaseDoc
from thalweg.docs.extras import load_extra
from thalweg.docs.index.collection import (
    OPERATORS,
    Collection,
    Hit,
    Layout,
    LayoutMismatch,
    Native,
    Record,
)
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.qdrant_filter import IDENTITY, PAYLOAD, qdrant_condition, qdrant_models, qdrant_values
from thalweg.docs.index.spelling import spelled
from thalweg.docs.index.words import LENGTH_PENALTY, SATURATION, words_in
from thalweg.docs.query.condition import Condition, Operator
from thalweg.docs.query.metric import Metric

T_doc = TypeVar("T_doc", bound=BaseDoc)

_POINTS = UUID("3a6d9f0c-6a55-4a9b-8f0f-5d0c2b8b7e11")
_PAGE = 256
_LARGEST_BATCH = 8 << 20
_TYPICAL_LENGTH = 256
_ABOUT = "thalweg"
_OPTIONS = (
    "shard_number",
    "replication_factor",
    "write_consistency_factor",
    "on_disk_payload",
    "hnsw_config",
    "optimizers_config",
    "wal_config",
    "quantization_config",
)


class QdrantConnection:
    """A client of Qdrant that several collections share. Without a server, calls take turns: the client is not made for
    threads then.

    `settings` are those of `qdrant_client.QdrantClient`.
    """

    def __init__(self, **settings: Any) -> None:
        local = settings.get("location") == ":memory:" or settings.get("path") is not None
        if local:
            settings = {**settings, "force_disable_check_same_thread": True}
        module = load_extra("qdrant_client", "qdrant", "indexes in Qdrant")
        self.local = local
        self.turn: AbstractContextManager[Any] = RLock() if local else nullcontext()
        self.client = module.QdrantClient(**settings)

    def close(self) -> None:
        with self.turn:
            self.client.close()


class QdrantCollection(Collection):
    """One collection of Qdrant. A point's id is a UUID made of the record's id; vectors and values have their own names.

    A native condition is a `qdrant_client.models.Filter`; the keys of values are the names of fields.

    Words are found by a sparse vector for each text: relevance is BM25 with a mean length of 256 words, of which Qdrant
    works out how rare each word is.

    Args:
        connection: the client; `close` closes it where `own` says that nobody else uses it.
        options: what Qdrant is to be told when it makes the collection, such as `on_disk_payload`.
    """

    operators: ClassVar[Mapping[type, frozenset[Operator]]] = {
        **OPERATORS,
        str: frozenset({Operator.EQ, Operator.NEQ, Operator.IN, Operator.NIN, Operator.EXISTS}),
    }
    asks_inside = True
    searches_words = True

    def __init__(
        self, layout: Layout, connection: QdrantConnection, options: Mapping[str, Any] | None = None, own: bool = False
    ) -> None:
        self.layout = layout
        self.name = spelled(layout.name)
        self._connection = connection
        self._own = own
        self._models = qdrant_models()
        self._vectors = {column.name: column for column in layout.vectors}
        self._texts = [column.name for column in layout.values if column.words]
        try:
            with connection.turn:
                if connection.client.collection_exists(self.name):
                    self._verify()
                else:
                    self._create(options or {})
        except BaseException:
            self.close()
            raise

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Without a server all vectors are compared."""
        return self._connection.local

    def put(self, records: Sequence[Record]) -> None:
        latest = {record.id: record for record in records}
        batch: list[Any] = []
        size = 0
        for record in latest.values():
            point = self._point(record)
            length = len(record.payload) + sum(
                vector.nbytes for vector in record.vectors.values() if vector is not None
            )
            if batch and (len(batch) == _PAGE or size + length > _LARGEST_BATCH):
                self._call("upsert", points=batch, wait=True)
                batch, size = [], 0
            batch.append(point)
            size += length
        if batch:
            self._call("upsert", points=batch, wait=True)

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        for page in _pages(list(dict.fromkeys(ids))):
            points = self._call("retrieve", ids=list(map(_point_id, page)), with_payload=[IDENTITY, PAYLOAD])
            found.update(map(_kept, points))
        return [found.get(key) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        for page in _pages(list(dict.fromkeys(ids))):
            points = self._models.PointIdsList(points=list(map(_point_id, page)))
            self._call("delete", points_selector=points, wait=True)

    def count(self) -> int:
        return int(self._call("count", exact=True).count)

    def scan(self) -> Iterator[tuple[str, bytes]]:
        return self._scroll(None)

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        if not limit:
            return [[] for _ in vectors]
        options = self._vectors[column].options
        parameters = self._models.SearchParams(hnsw_ef=options.get("ef"), exact=bool(options.get("exact", False)))
        asked = self._filter(condition)
        requests = [
            self._request(vector.tolist(), spelled(column), limit, asked, params=parameters)
            for vector in np.asarray(vectors, np.float32)
        ]
        hits = [hit for page in _pages(requests) for hit in self._call("query_batch_points", requests=page)]
        squared = self._vectors[column].metric is Metric.SQEUCLIDEAN
        return [
            [Hit(*_kept(point), point.score**2 if squared else point.score) for point in one.points] for one in hits
        ]

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        found = self._scroll(self._filter(condition), limit)
        return list(found)

    def match(self, column: str, text: str, limit: int, condition: Condition | Native | None = None) -> list[Hit]:
        words = dict.fromkeys(words_in(text))
        if not words or not limit:
            return []
        query = self._models.SparseVector(indices=list(map(_word_id, words)), values=[1.0] * len(words))
        request = self._request(query, _words_name(column), limit, self._filter(condition))
        (found,) = self._call("query_batch_points", requests=[request])
        return [Hit(*_kept(point), point.score) for point in found.points]

    def is_native(self, query: Any) -> bool:
        return isinstance(query, self._models.Filter)

    def close(self) -> None:
        if self._own:
            self._connection.close()

    def drop(self) -> None:
        self._call("delete_collection")

    def _call(self, method: str, **arguments: Any) -> Any:
        with self._connection.turn:
            return getattr(self._connection.client, method)(self.name, **arguments)

    def _filter(self, condition: Condition | Native | None) -> Any:
        if condition is None or self.is_native(condition):
            return condition
        return qdrant_condition(condition, self.layout)

    def _request(self, query: Any, using: str, limit: int, asked: Any, **more: Any) -> Any:
        return self._models.QueryRequest(
            query=query, using=using, limit=limit, filter=asked, with_payload=[IDENTITY, PAYLOAD], **more
        )

    def _scroll(self, asked: Any, limit: int | None = None) -> Iterator[tuple[str, bytes]]:
        left, offset = limit, None
        while left is None or left > 0:
            points, offset = self._call(
                "scroll",
                scroll_filter=asked,
                limit=_PAGE if left is None else min(_PAGE, left),
                offset=offset,
                with_payload=[IDENTITY, PAYLOAD],
            )
            yield from map(_kept, points)
            if offset is None:
                return
            left = None if left is None else left - len(points)

    def _point(self, record: Record) -> Any:
        vectors: dict[str, Any] = {
            spelled(name): vector.tolist() for name, vector in record.vectors.items() if vector is not None
        }
        for name in self._texts:
            if counts := Counter(words_in(record.values.get(name) or "")):
                vectors[_words_name(name)] = self._sparse(counts)
        payload = {
            IDENTITY: record.id,
            PAYLOAD: b64encode(record.payload).decode(),
            **qdrant_values(record.values, self.layout),
        }
        return self._models.PointStruct(id=_point_id(record.id), vector=vectors, payload=payload)

    def _sparse(self, counts: Counter[str]) -> Any:
        """The part of BM25 that the text alone decides: see `WordIndex`."""
        length = counts.total() / _TYPICAL_LENGTH
        penalty = SATURATION * (1 - LENGTH_PENALTY + LENGTH_PENALTY * length)
        weights = {_word_id(word): count * (SATURATION + 1) / (count + penalty) for word, count in counts.items()}
        return self._models.SparseVector(indices=list(weights), values=list(weights.values()))

    # --- the collection itself

    def _create(self, options: Mapping[str, Any]) -> None:
        models, client = self._models, self._connection.client
        distances = {
            Metric.COSINE: models.Distance.COSINE,
            Metric.DOT: models.Distance.DOT,
            Metric.EUCLIDEAN: models.Distance.EUCLID,
            Metric.SQEUCLIDEAN: models.Distance.EUCLID,
        }
        client.create_collection(
            self.name,
            vectors_config={
                spelled(column.name): models.VectorParams(
                    size=column.size, distance=distances[column.metric], on_disk=column.options.get("on_disk")
                )
                for column in self.layout.vectors
            },
            sparse_vectors_config={
                _words_name(name): models.SparseVectorParams(modifier=models.Modifier.IDF) for name in self._texts
            },
            metadata={_ABOUT: self.layout.described()},
            **{name: value for name, value in options.items() if value is not None},
        )
        if not self._connection.local:
            self._index_values()

    def _index_values(self) -> None:
        """Let the server find values without looking at every point."""
        kinds = {str: "keyword", int: "integer", float: "float", bool: "bool"}
        for name, kind in ((IDENTITY, "keyword"), *((spelled(c.name), kinds.get(c.type)) for c in self.layout.values)):
            if kind is not None:
                self._connection.client.create_payload_index(self.name, name, kind)

    def _verify(self) -> None:
        config = self._connection.client.get_collection(self.name).config
        described = (config.metadata or {}).get(_ABOUT)
        if not isinstance(described, str):
            raise LayoutMismatch(
                f"Qdrant has a collection {self.name!r} already that no index has made; choose another index_name"
            )
        self.layout.verify(described)


def _point_id(key: str) -> str:
    return str(uuid5(_POINTS, key))


def _word_id(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=4).digest(), "little")


def _words_name(column: str) -> str:
    return f"{spelled(column)}__words"


def _kept(point: Any) -> tuple[str, bytes]:
    return point.payload[IDENTITY], b64decode(point.payload[PAYLOAD])


def _pages(items: list[Any]) -> Iterator[list[Any]]:
    return (items[first : first + _PAGE] for first in range(0, len(items), _PAGE))


class QdrantDocumentIndex(DocIndex[T_doc]):
    """Documents in Qdrant: `QdrantDocumentIndex[MyDoc](url="http://localhost:6333")`, `path="folder"` for files of its own,
    or `location=":memory:"`.

    Vectors are compared by cosine unless the field says else (`space`). More options of a vector field: `ef` (candidates
    of a search), `exact` (compare all) and `on_disk`.
    """

    collection_type = QdrantCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """How to reach Qdrant, as `qdrant_client.QdrantClient` takes it, and what to tell it about a new collection.

        `collection_name` is another name for `index_name`.
        """

        location: str | None = None
        url: str | None = None
        port: int | None = 6333
        grpc_port: int = 6334
        prefer_grpc: bool = True
        https: bool | None = None
        api_key: str | None = field(default=None, repr=False)
        prefix: str | None = None
        timeout: int | None = None
        host: str | None = None
        path: str | None = None
        collection_name: str | None = None
        shard_number: int | None = None
        replication_factor: int | None = None
        write_consistency_factor: int | None = None
        on_disk_payload: bool | None = None
        hnsw_config: Any = None
        optimizers_config: Any = None
        wal_config: Any = None
        quantization_config: Any = None

        def __post_init__(self) -> None:
            given = [name for name in ("location", "url", "host", "path") if getattr(self, name) is not None]
            if len(given) > 1:
                raise ValueError(f"give one of location, url, host and path, not {' and '.join(given)}")

    @property
    def index_name(self) -> str:
        configured = cast(QdrantDocumentIndex.DBConfig, self.db_config).collection_name
        return configured or super().index_name

    def open_collection(self, layout: Layout) -> QdrantCollection:
        config = cast(QdrantDocumentIndex.DBConfig, self.db_config)
        if not hasattr(self, "_connection"):
            inherited = {each.name for each in fields(DocIndex.DBConfig)} | {"collection_name", *_OPTIONS}
            settings = {each.name: getattr(config, each.name) for each in fields(config) if each.name not in inherited}
            self._connection = QdrantConnection(**settings)
        return QdrantCollection(layout, self._connection, {name: getattr(config, name) for name in _OPTIONS})

    def close(self) -> None:
        super().close()
        if hasattr(self, "_connection"):
            self._connection.close()
