"""What a database does for a document index: one collection of flat records.

A `DocIndex` knows documents, schemas, nested lists and queries; a `Collection` knows none of these. It keeps records and
finds them again by id, by vector, by a condition on their values, and by words. A backend is one class of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from thalweg.docs.query.condition import Condition
from thalweg.docs.query.metric import Metric


@dataclass(frozen=True)
class VectorColumn:
    """A vector of `size` float32 numbers in each record, compared by `metric`. `options` are the database's own."""

    name: str
    size: int
    metric: Metric = Metric.COSINE
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ValueColumn:
    """A value that conditions may ask about: str, int, float, bool, or a list of one of these; None where there is none.

    `words` says that the text is searched for words. `options` are the database's own.
    """

    name: str
    type: type
    many: bool = False
    words: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """The columns of a collection. Names are paths of fields, joined by `__`; nested ones have a value `parent_id`."""

    name: str
    vectors: tuple[VectorColumn, ...]
    values: tuple[ValueColumn, ...]


class Record(NamedTuple):
    """What is kept of a document. `payload` is the whole document, encoded: the index alone can read it.

    `vectors` and `values` hold what the columns of the layout name; a vector may be missing.
    """

    id: str
    payload: bytes
    vectors: Mapping[str, np.ndarray[Any, Any]]
    values: Mapping[str, Any]


class Hit(NamedTuple):
    """A record that was found. `score` is the metric's value, or the relevance of words: the greater, the better."""

    id: str
    payload: bytes
    score: float


Native: TypeAlias = Any
"""A condition in the database's own language, handed through as it is."""


class Collection(ABC):
    """Keeps the records of one layout. Opening one that exists already finds its records again.

    Conditions are a `Condition`, whose paths are columns of the layout (or `id`), or what `is_native` recognises. What the
    database cannot ask raises `Unsupported`; nothing is silently left out. Results are best first and exactly `limit`
    where there are as many. Methods may be called from several threads.
    """

    searches_words: ClassVar[bool] = False
    """Whether `match` works."""

    exact: ClassVar[bool] = False
    """Whether `nearest` never misses a record that is nearer."""

    layout: Layout

    @abstractmethod
    def put(self, records: Sequence[Record]) -> None:
        """Keep the records, in place of those with the same ids. They are found as soon as this returns."""

    @abstractmethod
    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        """The payload of each id, in order; None where there is no such record."""

    @abstractmethod
    def delete(self, ids: Sequence[str]) -> None:
        """Forget these records; ids that are not there are ignored."""

    @abstractmethod
    def count(self) -> int:
        """The number of records."""

    @abstractmethod
    def scan(self) -> Iterator[tuple[str, bytes]]:
        """Id and payload of every record, in any order, page by page."""

    @abstractmethod
    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        """For each row of `vectors` (n, size) the nearest records among those that fulfil `condition`.

        A record without this vector is never found.
        """

    @abstractmethod
    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        """Id and payload of the records that fulfil `condition`; all of them where `limit` is None."""

    def match(self, column: str, text: str, limit: int, condition: Condition | Native | None = None) -> list[Hit]:
        """The records whose text has words of `text`, by relevance."""
        raise Unsupported(f"{type(self).__name__} does not search for words")

    def is_native(self, query: Any) -> bool:
        """Whether `query` is a condition in the database's own language."""
        return False

    def flush(self) -> None:  # noqa: B027  # most databases keep what they were told at once
        """Make what was put survive the end of this process."""

    def close(self) -> None:  # noqa: B027
        """Let go of files and connections. Records stay where the database keeps them."""

    @abstractmethod
    def drop(self) -> None:
        """Forget all records and the collection itself."""


class Unsupported(NotImplementedError):
    """The database cannot do what was asked; the message says what to use in its place."""
