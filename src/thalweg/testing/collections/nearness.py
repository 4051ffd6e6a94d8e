"""The nearest vectors, by every metric, with the score that the metric says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from thalweg.docs.index.collection import Collection, Hit, Record, ValueColumn, VectorColumn
from thalweg.docs.query.condition import Comparison, Operator, Path
from thalweg.docs.query.metric import Metric
from thalweg.testing.collections.subject import (
    SIZE,
    VECTOR,
    CollectionSubject,
    collection_check,
    numbered_records,
    random_vectors,
)

CLOSE = 1e-3
"""How far a score may be from the true one, relative to 1 or to its own size where that is larger."""

REACH = 0.9
"""What part of the true nearest an approximate collection must find at least."""

_FORMULAS: dict[Metric, Callable[[Any, Any], Any]] = {
    Metric.COSINE: lambda rows, query: rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query),
    Metric.DOT: lambda rows, query: rows @ query,
    Metric.EUCLIDEAN: lambda rows, query: np.linalg.norm(rows - query, axis=1),
    Metric.SQEUCLIDEAN: lambda rows, query: ((rows - query) ** 2).sum(axis=1),
}


def true_scores(metric: Metric, records: Sequence[Record], query: Any, column: str = VECTOR) -> dict[str, float]:
    """The score of every record that has the vector, computed in float64."""
    there = [record for record in records if record.vectors.get(column) is not None]
    rows = np.array([record.vectors[column] for record in there], np.float64)
    scores = _FORMULAS[metric](rows, np.asarray(query, np.float64)) if there else []
    return {record.id: float(score) for record, score in zip(there, scores, strict=True)}


def assert_nearest(metric: Metric, hits: Sequence[Hit], truth: dict[str, float], limit: int, exact: bool) -> None:
    """The hits are the `limit` best of `truth`, best first, with their scores."""
    assert len(hits) == min(limit, len(truth)), f"{len(hits)} hits where {min(limit, len(truth))} were asked for"
    assert len({hit.id for hit in hits}) == len(hits), "a record was found twice"
    sign = -1 if metric.descending else 1
    scores = [hit.score for hit in hits]
    for hit in hits:
        true = truth[hit.id]
        assert abs(hit.score - true) <= CLOSE * max(1, abs(true)), f"{hit.id} scores {hit.score}, but truly {true}"
    steps = pairwise(scores)
    assert all(sign * a <= sign * b + CLOSE * max(1, abs(a)) for a, b in steps), f"not in order: {scores}"
    best = sorted(truth.values(), key=lambda score: sign * score)[: len(hits)]
    if exact and hits:
        assert np.allclose(scores, best, rtol=CLOSE, atol=CLOSE), f"found {scores}, but the best are {best}"
    elif hits:
        last = best[-1]
        reached = sum(sign * score <= sign * last + CLOSE * max(1, abs(last)) for score in scores)
        assert reached >= REACH * len(hits), f"only {reached} of {len(hits)} are among the nearest"


def _compare_all(collection: Collection, records: Sequence[Record], metric: Metric, limit: int) -> None:
    queries = random_vectors(4, seed=99) * 3
    found = collection.nearest(VECTOR, queries, limit)
    assert len(found) == len(queries)
    for query, hits in zip(queries, found, strict=True):
        assert_nearest(metric, hits, true_scores(metric, records, query), limit, collection.exact)
        for hit in hits:
            assert hit.payload == f"payload of {hit.id}".encode()


def _scores_by(metric: Metric) -> Callable[[CollectionSubject], None]:
    def check(subject: CollectionSubject) -> None:
        records = numbered_records(200)
        with subject.collection(metric) as collection:
            collection.put(records)
            for limit in (1, 10):
                _compare_all(collection, records, metric, limit)
            collection.delete(["r0", "r100", "r199"])
            left = [record for record in records if record.id not in ("r0", "r100", "r199")]
            _compare_all(collection, left, metric, 10)

    check.__name__ = f"the_nearest_by_{metric}_are_found_with_their_scores"
    return check


for _metric in Metric:
    collection_check(lambda subject, metric=_metric: metric in subject.kind().metrics)(_scores_by(_metric))  # type: ignore[misc]


@collection_check()
def a_record_itself_is_its_nearest(subject: CollectionSubject) -> None:
    perfect = {Metric.COSINE: 1.0, Metric.EUCLIDEAN: 0.0, Metric.SQEUCLIDEAN: 0.0}
    records = numbered_records(50)
    for metric in sorted(subject.kind().metrics & perfect.keys()):
        with subject.collection(metric) as collection:
            collection.put(records)
            for record in records[::10]:
                (hits,) = collection.nearest(VECTOR, record.vectors[VECTOR][None], 1)
                assert hits[0].id == record.id
                assert abs(hits[0].score - perfect[metric]) < 2 * CLOSE, hits[0].score


@collection_check()
def all_are_found_where_more_are_asked_for(subject: CollectionSubject) -> None:
    records = numbered_records(12)
    with subject.collection() as collection:
        collection.put(records)
        for limit in (12, 13, 500):
            (hits,) = collection.nearest(VECTOR, random_vectors(1, seed=5), limit)
            assert {hit.id for hit in hits} == {record.id for record in records}


@collection_check()
def a_limit_of_zero_finds_nothing(subject: CollectionSubject) -> None:
    condition = Comparison(Path(("title",)), Operator.EQ, "a")
    with subject.collection(values=[ValueColumn("title", str)]) as collection:
        collection.put(numbered_records(3))
        assert collection.nearest(VECTOR, random_vectors(2), 0) == [[], []]
        assert collection.select(condition, 0) == []


@collection_check()
def no_queries_have_no_answers(subject: CollectionSubject) -> None:
    with subject.collection() as collection:
        collection.put(numbered_records(3))
        assert collection.nearest(VECTOR, random_vectors(0), 5) == []


@collection_check()
def many_queries_at_once_are_answered_each(subject: CollectionSubject) -> None:
    records = numbered_records(60)
    queries = random_vectors(70, seed=7)
    with subject.collection() as collection:
        metric = collection.layout.vectors[0].metric
        collection.put(records)
        found = collection.nearest(VECTOR, queries, 3)
        assert len(found) == 70
        for query, hits in zip(queries, found, strict=True):
            assert_nearest(metric, hits, true_scores(metric, records, query), 3, collection.exact)


@collection_check()
def a_record_without_the_vector_is_never_found_by_it(subject: CollectionSubject) -> None:
    records = numbered_records(10)
    records[3] = records[3]._replace(vectors={})
    with subject.collection(values=[ValueColumn("title", str)]) as collection:
        collection.put([record._replace(values={"title": "same"}) for record in records])
        (hits,) = collection.nearest(VECTOR, np.ones((1, SIZE), np.float32), 20)
        assert {hit.id for hit in hits} == {record.id for record in records} - {"r3"}
        assert collection.count() == 10
        assert collection.get(["r3"]) == [b"payload of r3"]
        assert len(collection.select(Comparison(Path(("title",)), Operator.EQ, "same"))) == 10
        collection.put([numbered_records(10)[3]])
        assert len(collection.nearest(VECTOR, np.ones((1, SIZE), np.float32), 20)[0]) == 10


@collection_check(lambda subject: subject.kind().many_vectors)
def each_vector_is_searched_by_itself(subject: CollectionSubject) -> None:
    metric = subject.kind_metric()
    one, other = random_vectors(30, seed=1), random_vectors(30, size=5, seed=2)
    records = [
        Record(f"r{n}", b"", {"one": one[n]} | ({"other__vector": other[n]} if n % 2 else {}), {}) for n in range(30)
    ]
    with subject.collection(
        vectors=[VectorColumn("one", SIZE, metric), VectorColumn("other__vector", 5, metric)]
    ) as collection:
        collection.put(records)
        for column, query in (("one", random_vectors(1, seed=3)), ("other__vector", random_vectors(1, 5, seed=4))):
            (hits,) = collection.nearest(column, query, 20)
            assert_nearest(metric, hits, true_scores(metric, records, query[0], column), 20, collection.exact)


@collection_check()
def equal_vectors_are_all_found(subject: CollectionSubject) -> None:
    vector = random_vectors(1)[0]
    with subject.collection() as collection:
        collection.put([Record(f"r{number}", b"", {VECTOR: vector}, {}) for number in range(25)])
        (hits,) = collection.nearest(VECTOR, vector[None], 25)
        assert {hit.id for hit in hits} == {f"r{number}" for number in range(25)}
        assert len(collection.nearest(VECTOR, vector[None], 7)[0]) == 7


@collection_check()
def a_vector_of_zeros_does_no_harm(subject: CollectionSubject) -> None:
    zeros = np.zeros(SIZE, np.float32)
    for metric in sorted(subject.kind().metrics):
        with subject.collection(metric) as collection:
            collection.put([*numbered_records(3), Record("zeros", b"payload of zeros", {VECTOR: zeros}, {})])
            assert collection.count() == 4
            assert collection.get(["zeros"]) == [b"payload of zeros"]
            for query in (random_vectors(1), zeros[None]):
                (hits,) = collection.nearest(VECTOR, query, 10)
                assert all(np.isfinite(hit.score) for hit in hits)
                assert metric is Metric.COSINE or len(hits) == 4
                assert not query.any() or {"r0", "r1", "r2"} <= {hit.id for hit in hits}


@collection_check()
def large_and_small_numbers_keep_their_order(subject: CollectionSubject) -> None:
    for metric in sorted(subject.kind().metrics):
        records = [
            record._replace(vectors={VECTOR: record.vectors[VECTOR] * np.float32(scale)})
            for record, scale in zip(numbered_records(6), (1e-3, 1e-2, 1, 10, 100, 1000), strict=True)
        ]
        with subject.collection(metric) as collection:
            collection.put(records)
            query = random_vectors(1, seed=5)
            (hits,) = collection.nearest(VECTOR, query, 6)
            assert_nearest(metric, hits, true_scores(metric, records, query[0]), 6, True)


@collection_check()
def three_threads_put_find_and_delete_at_once(subject: CollectionSubject) -> None:
    with subject.collection(values=[ValueColumn("owner", int)]) as collection:

        def work(owner: int) -> None:
            mine = [
                record._replace(id=f"{owner}-{record.id}", values={"owner": owner}) for record in numbered_records(40)
            ]
            for first in range(0, 40, 10):
                collection.put(mine[first : first + 10])
                (hits,) = collection.nearest(VECTOR, random_vectors(1, seed=owner), 5)
                assert len(hits) == 5
                assert all(hit.payload == f"payload of {hit.id.split('-')[1]}".encode() for hit in hits)
            collection.delete([record.id for record in mine[:10]])
            condition = Comparison(Path(("owner",)), Operator.EQ, owner)
            assert {key for key, _ in collection.select(condition)} == {record.id for record in mine[10:]}

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(work, range(3)))
        assert collection.count() == 90
