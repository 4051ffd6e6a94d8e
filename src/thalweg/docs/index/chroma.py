"""Records in Chroma: one of its collections for each vector."""

from __future__ import annotations

import math
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import urlsplit

import numpy as np

from thalweg.docs.document import BaseDoc
from thalweg.docs.extras import load_extra
from thalweg.docs.index.chroma_where import NEVER, PAYLOAD, Where, has_vector, having_vector, kept_metadata, where
from thalweg.docs.index.collection import OPERATORS, Collection, Hit, Layout, Native, Record, VectorColumn
from thalweg.docs.index.dicts import asked_without_dicts, values_without_dicts, without_dicts
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.gate import Gate
from thalweg.docs.index.matrix import Matrix
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import Condition, Operator
from thalweg.docs.query.metric import Metric
from thalweg.errors import Unavailable

T_doc = TypeVar("T_doc", bound=BaseDoc)

_PAGE = 1_000
"""Records that are sent or fetched at a time."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]+[a-zA-Z0-9]")
_LONGEST = 512
_DESCRIBED = "thalweg.layout"
_SPACES = {Metric.COSINE: "cosine", Metric.DOT: "ip", Metric.EUCLIDEAN: "l2", Metric.SQEUCLIDEAN: "l2"}
_BY_VALUE = frozenset({Operator.LT, Operator.LTE, Operator.GT, Operator.GTE, Operator.REGEX, Operator.CONTAINS})


class ChromaCollection(Collection):
    """A Chroma database in a folder, in memory, or on a server.

    Each vector has a collection of Chroma's, as it keeps one vector of a record only; the first one has the payloads too.
    Its index (HNSW) is approximate. Where it comes back with too few, the vectors that fulfil the condition are compared
    one by one. Options of a vector column are those of `configuration["hnsw"]`, such as `ef_search`, `ef_construction` and
    `max_neighbors`.

    A native condition is an expression of `chromadb.K`, such as `K("year") > 2000`. Texts cannot be asked for their order
    or their parts, as Chroma compares metadata that is text by equality alone. Telemetry is switched off.

    Args:
        layout: the columns.
        url: a folder, `http://host:port` or `https://...` of a server, or `memory://`: gone when the program ends.
        options: further arguments of Chroma's client, such as `tenant`, `database` or `headers`.
    """

    operators: ClassVar[Mapping[type, frozenset[Operator]]] = {**OPERATORS, str: OPERATORS[str] - _BY_VALUE}

    def __init__(self, layout: Layout, url: str = "chroma", options: Mapping[str, Any] | None = None) -> None:
        self._chroma = load_extra("chromadb", "chroma", "indexes in Chroma")
        self.layout = layout
        self._plain = without_dicts(layout)
        self._gate = Gate()
        self._url, self._options = url, dict(options or {})
        self._client = self._connected()
        first, rest = (layout.vectors[0], layout.vectors[1:]) if layout.vectors else (None, ())
        try:
            self._main = self._opened(layout.name, first)
            self._others = {vector.name: self._opened(f"{layout.name} {vector.name}", vector) for vector in rest}
        except BaseException:
            self._client.close()
            raise

    def put(self, records: Sequence[Record]) -> None:
        latest = list({record.id: record for record in records}.values())
        size = min(_PAGE, self._client.get_max_batch_size())
        for first in range(0, len(latest), size):
            self._put(latest[first : first + size])

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        with self._gate.reading():
            found = dict(self._pairs(ids))
        return [found.get(key) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        keys = list(dict.fromkeys(ids))
        with self._gate.writing():
            for first in range(0, len(keys), _PAGE):
                for collection in (self._main, *self._others.values()):
                    collection.delete(keys[first : first + _PAGE])

    def count(self) -> int:
        return cast(int, self._main.count())

    def scan(self) -> Iterator[tuple[str, bytes]]:
        with self._gate.reading():
            keys = self._main.get(include=[])["ids"]
        for first in range(0, len(keys), _PAGE):
            with self._gate.reading():
                page = list(self._pairs(keys[first : first + _PAGE]))
            yield from page

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        place = self.layout.vector(column)
        asked = self._where(condition)
        if limit < 1 or asked == NEVER or not len(vectors):
            return [[] for _ in vectors]
        collection = self._others.get(column, self._main)
        with self._gate.reading():
            found = self._query(collection, place, vectors, limit, asked)
            short = [row for row, nearest in enumerate(found) if len(nearest) < limit]
            if short:
                for row, nearest in zip(short, self._all(collection, place, vectors[short], limit, asked), strict=True):
                    found[row] = nearest
            payloads = dict(self._pairs([key for nearest in found for key, _ in nearest]))
        return [[Hit(key, payloads[key], score) for key, score in nearest if key in payloads] for nearest in found]

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        asked = self._where(condition)
        if limit == 0 or asked == NEVER:
            return []
        with self._gate.reading():
            return _payloads(self._main.get(where=asked, limit=limit, include=["metadatas"]))

    def is_native(self, query: Any) -> bool:
        return isinstance(query, load_extra("chromadb.execution.expression", "chroma", "indexes in Chroma").Where)

    def close(self) -> None:
        self._client.close()

    def drop(self) -> None:
        client = self._connected()  # of its own, as this one may be closed already
        try:
            for collection in (self._main, *self._others.values()):
                with suppress(self._chroma.errors.NotFoundError):
                    client.delete_collection(collection.name)
        finally:
            client.close()

    def _connected(self) -> Any:
        url, options = self._url, {"settings": self._chroma.Settings(anonymized_telemetry=False), **self._options}
        if url == "memory://":
            return self._chroma.EphemeralClient(**options)
        if not url.startswith(("http://", "https://")):
            return self._chroma.PersistentClient(url, **options)
        address = urlsplit(url)
        secure = address.scheme == "https"
        port = address.port or (443 if secure else 8000)
        try:
            return self._chroma.HttpClient(address.hostname or "", port, secure, **options)
        except ValueError as error:
            raise Unavailable(
                f"Chroma at {url} cannot be used: {error}. Start it with `chroma run`, or name another one with `url`."
            ) from error

    def _opened(self, name: str, vector: VectorColumn | None) -> Any:
        spelt = spelled(name, _LONGEST, _NAME)
        space = "l2" if vector is None else _SPACES[vector.metric]
        options = {} if vector is None else dict(vector.options)
        collection = self._client.get_or_create_collection(
            spelt,
            metadata={_DESCRIBED: self.layout.described()},
            configuration={"hnsw": {**options, "space": space}},
            embedding_function=None,
        )
        self.layout.verify(collection.metadata[_DESCRIBED])
        return collection

    def _put(self, records: Sequence[Record]) -> None:
        plain = [record._replace(values=values_without_dicts(self.layout, record.values)) for record in records]
        metadata = [kept_metadata(record, self._plain) for record in plain]
        keys = [record.id for record in records]
        first = self.layout.vectors[0] if self.layout.vectors else VectorColumn("", 1)
        nothing = np.zeros(first.size, np.float32)
        vectors = [nothing if (held := record.vectors.get(first.name)) is None else held for record in records]
        payloads = [
            {**held, PAYLOAD: b64encode(record.payload).decode()}
            for held, record in zip(metadata, records, strict=True)
        ]
        with self._gate.writing():
            self._main.upsert(keys, vectors, payloads)
            for name, collection in self._others.items():
                there = [row for row, record in enumerate(records) if record.vectors.get(name) is not None]
                if missing := [keys[row] for row in sorted({*range(len(keys))} - {*there})]:
                    collection.delete(missing)
                if there:
                    rows = [records[row].vectors[name] for row in there]
                    collection.upsert([keys[row] for row in there], rows, [metadata[row] for row in there])

    def _where(self, condition: Any) -> Where | None:
        if condition is None:
            return None
        if self.is_native(condition):
            return cast(Where, condition.to_dict())
        return where(asked_without_dicts(self.layout, condition), self._plain)

    def _query(
        self, collection: Any, column: VectorColumn, vectors: Any, limit: int, asked: Where | None
    ) -> list[list[tuple[str, float]]]:
        """Ids and scores of what the index finds, without those that lack the vector: perhaps fewer than there are."""
        options: dict[str, Any] = {"where": asked, "include": ["metadatas", "distances"]}
        found = collection.query(query_embeddings=vectors, n_results=limit, **options)
        return [
            [
                (key, _score(column.metric, distance))
                for key, held, distance in zip(*row, strict=True)
                if has_vector(held, column.name)
            ]
            for row in zip(found["ids"], found["metadatas"], found["distances"], strict=True)
        ]

    def _all(
        self, collection: Any, column: VectorColumn, vectors: Any, limit: int, asked: Where | None
    ) -> list[list[tuple[str, float]]]:
        """What is nearest among the records that have the vector; compared one by one where the index finds too few."""
        there = having_vector(asked, column.name)
        keys = collection.get(where=there, include=[])["ids"]
        found = self._query(collection, column, vectors, limit, there)
        if all(len(nearest) == min(limit, len(keys)) for nearest in found):
            return found
        held = collection.get(keys, include=["embeddings"])
        matrix = Matrix(column.size, column.metric)
        matrix.append([np.asarray(row, np.float32) for row in held["embeddings"]])
        return [
            [(held["ids"][row], score) for row, score in zip(one.rows.tolist(), one.scores.tolist(), strict=True)]
            for one in matrix.nearest(vectors, limit, None)
        ]

    def _pairs(self, ids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        keys = list(dict.fromkeys(ids))
        for first in range(0, len(keys), _PAGE):
            yield from _payloads(self._main.get(keys[first : first + _PAGE], include=["metadatas"]))


class ChromaDocumentIndex(DocIndex[T_doc]):
    """Documents in Chroma: `ChromaDocumentIndex[MyDoc](url="folder")`. See `ChromaCollection` for the options of fields."""

    collection_type = ChromaCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """`url` is a folder, a server, or `memory://`; `options` are further arguments of Chroma's client."""

        url: str | PathLike[str] = "chroma"
        options: dict[str, Any] = field(default_factory=dict)

    def open_collection(self, layout: Layout) -> ChromaCollection:
        config = cast(ChromaDocumentIndex.DBConfig, self.db_config)
        return ChromaCollection(layout, fspath(config.url), config.options)


def _payloads(found: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    held = zip(found["ids"], found["metadatas"], strict=True)
    return [(key, b64decode(metadata[PAYLOAD])) for key, metadata in held]


def _score(metric: Metric, distance: float) -> float:
    if metric in (Metric.COSINE, Metric.DOT):
        return 1 - distance
    return math.sqrt(max(distance, 0)) if metric is Metric.EUCLIDEAN else distance
