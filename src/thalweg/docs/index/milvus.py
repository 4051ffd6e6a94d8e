"""Records in Milvus, Milvus Lite or Zilliz Cloud: one of its collections for each of ours."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from typing import Any, ClassVar, TypeVar, cast

import numpy as np

from thalweg.docs.document import BaseDoc
from thalweg.docs.extras import load_extra
from thalweg.docs.index import milvus_lite as lite
from thalweg.docs.index.collection import (
    ID,
    OPERATORS,
    Collection,
    Hit,
    Layout,
    Native,
    Record,
    Unsupported,
    VectorColumn,
)
from thalweg.docs.index.dicts import asked_without_dicts, without_dicts
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.matrix import Matrix
from thalweg.docs.index.milvus_filter import among, expression, field_name, literal, presence
from thalweg.docs.index.milvus_schema import (
    FLAT,
    METRICS,
    PAYLOAD,
    padded,
    pages,
    payload_of,
    row_of,
    schema_of,
    shortened,
    weights_of,
)
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import Condition, Operator
from thalweg.docs.query.metric import Metric
from thalweg.errors import Unavailable

T_doc = TypeVar("T_doc", bound=BaseDoc)

_PAGE = 1_000
"""Records, and ids, that are asked for at a time."""

MOST_FOUND = 16_384
"""Records that Milvus finds in one search, at most."""

_QUERIES = 100
"""Vectors that are searched for at a time."""

_VARCHAR, _FLOAT_VECTOR = 21, 101
_NUMBERS = (1, 2, 3, 4, 5, 10, 11)
_DESCRIBED = "thalweg.layout"
_EQUALITY = frozenset({Operator.EQ, Operator.NEQ, Operator.IN, Operator.NIN, Operator.EXISTS})
_ORDER = frozenset({Operator.LT, Operator.LTE, Operator.GT, Operator.GTE})


def _column_defaults() -> dict[Any, dict[str, Any]]:
    """Options by type of column; `pymilvus.DataType` is a number, so its members are found by these."""
    vector, text = {"index_type": FLAT}, {"words": False}
    return {np.ndarray: vector, _FLOAT_VECTOR: vector, str: text, _VARCHAR: text, **{kind: {} for kind in _NUMBERS}}


class MilvusCollection(Collection):
    """A collection of Milvus 2.5 or newer.

    Options of a vector column:

    - `index_type`: `FLAT` (the default) looks at every vector that fulfils the condition, and is exact. `HNSW`, `IVF_FLAT`,
      `IVF_SQ8`, `IVF_PQ`, `DISKANN`, `AUTOINDEX` and others are approximate. Where they come back with too few, the
      vectors that fulfil the condition are compared one by one.
    - `params`: what the index is made with, such as `{"M": 16, "efConstruction": 200}` or `{"nlist": 1024}`.
    - `search_params`: what it is searched with, such as `{"ef": 64}` or `{"nprobe": 10}`.

    A native condition is the text of a filter expression. Parts of a text can be asked for by such a one only (`title like
    "%art%"`). Words are found by BM25, in the first 65,535 bytes of a text; the option `language` of a value column, such
    as `english`, names an analyzer that knows stems and stop words. Of a text beyond 65,535 bytes the column has the
    beginning and a digest, so that it is told apart from every other; a list may have 4,096 items, a payload 200 MB.

    Args:
        layout: the columns.
        url: `http://host:port` of a server, or a file such as `documents.db`: Milvus Lite in this process.
        options: further arguments of `MilvusClient`, such as `token`, `user`, `password`, `db_name` or `timeout`.
        consistency: `Strong`: what was put is found at once, by every client. `Session`: by this one only. `Bounded` and
            `Eventually` do not promise it.
        description: of a collection that is made.
    """

    operators: ClassVar[Mapping[type, frozenset[Operator]]] = {
        **OPERATORS,
        str: _EQUALITY | _ORDER,
        dict: OPERATORS[dict],
    }
    searches_words = True
    exact = True

    def __init__(
        self,
        layout: Layout,
        url: str = "http://localhost:19530",
        options: Mapping[str, Any] | None = None,
        *,
        consistency: str = "Strong",
        description: str = "",
    ) -> None:
        self._milvus = load_extra("pymilvus", "milvus", "indexes in Milvus")
        self.layout = layout
        self._plain = without_dicts(layout)
        self._name = spelled(layout.name, 255)
        self._url, self._options = url, dict(options or {})
        self._consistency, self._description = consistency, description
        self._lock = threading.Lock()
        self._writing = lite.writing(url)
        self._client: Any = self._connected()
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def put(self, records: Sequence[Record]) -> None:
        latest = list({record.id: record for record in records}.values())
        for page in pages(row_of(record, self.layout, self._plain) for record in latest):
            with self._writing:
                self._client.upsert(self._name, page)

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        keys = list(dict.fromkeys(ids))
        found: dict[str, bytes] = {}
        for first in range(0, len(keys), _PAGE):
            found.update(self._query(among(ID, keys[first : first + _PAGE]), _PAGE))
        return [found.get(key) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        keys = list(dict.fromkeys(ids))
        for first in range(0, len(keys), _PAGE):
            with self._writing:
                self._client.delete(self._name, filter=among(ID, keys[first : first + _PAGE]))

    def count(self) -> int:
        return self._counted("")

    def scan(self) -> Iterator[tuple[str, bytes]]:
        for page in self._paged("", [ID, PAYLOAD]):
            yield from map(_pair, page)

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        place = self.layout.vector(column)
        asked = self._asked(condition)
        if limit < 1 or asked is None:
            return [[] for _ in vectors]
        there = _both(f"{presence(column)} == true", asked)
        reachable = self._reachable(limit)
        found: list[list[Hit]] = []
        for first in range(0, len(vectors), _QUERIES):
            page = padded(vectors[first : first + _QUERIES])
            found += self._search(place, page, reachable, there)
        short = [row for row, hits in enumerate(found) if len(hits) < reachable]
        if short and self._counted(there) > min(len(found[row]) for row in short):
            compared = self._compared(place, vectors[short], limit, there)
            for row, hits in zip(short, compared, strict=True):
                found[row] = hits
        return found

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        asked = self._asked(condition)
        if asked is None or limit == 0:
            return []
        found: list[tuple[str, bytes]] = []
        for page in self._paged(asked, [ID, PAYLOAD], limit):
            found.extend(map(_pair, page))
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    def match(self, column: str, text: str, limit: int, condition: Condition | Native | None = None) -> list[Hit]:
        asked = self._asked(condition)
        if limit < 1 or asked is None or not text.strip():
            return []
        found = self._client.search(
            self._name,
            [shortened(text)],
            filter=asked,
            limit=self._reachable(limit),
            output_fields=[PAYLOAD],
            search_params={"metric_type": "BM25"},
            anns_field=weights_of(column),
        )
        # Milvus Lite gives the relevance below zero, a server above.
        return [Hit(hit[ID], payload_of(hit["entity"]), abs(hit["distance"])) for hit in found[0]]

    def is_native(self, query: Any) -> bool:
        return isinstance(query, str) and not query.lstrip().startswith(("{", "["))  # that is JSON

    def flush(self) -> None:
        self._client.flush(self._name)

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
                lite.release(self._url)

    def drop(self) -> None:
        if self._client is not None:
            self._client.drop_collection(self._name)
            return
        again = self._connected()
        try:
            again.drop_collection(self._name)
        finally:
            again.close()
            lite.release(self._url)

    def _connected(self) -> Any:
        lite.hold(self._url)
        try:
            return self._milvus.MilvusClient(self._url, **self._options)
        except self._milvus.MilvusException as error:
            lite.release(self._url)
            raise Unavailable(
                f"Milvus at {self._url} cannot be used: {error.message}. Start the server, or name another one with `url`; "
                "a file that ends in .db needs no server, but pip install milvus-lite."
            ) from error

    def _open(self) -> None:
        described = self.layout.described()
        if not self._client.has_collection(self._name):
            kind = lite.is_file(self._url)
            told = schema_of(self._milvus, self.layout, self._plain, description=self._description, lite=kind)
            options = {"consistency_level": self._consistency, "properties": {_DESCRIBED: described}}
            try:
                self._client.create_collection(self._name, schema=told[0], **options)
            except self._milvus.MilvusException:
                if not self._client.has_collection(self._name):  # another program may have made it at this moment
                    raise
            self._client.create_index(self._name, told[1], sync=False)  # there is nothing yet to wait for
        found = self._client.describe_collection(self._name)["properties"]
        self.layout.verify(found.get(_DESCRIBED, '{"vectors":[],"values":[]}'))
        self._client.load_collection(self._name)

    def _asked(self, condition: Condition | Native | None) -> str | None:
        """The expression that asks it, empty where everything is asked for; None where nothing can fulfil it."""
        if condition is None or isinstance(condition, str):
            return condition or ""
        text = expression(asked_without_dicts(self.layout, condition), self._plain)
        return {"true": "", "false": None}.get(text, text)

    def _reachable(self, limit: int) -> int:
        if limit <= MOST_FOUND:
            return limit
        there = self.count()
        if min(limit, there) > MOST_FOUND:
            raise Unsupported(
                f"Milvus finds {MOST_FOUND:,} documents in a search, not {limit:,}; use a filter to get more"
            )
        return max(1, there)

    def _counted(self, asked: str) -> int:
        return cast(int, self._client.query(self._name, asked, output_fields=["count(*)"])[0]["count(*)"])

    def _query(self, asked: str, limit: int) -> list[tuple[str, bytes]]:
        return [_pair(row) for row in self._client.query(self._name, asked, [ID, PAYLOAD], limit=limit)]

    def _paged(self, asked: str, fields: list[str], limit: int | None = None) -> Iterator[list[dict[str, Any]]]:
        """What fulfils `asked`, in the order of ids: the client's own iterator puts ids into its expressions unquoted."""
        size = _PAGE if limit is None else min(limit, _PAGE)
        after = ""
        while True:
            text = _both(f"{ID} > {literal(after)}", asked)
            page = self._client.query(
                self._name, text, fields, limit=size, iterator="True", reduce_stop_for_best="True"
            )
            if not page:
                return
            yield page
            if len(page) < size:
                return
            after = page[-1][ID]

    def _search(self, column: VectorColumn, vectors: Any, limit: int, there: str) -> list[list[Hit]]:
        found = self._client.search(
            self._name,
            list(vectors),
            filter=there,
            limit=limit,
            output_fields=[PAYLOAD],
            search_params={"metric_type": METRICS[column.metric], "params": _search_params(column, limit)},
            anns_field=field_name(column.name),
        )
        return [
            [Hit(hit[ID], payload_of(hit["entity"]), _score(column.metric, hit["distance"])) for hit in hits]
            for hits in found
        ]

    def _compared(self, column: VectorColumn, vectors: Any, limit: int, there: str) -> list[list[Hit]]:
        """The nearest, after comparing all that fulfil the condition one by one."""
        name, keys, matrix = field_name(column.name), list[str](), Matrix(column.size, column.metric)
        for page in self._paged(there, [ID, name]):
            keys.extend(row[ID] for row in page)
            matrix.append([np.asarray(row[name], np.float32)[: column.size] for row in page])
        nearest = matrix.nearest(vectors, limit, None)
        wanted = list(dict.fromkeys(keys[row] for one in nearest for row in one.rows.tolist()))
        payloads = dict(zip(wanted, self.get(wanted), strict=True))
        return [
            [
                Hit(keys[row], payload, score)
                for row, score in zip(one.rows.tolist(), one.scores.tolist(), strict=True)
                if (payload := payloads[keys[row]]) is not None
            ]
            for one in nearest
        ]


class MilvusDocumentIndex(DocIndex[T_doc]):
    """Documents in Milvus: `MilvusDocumentIndex[MyDoc](host="localhost")`, or `uri="documents.db"` without a server.

    Vectors are compared by Euclidean distance unless the field says else. See `MilvusCollection` for the options of fields.
    A filter that is text is an expression of Milvus. A text is searched for words where the field asks for it by
    `Field(json_schema_extra={"words": True})`: a server has no more than four vectors in a collection, and each such text
    takes one.
    """

    collection_type = MilvusCollection
    default_metric = Metric.EUCLIDEAN

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """Where Milvus is: `uri` is the URL of a server or the file of Milvus Lite; else it is at `host` and `port`.

        `search_params` are those of every vector, `options` further arguments of `MilvusClient`. `serialize_config` is taken
        for programs that were written for DocArray, and is of no use here.
        """

        collection_description: str = ""
        host: str = "localhost"
        port: int = 19530
        user: str = ""
        password: str = ""
        token: str = ""
        uri: str | PathLike[str] | None = None
        consistency_level: str = "Strong"
        search_params: dict[str, Any] = field(default_factory=dict)
        serialize_config: dict[str, Any] = field(default_factory=dict)
        options: dict[str, Any] = field(default_factory=dict)
        default_column_config: dict[Any, dict[str, Any]] = field(default_factory=_column_defaults)

    def open_collection(self, layout: Layout) -> MilvusCollection:
        config = cast(MilvusDocumentIndex.DBConfig, self.db_config)
        search = config.search_params.get("params", config.search_params)
        vectors = [replace(one, options={"search_params": search, **one.options}) for one in layout.vectors]
        known = {"user": config.user, "password": config.password, "token": config.token}
        return MilvusCollection(
            replace(layout, vectors=tuple(vectors)),
            f"http://{config.host}:{config.port}" if config.uri is None else fspath(config.uri),
            {**{name: value for name, value in known.items() if value}, **config.options},
            consistency=config.consistency_level,
            description=config.collection_description,
        )


def _pair(row: Mapping[str, Any]) -> tuple[str, bytes]:
    return row[ID], payload_of(row)


def _both(one: str, other: str) -> str:
    return f"{one} and ({other})" if other else one


def _search_params(column: VectorColumn, limit: int) -> dict[str, Any]:
    params = dict(column.options.get("search_params", {}))
    if column.options.get("index_type") == "HNSW":
        params["ef"] = max(int(params.get("ef", 0)), limit)  # it refuses to look at fewer than it shall find
    return params


def _score(metric: Metric, distance: float) -> float:
    return math.sqrt(max(distance, 0)) if metric is Metric.EUCLIDEAN else distance
