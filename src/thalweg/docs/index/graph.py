"""Vectors in a navigable graph (HNSW), from which faiss finds the nearest without looking at all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from thalweg.docs.extras import load_extra
from thalweg.docs.index.matrix import Array, unit
from thalweg.docs.query.metric import Metric

FEW = 1000
"""Vectors up to which all of them are compared: that takes no longer than the graph."""

_FEW_OF_MANY = 0.1
"""Part of the vectors up to which those that count are all compared: in a graph they would be hard to reach."""

_MAGIC = b"THALWEGg"
_DIGEST = 16


class Build(NamedTuple):
    """How a graph is built. `links` are those of each vector, `effort` how many candidates compete to become one."""

    size: int
    metric: Metric
    links: int
    effort: int


class Graph:
    """Vectors with labels, which are numbers that only ever grow.

    faiss cannot take a vector out of a graph: those that are forgotten stay as stepping stones that are never found, until
    `worn` says that a new graph is due. Any number of threads may search while none changes the graph.

    Args:
        breadth: candidates that a search keeps; more find more of the true nearest, and take longer.
    """

    def __init__(self, build: Build, breadth: int) -> None:
        self._faiss = load_extra("faiss", "hnsw", "HNSW indexes")
        self.build = build
        self._breadth = breadth
        squared = build.metric in (Metric.EUCLIDEAN, Metric.SQEUCLIDEAN)
        measure = self._faiss.METRIC_L2 if squared else self._faiss.METRIC_INNER_PRODUCT
        self._index = self._faiss.IndexHNSWFlat(build.size, build.links, measure)
        self._index.hnsw.efConstruction = build.effort
        self._labels = np.zeros(0, np.int64)
        self._alive = np.zeros(0, bool)
        self._dead = 0

    def __len__(self) -> int:
        return len(self._labels) - self._dead

    @property
    def labels(self) -> Array:
        """The labels of the vectors that can be found, ascending."""
        return self._labels[self._alive]

    @property
    def newest(self) -> int:
        """The greatest label that was ever added; -1 where there is none."""
        return int(self._labels[-1]) if len(self._labels) else -1

    @property
    def worn(self) -> bool:
        """Whether more than half of the graph is forgotten."""
        return self._dead > max(FEW, len(self))

    def add(self, labels: Sequence[int], vectors: Array) -> None:
        """Add vectors, one row each. The labels ascend, and are greater than all before."""
        if not len(labels):
            return
        kept = unit(vectors) if self.build.metric is Metric.COSINE else vectors
        self._index.add(np.ascontiguousarray(kept, np.float32))
        self._labels = np.concatenate([self._labels, np.asarray(labels, np.int64)])
        self._alive = np.concatenate([self._alive, np.ones(len(labels), bool)])

    def forget(self, labels: Sequence[int]) -> None:
        """Never find these again; labels that are not there are ignored."""
        places = self._places(np.asarray(labels, np.int64))
        self._dead += int(self._alive[places].sum())
        self._alive[places] = False

    def emptied(self) -> Graph:
        """A graph that is built like this one, with nothing in it."""
        return Graph(self.build, self._breadth)

    def renewed(self) -> Graph:
        """A new graph of what can be found in this one."""
        graph = self.emptied()
        graph.add(self.labels.tolist(), self._vectors()[self._alive])
        return graph

    def nearest(self, queries: Array, limit: int, wanted: Array | None = None) -> list[tuple[Array, Array]]:
        """For each row of `queries` the labels of the nearest vectors and their scores, best first.

        `wanted` are the labels that count.
        """
        places = np.flatnonzero(self._alive) if wanted is None else self._places(wanted)
        if wanted is not None:
            places = places[self._alive[places]]
        limit = min(limit, len(places))
        if not limit:
            return [(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in queries]
        queries = np.ascontiguousarray(unit(queries) if self.build.metric is Metric.COSINE else queries, np.float32)
        if len(places) <= max(FEW, _FEW_OF_MANY * len(self._labels)) or 2 * limit > len(places):
            return [self._compared(query, places, limit) for query in queries]
        found, scores = self._searched(queries, places, limit)
        return [
            self._scored(row, score) if row[-1] >= 0 else self._compared(query, places, limit)
            for query, row, score in zip(queries, found, scores, strict=True)
        ]

    def _searched(self, queries: Array, places: Array, limit: int) -> tuple[Array, Array]:
        breadth = max(self._breadth, limit)
        selector = bits = None
        if len(places) < len(self._labels):
            mask = np.zeros(len(self._labels), bool)
            mask[places] = True
            bits = np.packbits(mask, bitorder="little")  # faiss keeps only its address
            selector = self._faiss.IDSelectorBitmap(bits)
            breadth = min(len(places), breadth * min(4, -(-len(self._labels) // len(places))))
        parameters = self._faiss.SearchParametersHNSW(efSearch=breadth, sel=selector)
        scores, found = self._index.search(queries, limit, params=parameters)
        return found, scores

    def _compared(self, query: Array, places: Array, limit: int) -> tuple[Array, Array]:
        """The nearest of some vectors, all of them compared."""
        vectors = self._vectors()[places]
        if self.build.metric.descending:
            scores = vectors @ query
            order = np.argsort(-scores, kind="stable")[:limit]
        else:
            scores = ((vectors.astype(np.float64) - query) ** 2).sum(axis=1)
            order = np.argsort(scores, kind="stable")[:limit]
        return self._scored(places[order], scores[order])

    def _scored(self, places: Array, scores: Array) -> tuple[Array, Array]:
        if self.build.metric is Metric.COSINE:
            scores = scores.clip(-1, 1)
        elif self.build.metric is Metric.EUCLIDEAN:
            scores = np.sqrt(scores)
        return self._labels[places], scores

    def _places(self, labels: Array) -> Array:
        places = np.searchsorted(self._labels, labels)
        inside = places < len(self._labels)
        places = places[inside]
        found: Array = places[self._labels[places] == labels[inside]]
        return found

    def _vectors(self) -> Array:
        """All vectors as faiss holds them: a view, for as long as nothing is added."""
        if not len(self._labels):
            return np.zeros((0, self.build.size), np.float32)
        storage = self._faiss.downcast_index(self._index.storage)
        flat: Array = self._faiss.rev_swig_ptr(storage.get_xb(), len(self._labels) * self.build.size)
        return flat.reshape(len(self._labels), self.build.size)

    # --- in a file

    def to_bytes(self) -> bytes:
        """The graph, with all labels that were ever added to it and a digest of it all."""
        head = json.dumps([*self.build, len(self._labels)]).encode()
        parts = [
            len(head).to_bytes(4, "little"),
            head,
            self._labels.astype("<i8").tobytes(),
            self._faiss.serialize_index(self._index).tobytes(),
        ]
        body = b"".join(parts)
        return _MAGIC + blake2b(body, digest_size=_DIGEST).digest() + body

    @classmethod
    def from_bytes(cls, data: bytes, build: Build, breadth: int) -> Graph | None:
        """The graph that `to_bytes` wrote; None where it is damaged, or was built in another way."""
        body = memoryview(data)[len(_MAGIC) + _DIGEST :]
        digest = blake2b(body, digest_size=_DIGEST).digest()
        if data[: len(_MAGIC) + _DIGEST] != _MAGIC + digest:
            return None
        end = 4 + int.from_bytes(body[:4], "little")
        *built, count = json.loads(bytes(body[4:end]))
        if tuple(built) != build:
            return None
        graph = cls(build, breadth)
        graph._labels = np.frombuffer(body[end : end + 8 * count], "<i8").astype(np.int64)
        graph._alive = np.ones(count, bool)
        graph._index = graph._faiss.deserialize_index(np.frombuffer(body[end + 8 * count :], np.uint8))
        return graph
