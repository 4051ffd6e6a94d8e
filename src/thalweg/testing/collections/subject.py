"""What is checked, what a check is, and the records that checks use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np

from thalweg.docs.index.collection import Collection, Layout, Record, ValueColumn, VectorColumn
from thalweg.docs.query.metric import Metric

SIZE = 8
"""Numbers in the vectors of the checks."""

VECTOR = "embedding"


@dataclass(frozen=True)
class CollectionSubject:
    """A kind of collection to check.

    Args:
        name: what to call it in messages.
        open: opens the collection of a layout, and makes it where there is none.
        persistent: what was put is there when it is closed and opened again.
        lacks: names of checks that the database cannot pass, each with the reason.
    """

    name: str
    open: Callable[[Layout], Collection]
    persistent: bool = False
    lacks: Mapping[str, str] = field(default_factory=dict)

    def layout(
        self,
        metric: Metric | None = None,
        values: Sequence[ValueColumn] = (),
        vectors: Sequence[VectorColumn] | None = None,
    ) -> Layout:
        """A layout of a new name: one vector `embedding` compared by `metric` unless `vectors` says else."""
        if vectors is None:
            vectors = [VectorColumn(VECTOR, SIZE, metric or self.kind_metric())]
        return Layout(f"check{uuid4().hex[:12]}", tuple(vectors), tuple(values))

    @contextmanager
    def collection(
        self,
        metric: Metric | None = None,
        values: Sequence[ValueColumn] = (),
        vectors: Sequence[VectorColumn] | None = None,
    ) -> Iterator[Collection]:
        """A new collection of the layout that `layout` gives, dropped at the end."""
        opened = self.open(self.layout(metric, values, vectors))
        try:
            yield opened
        finally:
            opened.drop()
            opened.close()

    @contextmanager
    def kept(self, layout: Layout) -> Iterator[Collection]:
        """The collection of a layout, closed at the end and not dropped."""
        opened = self.open(layout)
        try:
            yield opened
        finally:
            opened.close()

    def kind(self) -> type[Collection]:
        """The class of collection, found by opening one."""
        known = _KINDS.get(id(self.open))
        if known is None:
            with self.collection(Metric.COSINE, vectors=()) as opened:
                known = _KINDS[id(self.open)] = (self.open, type(opened))
        return known[1]

    def kind_metric(self) -> Metric:
        """A metric that it has."""
        metrics = self.kind().metrics
        return next(metric for metric in Metric if metric in metrics)


_KINDS: dict[int, tuple[Any, type[Collection]]] = {}


@dataclass(frozen=True)
class CollectionCheck:
    """One thing that every collection does. Call it with a subject; `AssertionError` says what was wrong."""

    name: str
    function: Callable[[CollectionSubject], None]
    needs: Callable[[CollectionSubject], bool]

    def applies(self, subject: CollectionSubject) -> bool:
        return self.name not in subject.lacks and self.needs(subject)

    def __call__(self, subject: CollectionSubject) -> None:
        self.function(subject)


COLLECTION_CHECKS: list[CollectionCheck] = []
"""Every check there is, in the order in which they make sense to read."""


def collection_check(
    needs: Callable[[CollectionSubject], bool] = lambda subject: True,
) -> Callable[[Callable[[CollectionSubject], None]], Callable[[CollectionSubject], None]]:
    """Add a function to `COLLECTION_CHECKS`."""

    def add(function: Callable[[CollectionSubject], None]) -> Callable[[CollectionSubject], None]:
        COLLECTION_CHECKS.append(CollectionCheck(getattr(function, "__name__", repr(function)), function, needs))
        return function

    return add


def check_collection(subject: CollectionSubject) -> None:
    """Run every check that applies. Raises an `ExceptionGroup` of what was wrong, each with the name of its check."""
    wrong: list[Exception] = []
    for one in COLLECTION_CHECKS:
        if one.applies(subject):
            try:
                one(subject)
            except Exception as error:
                error.add_note(f"in the check {one.name}")
                wrong.append(error)
    if wrong:
        raise ExceptionGroup(f"{subject.name} does not do what a collection must", wrong)


def random_vectors(count: int, size: int = SIZE, seed: int = 0) -> np.ndarray[Any, Any]:
    """Vectors of lengths other than one, always the same for one seed."""
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


def numbered_records(count: int, first: int = 0) -> list[Record]:
    """Records `r0`, `r1` and so on with a vector each; the payload repeats the id."""
    vectors = random_vectors(count, seed=first)
    return [
        Record(f"r{number}", f"payload of r{number}".encode(), {VECTOR: vector}, {})
        for number, vector in enumerate(vectors, first)
    ]
