"""A collection in main memory, searched exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from thalweg.docs.index.collection import ID, Collection, Hit, Layout, Record
from thalweg.docs.index.evaluation import Array, fulfilled, inside
from thalweg.docs.index.gate import Gate
from thalweg.docs.index.matrix import Matrix
from thalweg.docs.index.words import WordIndex
from thalweg.docs.query.condition import Condition, Path

_PAGE = 1000


class Snapshot(NamedTuple):
    """What a collection in memory keeps, row by row: vectors as they are stored, and which rows have one."""

    ids: list[str]
    payloads: list[bytes]
    values: dict[str, list[Any]]
    matrices: dict[str, tuple[Array, Array]]


class MemoryCollection(Collection):
    """Records in columns: each has a row, and the last one takes the place of one that is deleted.

    Adding is O(1) in the mean. A search costs one product of matrices; with a condition only the rows that fulfil it.
    """

    exact = True
    compares_values = True
    asks_inside = True
    searches_words = True
    learns_sizes = True

    _ids: list[str]
    _rows: dict[str, int]
    _payloads: list[bytes]
    _values: dict[str, list[Any]]

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._gate = Gate()
        self._reading_words = Lock()
        self._clear()

    def put(self, records: Sequence[Record]) -> None:
        latest = list({record.id: record for record in records}.values())
        with self._gate.writing():
            for name, matrix in self._matrices.items():
                matrix.check(record.vectors.get(name) for record in latest)
            known = [record for record in latest if record.id in self._rows]
            new = [record for record in latest if record.id not in self._rows]
            self._replace(known)
            self._add(new)
            for name, index in self._words.items():
                for record in latest:
                    index.put(record.id, record.values.get(name))

    def get(self, ids: Sequence[str]) -> list[bytes | None]:
        with self._gate.reading():
            rows = map(self._rows.get, ids)
            return [None if row is None else self._payloads[row] for row in rows]

    def delete(self, ids: Sequence[str]) -> None:
        with self._gate.writing():
            for key in ids:
                row = self._rows.pop(key, None)
                if row is not None:
                    self._remove(row)
                    for index in self._words.values():
                        index.remove(key)

    def count(self) -> int:
        return len(self._ids)

    def scan(self) -> Iterator[tuple[str, bytes]]:
        with self._gate.reading():
            ids = list(self._ids)
        for first in range(0, len(ids), _PAGE):
            page = ids[first : first + _PAGE]
            found = zip(page, self.get(page), strict=True)
            yield from [(key, payload) for key, payload in found if payload is not None]

    def nearest(
        self, column: str, vectors: np.ndarray[Any, Any], limit: int, condition: Condition | None = None
    ) -> list[list[Hit]]:
        with self._gate.reading():
            wanted = None if condition is None else self._mask(condition)
            found = self._matrices[column].nearest(vectors, limit, wanted)
            return [
                [
                    Hit(self._ids[row], self._payloads[row], score)
                    for row, score in zip(one.rows.tolist(), one.scores.tolist(), strict=True)
                ]
                for one in found
            ]

    def select(self, condition: Condition, limit: int | None = None) -> list[tuple[str, bytes]]:
        with self._gate.reading():
            rows = np.flatnonzero(self._mask(condition)).tolist()
            return [(self._ids[row], self._payloads[row]) for row in rows[:limit]]

    def match(self, column: str, text: str, limit: int, condition: Condition | None = None) -> list[Hit]:
        with self._gate.reading():
            mask = None if condition is None else self._mask(condition)
            words = self._words_of(column)
            found = words.match(text, limit, lambda key: mask is None or bool(mask[self._rows[key]]))
            return [Hit(key, self._payloads[self._rows[key]], score) for key, score in found]

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """All that it keeps, unchanged for as long as the block lasts."""
        with self._gate.reading():
            matrices = {name: matrix.stored() for name, matrix in self._matrices.items()}
            yield Snapshot(self._ids, self._payloads, self._values, matrices)

    def restore(self, kept: Snapshot) -> None:
        """Keep what is in a snapshot, in place of all that was there; its lists and arrays become the collection's own."""
        metrics = {column.name: column.metric for column in self.layout.vectors}
        with self._gate.writing():
            self._clear()
            self._ids, self._payloads, self._values = kept.ids, kept.payloads, kept.values
            self._rows = {key: row for row, key in enumerate(kept.ids)}
            self._matrices = {name: Matrix.restored(metrics[name], *kept.matrices[name]) for name in metrics}

    def drop(self) -> None:
        with self._gate.writing():
            self._clear()

    def _clear(self) -> None:
        self._ids = []
        self._rows = {}
        self._payloads = []
        self._values = {column.name: [] for column in self.layout.values}
        self._matrices = {column.name: Matrix(column.size, column.metric) for column in self.layout.vectors}
        self._words: dict[str, WordIndex] = {}

    def _replace(self, records: Sequence[Record]) -> None:
        rows = [self._rows[record.id] for record in records]
        for row, record in zip(rows, records, strict=True):
            self._payloads[row] = record.payload
        for name, values in self._values.items():
            for row, record in zip(rows, records, strict=True):
                values[row] = record.values.get(name)
        for name, matrix in self._matrices.items():
            matrix.write(rows, [record.vectors.get(name) for record in records])

    def _add(self, records: Sequence[Record]) -> None:
        for row, record in enumerate(records, len(self._ids)):
            self._rows[record.id] = row
        self._ids.extend(record.id for record in records)
        self._payloads.extend(record.payload for record in records)
        for name, values in self._values.items():
            values.extend(record.values.get(name) for record in records)
        for name, matrix in self._matrices.items():
            matrix.append([record.vectors.get(name) for record in records])

    def _remove(self, row: int) -> None:
        last = self._ids[-1]
        if row < len(self._ids) - 1:
            self._rows[last] = row
        columns: list[list[Any]] = [self._ids, self._payloads, *self._values.values()]
        for held in columns:
            final = held.pop()
            if row < len(held):
                held[row] = final
        for matrix in self._matrices.values():
            matrix.remove(row)

    def _words_of(self, column: str) -> WordIndex:
        """The words of a column, read when they are first asked for."""
        with self._reading_words:
            if column not in self._words:
                words = WordIndex()
                for key, text in zip(self._ids, self._values[column], strict=True):
                    words.put(key, text)
                self._words[column] = words
            return self._words[column]

    def _mask(self, condition: Condition) -> Array:
        return fulfilled(condition, self._values_at, len(self._ids))

    def _values_at(self, path: Path) -> Sequence[Any]:
        column, keys = self.layout.value(path)
        values: Sequence[Any] = self._ids if column.name == ID else self._values[column.name]
        return inside(values, keys) if keys else values
