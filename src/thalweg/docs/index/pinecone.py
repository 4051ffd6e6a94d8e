"""Records in Pinecone: a serverless index for each collection."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from math import sqrt
from typing import Any, ClassVar, NamedTuple, TypeVar, cast
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
from thalweg.docs.index.pinecone_filter import Filter, filter_of, metadata_of
from thalweg.docs.index.spelling import spelled
from thalweg.docs.index.visibility import wait_until
from thalweg.docs.query.condition import Condition, Operator
from thalweg.docs.query.metric import Metric
from thalweg.errors import Unavailable

T_doc = TypeVar("T_doc", bound=BaseDoc)

_PAGE = 100
"""Records that are fetched at a time: their metadata may have 40 KB each."""

_LARGEST_BATCH = 1_800_000
_MOST_AT_ONCE = 1_000
_LARGEST_METADATA = 40 * 1024
_PART = 36_000
_NUMBER = 22
"""The limits of Pinecone: a request has 2 MB and 1,000 records, the metadata of a record 40 KB. A number takes about 22
bytes in JSON."""

_MOST_FOUND = 10_000
_ATTEMPTS = 10
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 45
_RECORDS, _PARTS = "records", "parts"
_ABOUT = "about"
_METRICS = {
    Metric.COSINE: "cosine",
    Metric.DOT: "dotproduct",
    Metric.EUCLIDEAN: "euclidean",
    Metric.SQEUCLIDEAN: "euclidean",
}
_ALMOST_ZERO = 1e-20
_BY_VALUE = frozenset({Operator.LT, Operator.LTE, Operator.GT, Operator.GTE, Operator.REGEX, Operator.CONTAINS})


class _Kept(NamedTuple):
    """A record as Pinecone gives it. `parts` are the ids of the records that hold its payload, where that is large."""

    id: str
    payload: bytes
    parts: list[str]


class PineconeCollection(Collection):
    """A serverless index of Pinecone, made where it is not there yet; one vector for each record.

    Scores are Pinecone's own, but that it gives the square of a distance. A payload that does not fit into the metadata of
    a record (40 KB) is kept in further records, in a namespace of its own. Texts can be asked for equality only. At most
    10,000 records are found by a vector. A vector of zeros, which Pinecone refuses, has 1e-20 in its first place; by cosine
    it is not found.

    Pinecone shows what was written some time later: `put` and `delete` wait until searches have seen it, by the sequence
    numbers of its log. `count` comes from its statistics, which may lag a little longer.

    A native condition is a `pinecone.Condition`, such as `Field("price").gt(3)`.

    Args:
        layout: the columns.
        api_key: of the project; by default what the environment variable PINECONE_API_KEY says.
        cloud, region: where a new index lives.
        options: further arguments of `pinecone.Pinecone`, such as `host`.
        timeout: seconds to wait for what was written.
    """

    many_vectors = False
    operators: ClassVar[Mapping[type, frozenset[Operator]]] = {**OPERATORS, str: OPERATORS[str] - _BY_VALUE}

    def __init__(
        self,
        layout: Layout,
        api_key: str | None = None,
        cloud: str = "aws",
        region: str = "us-east-1",
        options: Mapping[str, Any] | None = None,
        timeout: float = 60,
    ) -> None:
        self._pinecone = load_extra("pinecone", "pinecone", "indexes in Pinecone")
        self._errors = load_extra("pinecone.errors", "pinecone", "indexes in Pinecone")
        if len(layout.vectors) > 1:
            raise Unsupported(
                "Pinecone keeps one vector for each record; mark the one to search with "
                "Field(json_schema_extra={'is_embedding': True})"
            )
        self.layout = layout
        self.name = spelled(layout.name, _LONGEST_NAME, _NAME).lower().replace("_", "-")
        self._vector = layout.vectors[0] if layout.vectors else VectorColumn("", 1)
        self._timeout = timeout
        self._index: Any = None
        self._client = self._pinecone.Pinecone(api_key=api_key, **(options or {}))
        try:
            self._open(self._pinecone.ServerlessSpec(cloud=cloud, region=region))
        except BaseException:
            self.close()
            raise

    def put(self, records: Sequence[Record]) -> None:
        latest = list({record.id: record for record in records}.values())
        for first in range(0, len(latest), _MOST_AT_ONCE):
            self._put(latest[first : first + _MOST_AT_ONCE])

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        keys = list(dict.fromkeys(ids))
        found = dict(self._read(_record_id(key) for key in keys))
        return [found.get(key) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        keys = [_record_id(key) for key in dict.fromkeys(ids)]
        for first in range(0, len(keys), _MOST_AT_ONCE):
            page = keys[first : first + _MOST_AT_ONCE]
            self._index.delete(ids=page, namespace=_RECORDS)
            self._forget_parts({"_of": {"$in": page}})
        if keys:
            # Only a write that adds says where in the log it is, and so that what came before it is done.
            self._await(self._describe(), _RECORDS)

    def count(self) -> int:
        there = self._index.describe_index_stats().namespaces.get(_RECORDS)
        return max(there.vector_count - 1, 0) if there else 0

    def scan(self) -> Iterator[tuple[str, bytes]]:
        return self._pairs({})

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        place = self.layout.vector(column)
        asked = self._filter(condition)
        if limit < 1 or asked is None:
            return [[] for _ in vectors]
        if limit > _MOST_FOUND:
            raise Unsupported(f"Pinecone finds at most {_MOST_FOUND:,} records by a vector; ask for as many, or filter")
        wanted = _both({"_vector": {"$eq": True}}, asked)
        rows = np.asarray(vectors, np.float32)
        hits: list[list[Hit]] = []
        for _ in range(_ATTEMPTS):  # others may delete what was found before it can be fetched
            found = [self._nearest(place, vector, limit, wanted) for vector in rows]
            payloads = {
                _record_id(key): (key, held) for key, held in self._read(key for one in found for key, _ in one)
            }
            hits = [[Hit(*payloads[key], score) for key, score in one if key in payloads] for one in found]
            if sum(map(len, hits)) == sum(map(len, found)):
                break
        return hits

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        asked = self._filter(condition)
        if limit == 0 or asked is None:
            return []
        return list(self._pairs(asked, limit))

    def is_native(self, query: Any) -> bool:
        return isinstance(query, self._pinecone.Condition)

    def close(self) -> None:
        if self._index is not None:
            self._index.close()
        self._client.close()

    def drop(self) -> None:
        with suppress(self._errors.NotFoundError):
            self._client.delete_index(self.name)

    # --- what is found

    def _filter(self, condition: Condition | Native | None) -> Filter | None:
        if condition is None:
            return {}
        if self.is_native(condition):
            return cast(Filter, cast(Any, condition).to_dict())
        return filter_of(condition, self.layout)

    def _nearest(self, column: VectorColumn, vector: Any, limit: int, asked: Filter) -> list[tuple[str, float]]:
        """Ids of Pinecone's, and scores."""
        if column.metric is Metric.COSINE and not vector.any():
            return []
        found = self._index.query(vector=_numbers(vector), top_k=limit, filter=asked, namespace=_RECORDS)
        if column.metric is Metric.EUCLIDEAN:
            return [(match.id, sqrt(max(match.score, 0))) for match in found.matches]
        return [(match.id, match.score) for match in found.matches]

    def _pairs(self, asked: Filter, limit: int | None = None) -> Iterator[tuple[str, bytes]]:
        """Id and payload of the records that fulfil a filter, page by page."""
        left, token = limit, None
        wanted = _both({"_record": {"$eq": True}}, asked)
        while left is None or left > 0:
            page = self._index.fetch_by_metadata(
                filter=wanted,
                namespace=_RECORDS,
                limit=_PAGE if left is None else min(left, _PAGE),
                pagination_token=token,
            )
            yield from self._whole({key: vector.metadata for key, vector in page.vectors.items()})
            left = None if left is None else left - len(page.vectors)
            token = page.pagination.next if page.pagination else None
            if not token:
                return

    def _read(self, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Id and payload of the records that have these ids of Pinecone's."""
        for page in _pages(list(dict.fromkeys(ids))):
            yield from self._whole(self._fetched(page, _RECORDS))

    def _whole(self, found: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
        """The payloads, put together; once more where a record was replaced before its parts could be fetched."""
        for _ in range(_ATTEMPTS):
            kept = {key: _kept(key, metadata) for key, metadata in found.items()}
            needed = [part for one in kept.values() for part in one.parts]
            parts: dict[str, Mapping[str, Any]] = {}
            for page in _pages(needed):
                parts.update(self._fetched(page, _PARTS))
            torn = []
            for key, one in kept.items():
                if all(part in parts for part in one.parts):
                    held = "".join(parts[part]["_payload"] for part in one.parts)
                    yield one.id, b64decode(held) if held else one.payload
                else:
                    torn.append(key)
            if not torn:
                return
            found = self._fetched(torn, _RECORDS)
        raise Unavailable(f"a document in {self.name!r} of Pinecone is replaced all the time, or has lost a part of it")

    def _fetched(self, ids: Sequence[str], namespace: str) -> dict[str, Mapping[str, Any]]:
        if not ids:
            return {}
        found = self._index.fetch(ids=list(ids), namespace=namespace)
        return {key: vector.metadata for key, vector in found.vectors.items()}

    # --- what is written

    def _put(self, records: Sequence[Record]) -> None:
        batch = uuid4().hex[:16]
        made = [self._made(record, batch) for record in records]
        parts = [part for _, parts in made for part in parts]
        self._upsert(parts, _PARTS)
        self._upsert([main for main, _ in made], _RECORDS)
        self._forget_parts({"$and": [{"_of": {"$in": [main["id"] for main, _ in made]}}, {"_batch": {"$ne": batch}}]})

    def _made(self, record: Record, batch: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The record for Pinecone, and those that hold its payload where that is large."""
        key, name = _record_id(record.id), self._vector.name
        vector = record.vectors.get(name)
        found = vector is not None and (self._vector.metric is not Metric.COSINE or bool(vector.any()))
        metadata: dict[str, Any] = metadata_of(record.id, record.values, self.layout)
        metadata |= {"_record": True, "_vector": found, "_key": record.id, "_batch": batch, "_parts": 0}
        payload = b64encode(record.payload).decode()
        size = len(json.dumps(metadata, ensure_ascii=False).encode())
        if size + len("_payload") + 8 > _LARGEST_METADATA:
            raise ValueError(
                f"the values of the document {record.id!r} have {size:,} bytes as metadata, of which Pinecone takes "
                f"{_LARGEST_METADATA:,}: keep long lists and dicts out of the index with "
                "Field(json_schema_extra={'index': False})"
            )
        parts = []
        if size + len(payload) + 32 > _LARGEST_METADATA:
            pieces = [payload[first : first + _PART] for first in range(0, len(payload), _PART)]
            metadata["_parts"] = len(pieces)
            parts = [
                {"id": part, "values": self._stand_in(), "metadata": {"_of": key, "_batch": batch, "_payload": piece}}
                for part, piece in zip(_part_ids(key, batch, len(pieces)), pieces, strict=True)
            ]
        else:
            metadata["_payload"] = payload
        values = _numbers(vector) if found else self._stand_in()
        return {"id": key, "values": values, "metadata": metadata}, parts

    def _stand_in(self) -> list[float]:
        """A vector for what has none: Pinecone wants one of every record."""
        return [1.0] + [0.0] * (self._vector.size - 1)

    def _upsert(self, vectors: Sequence[dict[str, Any]], namespace: str) -> None:
        position = None
        room = _NUMBER * self._vector.size
        batch: list[Any] = []
        size = 0
        for vector in vectors:
            length = room + len(json.dumps(vector["metadata"]))
            if batch and size + length > _LARGEST_BATCH:
                position = self._sent(batch, namespace)
                batch, size = [], 0
            batch.append(vector)
            size += length
        if batch:
            position = self._sent(batch, namespace)
        self._await(position, namespace)

    def _sent(self, vectors: list[Any], namespace: str) -> int | None:
        """Write them; where in the namespace's log they are."""
        answer = self._index.upsert(vectors=vectors, namespace=namespace)
        return cast("int | None", answer.response_info.lsn_committed)

    def _await(self, position: int | None, namespace: str) -> None:
        """Wait until searches have seen the log up to there."""
        if position is None:
            return

        def visible() -> bool:
            found = self._index.query(vector=self._stand_in(), top_k=1, namespace=namespace)
            reached = found.response_info.lsn_reconciled
            return reached is None or reached >= position

        wait_until(visible, self._timeout, f"what was written into {self.name!r} of Pinecone")

    def _forget_parts(self, asked: Filter) -> None:
        with suppress(self._errors.NotFoundError):  # nothing was ever large
            self._index.delete(filter=asked, namespace=_PARTS)

    # --- the index itself

    def _open(self, spec: Any) -> None:
        try:
            known = self._client.has_index(self.name)
            if not known:
                with suppress(self._errors.ConflictError):  # somebody else was faster
                    self._client.create_index(
                        self.name, spec=spec, dimension=self._vector.size, metric=_METRICS[self._vector.metric]
                    )
            self._index = self._client.Index(self.name)
            about = self._fetched([_ABOUT], _RECORDS).get(_ABOUT)
        except self._errors.PineconeError as error:
            raise Unavailable(f"Pinecone cannot be used: {error}") from error
        if about is None and known and self._index.describe_index_stats().total_vector_count:
            raise LayoutMismatch(
                f"Pinecone has an index {self.name!r} already that is no document index; choose another index_name"
            )
        if about is None:
            self._await(self._describe(), _RECORDS)
        else:
            self.layout.verify(about["_layout"])

    def _describe(self) -> int | None:
        """Write what this collection is into a record of its own."""
        metadata = {"_record": False, "_vector": False, "_layout": self.layout.described()}
        return self._sent([{"id": _ABOUT, "values": self._stand_in(), "metadata": metadata}], _RECORDS)


class PineconeDocumentIndex(DocIndex[T_doc]):
    """Documents in Pinecone: `PineconeDocumentIndex[MyDoc](api_key="...")`. See `PineconeCollection` for what it can do.

    The documents and each list of documents in them have an index of Pinecone's own.
    """

    collection_type = PineconeCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """The project, and where a new index lives. `options` are further arguments of `pinecone.Pinecone`; `timeout` is
        how many seconds to wait until what was written is found.
        """

        api_key: str | None = field(default=None, repr=False)
        cloud: str = "aws"
        region: str = "us-east-1"
        timeout: float = 60
        options: dict[str, Any] = field(default_factory=dict, repr=False)

    def open_collection(self, layout: Layout) -> PineconeCollection:
        config = cast(PineconeDocumentIndex.DBConfig, self.db_config)
        return PineconeCollection(layout, config.api_key, config.cloud, config.region, config.options, config.timeout)


def _record_id(key: str) -> str:
    """The id for Pinecone, which takes at most 512 characters of ASCII."""
    return "r" + sha256(key.encode()).hexdigest()


def _part_ids(record: str, batch: str, count: int) -> list[str]:
    return [f"{record}-{batch}-{number}" for number in range(count)]


def _kept(key: str, metadata: Mapping[str, Any]) -> _Kept:
    parts = _part_ids(key, metadata["_batch"], int(metadata["_parts"]))
    return _Kept(metadata["_key"], b64decode(metadata.get("_payload", "")), parts)


def _numbers(vector: Any) -> list[float]:
    numbers: list[float] = vector.tolist()
    if not vector.any():
        numbers[0] = _ALMOST_ZERO
    return numbers


def _both(one: Filter, other: Filter) -> Filter:
    return {"$and": [one, other]} if other else one


def _pages(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[first : first + _PAGE] for first in range(0, len(ids), _PAGE))
