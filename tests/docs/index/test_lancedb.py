from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given

from tests.docs.index.hostile import assert_found_by_what_they_hold, cases, few, opened
from thalweg.docs.index import lancedb as backend
from thalweg.docs.index.collection import Collection, Layout, Record, ValueColumn, VectorColumn
from thalweg.docs.index.lancedb import LanceDBCollection, LanceDBDocumentIndex
from thalweg.docs.query.condition import Comparison, Operator
from thalweg.docs.query.condition import Path as Way
from thalweg.docs.query.metric import Metric
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lancedb")


@pytest.fixture(scope="module")
def collections(folder: Path) -> CollectionSubject:
    return CollectionSubject("lancedb", lambda layout: LanceDBCollection(layout, str(folder)), persistent=True)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, folder: Path) -> None:
    subject = IndexSubject("lancedb", LanceDBDocumentIndex, lambda: {"url": folder}, persistent=True)
    if check.applies(subject):
        check(subject)


@pytest.fixture(scope="module")
def hostile(folder: Path) -> Iterator[Collection]:
    collection = opened(lambda layout: LanceDBCollection(layout, str(folder)))
    yield collection
    collection.drop()
    collection.close()


@few
@given(cases)
def test_any_text_and_any_number_are_told_apart(hostile: Collection, given: list[tuple[str, dict[str, Any]]]) -> None:
    assert_found_by_what_they_hold(hostile, given)


def drawn(count: int, size: int = 8, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


def filled(folder: Path, count: int = 20, **options: Any) -> LanceDBCollection:
    columns = (ValueColumn("title", str), ValueColumn("year", int), ValueColumn("vector", float, many=True))
    vector = VectorColumn("embedding", 8, Metric.COSINE, options)
    collection = LanceDBCollection(Layout(f"test{uuid4().hex[:12]}", (vector,), columns), str(folder))
    collection.put(
        [
            Record(f"r{n}", b"%d" % n, {"embedding": v}, {"title": f"it's {n}", "year": n, "vector": [0.5] * (n % 4)})
            for n, v in enumerate(drawn(count))
        ]
    )
    return collection


def test_a_condition_in_sql_is_handed_on(folder: Path) -> None:
    collection = filled(folder)
    assert collection.is_native("year > 5")
    assert not collection.is_native('{"year": {"$gt": 5}}')
    assert sorted(collection.select("year > 16 AND title LIKE 'it''s%'")) == [
        ("r17", b"17"),
        ("r18", b"18"),
        ("r19", b"19"),
    ]
    (hits,) = collection.nearest("embedding", drawn(1, seed=1), 9, "year = 3")
    assert [hit.id for hit in hits] == ["r3"]
    collection.drop()


def test_a_list_of_numbers_that_is_called_vector_is_no_vector(folder: Path) -> None:
    collection = filled(folder)
    assert len(collection.select(Comparison(Way(("vector",)), Operator.SIZE, 3))) == 5
    assert len(collection.select(Comparison(Way(("vector",)), Operator.EQ, [0.5]))) == 5
    collection.drop()


@pytest.mark.parametrize("kind", ["ivf_flat", "ivf_hnsw_sq"])
def test_an_index_is_built_by_flush_and_never_finds_too_few(folder: Path, kind: str) -> None:
    collection = filled(folder, 400, index_type=kind, num_partitions=8, nprobes=1)
    collection.flush()
    collection.flush()
    query = drawn(1, seed=1)
    (few,) = collection.nearest("embedding", query, 3, Comparison(Way(("year",)), Operator.IN, [1, 100, 300]))
    (all_of_them,) = collection.nearest("embedding", query, 400)
    assert {hit.id for hit in few} == {"r1", "r100", "r300"}
    assert len({hit.id for hit in all_of_them}) == 400
    collection.put([Record("new", b"", {"embedding": query[0]}, {})])
    assert collection.nearest("embedding", query, 1)[0][0].id == "new"
    collection.drop()


def test_an_index_of_another_kind_is_refused(folder: Path) -> None:
    collection = filled(folder, index_type="tree")
    with pytest.raises(ValueError, match="no index 'tree'; there are 'ivf_flat'"):
        collection.flush()
    collection.drop()


def test_many_small_writes_are_joined(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "TIDY_AFTER", 10)
    collection = filled(folder, 1)
    for number in range(25):
        collection.put([Record(f"one more {number}", b"", {}, {})])
    import lancedb

    table = lancedb.connect(str(folder)).open_table(collection.layout.name)
    assert table.count_rows() == 26
    assert table.stats()["fragment_stats"]["num_fragments"] < 10
    collection.drop()


def test_a_language_knows_stems(folder: Path) -> None:
    text = ValueColumn("text", str, words=True, options={"language": "English"})
    collection = LanceDBCollection(Layout("stems", (), (text,)), str(folder))
    collection.put([Record("a", b"", {}, {"text": "the rivers were running"})])
    assert [hit.id for hit in collection.match("text", "run", 5)] == ["a"]
    collection.drop()


def test_another_program_sees_what_was_put(folder: Path) -> None:
    collection = filled(folder)
    other = LanceDBCollection(collection.layout, str(folder))
    collection.put([Record("new", b"N", {}, {})])
    assert other.get(["new"]) == [b"N"]
    collection.drop()
