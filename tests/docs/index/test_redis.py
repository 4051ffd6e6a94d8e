from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from pydantic import Field

from tests.docs.index.hostile import assert_found_by_what_they_hold, cases, few, opened
from thalweg.docs import BaseDoc
from thalweg.docs.index.collection import Collection, Layout, Record, Unsupported, ValueColumn, VectorColumn
from thalweg.docs.index.redis import RedisCollection, RedisDocumentIndex
from thalweg.docs.index.redis_filter import filter_expression
from thalweg.docs.query.condition import And, Comparison, Operator
from thalweg.docs.query.condition import Path as Way
from thalweg.docs.query.metric import Metric
from thalweg.docs.typing import NdArray
from thalweg.errors import Unavailable
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def collections(redis_socket: str) -> CollectionSubject:
    return CollectionSubject("redis", lambda layout: RedisCollection(layout, f"unix://{redis_socket}"), persistent=True)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, redis_socket: str) -> None:
    subject = IndexSubject("redis", RedisDocumentIndex, lambda: {"url": f"unix://{redis_socket}"}, persistent=True)
    if check.applies(subject):
        check(subject)


@pytest.fixture(scope="module")
def hostile(redis_socket: str) -> Iterator[Collection]:
    collection = opened(lambda layout: RedisCollection(layout, f"unix://{redis_socket}"))
    yield collection
    collection.drop()
    collection.close()


@few
@given(cases)
def test_any_text_and_any_number_are_told_apart(hostile: Collection, given: list[tuple[str, dict[str, Any]]]) -> None:
    assert_found_by_what_they_hold(hostile, given)


def drawn(count: int, size: int = 8, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


def filled(socket: str, **options: Any) -> RedisCollection:
    columns = (ValueColumn("title", str), ValueColumn("year", int))
    layout = Layout(f"test{uuid4().hex[:12]}", (VectorColumn("vector", 8, Metric.COSINE, options),), columns)
    collection = RedisCollection(layout, f"unix://{socket}")
    collection.put(
        [
            Record(f"r{n}", b"%d" % n, {"vector": v}, {"title": f"number {n}", "year": n})
            for n, v in enumerate(drawn(300))
        ]
    )
    return collection


def test_an_expression_is_handed_on_to_searches_by_vector_only(redis_socket: str) -> None:
    collection = filled(redis_socket)
    (hits,) = collection.nearest("vector", drawn(1, seed=1), 5, ".year >= 7 and .year < 9")
    assert {hit.id for hit in hits} == {"r7", "r8"}
    with pytest.raises(Unsupported, match="write the filter as a dict"):
        collection.select(".year > 7")
    collection.drop()
    collection.close()


def test_what_expressions_cannot_ask_is_looked_at_once_more(redis_socket: str) -> None:
    collection = filled(redis_socket)
    title, year = Way(("title",)), Way(("year",))
    last = Comparison(title, Operator.REGEX, "9$")
    condition = And((last, Comparison(year, Operator.LT, 60)))
    assert filter_expression(condition, collection.layout) == ('(.year < 60 and not ("year" in ._none))', False)
    (hits,) = collection.nearest("vector", drawn(1, seed=1), 5, condition)
    assert len(hits) == 5
    assert {hit.id for hit in hits} <= {"r9", "r19", "r29", "r39", "r49", "r59"}
    (all_of_them,) = collection.nearest("vector", drawn(1, seed=1), 300, last)
    assert len(all_of_them) == 30
    collection.drop()
    collection.close()


@pytest.mark.parametrize(
    "options",
    [{"algorithm": "FLAT"}, {"quantization": "q8", "m": 8, "ef_construction": 50, "ef": 60}, {"ef_runtime": 20}],
)
def test_fields_choose_how_vectors_are_kept_and_searched(redis_socket: str, options: dict[str, Any]) -> None:
    collection = filled(redis_socket, **options)
    vectors, query = drawn(300), drawn(1, seed=3)
    true = vectors @ query[0] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    (hits,) = collection.nearest("vector", query, 10)
    reached = {hit.id for hit in hits} & {f"r{n}" for n in np.argsort(-true)[:10]}
    assert len(reached) >= (10 if "algorithm" in options else 8)
    assert abs(hits[0].score - true.max()) < 0.02
    collection.drop()
    collection.close()


def test_other_measures_than_cosine_are_refused(redis_socket: str) -> None:
    layout = Layout("dots", (VectorColumn("vector", 8, Metric.DOT),), ())
    with pytest.raises(Unsupported, match="compares vectors by cosine only, but 'vector' is to be compared by dot"):
        RedisCollection(layout, f"unix://{redis_socket}")


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"Redis at .*/nowhere cannot be used.*`url`"):
        RedisCollection(Layout("none", (), ()), f"unix://{tmp_path}/nowhere")


def test_docarrays_options_are_known(redis_socket: str) -> None:
    class Song(BaseDoc):
        title: str = Field(json_schema_extra={"col_type": "TAG"})
        vector: NdArray[4] = Field(json_schema_extra={"distance": "COSINE", "algorithm": "FLAT", "initial_cap": 10})  # type: ignore[valid-type]

    index = RedisDocumentIndex[Song](
        url=f"unix://{redis_socket}", host="ignored", port=1, username=None, password=None, text_scorer="BM25"
    )
    index.index([Song(title="a", vector=np.ones(4)), Song(title="b", vector=-np.ones(4))])
    assert index.find(np.ones(4), "vector", limit=1).documents.title == ["a"]
    with pytest.raises(NotImplementedError, match="does not search for words"):
        index.text_search("a", "title")
    index.drop()
    index.close()
