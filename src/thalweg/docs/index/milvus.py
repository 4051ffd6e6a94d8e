"""Records in Milvus, Milvus Lite or Zilliz Cloud: one of its collections for each of ours."""

from __future__ import annotations

import math
import threading
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, cast

import numpy as np

from thalweg.docs.extras import load_extra
from thalweg.docs.index.collection import (
    ID,
    OPERATORS,
    Collection,
    Hit,
    Layout,
    Native,
    Record,
    Unsupported,
    ValueColumn,
    VectorColumn,
)
from thalweg.docs.index.dicts import asked_without_dicts, values_without_dicts, without_dicts
from thalweg.docs.index.matrix import Matrix
from thalweg.docs.index.milvus_filter import (
    LONGEST_LIST,
    LONGEST_TEXT,
    among,
    expression,
    field_name,
    literal,
    presence,
)
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import Condition, Operator
from thalweg.docs.query.metric import Metric
from thalweg.errors import InvalidDocument, Unavailable

_PAYLOAD = "_payload"
_NO_VECTOR = VectorColumn("_none", 2)
_PIECE = LONGEST_TEXT // 4 * 4
"""Characters of base64 in one piece of a payload."""

_PAGE = 1_000
_PAGE_BYTES = 16 << 20
"""Records, and bytes of their payloads, that are sent at a time."""

_MOST_FOUND = 16_384
"""Records that Milvus finds in one search, at most."""

_QUERIES = 100
"""Vectors that are searched for at a time."""

_FEWEST_NUMBERS = 2
"""Numbers in a vector, at least."""

_FLAT = "FLAT"
_DESCRIBED = "thalweg.layout"
_LONGEST_ID = 1_024
_LEAVE_OUT = "leave the field out of the index with Field(json_schema_extra={'index': False})"
_METRICS = {Metric.COSINE: "COSINE", Metric.DOT: "IP", Metric.EUCLIDEAN: "L2", Metric.SQEUCLIDEAN: "L2"}
_EQUALITY = frozenset({Operator.EQ, Operator.NEQ, Operator.IN, Operator.NIN, Operator.EXISTS})
_ORDER = frozenset({Operator.LT, Operator.LTE, Operator.GT, Operator.GTE})


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
    as `english`, names an analyzer that knows stems and stop words. Text in columns and lists has limits, which are
    Milvus's own (65,535 bytes, 4,096 items); payloads may have up to 200 MB.

    Args:
        layout: the columns.
        url: `http://host:port` of a server, or a file such as `documents.db`: Milvus Lite in this process.
        options: further arguments of `MilvusClient`, such as `token`, `user`, `password`, `db_name` or `timeout`.
        consistency: `Strong`: what was put is found at once, by every client. `Session`: by this one only. `Bounded` and
            `Eventually` do not promise it.
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
        consistency: str = "Strong",
    ) -> None:
        self._milvus = load_extra("pymilvus", "milvus", "indexes in Milvus")
        self.layout = layout
        self._plain = without_dicts(layout)
        self._name = spelled(layout.name, 255)
        self._url, self._options, self._consistency = url, dict(options or {}), consistency
        self._lock = threading.Lock()
        self._client: Any = self._connected()
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def put(self, records: Sequence[Record]) -> None:
        latest = list({record.id: record for record in records}.values())
        for page in _pages([self._row(record) for record in latest]):
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
            self._client.delete(self._name, filter=among(ID, keys[first : first + _PAGE]))

    def count(self) -> int:
        return self._counted("")

    def scan(self) -> Iterator[tuple[str, bytes]]:
        for page in self._paged("", [ID, _PAYLOAD]):
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
            page = _padded(vectors[first : first + _QUERIES])
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
        for page in self._paged(asked, [ID, _PAYLOAD], limit):
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
            [_shortened(text)],
            filter=asked,
            limit=self._reachable(limit),
            output_fields=[_PAYLOAD],
            search_params={"metric_type": "BM25"},
            anns_field=_weights(column),
        )
        # Milvus Lite gives the relevance below zero, a server above.
        return [Hit(hit[ID], _payload(hit["entity"]), abs(hit["distance"])) for hit in found[0]]

    def is_native(self, query: Any) -> bool:
        return isinstance(query, str)

    def flush(self) -> None:
        self._client.flush(self._name)

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
                _release(self._url)

    def drop(self) -> None:
        if self._client is not None:
            self._client.drop_collection(self._name)
            return
        again = self._connected()
        try:
            again.drop_collection(self._name)
        finally:
            again.close()
            _release(self._url)

    def _connected(self) -> Any:
        _retain(self._url)
        try:
            return self._milvus.MilvusClient(self._url, **self._options)
        except self._milvus.MilvusException as error:
            _release(self._url)
            raise Unavailable(
                f"Milvus at {self._url} cannot be used: {error.message}. Start the server, or name another one with `url`; "
                "a file that ends in .db needs no server, but pip install milvus-lite."
            ) from error

    def _open(self) -> None:
        described = self.layout.described()
        if not self._client.has_collection(self._name):
            schema, indexes = self._schema()
            options = {"consistency_level": self._consistency, "properties": {_DESCRIBED: described}}
            with suppress(self._milvus.MilvusException):  # another program may have made it at this moment
                self._client.create_collection(self._name, schema=schema, **options)
                self._client.create_index(self._name, indexes, sync=False)  # there is nothing yet to wait for
        found = self._client.describe_collection(self._name)["properties"]
        self.layout.verify(found.get(_DESCRIBED, '{"vectors":[],"values":[]}'))
        self._client.load_collection(self._name)

    def _schema(self) -> tuple[Any, Any]:
        kinds = self._milvus.DataType
        schema = self._milvus.MilvusClient.create_schema(auto_id=False)
        schema.add_field(ID, kinds.VARCHAR, is_primary=True, max_length=_LONGEST_ID)
        text = {"element_type": kinds.VARCHAR, "max_length": LONGEST_TEXT, "max_capacity": LONGEST_LIST}
        schema.add_field(_PAYLOAD, kinds.ARRAY, **text)
        indexes = self._milvus.MilvusClient.prepare_index_params()
        for vector in self._vectors():
            name = field_name(vector.name) if vector is not _NO_VECTOR else vector.name
            schema.add_field(name, kinds.FLOAT_VECTOR, dim=max(vector.size, _FEWEST_NUMBERS))
            indexes.add_index(
                name,
                index_type=str(vector.options.get("index_type", _FLAT)),
                metric_type=_METRICS[vector.metric],
                params=dict(vector.options.get("params", {})),
            )
            if vector is not _NO_VECTOR:
                schema.add_field(presence(vector.name), kinds.BOOL)
        for value in self._plain.values:
            self._add_value(schema, indexes, value)
        return schema, indexes

    def _add_value(self, schema: Any, indexes: Any, column: ValueColumn) -> None:
        kinds = self._milvus.DataType
        kind = {str: kinds.VARCHAR, int: kinds.INT64, float: kinds.DOUBLE, bool: kinds.BOOL}[column.type]
        long = {"max_length": LONGEST_TEXT} if column.type is str else {}
        if column.many:
            many = {"element_type": kind, "max_capacity": LONGEST_LIST, "nullable": True}
            schema.add_field(field_name(column.name), kinds.ARRAY, **many, **long)
        else:
            schema.add_field(field_name(column.name), kind, nullable=True, **long)
        if column.words:
            language = column.options.get("language")
            analyzer = {"type": str(language)} if language else {"tokenizer": "standard", "filter": ["lowercase"]}
            words, weights = _words(column.name), _weights(column.name)
            schema.add_field(
                words, kinds.VARCHAR, max_length=LONGEST_TEXT, enable_analyzer=True, analyzer_params=analyzer
            )
            schema.add_field(weights, kinds.SPARSE_FLOAT_VECTOR)
            function = self._milvus.Function(
                name=f"{weights}_bm25",
                function_type=self._milvus.FunctionType.BM25,
                input_field_names=[words],
                output_field_names=[weights],
            )
            schema.add_function(function)
            indexes.add_index(weights, index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")

    def _vectors(self) -> tuple[VectorColumn, ...]:
        """The vectors of the layout, or one that nobody asks for: Milvus makes no collection without."""
        return self.layout.vectors or (_NO_VECTOR,)

    def _row(self, record: Record) -> dict[str, Any]:
        text = b64encode(record.payload).decode()
        pieces = [text[first : first + _PIECE] for first in range(0, len(text), _PIECE)]
        if len(pieces) > LONGEST_LIST:
            raise InvalidDocument(
                f"document {record.id!r} has {len(record.payload):,} bytes; Milvus keeps 200 MB at most"
            )
        row: dict[str, Any] = {ID: record.id, _PAYLOAD: pieces}
        for vector in self.layout.vectors:
            held = record.vectors.get(vector.name)
            row[presence(vector.name)] = held is not None
            nothing = np.zeros(max(vector.size, _FEWEST_NUMBERS), np.float32)
            row[field_name(vector.name)] = nothing if held is None else _padded(held)
        if not self.layout.vectors:
            row[_NO_VECTOR.name] = np.zeros(_FEWEST_NUMBERS, np.float32)
        values = values_without_dicts(self.layout, record.values)
        for value in self._plain.values:
            held = values.get(value.name)
            row[field_name(value.name)] = None if held is None else _kept(record.id, value, held)
            if value.words:
                row[_words(value.name)] = _shortened(held or "")
        return row

    def _asked(self, condition: Condition | Native | None) -> str | None:
        """The expression that asks it, empty where everything is asked for; None where nothing can fulfil it."""
        if condition is None or isinstance(condition, str):
            return condition or ""
        text = expression(asked_without_dicts(self.layout, condition), self._plain)
        return {"true": "", "false": None}.get(text, text)

    def _reachable(self, limit: int) -> int:
        if limit <= _MOST_FOUND:
            return limit
        there = self.count()
        if min(limit, there) > _MOST_FOUND:
            raise Unsupported(
                f"Milvus finds {_MOST_FOUND:,} documents in a search, not {limit:,}; use a filter to get more"
            )
        return max(1, there)

    def _counted(self, asked: str) -> int:
        return cast(int, self._client.query(self._name, asked, output_fields=["count(*)"])[0]["count(*)"])

    def _query(self, asked: str, limit: int) -> list[tuple[str, bytes]]:
        return [_pair(row) for row in self._client.query(self._name, asked, [ID, _PAYLOAD], limit=limit)]

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
            output_fields=[_PAYLOAD],
            search_params={"metric_type": _METRICS[column.metric], "params": _search_params(column, limit)},
            anns_field=field_name(column.name),
        )
        return [
            [Hit(hit[ID], _payload(hit["entity"]), _score(column.metric, hit["distance"])) for hit in hits]
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


_LITE: Counter[str] = Counter()
_LITE_LOCK = threading.Lock()


def _retain(url: str) -> None:
    """Milvus Lite serves each file once in a process; so many collections use it."""
    with _LITE_LOCK:
        _LITE[url] += 1


def _release(url: str) -> None:
    """Let go of the file that Milvus Lite has open, with the last collection that uses it."""
    with _LITE_LOCK:
        _LITE[url] -= 1
        if _LITE[url] == 0 and url.endswith(".db") and "://" not in url:
            load_extra(
                "milvus_lite.server_manager", "milvus", "indexes in Milvus Lite"
            ).server_manager_instance.release_server(url)


def _pages(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    page: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        page.append(row)
        size += sum(map(len, row[_PAYLOAD]))
        if len(page) == _PAGE or size >= _PAGE_BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page


def _kept(key: str, column: ValueColumn, value: Any) -> Any:
    """A value as Milvus keeps it.

    Raises:
        InvalidDocument: it is too long.
    """
    texts = value if column.many else [value]
    if column.type is str and any(len(text) * 4 > LONGEST_TEXT and len(text.encode()) > LONGEST_TEXT for text in texts):
        raise InvalidDocument(
            f"document {key!r} has more than {LONGEST_TEXT:,} bytes of text in {column.name!r}, which Milvus cannot "
            f"filter by; {_LEAVE_OUT}"
        )
    if not column.many:
        return float(value) if column.type is float else value
    if len(value) > LONGEST_LIST:
        raise InvalidDocument(
            f"document {key!r} has {len(value):,} items in {column.name!r}; Milvus filters by {LONGEST_LIST:,} at most; "
            f"{_LEAVE_OUT}"
        )
    return [column.type(each) for each in value]


def _shortened(text: str) -> str:
    return text if len(text) * 4 <= LONGEST_TEXT else text.encode()[:LONGEST_TEXT].decode(errors="ignore")


def _padded(vectors: Any) -> Any:
    """Vectors of as many numbers as Milvus wants at least; zeros change neither angles nor distances."""
    missing = max(0, _FEWEST_NUMBERS - vectors.shape[-1])
    return np.pad(vectors, [(0, 0)] * (vectors.ndim - 1) + [(0, missing)]) if missing else vectors


def _pair(row: Mapping[str, Any]) -> tuple[str, bytes]:
    return row[ID], _payload(row)


def _payload(row: Mapping[str, Any]) -> bytes:
    return b64decode("".join(row[_PAYLOAD]))


def _both(one: str, other: str) -> str:
    return f"{one} and ({other})" if other else one


def _search_params(column: VectorColumn, limit: int) -> dict[str, Any]:
    params = dict(column.options.get("search_params", {}))
    if column.options.get("index_type") == "HNSW":
        params["ef"] = max(int(params.get("ef", 0)), limit)  # it refuses to look at fewer than it shall find
    return params


def _score(metric: Metric, distance: float) -> float:
    return math.sqrt(max(distance, 0)) if metric is Metric.EUCLIDEAN else distance


def _words(column: str) -> str:
    return f"_words_{field_name(column)}"


def _weights(column: str) -> str:
    return f"_weights_{field_name(column)}"
