"""Records in Weaviate: objects with named vectors, in a collection of their own."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import sqrt
from re import compile as pattern
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import urlsplit

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
from thalweg.docs.index.spelling import spelled
from thalweg.docs.index.weaviate_filter import (
    BLOB,
    KEY,
    PARTS,
    among_ids,
    object_id,
    weaviate_classes,
    weaviate_condition,
    weaviate_properties,
    weaviate_values,
    within,
    words_name,
)
from thalweg.docs.index.words import words_in
from thalweg.docs.query.condition import Condition, Operator
from thalweg.docs.query.metric import Metric
from thalweg.errors import Unavailable

T_doc = TypeVar("T_doc", bound=BaseDoc)

_PAGE = 200
_LARGEST_BATCH = 8 << 20
_WINDOW = 10_000
"""Objects that a search can reach (`QUERY_MAXIMUM_RESULTS` of the server)."""

_ABOUT = "thalweg "
_RETURNED = [KEY, BLOB]
_SMALL = pattern(r"[a-z][a-z0-9_]*")
_PRESENT = b"\0"
"""Comes before each payload: an empty one would be none."""

_DISTANCES = {
    Metric.COSINE: "COSINE",
    Metric.DOT: "DOT",
    Metric.EUCLIDEAN: "L2_SQUARED",
    Metric.SQEUCLIDEAN: "L2_SQUARED",
}
_FLAT = "flat"
_GRAPH_OPTIONS = ("ef", "ef_construction", "max_connections")


@dataclass
class WeaviateAccess:
    """Where a server of Weaviate is, and who asks it: with a key, or with a user name and a password.

    Raises:
        ValueError: the host is no http or https URL, or there are both a key and a user name.
    """

    host: str = "http://localhost:8080"
    grpc_port: int = 50051
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    scopes: Sequence[str] = ("offline_access",)
    auth_api_key: str | None = field(default=None, repr=False)
    additional_headers: Mapping[str, str] | None = field(default=None, repr=False)
    timeout: float = 60

    def __post_init__(self) -> None:
        place = urlsplit(self.host)
        if place.scheme not in ("http", "https") or not place.hostname:
            raise ValueError(f"the host of Weaviate is a URL such as http://localhost:8080, not {self.host!r}")
        if self.auth_api_key is not None and self.username is not None:
            raise ValueError("give auth_api_key, or username and password, not both")

    def connected(self) -> Any:
        """A `weaviate.WeaviateClient` that is connected.

        Raises:
            Unavailable: the server does not answer, or refuses.
        """
        module = load_extra("weaviate", "weaviate", "indexes in Weaviate")
        errors = load_extra("weaviate.exceptions", "weaviate", "indexes in Weaviate")
        init, place = weaviate_classes("init"), urlsplit(self.host)
        secure = place.scheme == "https"
        seconds = init.Timeout(init=self.timeout, query=self.timeout, insert=self.timeout)
        try:
            return module.connect_to_custom(
                http_host=place.hostname,
                http_port=place.port or (443 if secure else 80),
                http_secure=secure,
                grpc_host=place.hostname,
                grpc_port=self.grpc_port,
                grpc_secure=secure,
                headers=dict(self.additional_headers or {}),
                additional_config=init.AdditionalConfig(timeout=seconds),
                auth_credentials=self._credentials(init.Auth),
            )
        except errors.WeaviateBaseError as error:
            raise Unavailable(f"Weaviate at {place.hostname} cannot be used: {error}") from error

    def _credentials(self, auth: Any) -> Any:
        if self.auth_api_key is not None:
            return auth.api_key(self.auth_api_key)
        if self.username is not None:
            return auth.client_password(self.username, self.password or "", list(self.scopes))
        return None


class WeaviateCollection(Collection):
    """A collection of Weaviate; made where it is not there. An object's id is a UUID made of the record's id.

    Vectors are searched by a graph (HNSW), or compared one by one where the option `flat` of the column is true. Further
    options are `ef`, `ef_construction` and `max_connections` of the graph. A vector of zeros is not found by cosine.

    A native condition is what `weaviate.classes.query.Filter` makes, and goes with `nearest`, `match` and `select` alike.
    Words are found by Weaviate's BM25, without stop words.

    Args:
        layout: the columns.
        client: a `weaviate.WeaviateClient` that is connected; `close` closes it where `own` says that nobody else uses it.
    """

    operators: ClassVar[Mapping[type, frozenset[Operator]]] = {
        **OPERATORS,
        str: frozenset({Operator.EQ, Operator.NEQ, Operator.IN, Operator.NIN, Operator.EXISTS, Operator.SIZE}),
    }
    searches_words = True

    def __init__(self, layout: Layout, client: Any, own: bool = False) -> None:
        self.layout = layout
        # Names that differ in the size of letters alone are one to Weaviate, and the first letter is a capital.
        name = spelled(layout.name, allowed=_SMALL)
        self.name = name[0].upper() + name[1:]
        self._client, self._own = client, own
        self._errors = load_extra("weaviate.exceptions", "weaviate", "indexes in Weaviate")
        self._query = weaviate_classes("query")
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Whether all vectors are compared, as the option `flat` of a column says."""
        return all(column.options.get(_FLAT) for column in self.layout.vectors)

    def put(self, records: Sequence[Record]) -> None:
        batch: list[Any] = []
        size = 0
        for record in {record.id: record for record in records}.values():
            length = 2 * len(record.payload) + sum(each.nbytes for each in record.vectors.values() if each is not None)
            if batch and (len(batch) == _PAGE or size + length > _LARGEST_BATCH):
                self._send(batch)
                batch, size = [], 0
            batch.append(self._object(record))
            size += length
        if batch:
            self._send(batch)

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        for page in _pages(list(dict.fromkeys(ids))):
            answer = self._kept.query.fetch_objects_by_ids(
                [object_id(key) for key in page], limit=len(page), return_properties=_RETURNED
            )
            found.update(map(_pair, answer.objects))
        return [found.get(key) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        for page in _pages(list(dict.fromkeys(ids))):
            answer = self._kept.data.delete_many(among_ids(page))
            if answer.failed:
                raise self._errors.WeaviateBatchError(f"{answer.failed} of {answer.matches} objects were not deleted")

    def count(self) -> int:
        return self._count(None)

    def scan(self) -> Iterator[tuple[str, bytes]]:
        return map(_pair, self._kept.iterator(return_properties=_RETURNED, cache_size=_PAGE))

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        place = self.layout.vector(column)
        possible, asked = self._asked(condition)
        if limit < 1 or not possible:
            return [[] for _ in vectors]
        reach = self._reach(limit)
        return [self._nearest(place, vector, reach, asked) for vector in np.asarray(vectors, np.float32)]

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        possible, asked = self._asked(condition)
        if not possible:
            return []
        if asked is None:
            return list(islice(self.scan(), limit))
        if limit is not None and limit <= _WINDOW:
            return list(self._fetched(asked, limit))
        return list(islice(self._parts(asked, 0, PARTS), limit))

    def match(self, column: str, text: str, limit: int, condition: Condition | Native | None = None) -> list[Hit]:
        possible, asked = self._asked(condition)
        if limit < 1 or not possible or not words_in(text):
            return []
        answer = self._kept.query.bm25(
            query=text,
            query_properties=[words_name(column)],
            limit=self._reach(limit),
            filters=asked,
            return_metadata=self._query.MetadataQuery(score=True),
            return_properties=_RETURNED,
        )
        return [Hit(*_pair(each), float(each.metadata.score)) for each in answer.objects]

    def is_native(self, query: Any) -> bool:
        return isinstance(query, load_extra("weaviate.collections.classes.filters", "weaviate", "filters")._Filters)

    def close(self) -> None:
        if self._own:
            self._client.close()

    def drop(self) -> None:
        self._client.collections.delete(self.name)

    # --- what is found

    def _asked(self, condition: Condition | Native | None) -> tuple[bool, Any]:
        if condition is None or self.is_native(condition):
            return True, condition
        return weaviate_condition(condition, self.layout)

    def _count(self, asked: Any) -> int:
        return int(self._kept.aggregate.over_all(filters=asked, total_count=True).total_count)

    def _reach(self, limit: int) -> int:
        if limit > _WINDOW and self._count(None) > _WINDOW:
            raise Unsupported(f"Weaviate finds at most {_WINDOW:,} documents by nearness or words, not {limit:,}")
        return min(limit, _WINDOW)

    def _nearest(self, column: VectorColumn, vector: Any, limit: int, asked: Any) -> list[Hit]:
        if column.metric is Metric.COSINE and not vector.any():
            return []
        answer = self._kept.query.near_vector(
            near_vector=vector.tolist(),
            target_vector=spelled(column.name),
            limit=limit,
            filters=asked,
            return_metadata=self._query.MetadataQuery(distance=True),
            return_properties=_RETURNED,
        )
        return [Hit(*_pair(each), _score(column.metric, each.metadata.distance)) for each in answer.objects]

    def _parts(self, asked: Any, first: int, end: int) -> Iterator[tuple[str, bytes]]:
        """What fulfils a filter, in as many parts as it takes for each to be within reach."""
        part = within(asked, first, end)
        if self._count(part) <= _WINDOW or end - first == 1:
            yield from self._fetched(part, _WINDOW)
            return
        middle = (first + end) // 2
        yield from self._parts(asked, first, middle)
        yield from self._parts(asked, middle, end)

    def _fetched(self, asked: Any, limit: int) -> Iterator[tuple[str, bytes]]:
        for offset in range(0, limit, _PAGE):
            page = min(_PAGE, limit - offset)
            answer = self._kept.query.fetch_objects(
                filters=asked, limit=page, offset=offset, return_properties=_RETURNED
            )
            yield from map(_pair, answer.objects)
            if len(answer.objects) < page:
                return

    # --- what is written

    def _object(self, record: Record) -> Any:
        vectors = {}
        for column in self.layout.vectors:
            vector = record.vectors.get(column.name)
            if vector is not None and (column.metric is not Metric.COSINE or vector.any()):
                vectors[spelled(column.name)] = vector.tolist()
        properties = weaviate_values(record.id, record.values, self.layout)
        properties[BLOB] = b64encode(_PRESENT + record.payload).decode()
        made = weaviate_classes("data").DataObject
        return made(properties=properties, uuid=object_id(record.id), vector=vectors or None)

    def _send(self, batch: Sequence[Any]) -> None:
        answer = self._kept.data.insert_many(batch)
        if answer.has_errors:
            messages = sorted({error.message for error in answer.errors.values()})
            raise self._errors.WeaviateBatchError(
                f"{len(answer.errors)} documents were not kept: {'; '.join(messages)}"
            )

    # --- the collection itself

    def _open(self) -> None:
        collections = self._client.collections
        if not collections.exists(self.name):
            try:
                self._create()
            except self._errors.UnexpectedStatusCodeError:
                if not collections.exists(self.name):  # else somebody else was faster
                    raise
        self._kept = collections.get(self.name)
        about = self._kept.config.get(simple=True).description or ""
        if not about.startswith(_ABOUT):
            raise LayoutMismatch(
                f"Weaviate has a collection {self.name!r} already that no index has made; choose another index_name"
            )
        self.layout.verify(about.removeprefix(_ABOUT))

    def _create(self) -> None:
        config = weaviate_classes("config")
        vectors = [
            config.Configure.Vectors.self_provided(
                name=spelled(column.name), vector_index_config=_vector_index(config, column)
            )
            for column in self.layout.vectors
        ]
        self._client.collections.create(
            self.name,
            description=_ABOUT + self.layout.described(),
            properties=weaviate_properties(self.layout),
            vector_config=vectors or config.Configure.Vectors.self_provided(),
            inverted_index_config=config.Configure.inverted_index(
                index_null_state=True, stopwords_preset=config.StopwordsPreset.NONE
            ),
        )


class WeaviateDocumentIndex(DocIndex[T_doc]):
    """Documents in Weaviate: `WeaviateDocumentIndex[MyDoc](host="http://localhost:8080")`.

    See `WeaviateCollection` for what it can do and for the options of fields.
    """

    collection_type = WeaviateCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """Where the server is and who asks, as `WeaviateAccess` says, or a `client` that is connected already."""

        host: str = "http://localhost:8080"
        grpc_port: int = 50051
        username: str | None = None
        password: str | None = field(default=None, repr=False)
        scopes: Sequence[str] = ("offline_access",)
        auth_api_key: str | None = field(default=None, repr=False)
        additional_headers: Mapping[str, str] | None = field(default=None, repr=False)
        timeout: float = 60
        client: Any = None

    def open_collection(self, layout: Layout) -> WeaviateCollection:
        config = cast(WeaviateDocumentIndex.DBConfig, self.db_config)
        if not hasattr(self, "_client"):
            names = WeaviateAccess.__dataclass_fields__
            access = WeaviateAccess(**{name: getattr(config, name) for name in names})
            self._client = config.client if config.client is not None else access.connected()
        return WeaviateCollection(layout, self._client)

    def close(self) -> None:
        super().close()
        config = cast(WeaviateDocumentIndex.DBConfig, self.db_config)
        if hasattr(self, "_client") and config.client is None:
            self._client.close()


def _vector_index(config: Any, column: VectorColumn) -> Any:
    distance = config.VectorDistances[_DISTANCES[column.metric]]
    if column.options.get(_FLAT):
        return config.Configure.VectorIndex.flat(distance_metric=distance)
    known = {name: column.options[name] for name in _GRAPH_OPTIONS if name in column.options}
    return config.Configure.VectorIndex.hnsw(distance_metric=distance, **known)


def _score(metric: Metric, distance: float) -> float:
    if metric is Metric.COSINE:
        return 1 - distance
    if metric is Metric.DOT:
        return -distance
    return sqrt(max(distance, 0)) if metric is Metric.EUCLIDEAN else distance


def _pair(found: Any) -> tuple[str, bytes]:
    return found.properties[KEY], b64decode(found.properties[BLOB])[len(_PRESENT) :]


def _pages(keys: Sequence[str]) -> Iterator[list[str]]:
    return (list(keys[first : first + _PAGE]) for first in range(0, len(keys), _PAGE))
