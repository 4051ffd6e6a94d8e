"""One level of an index: documents of one class, and the collection that keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.index.collection import ID, Collection, Hit, Native, Unsupported
from thalweg.docs.index.condition import all_of, askable
from thalweg.docs.index.outline import DOCUMENT, Outline
from thalweg.docs.index.payload import Kept, unpacked
from thalweg.docs.index.records import field_at, vector_of
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator, Or, Path
from thalweg.docs.query.language import parse
from thalweg.docs.typing.array import is_tensor, to_numpy

_CONDITIONS = (Comparison, And, Or, Not)


class Found(NamedTuple):
    """A document with its score, and the id of the document that holds it in its lists, if it is in any."""

    document: Any
    root: str
    score: float


class Level:
    """Asks a collection in terms of documents. `nested` says that they are in the lists of others."""

    def __init__(self, outline: Outline, collection: Collection, nested: bool) -> None:
        self.outline = outline
        self.collection = collection
        self._nested = nested

    # --- questions

    def condition(self, *queries: Any) -> Condition | Native | None:
        """What all of the queries together ask for: each in our language, a Condition, or the database's own.

        Raises:
            ValueError: a query that cannot be read, or does not fit the documents.
            Unsupported: the database cannot ask it, or it is to join its own language with other conditions.
        """
        given = [query for query in queries if query is not None]
        if any(self.collection.is_native(query) for query in given):
            if len(given) == 1:
                return given[0]
            raise Unsupported("a condition in the database's own language stands alone; write all of them in one")
        read_queries = [query if isinstance(query, _CONDITIONS) else parse(query) for query in given]
        condition = all_of(*read_queries)
        if condition is None:
            return None
        return askable(_renamed(condition) if self._nested else condition, self.collection)

    def nearest(
        self, field: str, queries: np.ndarray[Any, Any], limit: int | None, filter_query: Any = None
    ) -> list[list[Found]]:
        """For each row of `queries` the documents whose vector in `field` is nearest."""
        condition = self.condition(filter_query)
        found = self.collection.nearest(field, queries, self.limit(limit), condition)
        return [self.documents(hits) for hits in found]

    def match(self, field: str, text: str, limit: int | None, filter_query: Any = None) -> list[Found]:
        """The documents whose text in `field` has words of `text`."""
        condition = self.condition(filter_query)
        return self.documents(self.collection.match(self.words(field), text, self.limit(limit), condition))

    def select(self, filter_query: Any, limit: int | None) -> list[Kept]:
        """The documents that fulfil the condition, in any order."""
        condition = self.condition(filter_query)
        wanted = None if limit is None or limit < 0 else limit
        found = self.collection.select(And(()) if condition is None else condition, wanted)
        return [self.kept(payload) for _, payload in found]

    def holds(self, identity: str) -> bool:
        """Whether there is a document with this id."""
        if not self._nested:
            return self.collection.get([identity])[0] is not None
        return bool(self.collection.select(Comparison(Path((DOCUMENT,)), Operator.EQ, identity), 1))

    # --- what is asked for

    def vector(self, field: str) -> str:
        """The column of the vector that is meant; without a name the only one.

        Raises:
            ValueError: there is none of this name, or without a name there is not just one.
        """
        vectors = self.outline.layout.vectors
        if field:
            return self.outline.layout.vector(field).name
        if len(vectors) == 1:
            return vectors[0].name
        names = ", ".join(repr(column.name) for column in vectors) or "none"
        raise ValueError(f"search_field is needed: {self.outline.doc_type.__name__} has these vectors: {names}")

    def words(self, field: str) -> str:
        """The column whose words are meant; without a name the only one.

        Raises:
            Unsupported: the database does not search for words.
            ValueError: there is none of this name, or without a name there is not just one.
        """
        if not self.collection.searches_words:
            raise Unsupported(
                f"{type(self.collection).__name__} does not search for words; find by a vector of the text, filter with "
                "$contains, or use an index that does, such as InMemoryExactNNIndex"
            )
        names = [column.name for column in self.outline.layout.values if column.words]
        if field in names:
            return field
        if not field and len(names) == 1:
            return names[0]
        known = ", ".join(map(repr, names)) or "none"
        raise ValueError(f"search_field {field!r} is no text that is searched for words; there are: {known}")

    def queries(self, given: Any, field: str) -> np.ndarray[Any, Any]:
        """Vectors, or documents of which the field is taken, as one row each.

        Raises:
            ValueError: a query without a vector, or of another size.
        """
        size = self.outline.layout.vector(field).size
        if is_tensor(given) or hasattr(given, "__array__"):
            given = to_numpy(given) if is_tensor(given) else np.asarray(given)
            if given.ndim != 2:
                raise ValueError(f"several queries are a tensor of two dimensions, not of shape {given.shape}")
        rows = [self._query(query, field, size) for query in given]
        if len({row.size for row in rows}) > 1:
            raise ValueError("the queries have different sizes")
        return np.stack(rows) if rows else np.zeros((0, size), np.float32)

    def _query(self, query: Any, field: str, size: int) -> np.ndarray[Any, Any]:
        if isinstance(query, BaseDocWithoutId):
            value = field_at(query, field.split("__"))
        elif isinstance(query, Mapping):
            value = query.get(field)
        else:
            value = query
        if value is None:
            raise ValueError(f"the query has no {field}")
        try:
            return vector_of(value, size)
        except ValueError as error:
            raise ValueError(f"the query: {error}") from None

    def limit(self, limit: int | None) -> int:
        """How many there are at most; None and negative numbers mean all."""
        return self.collection.count() if limit is None or limit < 0 else limit

    # --- what is found

    def kept(self, payload: bytes) -> Kept:
        return unpacked(payload, self.outline.doc_type)

    def documents(self, hits: Sequence[Hit]) -> list[Found]:
        return [Found(*self.kept(hit.payload), hit.score) for hit in hits]

    def all(self) -> Iterator[Any]:
        """Every document, page by page."""
        return (self.kept(payload).document for _, payload in self.collection.scan())


def _renamed(condition: Condition) -> Condition:
    """`id` means the document's: the records of documents in lists have others."""
    if isinstance(condition, Comparison):
        operand = _own(condition.operand) if isinstance(condition.operand, Path) else condition.operand
        return Comparison(_own(condition.path), condition.operator, operand)
    if isinstance(condition, Not):
        return Not(_renamed(condition.condition))
    return type(condition)(tuple(map(_renamed, condition.conditions)))


def _own(path: Path) -> Path:
    return Path((DOCUMENT,)) if path.parts == (ID,) else path
