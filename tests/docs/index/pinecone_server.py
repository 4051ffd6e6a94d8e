"""A Pinecone for tests: the requests of its HTTP interface that an index sends, answered as documented.

What it does not know it refuses. Searches lag behind what is written, as they do in Pinecone: they show a write to the
second who looks, and say by sequence numbers how far they are.

https://docs.pinecone.io/reference/api
https://docs.pinecone.io/guides/index-data/check-data-freshness
https://docs.pinecone.io/guides/search/filter-by-metadata
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

Json = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Namespace:
    written: int = 0
    records: dict[str, Json] = field(default_factory=dict)
    reached: int = 0
    seen: dict[str, Json] = field(default_factory=dict)

    def wrote(self) -> dict[str, str]:
        self.written += 1
        return {"x-pinecone-request-lsn": str(self.written)}

    def look(self) -> tuple[dict[str, Json], dict[str, str]]:
        """What a search finds. Whoever looks next finds what has changed since."""
        seen, reached = self.seen, self.reached
        if self.reached < self.written:
            self.seen, self.reached = dict(self.records), self.written
        return seen, {"x-pinecone-max-indexed-lsn": str(reached)}


@dataclass
class Index:
    dimension: int
    metric: str
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    pages: dict[str, list[Json]] = field(default_factory=dict)


class Project:
    """What the server holds."""

    def __init__(self) -> None:
        self.turn = RLock()
        self.indexes: dict[str, Index] = {}
        self.address = ""
        self.sees = True

    def answer(self, method: str, path: str, asked: Json, key: str | None) -> tuple[int, Json, dict[str, str]]:
        if key != "test":
            raise Refused(401, "Invalid API Key")
        with self.turn:
            parts = path.strip("/").split("/")
            if parts[0] == "indexes":
                return self._control(method, unquote(parts[1]) if len(parts) > 1 else "", asked)
            if parts[0] != "data" or parts[1] not in self.indexes:
                raise Refused(404, "no such index")
            call = f"{method} {'/'.join(parts[2:])}"
            if call not in _CALLS:
                raise Refused(404, f"no such call: {call}")
            answer, headers = _CALLS[call](self.indexes[parts[1]], asked)
            return 200, answer, headers if self.sees else {**headers, "x-pinecone-max-indexed-lsn": "0"}

    def _control(self, method: str, name: str, asked: Json) -> tuple[int, Json, dict[str, str]]:
        if method == "POST":
            (place,) = asked["schema"]["fields"].values()
            name = asked["name"]
            if name in self.indexes:
                raise Refused(409, "the index exists")
            if place["metric"] not in ("cosine", "dotproduct", "euclidean") or not 1 <= place["dimension"] <= 20_000:
                raise Refused(400, "a dimension or metric that is not there")
            self.indexes[name] = Index(place["dimension"], place["metric"])
            return 201, self._described(name), {}
        if name not in self.indexes:
            raise Refused(404, f"Resource {name} not found")
        if method == "DELETE":
            del self.indexes[name]
            return 202, {}, {}
        return 200, self._described(name), {}

    def _described(self, name: str) -> Json:
        index = self.indexes[name]
        place = {"type": "dense_vector", "dimension": index.dimension, "metric": index.metric}
        return {
            "name": name,
            "host": f"{self.address}/data/{name}",
            "status": {"ready": True, "state": "Ready"},
            "schema": {"fields": {"_values": place}},
            "deployment": {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"},
            "deletion_protection": "disabled",
        }


# --- the calls of the data plane


def _upsert(index: Index, asked: Json) -> tuple[Json, dict[str, str]]:
    _only(asked, {"vectors", "namespace"})
    if not 1 <= len(asked["vectors"]) <= 1_000 or len(json.dumps(asked)) > 2 * 1024 * 1024:
        raise Refused(400, "a request has at most 1,000 records and 2 MB")
    for record in asked["vectors"]:
        _only(record, {"id", "values", "metadata"})
        if not (0 < len(record["id"]) <= 512 and record["id"].isascii()):
            raise Refused(400, "Vector ID must be ASCII, and have at most 512 characters")
        if len(record["values"]) != index.dimension:
            raise Refused(400, f"Vector dimension {len(record['values'])} does not match {index.dimension}")
        if not np.array(record["values"], np.float32).any():
            raise Refused(400, "Dense vectors must contain at least one non-zero value")
        _check_metadata(record["metadata"])
    space = index.namespaces.setdefault(asked["namespace"], Namespace())
    space.records = {**space.records, **{record["id"]: record for record in asked["vectors"]}}
    return {"upsertedCount": len(asked["vectors"])}, space.wrote()


def _query(index: Index, asked: Json) -> tuple[Json, dict[str, str]]:
    _only(asked, {"topK", "vector", "filter", "namespace", "includeValues", "includeMetadata"})
    if not 1 <= asked["topK"] <= 10_000 or len(asked["vector"]) != index.dimension:
        raise Refused(400, "topK or the dimension of the vector is out of range")
    if asked["includeValues"] or asked["includeMetadata"]:
        raise Refused(400, "a result has at most 4 MB")
    seen, headers = index.namespaces.setdefault(asked["namespace"], Namespace()).look()
    wanted = asked.get("filter", {})
    records = [record for record in seen.values() if _matches(wanted, record["metadata"])]
    query = np.array(asked["vector"], np.float32).astype(np.float64)
    scored = [
        (record["id"], _SCORES[index.metric](np.array(record["values"], np.float32), query)) for record in records
    ]
    scored.sort(key=lambda each: each[1] if index.metric == "euclidean" else -each[1])
    matches = [{"id": key, "score": score} for key, score in scored[: asked["topK"]]]
    return {"matches": matches, "namespace": asked["namespace"]}, headers


def _fetch(index: Index, asked: Json) -> tuple[Json, dict[str, str]]:
    _only(asked, {"ids", "namespace"})
    if len(asked["ids"]) > 1_000:
        raise Refused(400, "at most 1,000 ids")
    records = index.namespaces.get(asked["namespace"][0], Namespace()).records
    return {"vectors": {key: records[key] for key in asked["ids"] if key in records}, "namespace": ""}, {}


def _fetch_by_metadata(index: Index, asked: Json) -> tuple[Json, dict[str, str]]:
    _only(asked, {"filter", "namespace", "limit", "paginationToken"})
    if not asked["filter"]:
        raise Refused(400, "an empty filter")
    token = asked.get("paginationToken", "")
    if token:
        found = index.pages.pop(token)
    else:
        records = index.namespaces.get(asked["namespace"], Namespace()).records
        found = [record for record in records.values() if _matches(asked["filter"], record["metadata"])]
    page, rest = found[: asked["limit"]], found[asked["limit"] :]
    more: Json = {}
    if rest:
        more = {"pagination": {"next": f"{len(rest)} {id(found)}"}}
        index.pages[more["pagination"]["next"]] = rest
    return {"vectors": {record["id"]: record for record in page}, "namespace": "", **more}, {}


def _delete(index: Index, asked: Json) -> tuple[Json, dict[str, str]]:
    _only(asked, {"ids", "filter", "namespace"})
    if asked["namespace"] not in index.namespaces:
        raise Refused(404, "Namespace not found")
    space = index.namespaces[asked["namespace"]]
    doomed = set(asked.get("ids", ()))
    if len(doomed) > 1_000 or ("ids" in asked) is ("filter" in asked):
        raise Refused(400, "either at most 1,000 ids or a filter")
    if "filter" in asked:
        doomed = {key for key, record in space.records.items() if _matches(asked["filter"], record["metadata"])}
    space.records = {key: record for key, record in space.records.items() if key not in doomed}
    return {}, space.wrote()


def _stats(index: Index, asked: Json) -> tuple[Json, dict[str, str]]:
    counts = {name: {"vectorCount": len(space.records)} for name, space in index.namespaces.items() if space.records}
    total = sum(each["vectorCount"] for each in counts.values())
    return {"namespaces": counts, "dimension": index.dimension, "indexFullness": 0.0, "totalVectorCount": total}, {}


_CALLS: dict[str, Callable[[Index, Json], tuple[Json, dict[str, str]]]] = {
    "POST vectors/upsert": _upsert,
    "POST query": _query,
    "GET vectors/fetch": _fetch,
    "POST vectors/fetch_by_metadata": _fetch_by_metadata,
    "POST vectors/delete": _delete,
    "POST describe_index_stats": _stats,
}

_SCORES: dict[str, Callable[[Any, Any], float]] = {
    "cosine": lambda row, query: float(row @ query / np.linalg.norm(row) / np.linalg.norm(query)),
    "dotproduct": lambda row, query: float(row @ query),
    "euclidean": lambda row, query: float(((row - query) ** 2).sum()),
}


# --- metadata

_NUMERIC = ("$gt", "$gte", "$lt", "$lte")


def _check_metadata(metadata: Json) -> None:
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > 40 * 1024:
        raise Refused(400, "metadata size exceeds the limit of 40960 bytes")
    for name, value in metadata.items():
        if name.startswith("$"):
            raise Refused(400, "a key of metadata must not start with $")
        if isinstance(value, list):
            if not value or not all(isinstance(each, str) for each in value):
                raise Refused(400, "a list must hold texts")
        elif not isinstance(value, (str, bool, int, float)):
            raise Refused(400, f"metadata does not take {value!r}")


def _matches(asked: Json, metadata: Json) -> bool:
    """Every part of a filter. What is missing matches nothing, whatever the operator."""
    return all(_part(name, test, metadata) for name, test in asked.items())


def _part(name: str, test: Any, metadata: Json) -> bool:
    if name in ("$and", "$or"):
        if not isinstance(test, list) or not test:
            raise Refused(400, f"{name} takes a list")
        found = [_matches(each, metadata) for each in test]
        return all(found) if name == "$and" else any(found)
    if name.startswith("$"):
        raise Refused(400, f"unknown operator {name}")
    ((operator, operand),) = test.items()
    value = metadata.get(name)
    values = value if isinstance(value, list) else [_number(value)]
    if operator in ("$in", "$nin"):
        if (
            not isinstance(operand, list)
            or not operand
            or not all(isinstance(each, (str, int, float)) for each in operand)
        ):
            raise Refused(400, f"{operator} takes a list of texts or numbers")
        among = any(each == _number(other) for each in values for other in operand)
        return value is not None and among is (operator == "$in")
    if operator in ("$eq", "$ne"):
        if not isinstance(operand, (str, int, float)):
            raise Refused(400, f"{operator} takes a text, a number or a boolean")
        return value is not None and any(each == _number(operand) for each in values) is (operator == "$eq")
    if operator not in _NUMERIC:
        raise Refused(400, f"unknown operator {operator}")
    if isinstance(operand, bool) or not isinstance(operand, (int, float)):
        raise Refused(400, f"{operator} takes a number")
    if isinstance(value, (bool, str, list)) or value is None:
        return False
    one, other = float(value), float(operand)
    return {"$gt": one > other, "$gte": one >= other, "$lt": one < other, "$lte": one <= other}[operator]


def _number(value: Any) -> Any:
    """Numbers are 64-bit floats; a boolean is not a number."""
    return ("bool", value) if isinstance(value, bool) else float(value) if isinstance(value, (int, float)) else value


def _only(given: Json, known: set[str]) -> None:
    if unknown := set(given) - known:
        raise Refused(400, f"unknown fields {sorted(unknown)}")


# --- HTTP


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        place = urlsplit(self.path)
        held = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = json.loads(held) if held else parse_qs(place.query)
        headers: dict[str, str] = {}
        try:
            key = self.headers.get("Api-Key")
            status, answer, headers = self.server.project.answer(self.command, place.path, asked, key)
        except Refused as error:
            status, answer = error.status, {"error": {"code": "REFUSED", "message": str(error)}, "status": error.status}
        except (KeyError, TypeError, ValueError) as error:
            status, answer = 400, {"error": {"code": "MALFORMED", "message": repr(error)}, "status": 400}
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    project: Project


@contextmanager
def pinecone() -> Iterator[tuple[str, Project]]:
    """The server on a port of its own; gives its address and what it holds. The key is `test`."""
    with _Server(("127.0.0.1", 0), _Request) as server:
        server.project = Project()
        server.project.address = address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield address, server.project
        finally:
            server.shutdown()
            thread.join()
