"""Many vectors, made ready to be searched: the nearest of them to others, exactly.

A fast pass in the vectors' own precision says which rows may be among the nearest, and a pass in float64 over those few
says which are. What it returns is therefore as exact as float64 is, whatever the vectors hold; only where rows are nearer
to each other than float32 can tell does the first pass have to let more of them through.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, TypeAlias

import numpy as np

from thalweg.docs.computation import Backend, backend_of
from thalweg.docs.query.metric import Metric

Array: TypeAlias = np.ndarray[Any, Any]

_SPARE = 16
"""Rows that the fast pass lets through beyond those that are asked for."""

_AT_ONCE = 1 << 23
"""Numbers that are held at once beside the vectors: queries are answered in blocks."""

_LEAST = 1e-15
"""Lengths below are computed anew."""

_MANY = 1 << 14
"""Rows from which on it pays to ask of each one how far the fast pass may be off."""

_SMALL_BLOCK = 64
"""The least size of blocks of keys that are looked at together."""


class Vectors:
    """The rows of a tensor (n, d) of any library; integers and half precision are widened, everything else is not copied.

    Lengths are computed when they are first needed, and kept.

    Raises:
        ValueError: the tensor has another number of dimensions, or holds complex numbers.
    """

    def __init__(self, tensor: Any) -> None:
        backend = backend_of(tensor)
        if backend.n_dim(tensor) != 2:
            raise ValueError(f"vectors have one dimension, but these tensors have {backend.n_dim(tensor) - 1}")
        if "complex" in str(backend.dtype(tensor)):
            raise ValueError("vectors of complex numbers cannot be compared")
        self.backend = backend
        self.tensor = backend._floats(backend.detach(tensor))
        self.count, self.size = backend.shape(self.tensor)
        self._lengths: Any = None
        self._inverse: Any = None
        self._squares: Any = None
        self._longest = 0.0

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64: what the numbers are held as."""
        return np.dtype(np.float64 if "float64" in str(self.backend.dtype(self.tensor)) else np.float32)

    def nearest(
        self, queries: Array, metric: Metric, limit: int, descending: bool | None = None
    ) -> tuple[list[Array], list[Array]]:
        """For each row of `queries` (m, d) the `limit` nearest rows and their scores in float64, best first.

        Of equal scores the first row comes first; NaN comes last.

        Args:
            descending: whether the greatest scores are the best; None asks the metric.
        """
        limit = min(limit, self.count)
        descending = metric.descending if descending is None else descending
        rows: list[Array] = []
        scores: list[Array] = []
        step = max(1, _AT_ONCE // max(1, self.count, (limit + _SPARE) * self.size))
        for start in range(0, len(queries), step):
            part = np.ascontiguousarray(queries[start : start + step], np.float64)
            for found, values in _Search(self, part, metric, limit, -1.0 if descending else 1.0).results():
                rows.append(found)
                scores.append(values)
        return rows, scores

    # --- what the fast pass needs

    def keys(self, queries: Array, metric: Metric, sign: float) -> Any:
        """For each query (m, d) and each row a number: the smaller, the nearer, where `sign` makes small scores good.

        By the cosine they are right but for a positive factor of each query: its length.
        """
        factor = sign if metric in (Metric.COSINE, Metric.DOT) else -2.0 * sign
        given = self.backend.from_numpy((queries * factor).astype(self.dtype), self.tensor)
        keys = self.backend.products(given, self.tensor)
        if metric is Metric.COSINE:
            keys *= self._inverse_lengths()
        elif metric is not Metric.DOT:
            keys += self.squares() if sign > 0 else -self.squares()
        return keys

    def lengths(self) -> Any:
        """The length of each row."""
        if self._lengths is None:
            self._lengths = self.backend.lengths(self.tensor)
            given = self.backend.to_numpy(self._lengths)
            extreme = np.flatnonzero((given < _LEAST) | np.isinf(given))
            if len(extreme):  # the square of such a number is zero or infinite
                given = given.copy()
                given[extreme] = np.linalg.norm(self.wide(extreme), axis=-1)
                self._lengths = self.backend.from_numpy(given, self.tensor)
        return self._lengths

    def wide(self, rows: Array) -> Array:
        """Some rows in float64, in the shape of `rows` and then d."""
        taken = self.backend.to_numpy(self.backend.take(self.tensor, rows))
        return taken.astype(np.float64, copy=False)

    def squares(self) -> Any:
        """The square of the length of each row."""
        if self._squares is None:
            self._squares = self.lengths() ** 2
        return self._squares

    def longest(self) -> float:
        """The length of the longest vector that is finite."""
        if not self._longest:
            lengths = self.backend.to_numpy(self.lengths())
            self._longest = float(np.max(lengths, where=np.isfinite(lengths), initial=0.0))
        return self._longest

    def _inverse_lengths(self) -> Any:
        if self._inverse is None:
            lengths = self.backend.to_numpy(self.lengths())
            inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths != 0)
            self._inverse = self.backend.from_numpy(inverse, self.tensor)
        return self._inverse


class _Search:
    """The answers to a few queries, (m, d) in float64."""

    def __init__(self, vectors: Vectors, queries: Array, metric: Metric, limit: int, sign: float) -> None:
        self._vectors = vectors
        self._queries = queries
        self._metric = metric
        self._limit = limit
        self._sign = sign
        self._unit = 8 * sqrt(vectors.size) * float(np.finfo(vectors.dtype).eps) / 2

    def results(self) -> list[tuple[Array, Array]]:
        if not self._limit:
            return [(np.zeros(0, np.intp), np.zeros(0)) for _ in self._queries]
        # What is not finite has no distance to anything; that is said by the score, NaN.
        with np.errstate(all="ignore"):
            count = self._limit + _SPARE
            if count >= self._vectors.count // 2:
                every = np.arange(self._vectors.count)
                return [self._best(query, every) for query in self._queries]
            keys = self._vectors.keys(self._queries, self._metric, self._sign)
            block = self._vectors.count // (8 * count)
            if self._vectors.backend.library != "numpy" or block < _SMALL_BLOCK:
                return self._together(keys, count)
            return [self._alone(*pair, count, block) for pair in zip(self._queries, keys, strict=True)]

    def _alone(self, query: Array, keys: Array, count: int, block: int) -> tuple[Array, Array]:
        """The answer to one query: with many rows to look at, that is faster than all at once."""
        rows = _least_of_one(keys, count, block)
        chosen = keys[rows]
        wide = self._vectors.wide(rows)
        reach = np.partition(chosen, self._limit - 1)[self._limit - 1] + 2 * self._margin(query, wide)
        if not chosen.max() > reach:
            return self._again(query, keys, reach)
        scores = _scores(self._metric, query, wide)
        order = (self._sign * scores).argsort(kind="stable")[: self._limit]
        return rows[order], scores[order]

    def _together(self, keys: Any, count: int) -> list[tuple[Array, Array]]:
        rows, chosen = _least(self._vectors.backend, keys, count)
        wide = self._vectors.wide(rows)
        scores = _scores(self._metric, self._queries, wide)
        order = np.argsort(self._sign * scores, axis=1, kind="stable")[:, : self._limit]
        last = np.partition(chosen, self._limit - 1, axis=1)[:, self._limit - 1]
        reach = last + 2 * self._margin(self._queries, wide)
        complete = chosen.max(axis=1) > reach
        found = np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)
        return [
            (found[0][number], found[1][number])
            if complete[number]
            else self._again(query, keys[number], reach[number])
            for number, query in enumerate(self._queries)
        ]

    def _margin(self, queries: Array, wide: Array) -> Any:
        """How far the keys of the fast pass may be off, for each query.

        The rounding errors of an inner product of d numbers grow like the root of d (Higham and Mary, "A new approach to
        probabilistic rounding error analysis", 2019); the factor leaves room.
        """
        lengths = np.sqrt(np.einsum("...d,...d->...", queries, queries))
        if self._metric is Metric.COSINE:
            return self._unit * lengths
        if self._metric is Metric.DOT:
            return self._off(np.sqrt(np.einsum("...cd,...cd->...c", wide, wide).max(axis=-1)), lengths)
        return self._off(self._vectors.longest(), lengths)

    def _off(self, lengths: Any, query: Any) -> Any:
        """How far the keys of rows of these lengths may be off."""
        if self._metric is Metric.DOT:
            return self._unit * lengths * query
        return self._unit * (lengths * lengths + 2 * lengths * query)

    def _again(self, query: Array, keys: Any, reach: float) -> tuple[Array, Array]:
        """The answer to a query of which the fast pass could not tell enough."""
        given = self._vectors.backend.to_numpy(keys)
        rows = np.flatnonzero(given <= reach)
        if len(rows) > _MANY and self._metric is not Metric.COSINE:
            lengths = self._vectors.backend.to_numpy(self._vectors.lengths())[rows].astype(np.float64)
            off = self._off(lengths, sqrt(query @ query))
            least = np.partition(given[rows] + off, self._limit - 1)[self._limit - 1]
            rows = rows[given[rows] - off <= least]
        if len(rows) < self._limit:  # there are NaN among the best, or infinities
            rows = np.arange(len(given))
        return self._best(query, rows)

    def _best(self, query: Array, rows: Array) -> tuple[Array, Array]:
        """The best of `rows`, all of them compared in float64."""
        step = max(1, _AT_ONCE // max(1, self._vectors.size))
        parts = [rows[start : start + step] for start in range(0, len(rows), step)]
        scores = np.concatenate([_scores(self._metric, query, self._vectors.wide(part)) for part in parts])
        order = np.argsort(self._sign * scores, kind="stable")[: self._limit]
        return rows[order], scores[order]


def _scores(metric: Metric, queries: Array, wide: Array) -> Array:
    """The scores of queries, (m, d) or (d,), against their own vectors, (m, c, d) or (c, d)."""
    if metric in (Metric.EUCLIDEAN, Metric.SQEUCLIDEAN):
        differences = wide - queries[..., None, :]
        squares: Array = np.einsum("...cd,...cd->...c", differences, differences)
        return np.sqrt(squares) if metric is Metric.EUCLIDEAN else squares
    products: Array = (wide @ queries[..., None])[..., 0]
    if metric is Metric.DOT:
        return products
    lengths = np.sqrt(np.einsum("...cd,...cd->...c", wide, wide))
    lengths *= np.sqrt(np.einsum("...d,...d->...", queries, queries))[..., None]
    cosines: Array = np.divide(products, lengths, out=np.zeros_like(products), where=lengths != 0)
    return cosines.clip(-1, 1)


def _least(backend: Backend, keys: Any, count: int) -> tuple[Array, Array]:
    """The rows with the least keys of each query, in the order of their numbers, and these keys: (m, count) both."""
    if backend.library == "numpy":
        rows = np.argpartition(keys, count - 1, axis=1)[:, :count]
    else:
        rows = backend.to_numpy(backend.top(-keys, count)[1]).astype(np.intp)
        keys = backend.to_numpy(keys)
    rows = np.sort(rows, axis=1)
    return rows, np.take_along_axis(keys, rows, 1)


def _least_of_one(keys: Array, count: int, block: int) -> Array:
    """The rows with the least keys, in the order of their numbers.

    The least key of each block shows how small a key has to be, and few are left to be sorted.
    """
    blocks = len(keys) // block
    least = keys[: blocks * block].reshape(blocks, block).min(axis=1)
    rows = np.flatnonzero(keys <= np.partition(least, count - 1)[count - 1])
    if len(rows) < count:  # NaN in nearly every block
        rows = np.arange(len(keys))
    rows = rows[np.argpartition(keys[rows], count - 1)[:count]]
    rows.sort()
    return rows
