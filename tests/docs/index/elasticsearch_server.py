"""An Elasticsearch for tests: the requests of its HTTP interface that an index sends, answered as documented.

What it does not know it refuses, as the real one does. Searches see what was written when the index was refreshed. Of
scripts it knows those that compare vectors. Relevance of words is ours, which is the same formula.

https://www.elastic.co/docs/api/doc/elasticsearch
https://www.elastic.co/docs/reference/query-languages/querydsl
https://www.elastic.co/docs/reference/elasticsearch/mapping-reference
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np

from thalweg.docs.index.words import WordIndex

Json = dict[str, Any]
Scores = dict[str, float]

_FIELDS = {
    "keyword": {"type", "ignore_above"},
    "text": {"type", "analyzer"},
    "long": {"type"},
    "integer": {"type"},
    "double": {"type"},
    "boolean": {"type"},
    "binary": {"type"},
    "dense_vector": {"type", "dims", "index", "similarity", "index_options"},
}
_WHOLE = {"long": 63, "integer": 31}
_SIMILARITIES: dict[str, Callable[[Any, Any], float]] = {
    "cosine": lambda one, other: (1 + _cosine(one, other)) / 2,
    "max_inner_product": lambda one, other: _positive(float(one @ other)),
    "l2_norm": lambda one, other: 1 / (1 + float(np.sum((one - other) ** 2))),
}
_SCRIPTS: dict[str, Callable[[Any, Any], float]] = {
    r"Math\.max\(0\.0, cosineSimilarity\(params\.vector, '([^']+)'\) \+ 1\.0\)": lambda one, other: max(
        0.0, _cosine(one, other) + 1.0
    ),
    r"double product = dotProduct\(params\.vector, '([^']+)'\); "
    r"return product < 0 \? 1 / \(1 - product\) : product \+ 1": lambda one, other: _positive(float(one @ other)),
    r"1 / \(1 \+ l2norm\(params\.vector, '([^']+)'\)\)": lambda one, other: (
        1 / (1 + float(np.sqrt(np.sum((one - other) ** 2))))
    ),
}
_SEARCH = {"query", "knn", "size", "sort", "search_after", "pit", "_source", "track_total_hits"}


class Refused(Exception):
    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.kind = status, kind


@dataclass
class Index:
    mappings: Json
    settings: Json
    fields: dict[str, Json]
    documents: dict[str, Json] = field(default_factory=dict)
    seen: dict[str, Json] = field(default_factory=dict)


class Cluster:
    """What the server holds."""

    def __init__(self) -> None:
        self.turn = RLock()
        self.indexes: dict[str, Index] = {}
        self.moments: dict[str, tuple[Index, dict[str, Json]]] = {}
        self.searches: list[Json] = []
        self.opened = 0

    def answer(self, method: str, path: str, options: Json, body: bytes) -> Json | None:
        with self.turn:
            parts = [unquote(part) for part in path.strip("/").split("/")]
            if len(parts) == 1 and not parts[0].startswith("_"):
                return self._whole(method, parts[0], body)
            index = None if parts[0].startswith("_") else self._index(parts.pop(0))
            call = _CALLS.get(f"{method} {'/'.join(parts)}")
            if call is None:
                raise Refused(400, "illegal_argument_exception", f"no handler found for [{path}] and method [{method}]")
            known, answer = call
            _only(options, known, "url")
            return answer(self, index, options, body)

    def _index(self, name: str) -> Index:
        if name not in self.indexes:
            raise Refused(404, "index_not_found_exception", f"no such index [{name}]")
        return self.indexes[name]

    def _whole(self, method: str, name: str, body: bytes) -> Json | None:
        if method == "PUT":
            if name in self.indexes:
                raise Refused(400, "resource_already_exists_exception", f"index [{name}] already exists")
            if name != name.lower() or not re.fullmatch(r"[^-_+\\/*?\"<>| ,#:][^\\/*?\"<>| ,#:]{0,254}", name):
                raise Refused(400, "invalid_index_name_exception", f"Invalid index name [{name}]")
            asked = _json(body)
            _only(asked, {"mappings", "settings"}, "create")
            mappings = asked.get("mappings", {})
            _only(mappings, {"dynamic", "_meta", "_source", "properties"}, "mapping")
            fields = dict(_mapped(mappings.get("properties", {})))
            self.indexes[name] = Index(mappings, asked.get("settings", {}), fields)
            return {"acknowledged": True, "shards_acknowledged": True, "index": name}
        index = self._index(name)
        if method == "DELETE":
            del self.indexes[name]
            return {"acknowledged": True}
        if method != "HEAD":
            raise Refused(405, "method_not_allowed", method)
        return None if index else {}

    def mapping(self, index: Index, options: Json, body: bytes) -> Json:
        (name,) = (name for name, each in self.indexes.items() if each is index)
        return {name: {"mappings": index.mappings}}

    def refresh(self, index: Index, options: Json, body: bytes) -> Json:
        index.seen = dict(index.documents)
        return {"_shards": {"total": 1, "successful": 1, "failed": 0}}

    def count(self, index: Index, options: Json, body: bytes) -> Json:
        return {"count": len(index.seen)}

    def bulk(self, index: Index, options: Json, body: bytes) -> Json:
        if not body.endswith(b"\n"):
            raise Refused(400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
        lines = iter(body.split(b"\n")[:-1])
        items = []
        for line in lines:
            ((action, about),) = _json(line).items()
            _only(about, {"_id"}, "bulk")
            try:
                result = self._written(index, action, about["_id"], lines)
            except Refused as error:
                result = {"status": error.status, "error": {"type": error.kind, "reason": str(error)}}
            items.append({action: {"_id": about["_id"], **result}})
        return {"took": 1, "errors": any("error" in next(iter(item.values())) for item in items), "items": items}

    def _written(self, index: Index, action: str, key: str, lines: Iterator[bytes]) -> Json:
        if action == "delete":
            gone = index.documents.pop(key, None)
            return {"result": "not_found", "status": 404} if gone is None else {"result": "deleted", "status": 200}
        if action != "index":
            raise Refused(400, "illegal_argument_exception", f"Malformed action/metadata line, found [{action}]")
        document = _json(next(lines))
        if not 1 <= len(key.encode()) <= 512:
            raise Refused(400, "illegal_argument_exception", f"id is too long: [{len(key.encode())}] bytes")
        for name, value in _leaves(document, index):
            _check(name, index.fields[name], value)
        index.documents[key] = document
        return {"result": "created", "status": 201}

    def mget(self, index: Index, options: Json, body: bytes) -> Json:
        asked = _json(body)
        _only(asked, {"ids"}, "mget")
        names = options["_source_includes"].split(",")
        docs = []
        for key in asked["ids"]:
            held = index.documents.get(key)
            found = {} if held is None else {"_source": {name: held[name] for name in names}}
            docs.append({"_id": key, "found": held is not None, **found})
        return {"docs": docs}

    def open_moment(self, index: Index, options: Json, body: bytes) -> Json:
        self.opened += 1
        self.moments[f"moment{self.opened}"] = index, dict(index.seen)
        return {"id": f"moment{self.opened}"}

    def close_moment(self, index: None, options: Json, body: bytes) -> Json:
        gone = self.moments.pop(_json(body)["id"], None)
        if gone is None:
            raise Refused(404, "search_context_missing_exception", "No search context found")
        return {"succeeded": True, "num_freed": 1}

    def search(self, index: Index | None, options: Json, body: bytes) -> Json:
        asked = _json(body)
        _only(asked, _SEARCH, "search")
        self.searches.append(asked)
        if ("pit" in asked) is (index is not None):
            raise Refused(400, "action_request_validation_exception", "[indices] cannot be used with point in time")
        if asked["size"] > 10_000:
            raise Refused(400, "illegal_argument_exception", "Result window is too large, it must be <= [10000]")
        if index is None:
            if asked["pit"]["id"] not in self.moments:
                raise Refused(404, "search_context_missing_exception", "No search context found")
            index, documents = self.moments[asked["pit"]["id"]]
        else:
            documents = index.seen
        looked = Search(index, documents)
        scores = looked.knn(asked["knn"]) if "knn" in asked else looked.scores(asked["query"])
        numbers = {key: number for number, key in enumerate(documents)}
        sort = asked.get("sort", [{"_score": "desc"}])
        _only({name for each in sort for name in each}, {"_score", "_shard_doc"}, "sort")
        scored = {"_score": "desc"} in sort
        rows = sorted(
            (-float(np.float32(score)) if scored else 0.0, numbers[key], key) for key, score in scores.items()
        )
        if "search_after" in asked:
            after = asked["search_after"]
            begin = (-after[0] if scored else 0.0, after[-1])
            rows = [row for row in rows if row[:2] > begin]
        hits = []
        for negative, number, key in rows[: asked["size"]]:
            source = {name: documents[key][name] for name in asked["_source"]}
            place = [-negative, number] if scored else [number]
            hits.append({"_id": key, "_score": -negative if scored else None, "_source": source, "sort": place})
        return {"took": 1, "timed_out": False, "hits": {"hits": hits}}


@dataclass
class Search:
    """A query on the documents of an index: which of them it finds, and their scores."""

    index: Index
    documents: dict[str, Json]

    def scores(self, query: Json) -> Scores:
        if len(query) != 1:
            raise _malformed(f"[{'/'.join(query)}] malformed query, expected one")
        ((kind, asked),) = query.items()
        if kind not in _QUERIES:
            raise _malformed(f"unknown query [{kind}]")
        return _QUERIES[kind](self, asked)

    def match_all(self, asked: Json) -> Scores:
        return dict.fromkeys(self.documents, 1.0)

    def match_none(self, asked: Json) -> Scores:
        return {}

    def boolean(self, asked: Json) -> Scores:
        _only(asked, {"must", "filter", "should", "must_not", "minimum_should_match"}, "bool")
        found = dict.fromkeys(self.documents, 0.0)
        for query in asked.get("must", []):
            scores = self.scores(query)
            found = {key: score + scores[key] for key, score in found.items() if key in scores}
        for query in asked.get("filter", []):
            kept = self.scores(query)
            found = {key: score for key, score in found.items() if key in kept}
        for query in asked.get("must_not", []):
            gone = self.scores(query)
            found = {key: score for key, score in found.items() if key not in gone}
        if "should" in asked:
            choices = [self.scores(query) for query in asked["should"]]
            wanted = asked.get("minimum_should_match", 0 if "must" in asked or "filter" in asked else 1)
            found = {key: score for key, score in found.items() if sum(key in each for each in choices) >= wanted}
        return found

    def term(self, asked: Json) -> Scores:
        ((name, test),) = asked.items()
        if not isinstance(test, dict):
            test = {"value": test}
        _only(test, {"value"}, "term")
        return self._where(name, [test["value"]], lambda value: value == test["value"])

    def terms(self, asked: Json) -> Scores:
        ((name, values),) = asked.items()
        if len(values) > 65_536:
            raise _malformed("The number of terms has exceeded the allowed maximum of [65536]")
        return self._where(name, values, lambda value: value in values)

    def range(self, asked: Json) -> Scores:
        ((name, bounds),) = asked.items()
        tests = {"lt": "__lt__", "lte": "__le__", "gt": "__gt__", "gte": "__ge__"}
        _only(bounds, set(tests), "range")
        return self._where(
            name,
            list(bounds.values()),
            lambda value: all(getattr(_order(value), tests[sign])(_order(bound)) for sign, bound in bounds.items()),
        )

    def prefix(self, asked: Json) -> Scores:
        ((name, start),) = asked.items()
        return self._where(name, [start], lambda value: value.startswith(start))

    def exists(self, asked: Json) -> Scores:
        _only(asked, {"field"}, "exists")
        return {key: 1.0 for key in self.documents if self._values(key, asked["field"])}

    def match(self, asked: Json) -> Scores:
        ((name, test),) = asked.items()
        _only(test, {"query"}, "match")
        if self._field(name)["type"] != "text":
            raise _malformed(f"[{name}] is no text")
        words = WordIndex()
        for key in self.documents:
            words.put(key, " ".join(self._values(key, name)))
        return dict(words.match(test["query"], len(self.documents), lambda key: True))

    def script_score(self, asked: Json) -> Scores:
        _only(asked, {"query", "script"}, "script_score")
        _only(asked["script"], {"source", "params"}, "script")
        for source, score in _SCRIPTS.items():
            if known := re.fullmatch(source, asked["script"]["source"]):
                return self._compared(known[1], asked["script"]["params"]["vector"], score, self.scores(asked["query"]))
        raise Refused(400, "script_exception", "compile error")

    def knn(self, asked: Json) -> Scores:
        _only(asked, {"field", "query_vector", "k", "num_candidates", "filter"}, "knn")
        mapped = self._field(asked["field"])
        if not mapped.get("index", True):
            raise _malformed(
                f"to perform knn search on field [{asked['field']}], its mapping must have [index] set to [true]"
            )
        if not asked["k"] <= asked["num_candidates"] <= 10_000:
            raise _malformed("[k] cannot be greater than [num_candidates], which cannot exceed [10000]")
        there = self.boolean({"filter": [*asked["filter"], {"exists": {"field": asked["field"]}}]})
        scores = self._compared(asked["field"], asked["query_vector"], _SIMILARITIES[mapped["similarity"]], there)
        best = sorted(scores, key=lambda key: -scores[key])[: asked["k"]]
        return {key: scores[key] for key in best}

    def _compared(self, name: str, vector: Any, score: Callable[[Any, Any], float], among: Scores) -> Scores:
        if self._field(name)["type"] != "dense_vector" or len(vector) != self._field(name)["dims"]:
            raise _malformed(f"the query vector has a different number of dimensions [{len(vector)}] than {name}")
        given = np.array(vector, np.float64)
        found = {}
        for key in among:
            held = self._values(key, name)
            if not held:
                raise Refused(400, "script_exception", "A document doesn't have a value for a vector field!")
            found[key] = score(given, np.array(held, np.float64))
            if not found[key] >= 0 or not np.isfinite(np.float32(found[key])):
                raise Refused(400, "illegal_argument_exception", "script_score must return a non-negative score")
        return found

    def _field(self, name: str) -> Json:
        if name not in self.index.fields:  # the real one finds nothing, which would hide a mistake
            raise _malformed(f"No mapping found for [{name}]")
        return self.index.fields[name]

    def _where(self, name: str, operands: list[Any], test: Callable[[Any], bool]) -> Scores:
        mapped = self._field(name)
        if mapped["type"] not in ("keyword", "long", "integer", "double", "boolean"):
            raise _malformed(f"[{name}] cannot be asked for a term")
        for operand in operands:
            _check(name, mapped, operand)
        return {key: 1.0 for key in self.documents if any(map(test, self._values(key, name)))}

    def _values(self, key: str, name: str) -> list[Any]:
        value: Any = self.documents[key]
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return [] if value is None else value if isinstance(value, list) else [value]


_QUERIES: dict[str, Callable[[Search, Any], Scores]] = {
    "match_all": Search.match_all,
    "match_none": Search.match_none,
    "bool": Search.boolean,
    "term": Search.term,
    "terms": Search.terms,
    "range": Search.range,
    "prefix": Search.prefix,
    "exists": Search.exists,
    "match": Search.match,
    "script_score": Search.script_score,
}
_CALLS: dict[str, tuple[set[str], Callable[..., Json]]] = {
    "GET _mapping": (set(), Cluster.mapping),
    "POST _refresh": (set(), Cluster.refresh),
    "POST _count": (set(), Cluster.count),
    "PUT _bulk": (set(), Cluster.bulk),
    "POST _mget": ({"_source_includes"}, Cluster.mget),
    "POST _search": ({"allow_partial_search_results"}, Cluster.search),
    "POST _pit": ({"keep_alive"}, Cluster.open_moment),
    "DELETE _pit": (set(), Cluster.close_moment),
}


def _mapped(properties: Json, above: str = "") -> Iterator[tuple[str, Json]]:
    for name, mapped in properties.items():
        if "properties" in mapped:
            yield from _mapped(mapped["properties"], f"{above}{name}.")
            continue
        if mapped.get("type") not in _FIELDS:
            raise Refused(400, "mapper_parsing_exception", f"No handler for type [{mapped.get('type')}]")
        if not set(mapped) <= _FIELDS[mapped["type"]] or not 1 <= mapped.get("dims", 1) <= 4096:
            raise Refused(400, "mapper_parsing_exception", f"unsupported parameters of [{name}]: {mapped}")
        yield above + name, mapped


def _leaves(document: Json, index: Index, above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(value, index, f"{above}{name}.")
        elif above + name in index.fields:
            whole = index.fields[above + name]["type"] == "dense_vector" or not isinstance(value, list)
            yield from [(above + name, value)] if whole else [(above + name, each) for each in value]


def _check(name: str, mapped: Json, value: Any) -> None:
    """Refuse a value that does not fit a field. (The real one would make a number of a text.)"""
    kind = mapped["type"]
    if kind in _WHOLE:
        fits = type(value) is int and -(1 << _WHOLE[kind]) <= value < 1 << _WHOLE[kind]
    elif kind == "dense_vector":
        fits = len(value) == mapped["dims"] and all(type(number) is float for number in value)
        fits = fits and (mapped.get("similarity") != "cosine" or any(value))
    elif kind == "binary":
        fits = b64decode(value, validate=True) is not None
    else:
        fits = type(value) is {"double": float, "boolean": bool}.get(kind, str)
    if not fits:
        raise Refused(400, "document_parsing_exception", f"failed to parse field [{name}] of type [{kind}]")
    if kind == "keyword" and len(value.encode()) > 32_766:
        raise Refused(
            400, "illegal_argument_exception", f"Document contains at least one immense term in field={name!r}"
        )


def _order(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def _cosine(one: Any, other: Any) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def _positive(product: float) -> float:
    return 1 / (1 - product) if product < 0 else product + 1


def _only(given: Any, known: set[str], what: str) -> None:
    if unknown := set(given) - known:
        raise _malformed(f"[{what}] unknown field {sorted(unknown)}")


def _malformed(reason: str) -> Refused:
    return Refused(400, "parsing_exception", reason)


def _json(body: bytes) -> Json:
    def refuse(constant: str) -> None:
        raise _malformed(f"Non-standard token '{constant}'")

    held = json.loads(body or b"{}", parse_constant=refuse)
    assert isinstance(held, dict)
    return held


@contextmanager
def elasticsearch() -> Iterator[tuple[str, Cluster]]:
    """A server; gives its address and what it holds."""
    cluster = Cluster()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            place = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kind = self.headers.get("content-type", "")
            try:
                if body and not re.fullmatch(
                    r"application/vnd\.elasticsearch\+x?-?(nd)?json; ?compatible-with=[89]", kind
                ):
                    raise Refused(
                        406, "media_type_header_exception", f"Invalid media-type value on [Content-Type]: {kind}"
                    )
                answer = cluster.answer(self.command, place.path, dict(parse_qsl(place.query)), body)
                status = 200
            except Refused as error:
                status = error.status
                cause = {"type": error.kind, "reason": str(error)}
                answer = {"error": {"root_cause": [cause], **cause}, "status": status}
            sent = b"" if self.command == "HEAD" else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=9")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", cluster
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
