"""Vectors in main memory, and those of them that are nearest to others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from thalweg.docs.query.metric import Metric

Array = np.ndarray[Any, Any]
_AT_ONCE = 1 << 22
"""Scores that are computed in one go, so that many queries at once need 16 MB and not gigabytes."""


class Nearest(NamedTuple):
    """Rows and their scores, best first."""

    rows: Array
    scores: Array


class Matrix:
    """One vector of `size` float32 numbers, or none, in each row. Rows are added at the end and removed by swapping.

    Memory grows by doubling, so that adding is O(1) in the mean. Vectors that are compared by `COSINE` are kept at
    length one; a vector of zeros stays as it is and scores 0. A `size` of 0 becomes that of the first vector.

    Raises:
        ValueError: a vector or a query of another size. Nothing is changed then.
    """

    def __init__(self, size: int, metric: Metric) -> None:
        self.size = size
        self._metric = metric
        self._vectors: Array = np.zeros((16, size), np.float32)
        self._present: Array = np.zeros(16, bool)
        self._squares: Array = np.zeros(16, np.float32)
        self._missing = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, vectors: Sequence[Array | None]) -> None:
        """Add one row for each."""
        self.check(vectors)
        first, self._length = self._length, self._length + len(vectors)
        if self._length > len(self._vectors):
            capacity = max(self._length, 2 * len(self._vectors))
            self._vectors = _grown(self._vectors, capacity)
            self._present = _grown(self._present, capacity)
            self._squares = _grown(self._squares, capacity)
        self._present[first : self._length] = False
        self._missing += len(vectors)
        self.write(list(range(first, self._length)), vectors)

    def write(self, rows: Sequence[int], vectors: Sequence[Array | None]) -> None:
        """Put each vector into its row, in place of what was there."""
        self.check(vectors)
        there = [vector is not None for vector in vectors]
        at = np.array(rows, np.intp)
        mask = np.array(there, bool)
        self._missing += int(self._present[at].sum()) - sum(there)
        self._present[at] = mask
        if not any(there):
            return
        given = np.array([vector for vector in vectors if vector is not None], np.float32)
        self._vectors[at[mask]] = unit(given) if self._metric is Metric.COSINE else given
        self._squares[at[mask]] = _squares(given)

    def check(self, vectors: Iterable[Array | None]) -> None:
        """Make sure that all of them have the size; learn it from the first where it is not known."""
        sizes = {vector.size for vector in vectors if vector is not None}
        if not sizes:
            return
        if not self.size and len(sizes) == 1:
            self.size = sizes.pop()
            self._vectors = np.zeros((len(self._vectors), self.size), np.float32)
        elif sizes != {self.size}:
            known = f"{self.size} numbers" if self.size else "one size"
            raise ValueError(f"the vectors have {known}, not {' and '.join(map(str, sorted(sizes - {self.size})))}")

    def remove(self, row: int) -> None:
        """Move the last row into this one and forget the last."""
        last = self._length - 1
        self._missing -= not self._present[row]
        for held in (self._vectors, self._present, self._squares):
            held[row] = held[last]
        self._length = last

    def stored(self) -> tuple[Array, Array]:
        """All vectors as they are kept, and which rows have one: views."""
        return self._vectors[: self._length], self._present[: self._length]

    @classmethod
    def restored(cls, metric: Metric, vectors: Array, present: Array) -> Matrix:
        """The matrix of which `stored` gave this; the arrays become its own."""
        matrix = cls(vectors.shape[1], metric)
        matrix._vectors, matrix._present = vectors, present
        matrix._squares = _squares(vectors)
        matrix._length = len(vectors)
        matrix._missing = len(vectors) - int(present.sum())
        return matrix

    def nearest(self, queries: Array, limit: int, wanted: Array | None = None) -> list[Nearest]:
        """For each row of `queries` the nearest vectors, exactly; `wanted` is a mask of the rows that count."""
        if self.size and queries.shape[1:] != (self.size,):
            raise ValueError(f"the vectors have {self.size} numbers, but a query has {queries.shape[-1]}")
        rows = self._candidates(wanted)
        count = self._length if rows is None else len(rows)
        limit = min(limit, count)
        if limit <= 0:
            return [Nearest(np.zeros(0, np.intp), np.zeros(0, np.float32)) for _ in queries]
        vectors = self._vectors[: self._length] if rows is None else self._vectors[rows]
        squares = self._squares[: self._length] if rows is None else self._squares[rows]
        queries = np.ascontiguousarray(queries, np.float32)
        if self._metric is Metric.COSINE:
            queries = unit(queries)
        found: list[Nearest] = []
        step = max(1, _AT_ONCE // count)
        for first in range(0, len(queries), step):
            part = queries[first : first + step]
            products = part @ vectors.T if len(part) > 1 else (vectors @ part[0])[None]
            for query, product in zip(part, products, strict=True):
                chosen = self._chosen(query, product, vectors, squares, limit)
                found.append(chosen if rows is None else Nearest(rows[chosen.rows], chosen.scores))
        return found

    def _candidates(self, wanted: Array | None) -> Array | None:
        if wanted is None and not self._missing:
            return None
        present = self._present[: self._length]
        return np.flatnonzero(present if wanted is None else present & wanted)

    def _chosen(self, query: Array, products: Array, vectors: Array, squares: Array, limit: int) -> Nearest:
        if self._metric.descending:
            rows = _smallest(-products, limit)
            scores = products[rows]
            return Nearest(rows, scores.clip(-1, 1) if self._metric is Metric.COSINE else scores)
        return self._by_distance(query, products, vectors, squares, limit)

    def _by_distance(self, query: Array, products: Array, vectors: Array, squares: Array, limit: int) -> Nearest:
        """|m - q|^2 as |m|^2 - 2 m.q + |q|^2 is fast but loses digits: it says which rows may be among the nearest, and
        the differences themselves say which are."""
        square = float(np.dot(query, query))
        rough = squares - 2 * products
        threshold = np.partition(rough, limit - 1)[limit - 1]
        margin = 4e-7 * sqrt(len(query)) * (square + float(squares.max()))
        rows = np.flatnonzero(rough <= threshold + margin)
        differences = vectors[rows].astype(np.float64) - query
        distances = np.einsum("ij,ij->i", differences, differences)
        order = np.argsort(distances, kind="stable")[:limit]
        scores = distances[order]
        return Nearest(rows[order], np.sqrt(scores) if self._metric is Metric.EUCLIDEAN else scores)


def _smallest(values: Array, count: int) -> Array:
    """Positions of the `count` smallest values in ascending order; of equal ones the first first."""
    if count < len(values):
        threshold = np.partition(values, count - 1)[count - 1]
        rows = np.flatnonzero(values <= threshold)
    else:
        rows = np.arange(len(values))
    order: Array = rows[np.argsort(values[rows], kind="stable")[:count]]
    return order


def _grown(array: Array, capacity: int) -> Array:
    grown = np.zeros((capacity, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown


def _squares(vectors: Array) -> Array:
    """The squared length of each vector; infinite where a float32 cannot hold it."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares: Array = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64).astype(np.float32)
    return squares


def unit(vectors: Array) -> Array:
    """`vectors` divided by their length, but for those of zeros."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    lengths[lengths == 0] = 1
    scaled: Array = (vectors / lengths[:, None]).astype(np.float32)
    return scaled
