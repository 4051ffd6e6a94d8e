"""Records in Couchbase: documents in a collection of it, asked in SQL++."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import unquote, urlsplit

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
    VectorColumn,
)
from thalweg.docs.index.couchbase_sql import couchbase_values, sql_condition
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.matrix import Matrix
from thalweg.docs.index.spelling import spelled
from thalweg.docs.index.visibility import wait_until
from thalweg.docs.query.condition import Condition, Operator
from thalweg.docs.query.metric import Metric
from thalweg.errors import Unavailable

T_doc = TypeVar("T_doc", bound=BaseDoc)

_PAGE = 500
"""Documents that are sent or fetched at a time."""

_LARGEST = 20 << 20
_LARGEST_BATCH = 16 << 20
_ABOUT = "about"
_METRICS = {
    Metric.COSINE: "COSINE",
    Metric.DOT: "DOT",
    Metric.EUCLIDEAN: "L2",
    Metric.SQEUCLIDEAN: "L2_SQUARED",
}


class CouchbaseConnection:
    """A cluster of Couchbase that several collections share.

    Args:
        url: `couchbase://user:password@host/bucket`, or `couchbases://...`; further hosts with commas.
        cluster: a `couchbase.cluster.Cluster` that is connected already; then the url names the bucket alone.
        timeout: seconds to wait for an answer, and until a new collection can be used.

    Raises:
        ValueError: the url names no bucket.
    """

    def __init__(self, url: str, cluster: Any = None, timeout: float = 60) -> None:
        self.errors = load_extra("couchbase.exceptions", "couchbase", "indexes in Couchbase")
        self._options = load_extra("couchbase.options", "couchbase", "indexes in Couchbase")
        self._consistency = load_extra("couchbase.n1ql", "couchbase", "indexes in Couchbase").QueryScanConsistency
        place = urlsplit(url)
        self.bucket = place.path.strip("/")
        if not self.bucket:
            raise ValueError("the url of Couchbase ends in the name of a bucket: couchbase://user:password@host/bucket")
        self.timeout = timeout
        self._own = cluster is None
        self.cluster = cluster if cluster is not None else self._connected(place)
        self.place = self.cluster.bucket(self.bucket)

    def query(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """The rows of a SQL++ query that sees all that was written before it."""
        options = self._options.QueryOptions(
            named_parameters=dict(parameters or {}),
            scan_consistency=self._consistency.REQUEST_PLUS,
            timeout=timedelta(seconds=self.timeout),
        )
        return iter(self.cluster.query(statement, options).rows())

    def close(self) -> None:
        """Let go of the connections, unless they belong to somebody else."""
        if self._own:
            self.cluster.close()

    def _connected(self, place: Any) -> Any:
        module = load_extra("couchbase.cluster", "couchbase", "indexes in Couchbase")
        auth = load_extra("couchbase.auth", "couchbase", "indexes in Couchbase")
        known = auth.PasswordAuthenticator(unquote(place.username or ""), unquote(place.password or ""))
        address = f"{place.scheme}://{place.netloc.rpartition('@')[2]}"
        address += f"?{place.query}" if place.query else ""
        try:
            cluster = module.Cluster.connect(address, self._options.ClusterOptions(known))
            cluster.wait_until_ready(timedelta(seconds=self.timeout))
        except self.errors.CouchbaseException as error:
            raise Unavailable(f"Couchbase at {address} cannot be used: {error}") from error
        return cluster


class CouchbaseCollection(Collection):
    """A collection in a scope of a bucket of Couchbase, 7.6.6 or newer, with a primary index; made where it is not there.

    Vectors are compared one by one (`VECTOR_DISTANCE`), so that searches are exact, by any metric. The option `approximate`
    of a vector column searches by a vector index in its place (`APPROX_VECTOR_DISTANCE`, Couchbase 8), which is to be made
    on `vectors.<field>`. Scores are computed from the vectors that are found. A vector of zeros is not found by cosine.

    Questions wait for the indexes (`REQUEST_PLUS`), so that they see what was written. A native condition is a text in SQL++
    on a document `d`, such as ``d.`values`.`price` > 3``. Patterns differ from Python's, so they are asked that way.

    Args:
        layout: the columns.
        connection: the cluster; `close` closes it where `own` says that nobody else uses it.
        scope: where the collection is, or is made.
    """

    operators: ClassVar[Mapping[type, frozenset[Operator]]] = {
        kind: operators - {Operator.REGEX} for kind, operators in OPERATORS.items()
    }

    def __init__(
        self, layout: Layout, connection: CouchbaseConnection, scope: str = "_default", own: bool = False
    ) -> None:
        self.layout = layout
        self.name = spelled(layout.name)
        self._connection, self._own = connection, own
        self._errors = connection.errors
        self._scope = scope
        self._place = ".".join(_quoted(each) for each in (connection.bucket, scope, self.name))
        self._kept = connection.place.scope(scope).collection(self.name)
        self._ascends = cache(self._nearest_is_least)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """All vectors are compared, unless a column is to be searched by an index."""
        return not any(column.options.get("approximate") for column in self.layout.vectors)

    def put(self, records: Sequence[Record]) -> None:
        batch: dict[str, Any] = {}
        size = 0
        for record in {record.id: record for record in records}.values():
            document = self._document(record)
            length = _length(document)
            if length > _LARGEST:
                raise ValueError(
                    f"the document {record.id!r} is larger than Couchbase takes, which is 20 MB with its values and "
                    "vectors: keep its large parts elsewhere, such as in a file of which the document holds the URL"
                )
            if batch and (len(batch) == _PAGE or size + length > _LARGEST_BATCH):
                self._send(batch)
                batch, size = {}, 0
            batch[_key(record.id)] = document
            size += length
        if batch:
            self._send(batch)

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        for page in _pages([_key(key) for key in dict.fromkeys(ids)]):
            answer = self._kept.get_multi(page)
            self._check(answer)
            for result in answer.results.values():
                held = result.content_as[dict]
                found[held["id"]] = b64decode(held["payload"])
        return [found.get(key) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        for page in _pages([_key(key) for key in dict.fromkeys(ids)]):
            self._check(self._kept.remove_multi(page))

    def count(self) -> int:
        return int(next(self._query("RAW COUNT(*)", "d.`id` IS VALUED", {})))

    def scan(self) -> Iterator[tuple[str, bytes]]:
        return self._pairs("TRUE", {})

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        place = self.layout.vector(column)
        asked, parameters = ("TRUE", {}) if condition is None else self._asked(condition)
        if limit < 1:
            return [[] for _ in vectors]
        return [self._nearest(place, vector, limit, asked, parameters) for vector in np.asarray(vectors, np.float32)]

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        asked, parameters = self._asked(condition)
        return list(self._pairs(asked, parameters, limit))

    def is_native(self, query: Any) -> bool:
        return isinstance(query, str) and not query.lstrip().startswith(("{", "["))  # that is JSON

    def close(self) -> None:
        if self._own:
            self._connection.close()

    def drop(self) -> None:
        with suppress(self._errors.CollectionNotFoundException):
            self._connection.place.collections().drop_collection(self._scope, self.name)

    # --- what is found

    def _asked(self, condition: Condition | Native) -> tuple[str, dict[str, Any]]:
        return (f"({condition})", {}) if isinstance(condition, str) else sql_condition(condition, self.layout)

    def _query(self, what: str, asked: str, parameters: Mapping[str, Any], rest: str = "") -> Iterator[Any]:
        return self._connection.query(f"SELECT {what} FROM {self._place} AS d WHERE {asked}{rest}", parameters)

    def _pairs(
        self, asked: str, parameters: Mapping[str, Any], limit: int | None = None
    ) -> Iterator[tuple[str, bytes]]:
        rest, known = ("", {}) if limit is None else (" LIMIT $limit", {"limit": limit})
        for row in self._query("d.`id`, d.`payload`", f"d.`id` IS VALUED AND {asked}", {**parameters, **known}, rest):
            yield row["id"], b64decode(row["payload"])

    def _nearest(
        self, column: VectorColumn, vector: Any, limit: int, asked: str, parameters: Mapping[str, Any]
    ) -> list[Hit]:
        if column.metric is Metric.COSINE and not vector.any():
            return []
        place = f"d.`vectors`.`{spelled(column.name)}`"
        function = "APPROX_VECTOR_DISTANCE" if column.options.get("approximate") else "VECTOR_DISTANCE"
        order = "ASC" if self._ascends(column.metric) else "DESC"
        found = list(
            self._query(
                f"d.`id`, d.`payload`, {place} AS `vector`",
                f"{place} IS VALUED AND {asked}",
                {**parameters, "vector": vector.tolist(), "limit": limit},
                f' ORDER BY {function}({place}, $vector, "{_METRICS[column.metric]}") {order} LIMIT $limit',
            )
        )
        if not found:
            return []
        matrix = Matrix(column.size, column.metric)
        matrix.append([np.array(row["vector"], np.float32) for row in found])
        (nearest,) = matrix.nearest(vector[None], limit)
        return [
            Hit(found[row]["id"], b64decode(found[row]["payload"]), score)
            for row, score in zip(nearest.rows.tolist(), nearest.scores.tolist(), strict=True)
        ]

    def _nearest_is_least(self, metric: Metric) -> bool:
        """Whether what is near comes first in ascending order: which sign a product has is not documented, so ask."""
        name = _METRICS[metric]
        statement = (
            f'SELECT RAW VECTOR_DISTANCE($one, $one, "{name}") < VECTOR_DISTANCE($one, $other, "{name}") FROM [1] AS d'
        )
        return bool(next(self._connection.query(statement, {"one": [1.0, 0.0], "other": [-1.0, 0.0]})))

    # --- what is written

    def _document(self, record: Record) -> dict[str, Any]:
        vectors = {}
        for column in self.layout.vectors:
            vector = record.vectors.get(column.name)
            if vector is not None and (column.metric is not Metric.COSINE or vector.any()):
                vectors[spelled(column.name)] = vector.tolist()
        kept = couchbase_values(record.id, record.values, self.layout)
        return {"id": record.id, "payload": b64encode(record.payload).decode(), "vectors": vectors, **kept}

    def _send(self, batch: Mapping[str, Any]) -> None:
        self._check(self._kept.upsert_multi(batch))

    def _check(self, answer: Any) -> None:
        """Raise what went wrong with one of several keys; that there is nothing to find or remove is not wrong."""
        for error in answer.exceptions.values():
            if not isinstance(error, self._errors.DocumentNotFoundException):
                raise error

    # --- the collection itself

    def _open(self) -> None:
        made = self._connection.place.collections()
        try:
            made.create_collection(self._scope, self.name)
        except self._errors.CollectionAlreadyExistsException:
            about = self._about()
            if about is None and next(self._query("RAW COUNT(*)", "TRUE", {})):
                raise LayoutMismatch(
                    f"Couchbase has a collection {self.name!r} already that no index has made; choose another index_name"
                ) from None
        wait_until(self._usable, self._connection.timeout, f"the collection {self.name!r} of Couchbase")
        about = self._about()
        if about is None:
            with suppress(self._errors.DocumentExistsException):  # somebody else was faster
                self._kept.insert(_ABOUT, {"layout": self.layout.described()})
            about = self._kept.get(_ABOUT).content_as[dict]
        self.layout.verify(about["layout"])

    def _about(self) -> dict[str, str] | None:
        try:
            return cast("dict[str, str]", self._kept.get(_ABOUT).content_as[dict])
        except (self._errors.DocumentNotFoundException, self._errors.CollectionNotFoundException):
            return None

    def _usable(self) -> bool:
        """Whether every service knows the collection, which takes a moment after it was made."""
        try:
            list(self._connection.query(f"CREATE PRIMARY INDEX IF NOT EXISTS ON {self._place}"))
            list(self._query("d.`id`", "d.`id` IS VALUED", {}, " LIMIT 1"))
        except (self._errors.KeyspaceNotFoundException, self._errors.QueryIndexNotFoundException):
            return False
        except self._errors.CouchbaseException as error:
            raise Unavailable(f"Couchbase cannot be used: {error}") from error
        return True


class CouchbaseDocumentIndex(DocIndex[T_doc]):
    """Documents in Couchbase: `CouchbaseDocumentIndex[MyDoc](url="couchbase://user:password@host/bucket")`.

    See `CouchbaseCollection` for what it can do and for the options of fields.
    """

    collection_type = CouchbaseCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """Where the cluster is, as `CouchbaseConnection` takes it, and the scope of the collections."""

        url: str = field(default="couchbase://localhost/default", repr=False)
        scope: str = "_default"
        cluster: Any = None
        timeout: float = 60

    def open_collection(self, layout: Layout) -> CouchbaseCollection:
        config = cast(CouchbaseDocumentIndex.DBConfig, self.db_config)
        if not hasattr(self, "_connection"):
            self._connection = CouchbaseConnection(config.url, config.cluster, config.timeout)
        return CouchbaseCollection(layout, self._connection, config.scope)

    def close(self) -> None:
        super().close()
        if hasattr(self, "_connection"):
            self._connection.close()


def _key(key: str) -> str:
    """The key for Couchbase, which takes at most 250 bytes."""
    return "r" + sha256(key.encode()).hexdigest()


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _length(document: Mapping[str, Any]) -> int:
    """Bytes as JSON; counted only where there may be many."""
    rough = 8 * len(document["payload"]) + 24 * sum(map(len, document["vectors"].values()))
    return len(json.dumps(document, ensure_ascii=False).encode()) if rough > _LARGEST else rough


def _pages(keys: Sequence[str]) -> Iterator[list[str]]:
    return (list(keys[first : first + _PAGE]) for first in range(0, len(keys), _PAGE))
