"""A MongoDB for tests: its wire protocol, the commands that an index uses, and the search stages of Atlas.

It does what the documentation of MongoDB says and refuses whatever else it is asked. `find` and `$match` mean what
`mongomock` makes of them. Search indexes lag behind, as they do in Atlas: they show a change to the second who looks.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
https://www.mongodb.com/docs/atlas/atlas-vector-search/vector-search-stage/
https://www.mongodb.com/docs/atlas/atlas-search/text/
"""

from __future__ import annotations

import socketserver
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import count
from threading import RLock, Thread
from typing import Any

import bson
import numpy as np
from mongomock.filtering import filter_applies

from thalweg.docs.index.words import WordIndex

Document = dict[str, Any]

_MESSAGE, _OLD_QUERY, _OLD_REPLY = 2013, 2004, 1
_LARGEST = 16 * 1024 * 1024
_COMPARISONS = {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin"}
_JOINS = {"$and", "$or", "$nor"}
_MATCH = _COMPARISONS | {"$not", "$exists", "$regex", "$size", "$type"}
_ENVELOPE = {"$db", "lsid", "$readPreference", "$clusterTime", "writeConcern", "readConcern", "txnNumber", "comment"}


class Refused(Exception):
    """What the server answers with an error."""

    def __init__(self, message: str, code: int = 9) -> None:
        super().__init__(message)
        self.code = code


class Kept:
    """A collection, and what its search indexes have seen of it."""

    def __init__(self) -> None:
        self.documents: dict[Any, Document] = {}
        self.seen: dict[Any, Document] = {}
        self.indexes: dict[str, Document] = {}
        self.changed = False

    def look(self) -> dict[Any, Document]:
        """What a search finds. Whoever looks next finds what has changed since."""
        seen = self.seen
        if self.changed:
            self.seen, self.changed = dict(self.documents), False
        return seen


class Database:
    def __init__(self) -> None:
        self.turn = RLock()
        self.searchable = True
        self.lags = True
        self.collections: dict[str, Kept] = {}
        self.cursors: dict[int, tuple[str, Iterator[Document]]] = {}
        self.numbers = count(1)

    def answer(self, command: Document) -> Document:
        name = next(iter(command))
        handler: Callable[[Document], Document] | None = getattr(self, f"do_{name.lower()}", None)
        if handler is None:
            raise Refused(f"no such command: '{name}'", 59)
        with self.turn:
            return handler(command)

    def do_hello(self, command: Document) -> Document:
        return {
            "ismaster": True,
            "isWritablePrimary": True,
            "helloOk": True,
            "maxBsonObjectSize": _LARGEST,
            "maxMessageSizeBytes": 48_000_000,
            "maxWriteBatchSize": 100_000,
            "minWireVersion": 0,
            "maxWireVersion": 25,
        }

    do_ismaster = do_hello

    def do_ping(self, command: Document) -> Document:
        return {}

    do_endsessions = do_ping

    def do_create(self, command: Document) -> Document:
        _only(command, {"create"})
        if command["create"] in self.collections:
            raise Refused("Collection already exists", 48)
        self._kept(command["create"])
        return {}

    def do_listcollections(self, command: Document) -> Document:
        _only(command, {"listCollections", "nameOnly", "filter", "cursor"})
        found = [{"name": name, "type": "collection"} for name in self.collections]
        _check_query(command["filter"], _MATCH)
        return self._cursor(
            "$cmd.listCollections", [each for each in found if filter_applies(command["filter"], each)], 1000
        )

    def do_drop(self, command: Document) -> Document:
        _only(command, {"drop"})
        self.collections.pop(command["drop"], None)
        return {}

    def do_update(self, command: Document) -> Document:
        _only(command, {"update", "updates", "ordered"})
        kept, changed, upserted = self._kept(command["update"]), 0, []
        for number, update in enumerate(command["updates"]):
            _only(update, {"q", "u", "upsert", "multi"})
            if set(update["q"]) != {"_id"} or isinstance(update["q"]["_id"], dict):
                raise Refused("documents are updated by their ids here")
            key, new = update["q"]["_id"], update["u"]
            if key not in kept.documents and update.get("upsert"):
                upserted.append({"index": number, "_id": key})
            elif key in kept.documents:
                changed += 1
            if any(name.startswith("$") for name in new):
                _only(new, {"$setOnInsert"})
                kept.documents.setdefault(key, {"_id": key, **new["$setOnInsert"]})
            else:
                if new["_id"] != key or len(bson.encode(new)) > _LARGEST:
                    raise Refused("the _id is another, or the document is too large", 10334)
                kept.documents[key] = new
        self._wrote(kept)
        return {"n": changed + len(upserted), "nModified": changed, **({"upserted": upserted} if upserted else {})}

    def do_delete(self, command: Document) -> Document:
        _only(command, {"delete", "deletes", "ordered"})
        kept, gone = self._kept(command["delete"]), 0
        for delete in command["deletes"]:
            _only(delete, {"q", "limit"})
            found = [held["_id"] for held in _matching(kept.documents, delete["q"])]
            for key in found[: delete["limit"] or None]:
                del kept.documents[key]
                gone += 1
        self._wrote(kept)
        return {"n": gone}

    def do_find(self, command: Document) -> Document:
        _only(command, {"find", "filter", "projection", "limit", "batchSize", "singleBatch"})
        kept = self.collections.get(command["find"], Kept())
        found = _matching(kept.documents, command["filter"])
        limit = command.get("limit") or None
        shown = [_projected(held, command.get("projection"), None) for held in found[:limit]]
        return self._cursor(command["find"], shown, command.get("batchSize", 101))

    def do_getmore(self, command: Document) -> Document:
        _only(command, {"getMore", "collection", "batchSize"})
        name, rest = self.cursors[command["getMore"]]
        batch = [held for _, held in zip(range(command.get("batchSize", 1000)), rest, strict=False)]
        number = command["getMore"] if len(batch) == command.get("batchSize", 1000) else 0
        return {"cursor": {"id": number, "ns": f"test.{name}", "nextBatch": batch}}

    def do_killcursors(self, command: Document) -> Document:
        for number in command["cursors"]:
            self.cursors.pop(number, None)
        return {"cursorsKilled": command["cursors"]}

    def do_aggregate(self, command: Document) -> Document:
        _only(command, {"aggregate", "pipeline", "cursor"})
        kept = self.collections.get(command["aggregate"], Kept())
        rows: list[tuple[Document, float | None]] = [(held, None) for held in kept.documents.values()]
        for number, stage in enumerate(command["pipeline"]):
            ((name, asked),) = stage.items()
            if name in ("$vectorSearch", "$search", "$listSearchIndexes"):
                if number:
                    raise Refused(f"{name} is only valid as the first stage in a pipeline", 40602)
                if not self.searchable:
                    raise Refused("Using $search and $vectorSearch aggregation stages requires Atlas", 31082)
            rows = _STAGES.get(name, _unknown(name))(kept, rows, asked)
        size = command["cursor"].get("batchSize", 101)
        return self._cursor(command["aggregate"], [held for held, _ in rows], size)

    def do_createsearchindexes(self, command: Document) -> Document:
        _only(command, {"createSearchIndexes", "indexes"})
        if command["createSearchIndexes"] not in self.collections:
            raise Refused("Collection does not exist", 26)
        kept = self._kept(command["createSearchIndexes"])
        for index in command["indexes"]:
            _only(index, {"name", "definition", "type"})
            _CHECKS[index.get("type", "search")](index["definition"])
            if index["name"] in kept.indexes:
                raise Refused("Duplicate Index", 68)
            kept.indexes[index["name"]] = {**index, "looks": 0}
        return {"indexesCreated": [{"id": index["name"], "name": index["name"]} for index in command["indexes"]]}

    def _cursor(self, name: str, found: list[Document], size: int) -> Document:
        rest = iter(found)
        first = [held for _, held in zip(range(size), rest, strict=False)]
        number = 0
        if len(found) > size:
            number = next(self.numbers)
            self.cursors[number] = name, rest
        return {"cursor": {"id": number, "ns": f"test.{name}", "firstBatch": first}}

    def _kept(self, name: str) -> Kept:
        return self.collections.setdefault(name, Kept())

    def _wrote(self, kept: Kept) -> None:
        kept.changed = True
        if not self.lags:
            kept.look()


# --- stages

Rows = list[tuple[Document, float | None]]


def _match(kept: Kept, rows: Rows, asked: Document) -> Rows:
    _check_query(asked, _MATCH)
    return [(held, score) for held, score in rows if filter_applies(asked, held)]


def _project(kept: Kept, rows: Rows, asked: Document) -> Rows:
    return [(_projected(held, asked, score), score) for held, score in rows]


def _limit(kept: Kept, rows: Rows, asked: int) -> Rows:
    if asked < 1:
        raise Refused("the limit must be positive", 15958)
    return rows[:asked]


def _group(kept: Kept, rows: Rows, asked: Document) -> Rows:
    if asked != {"_id": 1, "n": {"$sum": 1}}:
        raise Refused(f"unknown group {asked}")
    return [({"_id": 1, "n": len(rows)}, None)] if rows else []


def _list_indexes(kept: Kept, rows: Rows, asked: Document) -> Rows:
    """An index is built when it is listed for the second time."""
    listed: Rows = []
    for index in kept.indexes.values():
        index["looks"] += 1
        ready = index["looks"] > 1
        listed.append(({"name": index["name"], "status": "READY" if ready else "PENDING", "queryable": ready}, None))
    return listed


def _vector_search(kept: Kept, rows: Rows, asked: Document) -> Rows:
    _only(asked, {"index", "path", "queryVector", "limit", "filter", "numCandidates", "exact"})
    if asked["index"] not in kept.indexes:
        return []
    fields = kept.indexes[asked["index"]]["definition"]["fields"]
    vectors = {each["path"]: each for each in fields if each["type"] == "vector"}
    if asked["path"] not in vectors:
        raise Refused(f"{asked['path']} is not indexed as vector")
    query = _numbers(asked["queryVector"])
    place = vectors[asked["path"]]
    if query.size != place["numDimensions"]:
        raise Refused(f"vector field is indexed with {place['numDimensions']} dimensions but queried with {query.size}")
    if asked.get("exact"):
        if "numCandidates" in asked:
            raise Refused("numCandidates must be omitted for exact searches")
    elif not asked["limit"] <= asked["numCandidates"] <= 10_000:
        raise Refused("limit must not exceed numCandidates, and that not 10000")
    wanted = asked.get("filter") or {}
    _check_query(wanted, _COMPARISONS | {"$not", "$exists"}, {e["path"] for e in fields if e["type"] == "filter"})
    scored = []
    for key, held in kept.look().items():
        vector = _at(held, asked["path"])
        if vector is not None and (not wanted or filter_applies(wanted, held)):
            scored.append((_score(place["similarity"], _numbers(vector), query), key))
    scored.sort(key=lambda each: -each[0])
    return [(kept.documents[key], score) for score, key in scored[: asked["limit"]] if key in kept.documents]


def _search(kept: Kept, rows: Rows, asked: Document) -> Rows:
    index, operator = asked["index"], next(name for name in asked if name != "index")
    _only(asked, {"index", operator})
    mapped = kept.indexes[index]["definition"]["mappings"]["fields"]
    path, seen = asked[operator]["path"], kept.look()
    if operator == "equals":
        _only(asked[operator], {"path", "value"})
        if mapped.get(path, {}).get("type") != "token":
            raise Refused(f"{path} is not indexed as token")
        found = [(key, 1.0) for key, held in seen.items() if held.get(path) == asked[operator]["value"]]
    elif operator == "text":
        _only(asked[operator], {"path", "query"})
        parent, _, name = path.partition(".")
        if mapped.get(parent, {}).get("fields", {}).get(name, {}).get("type") != "string":
            raise Refused(f"{path} is not indexed as string")
        words = WordIndex()
        for key, held in seen.items():
            words.put(key, _at(held, path))
        found = words.match(asked[operator]["query"], len(seen), lambda key: True)
    else:
        raise Refused(f"unknown operator {operator} of $search")
    return [(kept.documents[key], score) for key, score in found if key in kept.documents]


_STAGES: dict[str, Callable[[Kept, Rows, Any], Rows]] = {
    "$match": _match,
    "$project": _project,
    "$limit": _limit,
    "$group": _group,
    "$listSearchIndexes": _list_indexes,
    "$vectorSearch": _vector_search,
    "$search": _search,
}


def _unknown(name: str) -> Callable[[Kept, Rows, Any], Rows]:
    def refuse(kept: Kept, rows: Rows, asked: Any) -> Rows:
        raise Refused(f"Unrecognized pipeline stage name: '{name}'", 40324)

    return refuse


def _numbers(vector: Any) -> Any:
    if isinstance(vector, bson.Binary):
        if vector.subtype != 9 or vector[:2] != b"\x27\x00":
            raise Refused("no vector of float32 numbers")
        return np.frombuffer(vector, "<f4", offset=2)
    return np.array(vector, np.float32)


def _score(similarity: str, one: Any, other: Any) -> float:
    """The scores that the documentation of Atlas gives, which are those of Lucene."""
    if similarity == "euclidean":
        return float(1 / (1 + ((one - other) ** 2).sum()))
    if not one.any() or not other.any():
        raise Refused("Cosine similarity cannot be calculated against a zero vector")
    return float((1 + one @ other / np.linalg.norm(one) / np.linalg.norm(other)) / 2)


def _check_vectors(definition: Document) -> None:
    _only(definition, {"fields"})
    for each in definition["fields"]:
        _only(each, {"type", "path"} | ({"numDimensions", "similarity"} if each["type"] == "vector" else set()))
        if each["type"] == "vector" and each["similarity"] not in ("cosine", "euclidean", "dotProduct"):
            raise Refused(f"unknown similarity {each['similarity']}")


def _check_search(definition: Document) -> None:
    _only(definition, {"mappings"})
    _only(definition["mappings"], {"dynamic", "fields"})


_CHECKS = {"vectorSearch": _check_vectors, "search": _check_search}


# --- documents


def _matching(documents: dict[Any, Document], query: Document) -> list[Document]:
    _check_query(query, _MATCH)
    if query.keys() == {"_id"} and isinstance(query["_id"], dict) and query["_id"].keys() == {"$in"}:
        return [documents[key] for key in dict.fromkeys(query["_id"]["$in"]) if key in documents]
    return [held for held in documents.values() if filter_applies(query, held)]


def _check_query(query: Document, operators: set[str], fields: set[str] | None = None) -> None:
    """Every operator is known and every field indexed, as far as the filter of a vector search demands it."""
    for name, test in query.items():
        if name in _JOINS:
            if not test:
                raise Refused(f"{name} must be a nonempty array", 2)
            for part in test:
                _check_query(part, operators, fields)
        elif name.startswith("$"):
            raise Refused(f"unknown top level operator: {name}", 2)
        elif fields is not None and name not in fields:
            raise Refused(f"Path '{name}' needs to be indexed as filter")
        else:
            _check_test(test, operators, strict=fields is not None)


def _check_test(test: Any, operators: set[str], *, strict: bool) -> None:
    for operator, operand in (test if isinstance(test, dict) else {"$eq": test}).items():
        if operator not in operators:
            raise Refused(f"unknown operator: {operator}", 2)
        if operator == "$not":
            _check_test(operand, operators, strict=strict)
        elif strict:
            simple = operand if operator in ("$in", "$nin") else [operand]
            kinds = (int, float) if operator[1:3] in ("gt", "lt") else (str, int, float)
            if not all(isinstance(each, kinds) for each in simple):
                raise Refused(f"{operator} of a filter does not take {operand!r}")


def _projected(held: Document, asked: Document | None, score: float | None) -> Document:
    if asked is None:
        return held
    shown: Document = {"_id": held["_id"]}
    for path, how in asked.items():
        if how == {"$meta": "searchScore"}:
            shown[path] = score
            continue
        if how != 1:
            raise Refused(f"unknown projection {how}")
        *above, last = path.split(".")
        value, place = _at(held, path), shown
        if value is not None:
            for part in above:
                place = place.setdefault(part, {})
            place[last] = deepcopy(value)
    return shown


def _at(held: Any, path: str) -> Any:
    for part in path.split("."):
        held = held.get(part) if isinstance(held, dict) else None
    return held


def _only(given: Document, known: set[str]) -> None:
    if unknown := set(given) - known - _ENVELOPE:
        raise Refused(f"BSON field {sorted(unknown)} is an unknown field", 40415)


# --- the wire


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        while header := self._read(16):
            length, request, _, kind = struct.unpack("<iiii", header)
            body = self._read(length - 16)
            command = _message(body) if kind == _MESSAGE else _old_query(body)
            try:
                answer = {**self.server.database.answer(command), "ok": 1.0}
            except Refused as error:
                answer = {"ok": 0.0, "errmsg": str(error), "code": error.code, "codeName": "Refused"}
            except (KeyError, TypeError, ValueError) as error:
                answer = {"ok": 0.0, "errmsg": f"the command is not well formed: {error!r}", "code": 9}
            held = bson.encode(answer)
            if kind == _MESSAGE:
                reply, code = struct.pack("<i", 0) + b"\0" + held, _MESSAGE
            else:
                reply, code = struct.pack("<iqii", 8, 0, 0, 1) + held, _OLD_REPLY
            self.request.sendall(struct.pack("<iiii", 16 + len(reply), 0, request, code) + reply)

    def _read(self, length: int) -> bytes:
        held = bytearray()
        while len(held) < length:
            try:
                part = self.request.recv(length - len(held))
            except ConnectionError:
                return b""
            if not part:
                return b""
            held += part
        return bytes(held)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    database: Database


def _message(body: bytes) -> Document:
    """The command of an OP_MSG, with the documents of its sequences."""
    position, command, sequences = 4, {}, {}
    while position < len(body):
        kind = body[position]
        (size,) = struct.unpack_from("<i", body, position + 1)
        section = body[position + 1 : position + 1 + size]
        if kind == 0:
            command = bson.decode(section)
        else:
            end = section.index(b"\0", 4)
            sequences[section[4:end].decode()] = bson.decode_all(section[end + 1 :])
        position += 1 + size
    return {**command, **sequences}


def _old_query(body: bytes) -> Document:
    start = body.index(b"\0", 4) + 9
    (size,) = struct.unpack_from("<i", body, start)
    return bson.decode(body[start : start + size])


@contextmanager
def mongodb() -> Iterator[tuple[str, Database]]:
    """The server on a port of its own; gives its address and what it holds."""
    with _Server(("127.0.0.1", 0), _Connection) as server:
        server.database = Database()
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"mongodb://127.0.0.1:{server.server_address[1]}", server.database
        finally:
            server.shutdown()
            thread.join()
