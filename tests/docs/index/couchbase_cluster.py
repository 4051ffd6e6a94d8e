"""A Couchbase cluster for tests: what an index uses of `couchbase.cluster.Cluster`, with its documents in memory.

SQL++ is read as its documentation defines it, as far as an index writes it; anything else is refused.

https://docs.couchbase.com/server/current/n1ql/n1ql-language-reference/index.html
https://docs.couchbase.com/server/current/n1ql/n1ql-language-reference/vectorfun.html
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from threading import RLock
from types import SimpleNamespace
from typing import Any

import numpy as np
from couchbase.exceptions import (
    CollectionAlreadyExistsException,
    CollectionNotFoundException,
    DocumentExistsException,
    DocumentNotFoundException,
    InvalidArgumentException,
    KeyspaceNotFoundException,
    ParsingFailedException,
    QueryIndexNotFoundException,
)
from couchbase.n1ql import QueryScanConsistency

Documents = dict[str, str]
Expression = Callable[[Any], Any]


class Missing:
    """SQL++'s MISSING: what is not there, which is neither true nor false."""


MISSING = Missing()


class Cluster:
    """Documents are kept as JSON, by bucket, scope and collection. A new collection is known to the second query."""

    def __init__(self) -> None:
        self.turn = RLock()
        self.collections: dict[tuple[str, str, str], Documents] = {}
        self.indexed: set[tuple[str, str, str]] = set()
        self.unknown: set[tuple[str, str, str]] = set()
        self.negative_products = True

    def bucket(self, name: str) -> Bucket:
        return Bucket(self, name)

    def query(self, statement: str, options: Any) -> Any:
        if options["scan_consistency"] is not QueryScanConsistency.REQUEST_PLUS:
            raise AssertionError("a query may miss what was written")
        with self.turn:
            found = list(_Statement(self, statement, options["named_parameters"]).run())
        return SimpleNamespace(rows=lambda: iter(found))

    def keyspace(self, path: tuple[str, str, str]) -> Documents:
        if path in self.unknown or path not in self.collections:
            self.unknown.discard(path)
            raise KeyspaceNotFoundException(message=f"Keyspace not found: {path}")
        return self.collections[path]


class Bucket:
    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster, self._name = cluster, name

    def scope(self, name: str) -> Any:
        return SimpleNamespace(collection=lambda each: Kept(self._cluster, (self._name, name, each)))

    def collections(self) -> Bucket:
        return self

    def create_collection(self, scope: str, name: str) -> None:
        path = (self._name, scope, name)
        if not re.fullmatch(r"[A-Za-z0-9-][A-Za-z0-9_%-]{0,250}", name):
            raise AssertionError(f"no name of a collection: {name}")
        with self._cluster.turn:
            if path in self._cluster.collections:
                raise CollectionAlreadyExistsException(message=name)
            self._cluster.collections[path] = {}
            self._cluster.unknown.add(path)

    def drop_collection(self, scope: str, name: str) -> None:
        path = (self._name, scope, name)
        with self._cluster.turn:
            if self._cluster.collections.pop(path, None) is None:
                raise CollectionNotFoundException(message=name)
            self._cluster.indexed.discard(path)


class Kept:
    """A collection by its keys."""

    def __init__(self, cluster: Cluster, path: tuple[str, str, str]) -> None:
        self._cluster, self._path = cluster, path

    @property
    def _documents(self) -> Documents:
        if self._path not in self._cluster.collections:
            raise CollectionNotFoundException(message=str(self._path))
        return self._cluster.collections[self._path]

    def get(self, key: str) -> Any:
        with self._cluster.turn:
            if key not in self._documents:
                raise DocumentNotFoundException(message=key)
            return SimpleNamespace(content_as={dict: json.loads(self._documents[key])})

    def insert(self, key: str, value: Any) -> None:
        with self._cluster.turn:
            if key in self._documents:
                raise DocumentExistsException(message=key)
            self._documents[key] = _stored(key, value)

    def upsert_multi(self, given: Mapping[str, Any]) -> Any:
        return self._each(list(given), lambda key: self._documents.__setitem__(key, _stored(key, given[key])))

    def get_multi(self, keys: list[str]) -> Any:
        return self._each(keys, self.get)

    def remove_multi(self, keys: list[str]) -> Any:
        def remove(key: str) -> None:
            if self._documents.pop(key, None) is None:
                raise DocumentNotFoundException(message=key)

        return self._each(keys, remove)

    def _each(self, keys: list[str], call: Callable[[str], Any]) -> Any:
        results, errors = {}, {}
        with self._cluster.turn:
            for key in keys:
                try:
                    results[key] = call(key)
                except (DocumentNotFoundException, InvalidArgumentException) as error:
                    errors[key] = error
        return SimpleNamespace(results=results, exceptions=errors, all_ok=not errors)


def _stored(key: str, value: Any) -> str:
    held = json.dumps(value, allow_nan=False)
    if not 0 < len(key.encode()) <= 250:
        raise AssertionError(f"a key has at most 250 bytes: {key}")
    if len(held) > 20 << 20:
        raise InvalidArgumentException(message=key)
    return held


# --- SQL++

_TOKENS = re.compile(r"\s*(?:(`(?:[^`]|``)+`)|(\$\w+)|(\"\w+\")|(\d+)|([A-Za-z_]\w*)|(<=|>=|!=|[().,\[\]=<>*]))")
_COMPARISONS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Statement:
    """One statement, read and run."""

    def __init__(self, cluster: Cluster, text: str, parameters: Mapping[str, Any]) -> None:
        self._cluster, self._text = cluster, text
        self._parameters = json.loads(json.dumps(parameters, allow_nan=False))
        self._tokens: list[str] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKENS.match(text, position)
            if found is None:
                raise self._wrong(text[position:])
            self._tokens.append(found[0].strip())
            position = found.end()

    def run(self) -> Iterator[Any]:
        if self._take("CREATE"):
            for word in ("PRIMARY", "INDEX", "IF", "NOT", "EXISTS", "ON"):
                self._need(word)
            path = self._path()
            self._cluster.keyspace(path)
            self._cluster.indexed.add(path)
            return
        yield from self._select()

    def _select(self) -> Iterator[Any]:
        self._need("SELECT")
        raw = self._take("RAW")
        counts = raw and self._take("COUNT")
        if counts:
            for word in "(*)":
                self._need(word)
            items: list[tuple[str, Expression]] = []
        else:
            items = [self._item()]
            while self._take(","):
                items.append(self._item())
        self._need("FROM")
        documents = self._source()
        self._need("AS")
        self._need("d")
        wanted = self._or() if self._take("WHERE") else lambda d: True
        key, descends = self._order()
        limit = self._operand()(None) if self._take("LIMIT") else None
        if self._tokens:
            raise self._wrong(self._tokens[0])
        found = [each for each in documents if wanted(each) is True]
        if key is not None:
            order = key
            found.sort(key=lambda each: -order(each) if descends else order(each))
        if counts:
            yield len(found)
            return
        for each in found[:limit]:
            row = {name: value for name, item in items if (value := item(each)) is not MISSING}
            yield next(iter(row.values())) if raw else row

    def _source(self) -> list[Any]:
        if self._take("["):
            self._need("1")
            self._need("]")
            return [1]
        path = self._path()
        documents = self._cluster.keyspace(path)
        if path not in self._cluster.indexed:
            raise QueryIndexNotFoundException(message="No index available on keyspace")
        return [json.loads(held) for held in documents.values()]

    def _item(self) -> tuple[str, Expression]:
        last = next((each for each in reversed(self._tokens[: self._tokens.index("FROM")]) if each[0] == "`"), "``")
        names = [token for token in self._until(",", "FROM") if token[0] == "`"]
        expression = self._or()
        name = self._next() if self._take("AS") else (names or [last])[-1]
        return name.strip("`"), expression

    def _until(self, *ends: str) -> list[str]:
        depth, found = 0, []
        for token in self._tokens:
            depth += (token == "(") - (token == ")")
            if depth == 0 and token in ends:
                break
            found.append(token)
        return found

    def _order(self) -> tuple[Expression | None, bool]:
        if not self._take("ORDER"):
            return None, False
        self._need("BY")
        expression = self._operand()
        if self._take("DESC"):
            return expression, True
        self._need("ASC")
        return expression, False

    def _or(self) -> Expression:
        parts = [self._and()]
        while self._take("OR"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else lambda d: _joined([part(d) for part in parts], ruling=True)

    def _and(self) -> Expression:
        parts = [self._not()]
        while self._take("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda d: _joined([part(d) for part in parts], ruling=False)

    def _not(self) -> Expression:
        if not self._take("NOT"):
            return self._comparison()
        inner = self._not()

        def opposite(d: Any) -> Any:
            value = inner(d)
            return not value if isinstance(value, bool) else value

        return opposite

    def _comparison(self) -> Expression:
        left = self._operand()
        if self._take("IS"):
            negated = self._take("NOT")
            self._need("VALUED")
            return lambda d: (left(d) is MISSING or left(d) is None) is negated
        negated = self._take("NOT")
        if negated or self._tokens[:1] == ["IN"]:
            self._need("IN")
            right = self._operand()
            return lambda d: MISSING if left(d) is MISSING else any(_equal(left(d), o) for o in right(d)) is not negated
        if self._tokens and self._tokens[0] in _COMPARISONS:
            sign = self._next()
            right = self._operand()
            return lambda d: _compared(sign, left(d), right(d))
        return left

    def _operand(self) -> Expression:
        token = self._next()
        if token == "(":
            inner = self._or()
            self._need(")")
            return inner
        if token[0] == "$":
            value = self._parameters[token[1:]]
            return lambda d: value
        if token[0] == '"':
            return lambda d: token.strip('"')
        if token in ("TRUE", "FALSE"):
            return lambda d: token == "TRUE"
        if token.isdigit():
            return lambda d: int(token)
        return self._field() if token == "d" else self._call(token)

    def _field(self) -> Expression:
        names = []
        while self._take("."):
            names.append(self._next().strip("`"))

        def value(d: Any) -> Any:
            for name in names:
                d = d.get(name, MISSING) if isinstance(d, dict) else MISSING
            return d

        return value

    def _call(self, name: str) -> Expression:
        if name not in _FUNCTIONS:
            raise self._wrong(name)
        self._need("(")
        arguments = [self._operand()]
        while self._take(","):
            arguments.append(self._operand())
        self._need(")")

        def call(d: Any) -> Any:
            values = [argument(d) for argument in arguments]
            return MISSING if MISSING in values else _FUNCTIONS[name](self._cluster, *values)

        return call

    def _path(self) -> tuple[str, str, str]:
        names = [self._next().strip("`")]
        while self._take("."):
            names.append(self._next().strip("`"))
        bucket, scope, collection = names
        return bucket, scope, collection

    def _next(self) -> str:
        if not self._tokens:
            raise self._wrong("the end")
        return self._tokens.pop(0)

    def _take(self, word: str) -> bool:
        if self._tokens[:1] != [word]:
            return False
        self._tokens.pop(0)
        return True

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise self._wrong(self._tokens[0] if self._tokens else "the end")

    def _wrong(self, token: str) -> Exception:
        return ParsingFailedException(message=f"syntax error at {token} in {self._text}")


def _joined(values: list[Any], *, ruling: bool) -> Any:
    """AND, where false rules, or OR, where true does; what is missing leaves the rest undecided."""
    if any(value is ruling for value in values):
        return ruling
    return next((value for value in values if not isinstance(value, bool)), not ruling)


def _equal(one: Any, other: Any) -> bool:
    return _kind(one) == _kind(other) and bool(one == other)


def _compared(sign: str, one: Any, other: Any) -> Any:
    if one is MISSING or other is MISSING:
        return MISSING
    if sign in ("=", "!="):
        return _equal(one, other) is (sign == "=")
    if _kind(one) != _kind(other):
        return False
    return _COMPARISONS[sign](one.encode(), other.encode()) if isinstance(one, str) else _COMPARISONS[sign](one, other)


def _kind(value: Any) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def _distance(cluster: Cluster, one: Any, other: Any, metric: str) -> float:
    row, query = np.array(one, np.float32).astype(np.float64), np.array(other, np.float32).astype(np.float64)
    if row.shape != query.shape:
        raise ParsingFailedException(message="the dimensions differ")
    if metric in ("L2", "L2_SQUARED"):
        square = float(((row - query) ** 2).sum())
        return square if metric == "L2_SQUARED" else square**0.5
    product = float(row @ query)
    if metric == "DOT":
        return -product if cluster.negative_products else product
    if metric == "COSINE":
        return 1 - product / float(np.linalg.norm(row) * np.linalg.norm(query))
    raise ParsingFailedException(message=f"no metric is called {metric}")


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "CONTAINS": lambda cluster, text, part: part in text,
    "ARRAY_CONTAINS": lambda cluster, items, item: any(_equal(item, each) for each in items),
    "VECTOR_DISTANCE": _distance,
    "APPROX_VECTOR_DISTANCE": _distance,
}
