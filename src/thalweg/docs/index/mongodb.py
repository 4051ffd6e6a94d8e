"""Records in MongoDB Atlas, or any MongoDB whose search service (mongot) runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar, cast
from uuid import uuid4

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
    Unsupported,
    VectorColumn,
)
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.matrix import Matrix
from thalweg.docs.index.mongodb_query import (
    THERE,
    Query,
    both,
    filter_fields,
    kept_values,
    query_of,
    split_query,
    vector_mark,
    with_vector,
)
from thalweg.docs.index.spelling import spelled
from thalweg.docs.index.visibility import wait_until
from thalweg.docs.index.words import words_in
from thalweg.docs.query.condition import Condition, Operator
from thalweg.docs.query.metric import Metric
from thalweg.errors import Unavailable

T_doc = TypeVar("T_doc", bound=BaseDoc)

_PAGE = 1_000
"""Records that are sent or fetched at a time."""

_LAYOUTS = "thalweg.layouts"
_VECTORS, _WORDS = "thalweg_vectors", "thalweg_words"
_MOST_CANDIDATES = 10_000
_OVERSAMPLE = 10
_LARGEST = 16 << 20
_ATTEMPTS = 10
_SIMILARITIES = {Metric.COSINE: "cosine", Metric.EUCLIDEAN: "euclidean", Metric.SQEUCLIDEAN: "euclidean"}
_SUBTYPE, _FLOAT32 = 9, b"\x27\x00"
"""A BSON vector: https://github.com/mongodb/specifications/blob/master/source/bson-binary-vector/bson-binary-vector.md"""


class MongoDBCollection(Collection):
    """A collection of MongoDB, with a vector search index of its own and, where texts are searched, a search index.

    The server is Atlas, or has its search service beside it. Both indexes are made where they are not there yet. They
    follow what is written: `put` waits until they have it. A document whose vector has a length of zero is not found by
    cosine.

    Searches are approximate; where they come back with too few, all vectors are compared. So are they where a condition
    asks what the filter of a vector search cannot (orders and parts of texts). Scores are computed from the vectors that
    are found, not from the server's own scores: these are (1 + cosine) / 2 and, by distance, a reciprocal that loses
    digits. Atlas compares by dot product only vectors of length one, for which cosine is the same number.

    A native condition is a query of MongoDB as a `bson.SON`; the values are `values.<field>`. Patterns differ from
    Python's (PCRE2), so they are asked that way: `SON([("values.title", {"$regex": "^The"})])`.

    Options of a vector column: `oversample_factor` (candidates for each document that is wanted, 10), `max_candidates`
    (10,000 at most), and `exact` (compare all).

    Args:
        layout: the columns.
        uri: `mongodb://...` or `mongodb+srv://...`.
        database: the database.
        options: further arguments of `pymongo.MongoClient`.
        timeout: seconds to wait for the indexes.
    """

    metrics: ClassVar[frozenset[Metric]] = frozenset(_SIMILARITIES)
    operators: ClassVar[Mapping[type, frozenset[Operator]]] = {
        kind: operators - {Operator.REGEX} for kind, operators in OPERATORS.items()
    }
    searches_words = True

    def __init__(
        self,
        layout: Layout,
        uri: str = "localhost",
        database: str = "default",
        options: Mapping[str, Any] | None = None,
        timeout: float = 60,
    ) -> None:
        self._mongo = load_extra("pymongo", "mongodb", "indexes in MongoDB Atlas")
        self._errors = load_extra("pymongo.errors", "mongodb", "indexes in MongoDB Atlas")
        self._bson = load_extra("bson", "mongodb", "indexes in MongoDB Atlas")
        for vector in layout.vectors:
            if vector.metric not in self.metrics:
                raise Unsupported(
                    f"MongoDB compares by {vector.metric} only vectors of length one, but {vector.name!r} may be any: make "
                    "them so and choose space='cosine', which is the same number then"
                )
        self.layout = layout
        self.name = spelled(layout.name)
        self._timeout = timeout
        self._client = self._mongo.MongoClient(uri, **(options or {}))
        self._kept = self._client[database][self.name]
        self._layouts = self._client[database][_LAYOUTS]
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def put(self, records: Sequence[Record]) -> None:
        latest = list({record.id: record for record in records}.values())
        for first in range(0, len(latest), _PAGE):
            batch = uuid4().hex
            documents = [self._document(record, batch) for record in latest[first : first + _PAGE]]
            replaced = [self._mongo.ReplaceOne({"_id": held["_id"]}, held, upsert=True) for held in documents]
            self._kept.bulk_write(replaced, ordered=False)
            self._await(batch)

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        keys = list(dict.fromkeys(ids))
        for first in range(0, len(keys), _PAGE):
            found.update(self._pairs({"_id": {"$in": keys[first : first + _PAGE]}}))
        return [found.get(key) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), _PAGE):
            self._kept.delete_many({"_id": {"$in": list(ids[first : first + _PAGE])}})

    def count(self) -> int:
        return cast(int, self._kept.count_documents({}))

    def scan(self) -> Iterator[tuple[str, bytes]]:
        return self._pairs({})

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        place = self.layout.vector(column)
        asked = self._split(condition)
        if limit < 1 or asked is None:
            return [[] for _ in vectors]
        return [self._nearest(place, vector, limit, *asked) for vector in np.asarray(vectors, np.float32)]

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        asked = dict(cast(Any, condition)) if self.is_native(condition) else query_of(condition, self.layout)
        if limit == 0 or asked is None:
            return []
        return list(self._pairs(asked, limit or 0))

    def match(self, column: str, text: str, limit: int, condition: Condition | Native | None = None) -> list[Hit]:
        asked = self._split(condition)
        if limit < 1 or asked is None or not words_in(text):
            return []
        stages: list[dict[str, Any]] = [
            {"$search": {"index": _WORDS, "text": {"query": text, "path": f"values.{spelled(column)}"}}},
            {"$project": {"payload": 1, "score": {"$meta": "searchScore"}}},
            {"$limit": limit},
        ]
        if query := both(*asked):
            stages.insert(1, {"$match": query})
        return [Hit(held["_id"], held["payload"], held["score"]) for held in self._kept.aggregate(stages)]

    def is_native(self, query: Any) -> bool:
        return isinstance(query, self._bson.SON)

    def close(self) -> None:
        self._client.close()

    def drop(self) -> None:
        self._kept.drop()
        self._layouts.delete_one({"_id": self.name})

    # --- searches

    def _nearest(self, column: VectorColumn, vector: Any, limit: int, before: Query, after: Query) -> list[Hit]:
        if column.metric is Metric.COSINE and not vector.any():
            return []
        name = f"v_{spelled(column.name)}"
        found: dict[str, tuple[bytes, Any]] = {}
        for held in self._found(column, vector, limit, before, after):
            if name in held.get("vectors", {}):
                found[held["_id"]] = held["payload"], np.frombuffer(held["vectors"][name], "<f4", offset=2)
        if not found:
            return []
        keys = list(found)
        matrix = Matrix(column.size, column.metric)
        matrix.append([held for _, held in found.values()])
        (nearest,) = matrix.nearest(vector[None], limit)
        return [
            Hit(keys[row], found[keys[row]][0], score)
            for row, score in zip(nearest.rows.tolist(), nearest.scores.tolist(), strict=True)
        ]

    def _found(self, column: VectorColumn, vector: Any, limit: int, before: Query, after: Query) -> list[Any]:
        """The documents that are nearest, or more. All are compared where the index comes back with too few."""
        options = column.options
        if not (after or options.get("exact") or limit > _MOST_CANDIDATES):
            most = min(int(options.get("max_candidates", _MOST_CANDIDATES)), _MOST_CANDIDATES)
            candidates = max(limit, min(limit * int(options.get("oversample_factor", _OVERSAMPLE)), most))
            found = self._search(column, vector, limit, before, {}, {"numCandidates": candidates})
            if len(found) == limit:
                return found
        found, wanted = [], max(4 * limit, 100) if after else limit
        there = self._kept.count_documents(both(with_vector(column.name), before, after))
        for _ in range(_ATTEMPTS):  # what was deleted a moment ago takes a place in what is found
            found = self._search(column, vector, wanted, before, after, {"exact": True})
            if len(found) >= min(limit, there):
                break
            wanted *= 4
        return found

    def _search(
        self, column: VectorColumn, vector: Any, limit: int, before: Query, after: Query, how: Mapping[str, Any]
    ) -> list[Any]:
        path = f"vectors.v_{spelled(column.name)}"
        asked = {"index": _VECTORS, "path": path, "queryVector": self._binary(vector), "limit": limit, **how}
        if before:
            asked["filter"] = before
        stages: list[dict[str, Any]] = [{"$vectorSearch": asked}]
        if after:
            stages.append({"$match": after})
        stages.append({"$project": {"payload": 1, path: 1}})
        return list(self._kept.aggregate(stages))

    def _split(self, condition: Condition | Native | None) -> tuple[Query, Query] | None:
        if condition is None:
            return {}, {}
        return ({}, dict(cast(Any, condition))) if self.is_native(condition) else split_query(condition, self.layout)

    def _pairs(self, query: Query, limit: int = 0) -> Iterator[tuple[str, bytes]]:
        with self._kept.find(query, {"payload": 1}, limit=limit, batch_size=_PAGE) as cursor:
            for held in cursor:
                yield held["_id"], held["payload"]

    # --- what is written

    def _document(self, record: Record, batch: str) -> dict[str, Any]:
        kept = kept_values(record.values, self.layout)
        vectors = {}
        for column in self.layout.vectors:
            vector = record.vectors.get(column.name)
            if vector is not None and (column.metric is not Metric.COSINE or vector.any()):
                vectors[f"v_{spelled(column.name)}"] = self._binary(vector)
                kept[THERE].append(vector_mark(column.name))
        kept["sizes"]["_id"] = len(record.id)
        document = {"_id": record.id, "payload": record.payload, "batch": batch, "vectors": vectors, **kept}
        rough = 4 * len(record.payload) + sum(map(len, vectors.values()))
        if rough > _LARGEST and len(self._bson.encode(document)) > _LARGEST:
            raise ValueError(
                f"the document {record.id!r} is larger than MongoDB takes, which is 16 MB with its values and vectors: keep "
                "its large parts elsewhere, such as in a file of which the document holds the URL"
            )
        return document

    def _binary(self, vector: Any) -> Any:
        return self._bson.Binary(_FLOAT32 + vector.astype("<f4").tobytes(), _SUBTYPE)

    def _await(self, batch: str) -> None:
        """Wait until the search indexes have what was written as `batch`, as far as it was not written anew meanwhile."""
        written = {"batch": {"$eq": batch}}
        for column in self.layout.vectors:
            asked = both(written, with_vector(column.name))
            seen = np.ones(column.size, np.float32)
            wait_until(
                lambda column=column, asked=asked, seen=seen: (  # type: ignore[misc]
                    len(self._search(column, seen, _PAGE, asked, {}, {"exact": True}))
                    >= self._kept.count_documents(asked)
                ),
                self._timeout,
                f"the vectors that were written into {self.name!r} of MongoDB",
            )
        if any(column.words for column in self.layout.values):
            search = {"$search": {"index": _WORDS, "equals": {"path": "batch", "value": batch}}}
            wait_until(
                lambda: (
                    len(list(self._kept.aggregate([search, {"$project": {"_id": 1}}])))
                    >= self._kept.count_documents(written)
                ),
                self._timeout,
                f"the texts that were written into {self.name!r} of MongoDB",
            )

    # --- the collection itself

    def _open(self) -> None:
        try:
            self._client.admin.command("ping")
        except self._errors.PyMongoError as error:
            raise Unavailable(f"MongoDB cannot be used: {error}. Name a server with `mongo_connection_uri`.") from error
        known = self._layouts.find_one({"_id": self.name})
        if known is None:
            if self._kept.find_one({}, {"_id": 1}) is not None:
                raise LayoutMismatch(
                    f"MongoDB has a collection {self.name!r} already that no index has made; choose another index_name"
                )
            with suppress(self._errors.CollectionInvalid):  # somebody else was faster
                self._kept.database.create_collection(self.name)
            described = {"$setOnInsert": {"layout": self.layout.described()}}
            self._layouts.update_one({"_id": self.name}, described, upsert=True)
            known = self._layouts.find_one({"_id": self.name})
        self.layout.verify(known["layout"])
        self._make_indexes()

    def _make_indexes(self) -> None:
        wanted = self._definitions()
        if not wanted:
            return
        try:
            there = {index["name"] for index in self._kept.list_search_indexes()}
            missing = [index for index in wanted if index.document["name"] not in there]
            if missing:
                self._kept.create_search_indexes(missing)
        except self._errors.OperationFailure as error:
            raise Unsupported(
                f"this MongoDB cannot search by vectors or words: {error}. Use Atlas, or a server with its search service"
            ) from error
        names = {index.document["name"] for index in wanted}
        wait_until(
            lambda: names <= {index["name"] for index in self._kept.list_search_indexes() if index["queryable"]},
            self._timeout,
            f"the search indexes of {self.name!r} in MongoDB",
        )

    def _definitions(self) -> list[Any]:
        model = self._mongo.operations.SearchIndexModel
        wanted = []
        if self.layout.vectors:
            fields = [
                {
                    "type": "vector",
                    "path": f"vectors.v_{spelled(column.name)}",
                    "numDimensions": column.size,
                    "similarity": _SIMILARITIES[column.metric],
                }
                for column in self.layout.vectors
            ]
            filters = [{"type": "filter", "path": path} for path in filter_fields(self.layout)]
            wanted.append(model({"fields": fields + filters}, _VECTORS, type="vectorSearch"))
        texts = {spelled(column.name): {"type": "string"} for column in self.layout.values if column.words}
        if texts:
            mapped = {"values": {"type": "document", "fields": texts}, "batch": {"type": "token"}}
            wanted.append(model({"mappings": {"dynamic": False, "fields": mapped}}, _WORDS, type="search"))
        return wanted


class MongoDBAtlasDocumentIndex(DocIndex[T_doc]):
    """Documents in MongoDB Atlas: `MongoDBAtlasDocumentIndex[MyDoc](mongo_connection_uri="mongodb+srv://...")`.

    See `MongoDBCollection` for what it can do and for the options of fields.
    """

    collection_type = MongoDBCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """Where the server is. `options` are further arguments of `pymongo.MongoClient`; `timeout` is how many seconds to
        wait until what was written is found.
        """

        mongo_connection_uri: str = field(default="localhost", repr=False)
        database_name: str = "default"
        timeout: float = 60
        options: dict[str, Any] = field(default_factory=dict, repr=False)

    def open_collection(self, layout: Layout) -> MongoDBCollection:
        config = cast(MongoDBAtlasDocumentIndex.DBConfig, self.db_config)
        return MongoDBCollection(
            layout, config.mongo_connection_uri, config.database_name, config.options, config.timeout
        )
