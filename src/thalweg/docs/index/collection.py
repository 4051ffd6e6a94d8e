"""What a database does for a document index: one collection of flat records.

A `DocIndex` knows documents, schemas, nested lists and queries; a `Collection` knows none of these. It keeps records and
finds them again by id, by vector, by a condition on their values, and by words. A backend is one class of it, and
`thalweg.testing.collections` checks that it does all that is said here.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, TypeAlias

import msgspec
import numpy as np

from thalweg.docs.query.condition import Condition, Operator, Path
from thalweg.docs.query.metric import Metric
from thalweg.errors import MalformedRequest

ID = "id"
"""The name under which conditions ask for the id of a record. No column is called so."""


@dataclass(frozen=True)
class VectorColumn:
    """A vector of `size` float32 numbers in each record, compared by `metric`. `options` are the database's own."""

    name: str
    size: int
    metric: Metric = Metric.COSINE
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ValueColumn:
    """A value that conditions may ask about; None where there is none.

    `type` is str, int (64 bits), float, bool, or dict: keys that are text, and values as JSON has them. `many` says that
    it is a list of such values, without None. `words` says that the text is searched for words. `options` are the
    database's own.
    """

    name: str
    type: type
    many: bool = False
    words: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """The columns of a collection. `name` is what the user calls it: any text, which a database may have to spell anew.

    Names of columns are names of fields: mostly `author__name` and the like, but any text is possible.
    """

    name: str
    vectors: tuple[VectorColumn, ...]
    values: tuple[ValueColumn, ...]

    def vector(self, name: str) -> VectorColumn:
        """The vector column of this name.

        Raises:
            ValueError: there is none; the message names those that there are.
        """
        for column in self.vectors:
            if column.name == name:
                return column
        raise ValueError(f"no vector is called {name!r}; there are {_listed(column.name for column in self.vectors)}")

    def value(self, path: Path) -> tuple[ValueColumn, tuple[str, ...]]:
        """The value column that `path` leads to, and the rest of the path: keys and positions inside of its value.

        Raises:
            ValueError: there is none; the message names those that there are.
        """
        if path.parts == (ID,):
            return ValueColumn(ID, str), ()
        for length in range(len(path.parts), 0, -1):
            name = "__".join(path.parts[:length])
            for column in self.values:
                if column.name == name:
                    return column, path.parts[length:]
        known = _listed([ID, *(column.name for column in self.values)])
        raise ValueError(f"no value is called '{path}'; there are {known}")

    def described(self) -> str:
        """The columns as text, for a database to keep beside the records. The same columns give the same text."""
        vectors = [[column.name, column.size, str(column.metric)] for column in self.vectors]
        values = [[column.name, column.type.__name__, column.many, column.words] for column in self.values]
        return json.dumps({"vectors": sorted(vectors), "values": sorted(values)}, separators=(",", ":"))

    def verify(self, described: str) -> None:
        """Check that records which were kept under `described` are records of this layout.

        Raises:
            LayoutMismatch: they have other columns; the message says which.
            MalformedRequest: it is no description of columns.
        """
        if described == self.described():
            return
        try:
            found = msgspec.json.decode(described, type=_Described)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise MalformedRequest(
                f"What the collection {self.name!r} says about its columns is damaged: {error}"
            ) from None
        wanted = json.loads(self.described())
        kept = {"vectors": list(map(list, found.vectors)), "values": list(map(list, found.values))}
        differences = [
            f"{verb} {_words_of(column)}"
            for key in ("vectors", "values")
            for verb, those, these in (("it has", kept, wanted), ("the schema has", wanted, kept))
            for column in those[key]
            if column not in these[key]
        ]
        raise LayoutMismatch(
            f"The collection {self.name!r} was made for another schema: {'; '.join(differences)}. Open it with the class "
            "of document that it was made for, or choose another index_name and index the documents again."
        )


class _Described(msgspec.Struct):
    """What `Layout.described` writes."""

    vectors: list[tuple[str, int, str]]
    values: list[tuple[str, str, bool, bool]]


class Record(NamedTuple):
    """What is kept of a document. `payload` is the whole document, encoded: the index alone can read it.

    `vectors` and `values` hold what the columns of the layout name, contiguous float32 and plain Python values. What is
    missing there, or None, the record does not have. Numbers are finite, text has no NUL and is valid Unicode, an id is 1
    to 1,024 bytes of UTF-8.
    """

    id: str
    payload: bytes
    vectors: Mapping[str, np.ndarray[Any, Any]]
    values: Mapping[str, Any]


class Hit(NamedTuple):
    """A record that was found, and its score.

    For a vector the score is the value of the column's metric as `Metric` says: a similarity, or a distance that is the
    smaller the nearer. For words it is their relevance, the greater the better.
    """

    id: str
    payload: bytes
    score: float


Native: TypeAlias = Any
"""A condition in the database's own language, handed through as it is."""


_EQUALITY = frozenset({Operator.EQ, Operator.NEQ, Operator.IN, Operator.NIN, Operator.EXISTS})
_ORDER = frozenset({Operator.LT, Operator.LTE, Operator.GT, Operator.GTE})

OPERATORS: Mapping[type, frozenset[Operator]] = {
    str: _EQUALITY | _ORDER | {Operator.REGEX, Operator.SIZE, Operator.CONTAINS},
    int: _EQUALITY | _ORDER,
    float: _EQUALITY | _ORDER,
    bool: _EQUALITY,
    list: frozenset({Operator.EQ, Operator.NEQ, Operator.CONTAINS, Operator.SIZE, Operator.EXISTS}),
    dict: frozenset({Operator.EQ, Operator.NEQ, Operator.CONTAINS, Operator.SIZE, Operator.EXISTS}),
}
"""What there is to ask of each type of value; `list` stands for columns that hold many."""


class Collection(ABC):
    """Keeps the records of one layout. Opening one that exists already finds its records again.

    Conditions are a `Condition` that `askable` has let pass, so its paths are values of the layout (or `id`), its operators
    are among `operators` and its operands are of the columns' types (an int may stand for a float and the other way
    round); or they are what `is_native` recognises. They mean exactly what Python would make of them: a value that is not
    there is None, None is equal to None alone, is not greater or smaller than anything, and a `Not` is true wherever its
    condition is not. (`affirmed` brings a condition into a form in which a database with a third truth value cannot get
    this wrong; both are in `thalweg.docs.index.condition`.) `$exists` asks whether the value is not None, `$contains`
    whether the operand is an item of a list, a key of a dict or a part of a text.

    What the database cannot ask raises `Unsupported`; nothing is silently left out. Results are best first and exactly
    `limit` where there are as many. Methods may be called from several threads.

    Raises:
        LayoutMismatch: on opening, the collection is there already and has other columns (see `Layout.verify`).
    """

    metrics: ClassVar[frozenset[Metric]] = frozenset(Metric)
    """What it can compare vectors by. A layout with any other raises `Unsupported` on opening."""

    many_vectors: ClassVar[bool] = True
    """Whether a layout may have more than one vector; otherwise that raises `Unsupported` on opening. All may have none."""

    learns_sizes: ClassVar[bool] = False
    """Whether a vector may have the size 0 in the layout, and takes on the size of the first one that is put."""

    operators: ClassVar[Mapping[type, frozenset[Operator]]] = OPERATORS
    """What conditions may ask of each type of value: a part of `OPERATORS`."""

    compares_values: ClassVar[bool] = False
    """Whether a condition may compare a value with another value of the record (a `Path` as operand)."""

    asks_inside: ClassVar[bool] = False
    """Whether a path may go on inside of a value: keys of a dict, positions in a list."""

    searches_words: ClassVar[bool] = False
    """Whether `match` works."""

    exact: ClassVar[bool] = False
    """Whether `nearest` never misses a record that is nearer."""

    layout: Layout

    @abstractmethod
    def put(self, records: Sequence[Record]) -> None:
        """Keep the records, in place of those with the same ids; of several with one id the last. However many there are.

        They are found as soon as this returns.
        """

    @abstractmethod
    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        """The payload of each id, in order, twice where it is asked for twice; None where there is no such record."""

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

        A record without this vector is never found. Where the metric is `COSINE`, a vector of zeros has no direction: it
        scores 0, or is not found.
        """

    @abstractmethod
    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        """Id and payload of the records that fulfil `condition`, in any order; all of them where `limit` is None."""

    def match(self, column: str, text: str, limit: int, condition: Condition | Native | None = None) -> list[Hit]:
        """The records whose text has at least one word of `text`, by relevance. Upper and lower case are the same."""
        raise Unsupported(f"{type(self).__name__} does not search for words")

    def is_native(self, query: Any) -> bool:
        """Whether `query` is a condition in the database's own language."""
        return False

    def flush(self) -> None:  # noqa: B027  # most databases keep what they were told at once
        """Make what was put survive the end of this process."""

    def close(self) -> None:  # noqa: B027
        """Let go of files and connections. Records stay where the database keeps them. May be called again."""

    @abstractmethod
    def drop(self) -> None:
        """Forget all records and the collection itself. Only `close` may be called afterwards."""


class Unsupported(NotImplementedError):
    """The database cannot do what was asked; the message says what to use in its place."""


class LayoutMismatch(ValueError):
    """A collection that exists has other columns than the schema says."""


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names)) or "none"


def _words_of(column: list[Any]) -> str:
    name, *rest = column
    if len(rest) == 2:
        return f"the vector {name!r} of {rest[0]} numbers compared by {rest[1]}"
    kind, many, words = rest
    return f"the value {name!r} ({'list of ' if many else ''}{kind}{', searched for words' if words else ''})"
