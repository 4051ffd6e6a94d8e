"""Records in PostgreSQL, with the pgvector extension: one table for each collection."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

import numpy as np

from thalweg.docs.document import BaseDoc
from thalweg.docs.extras import load_extra
from thalweg.docs.index.collection import (
    ID,
    OPERATORS,
    Collection,
    Hit,
    Layout,
    Native,
    Record,
    ValueColumn,
    VectorColumn,
)
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.pgvector_sql import (
    DISTANCE,
    PAYLOAD,
    cast_of,
    creation,
    given,
    kept,
    language_of,
    quoted,
    where,
    words_of,
)
from thalweg.docs.query.condition import Condition, Operator, Path
from thalweg.docs.query.metric import Metric
from thalweg.errors import InvalidDocument, Unavailable

T_doc = TypeVar("T_doc", bound=BaseDoc)

_PAGE = 1_000
"""Records that are sent or fetched at a time."""

DEFAULT_URL = "postgresql://postgres@localhost:5432/postgres"
_LARGEST_EF = 1_000
_BELOW_ONE, _BY_LENGTH = 32, 1  # what ts_rank is told to do with its ranks
_LOCK = 0x7468616C  # any number: programs that make tables take turns by it


class PgVectorCollection(Collection):
    """One table of a PostgreSQL database that has the extension `vector` (0.5 or newer).

    A native condition is the text of a SQL condition over the columns' own names, such as `"year" > 2000 AND title ILIKE
    'a%'`. Without an index (the default) a search looks at every vector that fulfils the condition, and is exact. Options
    of a vector column:

    - `index_type`: with `hnsw` or `ivfflat` searches are fast and approximate. Where they come back with too few, because a
      condition leaves few or because a limit is large, an exact search takes their place.
    - `m`, `ef_construction`, `lists`: what `CREATE INDEX` takes.
    - `ef_search`, `probes`: how much of the index a search looks at.

    Words are found by PostgreSQL's full-text search, in the first 200,000 characters of a text. The option `language` of a
    value column (default `simple`: words as they are) names a text search configuration, such as `english`, which knows
    stems and stop words. The relevance is the number of words that were found, and below one how often.

    Args:
        layout: the columns.
        url: `postgresql://user:password@host:port/database`, or any connection string of libpq.
    """

    operators: ClassVar[Mapping[type, frozenset[Operator]]] = {
        kind: operators - {Operator.REGEX} for kind, operators in OPERATORS.items()
    }
    compares_values = True
    asks_inside = True
    searches_words = True
    exact = True

    def __init__(self, layout: Layout, url: str = DEFAULT_URL) -> None:
        self._psycopg = load_extra("psycopg", "pgvector", "indexes in PostgreSQL")
        self._pgvector = load_extra("pgvector.psycopg", "pgvector", "indexes in PostgreSQL")
        self.layout = layout
        self._url = url
        self._lock = threading.RLock()
        self._connection: Any = None
        self._table = quoted(layout.name)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def put(self, records: Sequence[Record]) -> None:
        columns: list[VectorColumn | ValueColumn] = [*self.layout.vectors, *self.layout.values]
        names = [ID, PAYLOAD, *(quoted(column.name) for column in columns)]
        places = ["%s", "%s", *(f"%s::{cast_of(column)}" for column in columns)]
        updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in names[1:])
        statement = (
            f"INSERT INTO {self._table} ({', '.join(names)}) VALUES ({', '.join(places)}) "
            f"ON CONFLICT ({ID}) DO UPDATE SET {updates}"
        )
        try:
            with self._cursor() as cursor:
                for first in range(0, len(records), _PAGE):
                    cursor.executemany(statement, [self._row(record) for record in records[first : first + _PAGE]])
        except self._psycopg.DataError as error:
            raise InvalidDocument(f"PostgreSQL cannot keep a document: {_line(error)}") from error

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        statement = f"SELECT {ID}, {PAYLOAD} FROM {self._table} WHERE {ID} = ANY(%s::text[])"
        found: dict[str, bytes] = {}
        for page in _pages(ids):
            found.update(self._rows(statement, [page]))
        return [found.get(kept(key)) for key in ids]

    def delete(self, ids: Sequence[str]) -> None:
        with self._cursor() as cursor:
            for page in _pages(ids):
                cursor.execute(f"DELETE FROM {self._table} WHERE {ID} = ANY(%s::text[])", [page])

    def count(self) -> int:
        return cast(int, self._rows(f"SELECT count(*) FROM {self._table}")[0][0])

    def scan(self) -> Iterator[tuple[str, bytes]]:
        page = self._rows(f"SELECT {ID}, {PAYLOAD} FROM {self._table} ORDER BY {ID} LIMIT {_PAGE}")
        following = f"SELECT {ID}, {PAYLOAD} FROM {self._table} WHERE {ID} > %s ORDER BY {ID} LIMIT {_PAGE}"
        while page:
            yield from _pairs(page)
            page = self._rows(following, [page[-1][0]])

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | Native | None = None
    ) -> list[list[Hit]]:
        place = self.layout.vector(column)
        conditioned = where(condition, self.layout, column)
        if limit < 1:
            return [[] for _ in vectors]
        with self._cursor() as cursor:
            return [self._nearest(cursor, place, vector, limit, conditioned) for vector in vectors]

    def select(self, condition: Condition | Native, limit: int | None = None) -> list[tuple[str, bytes]]:
        text, parameters = where(condition, self.layout)
        statement = f"SELECT {ID}, {PAYLOAD} FROM {self._table} WHERE {text} LIMIT %s"
        return _pairs(self._rows(statement, [*parameters, limit]))

    def match(self, column: str, text: str, limit: int, condition: Condition | Native | None = None) -> list[Hit]:
        place, _ = self.layout.value(Path((column,)))
        conditioned, parameters = where(condition, self.layout)
        # plainto_tsquery asks for all of the words, which stand between quotes and without spaces; any of them shall do.
        asked = (
            "SELECT replace(plainto_tsquery(%s::regconfig, %s)::text, ' & ', ' | ')::tsquery, "
            "tsvector_to_array(to_tsvector(%s::regconfig, %s))"
        )
        words, language = words_of(place), language_of(place)
        # ts_rank knows how often, but not of how many of the words.
        how_many = f"(SELECT count(*) FROM unnest(tsvector_to_array({words})) AS word WHERE word = ANY(lexemes))"
        statement = (
            f"SELECT {ID}, {PAYLOAD}, {how_many} + ts_rank({words}, query, {_BELOW_ONE | _BY_LENGTH})::float8 AS _score "
            f"FROM {self._table}, ({asked}) AS asked(query, lexemes) WHERE {words} @@ query AND {conditioned} "
            "ORDER BY _score DESC LIMIT %s"
        )
        question = [language, _plain(text)] * 2
        return [Hit(given(key), *rest) for key, *rest in self._rows(statement, [*question, *parameters, limit])]

    def is_native(self, query: Any) -> bool:
        return isinstance(query, str) and not query.lstrip().startswith(("{", "["))  # that is JSON

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def drop(self) -> None:
        self._rows(f"DROP TABLE IF EXISTS {self._table}")

    def _open(self) -> None:
        with self._cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            cursor.execute("SELECT to_regclass(%s), obj_description(to_regclass(%s))", [self._table, self._table])
            name, described = cursor.fetchone()
            if name is None:
                for statement in creation(self.layout):
                    cursor.execute(statement)
            else:
                self.layout.verify(described or '{"vectors":[],"values":[]}')

    def _nearest(
        self, cursor: Any, column: VectorColumn, vector: Any, limit: int, conditioned: tuple[str, list[Any]]
    ) -> list[Hit]:
        text, parameters = conditioned
        distance = f"{quoted(column.name)} {DISTANCE[column.metric]} %s::vector"
        # An index knows the distance alone and leaves out what has none; exact searches give what has no direction 1.
        exactly = f"coalesce(nullif({distance}, 'NaN'), 1)"
        for order in (distance, exactly) if column.options.get("index_type") and vector.any() else (exactly,):
            if order is distance:
                _look_at(cursor, column, limit)
            cursor.execute(
                f"SELECT {ID}, {PAYLOAD}, {order} AS _distance FROM {self._table} WHERE {text} ORDER BY 3 LIMIT %s",
                [vector, *parameters, limit],
            )
            rows = cursor.fetchall()
            if len(rows) == limit:
                break
        return [Hit(given(key), payload, _score(column.metric, away)) for key, payload, away in rows]

    def _row(self, record: Record) -> list[Any]:
        row: list[Any] = [kept(record.id), record.payload]
        row += [record.vectors.get(vector.name) for vector in self.layout.vectors]
        for value in self.layout.values:
            held = kept(record.values.get(value.name))
            row.append(self._psycopg.types.json.Jsonb(held) if value.type is dict and held is not None else held)
        return row

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        """A cursor in a transaction that ends with the block."""
        with self._lock:
            try:
                with ExitStack() as stack:
                    self._begin(stack)
                    yield stack.enter_context(self._connection.cursor())
            except self._psycopg.OperationalError as error:
                if self._connection is not None and not self._connection.broken:
                    raise
                raise Unavailable(f"The connection to PostgreSQL at {self._address()} broke: {_line(error)}") from error

    def _begin(self, stack: ExitStack) -> None:
        """Begin a transaction, over a new connection where the server has closed the one that there was."""
        if self._connection is not None and not self._connection.closed:
            try:
                stack.enter_context(self._connection.transaction())
                return
            except self._psycopg.OperationalError:
                if not self._connection.broken:
                    raise
        self._connection = self._connected()
        stack.enter_context(self._connection.transaction())

    def _connected(self) -> Any:
        try:
            connection = self._psycopg.connect(self._url, autocommit=True, row_factory=self._psycopg.rows.tuple_row)
        except self._psycopg.OperationalError as error:
            raise Unavailable(
                f"PostgreSQL at {self._address()} cannot be used: {_line(error)}. Start the server, or name another "
                "one with `url`."
            ) from error
        try:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
                if not connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone():
                    connection.execute("CREATE EXTENSION vector")
            self._pgvector.register_vector(connection)
        except self._psycopg.Error as error:
            connection.close()
            raise Unavailable(
                f"PostgreSQL at {self._address()} has no extension `vector`, and it could not be created: "
                f"{_line(error)}. Install pgvector on the server and run CREATE EXTENSION vector as a superuser."
            ) from error
        return connection

    def _address(self) -> str:
        """Host, port and database: what may be said of the connection string, which may hold a password."""
        known = self._psycopg.conninfo.conninfo_to_dict(self._url)
        return f"{known.get('host', 'localhost')}:{known.get('port', 5432)}/{known.get('dbname', '')}"

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with self._cursor() as cursor:
            cursor.execute(statement, parameters)
            return cast(list[Any], cursor.fetchall()) if cursor.description is not None else []


class PgVectorDocumentIndex(DocIndex[T_doc]):
    """Documents in PostgreSQL with pgvector: `PgVectorDocumentIndex[MyDoc](url="postgresql://...")`.

    Searches are exact unless a field asks for an index: `Field(json_schema_extra={"index_type": "hnsw"})`; see
    `PgVectorCollection` for what else a field may say. A filter that is text is a condition in SQL.
    """

    collection_type = PgVectorCollection

    @dataclass
    class DBConfig(DocIndex.DBConfig):
        """`url` is any connection string of libpq."""

        url: str = DEFAULT_URL

    def open_collection(self, layout: Layout) -> PgVectorCollection:
        return PgVectorCollection(layout, cast(PgVectorDocumentIndex.DBConfig, self.db_config).url)


def _pages(ids: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(ids), _PAGE):
        yield kept(ids[first : first + _PAGE])


def _pairs(rows: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return [(given(key), payload) for key, payload in rows]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _plain(text: str) -> str:
    return text.replace("\0", " ")


def _look_at(cursor: Any, column: VectorColumn, limit: int) -> None:
    """Let the search of an index go far enough to find as many as are wanted."""
    if column.options["index_type"] == "hnsw":
        wide = max(int(column.options.get("ef_search", 40)), limit)
        cursor.execute("SELECT set_config('hnsw.ef_search', %s, true)", [str(min(wide, _LARGEST_EF))])
    elif "probes" in column.options:
        cursor.execute("SELECT set_config('ivfflat.probes', %s, true)", [str(int(column.options["probes"]))])


def _score(metric: Metric, distance: float) -> float:
    if metric is Metric.COSINE:
        return 1 - distance
    if metric is Metric.DOT:
        return -distance
    return distance if metric is Metric.EUCLIDEAN else distance**2
