"""Records in a SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from thalweg.docs.index.collection import Layout, Record
from thalweg.docs.index.sqlite_sql import as_json, define_functions, stored, where
from thalweg.docs.query.condition import Condition

_PAGE = 500
_TOKENS = "unicode61 remove_diacritics 0"


class Change(NamedTuple):
    """Rows that came, in the order of the records, and rows that are gone."""

    added: list[int]
    removed: list[int]


class SQLiteRecords:
    """The records of one collection. Each time that a record is put it has a new row, a number greater than all before.

    What was put survives the end of the process, however it ends; the loss of power may cost the last changes, never
    the file. Methods may be called from several threads.

    Raises:
        LayoutMismatch: the file holds records of other columns.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._layout = layout
        self._path = path
        self._names = {name: f"value{n}" for n, name in enumerate(sorted(column.name for column in layout.values))}
        self._vectors = {name: f"vector{n}" for n, name in enumerate(sorted(column.name for column in layout.vectors))}
        self._words = {name: f"words{n}" for n, name in enumerate(sorted(c.name for c in layout.values if c.words))}
        self._lock = RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            define_functions(self._connection)
            self._create()
        except BaseException:
            self._connection.close()
            raise

    def put(self, records: Sequence[Record]) -> Change:
        """Keep records, in place of those with the same ids. The ids differ."""
        with self._transaction():
            removed = self._delete([record.id for record in records])
            added = [self._insert(record) for record in records]
        return Change(added, removed)

    def delete(self, ids: Sequence[str]) -> list[int]:
        """Forget records; returns their rows."""
        with self._transaction():
            return self._delete(ids)

    def get(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Payloads by id."""
        return dict(
            self._ask(
                "SELECT id, payload FROM records JOIN payloads USING (row) WHERE id IN (SELECT value FROM json_each(?))",
                [as_json(list(ids))],
            )
        )

    def fetch(self, rows: Collection[int]) -> dict[int, tuple[str, bytes]]:
        """Ids and payloads by row."""
        found = self._ask(
            "SELECT row, id, payload FROM records JOIN payloads USING (row) WHERE row IN (SELECT value FROM json_each(?))",
            [as_json(list(rows))],
        )
        return {row: (key, payload) for row, key, payload in found}

    def count(self) -> int:
        return int(self._ask("SELECT count(*) FROM records")[0][0])

    def scan(self) -> Iterator[tuple[str, bytes]]:
        """Every record, page by page."""
        last = -1
        while page := self._ask(
            "SELECT row, id, payload FROM records JOIN payloads USING (row) WHERE row > ? ORDER BY row LIMIT ?",
            [last, _PAGE],
        ):
            yield from ((key, payload) for _, key, payload in page)
            last = page[-1][0]

    def rows(self, condition: Condition, limit: int | None = None) -> list[int]:
        """The rows of the records that fulfil a condition."""
        text, parameters = where(condition, self._layout, self._names)
        found = self._ask(
            f"SELECT row FROM records WHERE {text} LIMIT ?", [*parameters, -1 if limit is None else limit]
        )
        return [row for (row,) in found]

    def rows_with(self, column: str) -> np.ndarray[Any, Any]:
        """The rows of all records that have a vector, ascending."""
        found = self._ask(f"SELECT row FROM vectors WHERE {self._vectors[column]} IS NOT NULL ORDER BY row")
        return np.array([row for (row,) in found], np.int64)

    def vectors(self, column: str, rows: Sequence[int]) -> Iterator[tuple[list[int], np.ndarray[Any, Any]]]:
        """The vectors of some rows, page by page, in ascending order."""
        name = self._vectors[column]
        ordered = sorted(rows)
        for first in range(0, len(ordered), 20 * _PAGE):
            page = ordered[first : first + 20 * _PAGE]
            found = self._ask(
                f"SELECT row, {name} FROM vectors WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row",
                [as_json(page)],
            )
            numbers = np.frombuffer(b"".join(vector for _, vector in found), "<f4")
            yield [row for row, _ in found], numbers.reshape(len(found), -1)

    def match(
        self, column: str, words: Sequence[str], limit: int, condition: Condition | None
    ) -> list[tuple[int, float]]:
        """Rows of the texts that have one of the words, and their relevance: SQLite's BM25, the greater the better."""
        table = self._words[column]
        question = " OR ".join('"' + word.replace('"', '""') + '"' for word in words)
        text, parameters = ("1", []) if condition is None else where(condition, self._layout, self._names)
        return self._ask(
            f"SELECT records.row, -bm25({table}) AS score FROM {table} JOIN records ON records.row = {table}.rowid "
            f"WHERE {table} MATCH ? AND {text} ORDER BY score DESC, records.row LIMIT ?",
            [question, *parameters, limit],
        )

    def changes_elsewhere(self) -> int:
        """A number that is another one once another process has changed the file."""
        return int(self._ask("PRAGMA data_version")[0][0])

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _create(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        values = "".join(f", {name}" for name in ["id TEXT NOT NULL UNIQUE", *self._names.values()])
        vectors = "".join(f", {name} BLOB" for name in self._vectors.values())
        with self._transaction():
            for statement in (
                "CREATE TABLE IF NOT EXISTS about (layout TEXT NOT NULL)",
                f"CREATE TABLE IF NOT EXISTS records (row INTEGER PRIMARY KEY AUTOINCREMENT{values})",
                "CREATE TABLE IF NOT EXISTS payloads (row INTEGER PRIMARY KEY, payload BLOB NOT NULL)",
                f"CREATE TABLE IF NOT EXISTS vectors (row INTEGER PRIMARY KEY{vectors})",
                *(
                    f"CREATE VIRTUAL TABLE IF NOT EXISTS {table} USING fts5(text, tokenize = '{_TOKENS}')"
                    for table in self._words.values()
                ),
            ):
                self._connection.execute(statement)
            kept = self._ask("SELECT layout FROM about")
            if kept:
                self._layout.verify(kept[0][0])
            else:
                self._connection.execute("INSERT INTO about VALUES (?)", [self._layout.described()])

    def _insert(self, record: Record) -> int:
        values = [stored(record.values.get(column.name), column) for column in self._sorted_values()]
        marks = ", ".join("?" * (len(values) + 1))
        names = ", ".join(["id", *self._names.values()])
        row = self._connection.execute(
            f"INSERT INTO records ({names}) VALUES ({marks})", [record.id, *values]
        ).lastrowid
        self._connection.execute("INSERT INTO payloads VALUES (?, ?)", [row, record.payload])
        given = [record.vectors.get(name) for name in self._vectors]
        if any(vector is not None for vector in given):
            blobs = [None if vector is None else np.asarray(vector, "<f4").tobytes() for vector in given]
            marks = ", ".join("?" * (len(blobs) + 1))
            self._connection.execute(f"INSERT INTO vectors VALUES ({marks})", [row, *blobs])
        for name, table in self._words.items():
            if record.values.get(name) is not None:
                self._connection.execute(f"INSERT INTO {table} (rowid, text) VALUES (?, ?)", [row, record.values[name]])
        assert row is not None
        return row

    def _sorted_values(self) -> list[Any]:
        return sorted(self._layout.values, key=lambda column: column.name)

    def _delete(self, ids: Sequence[str]) -> list[int]:
        found = self._ask(
            "DELETE FROM records WHERE id IN (SELECT value FROM json_each(?)) RETURNING row", [as_json(list(ids))]
        )
        rows = [row for (row,) in found]
        for table in ("payloads", "vectors", *self._words.values()) if rows else ():
            self._connection.execute(
                f"DELETE FROM {table} WHERE rowid IN (SELECT value FROM json_each(?))", [as_json(rows)]
            )
        return rows

    def _ask(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, parameters).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
