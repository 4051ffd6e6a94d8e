"""Records in Redis 8: payloads and values in hashes, each vector in a vector set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar, cast

import numpy as np

from thalweg.docs.document import BaseDoc
from thalweg.docs.extras import load_extra
from thalweg.docs.index.collection import ID, Collection, Hit, Layout, Native, Record, Unsupported, VectorColumn
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.evaluation import fulfilled, inside
from thalweg.docs.index.redis_filter import attributes, filter_expression
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import Condition, Path
from thalweg.docs.query.metric import Metric
from thalweg.errors import Unavailable

T_doc = TypeVar("T_doc", bound=BaseDoc)

_PAGE = 1_000
"""Records that are sent or fetched at a time."""

_ATTEMPTS = 10
_NEVER = "0"
_QUANTIZATIONS = {"none": "NOQUANT", "q8": "Q8", "bin": "BIN"}


class RedisCollection(Collection):
    """Keys of a Redis 8 server, which has vector sets; no module is needed.

    Vector sets compare by cosine. Their index (HNSW) is approximate; where it comes back with too few, because a condition
    leaves few, all vectors that fulfil the condition are compared. `select` reads the values of all records, and `nearest`
    looks again at what it finds where Redis cannot ask all of a condition (orders and parts of texts, patterns, integers
    beyond 2**53). A native condition is the text of a filter expression of `VSIM`, such as `.year > 2000`: for searches by
    vector, not for `select`.

    Options of a vector column:

    - `m`, `ef_construction`: how the index is made.
    - `ef` (or `ef_runtime`): how much of the index a search looks at.
    - `algorithm`: `HNSW` (the default), or `FLAT`: every vector is compared, so that searches are exact.
    - `quantization`: `none` (the default), `q8` or `bin`.

    Args:
        layout: the columns.
        url: `redis://user:password@host:port/0`, `rediss://...` or `unix:///path`.
        options: further arguments of `redis.Redis.from_url`.
    """

    metrics: ClassVar[frozenset[Metric]] = frozenset({Metric.COSINE})
    compares_values = True
    asks_inside = True

    def __init__(
        self, layout: Layout, url: str = "redis://localhost:6379", options: Mapping[str, Any] | None = None
    ) -> None:
        self._redis = load_extra("redis", "redis", "indexes in Redis")
        for vector in layout.vectors:
            if vector.metric not in self.metrics:
                raise Unsupported(
                    f"Redis compares vectors by cosine only, but {vector.name!r} is to be compared by {vector.metric}: "
                    "choose space='cosine', or another database"
                )
        self.layout = layout
        self._url = url
        self._prefix = "{thalweg:" + spelled(layout.name, 200) + "}:"
        self._payloads, self._values = self._key("payloads"), self._key("values")
        self._client = self._redis.Redis.from_url(url, **{**(options or {}), "protocol": 3, "decode_responses": False})
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def put(self, records: Sequence[Record]) -> None:
        latest = list({record.id: record for record in records}.values())
        for first in range(0, len(latest), _PAGE):
            with self._client.pipeline(transaction=True) as commands:
                for record in latest[first : first + _PAGE]:
                    self._put(commands, record)
                commands.execute()

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        found: list[bytes | None] = []
        for first in range(0, len(ids), _PAGE):
            found.extend(self._client.hmget(self._payloads, ids[first : first + _PAGE]))
        return found

    def delete(self, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), _PAGE):
            page = ids[first : first + _PAGE]
            with self._client.pipeline(transaction=True) as commands:
                commands.hdel(self._payloads, *page)
                commands.hdel(self._values, *page)
                for vector in self.layout.vectors:
                    for key in page:
                        commands.execute_command("VREM", self._vector(vector), key)
                commands.execute()

    def count(self) -> int:
        return cast(int, self._client.hlen(self._payloads))

    def scan(self) -> Iterator[tuple[str, bytes]]:
        for page in self._scanned(self._payloads):
            yield from page

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        place = self.layout.vector(column)
        if condition is None or isinstance(condition, str):
            asked, whole = condition or "", True
        else:
            asked, whole = filter_expression(condition, self.layout)
        if limit < 1 or (asked == _NEVER and whole):
            return [[] for _ in vectors]
        if whole:
            return [self._nearest(place, vector, limit, asked) for vector in vectors]
        return [self._sifted(place, vector, limit, asked, condition) for vector in vectors]

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        if isinstance(condition, str):
            raise Unsupported(
                "Redis filters by an expression only what it finds by a vector; write the filter as a dict"
            )
        keys: list[str] = []
        for page in self._scanned(self._values):
            if limit is not None and len(keys) >= limit:
                break
            keys.extend(self._fulfilling(condition, page))
        payloads = zip(keys, self.get(keys), strict=True)
        return [(key, payload) for key, payload in payloads if payload is not None][:limit]

    def is_native(self, query: Any) -> bool:
        return isinstance(query, str) and not query.lstrip().startswith(("{", "["))  # that is JSON

    def close(self) -> None:
        self._client.close()

    def drop(self) -> None:
        self._client.delete(self._key("layout"), self._payloads, self._values, *map(self._vector, self.layout.vectors))

    def _open(self) -> None:
        try:
            commands = self._client.execute_command("COMMAND", "INFO", "VSIM")
        except self._redis.RedisError as error:
            raise Unavailable(
                f"Redis at {self._address()} cannot be used: {error}. Start the server, or name another one with `url`."
            ) from error
        if not any(commands.values() if isinstance(commands, dict) else commands):
            raise Unsupported(f"Redis at {self._address()} has no vector sets; they came with Redis 8")
        described = self.layout.described()
        self._client.set(self._key("layout"), described, nx=True)
        self.layout.verify(self._client.get(self._key("layout")).decode())

    def _put(self, commands: Any, record: Record) -> None:
        commands.hset(self._payloads, record.id, record.payload)
        commands.hset(self._values, record.id, json.dumps(dict(record.values), ensure_ascii=False))
        described = attributes(record.id, record.values, self.layout)
        for column in self.layout.vectors:
            vector, key = record.vectors.get(column.name), self._vector(column)
            if vector is None or not vector.any():  # what has no direction is near to nothing
                commands.execute_command("VREM", key, record.id)
                continue
            words: list[Any] = ["VADD", key, "FP32", vector.astype("<f4").tobytes(), record.id]
            words.append(_QUANTIZATIONS[str(column.options.get("quantization", "none"))])
            if column.options.get("ef_construction") is not None:
                words += ["EF", int(column.options["ef_construction"])]
            words += ["SETATTR", described]
            if column.options.get("m") is not None:
                words += ["M", int(column.options["m"])]
            commands.execute_command(*words)

    def _nearest(self, column: VectorColumn, vector: Any, limit: int, asked: str) -> list[Hit]:
        """The nearest that fulfil `asked`; once more where others delete what was found before it could be fetched."""
        hits: list[Hit] = []
        for _ in range(_ATTEMPTS):
            found = self._found(column, vector, limit, asked)
            keys = list(found)
            payloads = zip(keys, self.get(keys), strict=True)
            hits = [Hit(key, payload, found[key]) for key, payload in payloads if payload is not None]
            if len(hits) == len(found):
                break
        return hits

    def _sifted(self, column: VectorColumn, vector: Any, limit: int, asked: str, condition: Any) -> list[Hit]:
        """The nearest that fulfil `asked` and, after another look, `condition`."""
        wanted = limit
        while True:
            wanted = max(2 * wanted, 100)
            found = self._found(column, vector, wanted, asked, exactly=True)
            keys = list(found)
            values = zip(keys, self._client.hmget(self._values, keys) if keys else [], strict=True)
            left = self._fulfilling(condition, [(key, held) for key, held in values if held is not None])
            if len(left) >= limit or len(found) < wanted:
                break
        left = left[:limit]
        payloads = zip(left, self.get(left), strict=True)
        return [Hit(key, payload, found[key]) for key, payload in payloads if payload is not None]

    def _found(
        self, column: VectorColumn, vector: Any, limit: int, asked: str, *, exactly: bool = False
    ) -> dict[str, float]:
        """Ids and scores, best first. All vectors are compared where the index comes back with too few."""
        if not vector.any():
            return {}
        words: list[Any] = [
            "VSIM",
            self._vector(column),
            "FP32",
            vector.astype("<f4").tobytes(),
            "WITHSCORES",
            "COUNT",
            limit,
        ]
        ef = column.options.get("ef", column.options.get("ef_runtime"))
        if ef is not None:
            words += ["EF", max(int(ef), limit)]
        if asked:
            words += ["FILTER", asked]
        truth = exactly or str(column.options.get("algorithm")).upper() == "FLAT"
        found = self._client.execute_command(*words, *(["TRUTH"] if truth else []))
        if not truth and len(found) < limit:
            found = self._client.execute_command(*words, "TRUTH")
        # The score is (1 + cosine) / 2.
        return {key.decode(): 2 * float(score) - 1 for key, score in dict(found).items()}

    def _scanned(self, hash_key: str) -> Iterator[list[tuple[str, bytes]]]:
        """Every field of a hash once: HSCAN may give one again while the hash grows or shrinks."""
        seen: set[str] = set()
        cursor = 0
        while True:
            cursor, found = self._client.hscan(hash_key, cursor, count=_PAGE)
            page = [(key, value) for field, value in found.items() if (key := field.decode()) not in seen]
            seen.update(key for key, _ in page)
            yield page
            if cursor == 0:
                return

    def _fulfilling(self, condition: Condition, page: Sequence[tuple[str, bytes]]) -> list[str]:
        """The ids of those whose values fulfil the condition."""
        keys = [key for key, _ in page]
        values = [json.loads(held) for _, held in page]

        def values_at(path: Path) -> Sequence[Any]:
            column, rest = self.layout.value(path)
            found = keys if column.name == ID else [held.get(column.name) for held in values]
            return inside(found, rest) if rest else found

        mask = fulfilled(condition, values_at, len(keys))
        return [key for key, true in zip(keys, mask.tolist(), strict=True) if true]

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _vector(self, column: VectorColumn) -> str:
        return self._key(f"vector:{column.name}")

    def _address(self) -> str:
        """Where the server is, without the password that may stand in the URL."""
        place = self._client.connection_pool.connection_kwargs
        return str(place.get("path") or f"{place.get('host', 'localhost')}:{place.get('port', 6379)}")


class RedisDocumentIndex(DocIndex[T_doc]):
    """Documents in Redis 8: `RedisDocumentIndex[MyDoc](host="localhost")`. See `RedisCollection` for what it can do."""

    collection_type = RedisCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """Where the server is: `url` such as `redis://...` or `unix:///path`, or `host` and `port`.

        `text_scorer` is taken for programs that were written for DocArray: vector sets do not search for words.
        """

        host: str = "localhost"
        port: int = 6379
        username: str | None = None
        password: str | None = None
        url: str | None = None
        options: dict[str, Any] = field(default_factory=dict)
        text_scorer: str = "BM25"
        default_column_config: dict[Any, dict[str, Any]] = field(
            default_factory=lambda: {name: {} for name in ("VECTOR", "TEXT", "TAG", "NUMERIC")}
        )

    def open_collection(self, layout: Layout) -> RedisCollection:
        config = cast(RedisDocumentIndex.DBConfig, self.db_config)
        known = {"username": config.username, "password": config.password}
        options = {name: value for name, value in known.items() if value is not None}
        return RedisCollection(layout, config.url or f"redis://{config.host}:{config.port}", options | config.options)
