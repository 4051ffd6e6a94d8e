import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from milvus_lite import DataDirLockedError, MilvusLite
from pydantic import Field
from pymilvus import DataType

from tests.docs.index.hostile import assert_found_by_what_they_hold, cases, few, opened
from thalweg.docs import BaseDoc
from thalweg.docs.index import milvus
from thalweg.docs.index.collection import Collection, Layout, Record, Unsupported, ValueColumn, VectorColumn
from thalweg.docs.index.milvus import MilvusCollection, MilvusDocumentIndex
from thalweg.docs.query.condition import Comparison, Operator
from thalweg.docs.query.condition import Path as Way
from thalweg.docs.query.metric import Metric
from thalweg.docs.typing import NdArray
from thalweg.errors import InvalidDocument, Unavailable
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject

SERVER = os.environ.get("THALWEG_TEST_MILVUS")
"""The address of a real server, such as http://localhost:19530; without it Milvus Lite is checked."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("milvus")


@pytest.fixture(scope="module")
def collections(folder: Path) -> CollectionSubject:
    return CollectionSubject(
        "milvus", lambda layout: MilvusCollection(layout, SERVER or str(folder / "documents.db")), persistent=True
    )


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, folder: Path) -> None:
    options = {
        "uri": SERVER or folder / "documents.db",
        "default_column_config": {},
    }  # every text is searched for words
    subject = IndexSubject("milvus", MilvusDocumentIndex, lambda: options, persistent=True)
    if check.applies(subject):
        check(subject)


@pytest.fixture(scope="module")
def hostile(folder: Path) -> Iterator[Collection]:
    collection = opened(lambda layout: MilvusCollection(layout, SERVER or str(folder / "documents.db")))
    yield collection
    collection.drop()
    collection.close()


@few
@given(cases)
def test_any_text_and_any_number_are_told_apart(hostile: Collection, given: list[tuple[str, dict[str, Any]]]) -> None:
    assert_found_by_what_they_hold(hostile, given)


def drawn(count: int, size: int = 8, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


def filled(folder: Path, size: int = 8, **options: Any) -> MilvusCollection:
    columns = (ValueColumn("title", str), ValueColumn("year", int))
    vector = VectorColumn("vector", size, Metric.EUCLIDEAN, options)
    collection = MilvusCollection(Layout(f"test{uuid4().hex[:12]}", (vector,), columns), str(folder / "documents.db"))
    collection.put(
        [
            Record(f"r{n}", b"%d" % n, {"vector": v}, {"title": f"number {n}", "year": n})
            for n, v in enumerate(drawn(300, size))
        ]
    )
    return collection


def test_an_expression_of_milvus_is_handed_on(folder: Path) -> None:
    collection = filled(folder)
    assert collection.is_native("year > 5")
    assert not collection.is_native('{"year": {"$gt": 5}}')
    assert sorted(collection.select('title like "%98" and year > 100')) == [("r198", b"198"), ("r298", b"298")]
    (hits,) = collection.nearest("vector", drawn(1, seed=1), 9, "year == 3 or year == 4")
    assert {hit.id for hit in hits} == {"r3", "r4"}
    collection.drop()
    collection.close()


@pytest.mark.parametrize(
    "options",
    [
        {"index_type": "HNSW", "params": {"M": 8, "efConstruction": 50}, "search_params": {"ef": 20}},
        {"index_type": "IVF_FLAT", "params": {"nlist": 16}, "search_params": {"nprobe": 1}},
    ],
)
def test_an_index_never_finds_too_few(folder: Path, options: dict[str, Any]) -> None:
    collection = filled(folder, **options)
    collection.flush()
    query = drawn(1, seed=1)
    (few,) = collection.nearest("vector", query, 3, Comparison(Way(("year",)), Operator.IN, [1, 100, 200]))
    (all_of_them,) = collection.nearest("vector", query, 300)
    assert {hit.id for hit in few} == {"r1", "r100", "r200"}
    assert len({hit.id for hit in all_of_them}) == 300
    assert [hit.score for hit in all_of_them] == sorted(hit.score for hit in all_of_them)
    collection.drop()
    collection.close()


def test_payloads_and_texts_have_no_limit_of_65535(folder: Path) -> None:
    collection = filled(folder)
    payload = np.random.default_rng(0).bytes(3_000_000)
    long = "x" * 70_000
    texts = [long + "a", long + "b", "北" * 30_000, "y"]
    collection.put([Record(f"t{n}", payload, {}, {"title": text}) for n, text in enumerate(texts)])
    assert collection.get(["t0", "t3"]) == [payload, payload]
    title = Way(("title",))
    for n, text in enumerate(texts):
        assert [key for key, _ in collection.select(Comparison(title, Operator.EQ, text))] == [f"t{n}"]
    later = Comparison(title, Operator.GT, "x" * 100)
    assert sorted(key for key, _ in collection.select(later)) == ["t0", "t1", "t2", "t3"]
    with pytest.raises(Unsupported, match="cannot order texts by one of more than 65,000 bytes"):
        collection.select(Comparison(title, Operator.LT, long))
    collection.drop()
    collection.close()


def test_a_list_of_too_many_items_is_refused_with_a_hint(folder: Path) -> None:
    columns = (ValueColumn("labels", str, many=True),)
    collection = MilvusCollection(Layout("lists", (), columns), str(folder / "documents.db"))
    with pytest.raises(
        InvalidDocument, match=r"5,000 items in 'labels', of which Milvus keeps 4,096; leave the field out"
    ):
        collection.put([Record("a", b"", {}, {"labels": ["x"] * 5000})])
    collection.drop()
    collection.close()


def test_a_vector_may_have_one_number(folder: Path) -> None:
    collection = filled(folder, size=1)
    (hits,) = collection.nearest("vector", drawn(300, 1)[7][None], 1)
    assert (hits[0].id, hits[0].score) == ("r7", 0)
    collection.drop()
    collection.close()


def test_more_than_milvus_finds_at_once_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = filled(folder)
    monkeypatch.setattr(milvus, "MOST_FOUND", 200)
    assert len(collection.nearest("vector", drawn(1), 200)[0]) == 200
    with pytest.raises(Unsupported, match="finds 200 documents in a search, not 250"):
        collection.nearest("vector", drawn(1), 250)
    collection.drop()
    collection.close()


def test_the_last_one_that_closes_lets_go_of_the_file(tmp_path: Path) -> None:
    one, other = (MilvusCollection(Layout(name, (), ()), str(tmp_path / "mine.db")) for name in ("one", "other"))
    one.put([Record("a", b"A", {}, {})])
    one.close()
    assert other.count() == 0
    with pytest.raises(DataDirLockedError):
        MilvusLite(str(tmp_path / "mine.db"))
    other.close()
    with MilvusLite(str(tmp_path / "mine.db")) as free:
        assert set(free.list_collections()) == {"one", "other"}


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"Milvus at {url} cannot be used.*`url`"):
            MilvusCollection(Layout("none", (), ()), url, {"timeout": 0.2})


def test_docarrays_options_are_known(folder: Path) -> None:
    class Song(BaseDoc):
        title: str = Field(json_schema_extra={"col_type": DataType.VARCHAR})
        vector: NdArray[4] = Field(json_schema_extra={"is_embedding": True, "metric_type": "IP"})  # type: ignore[valid-type]

    index = MilvusDocumentIndex[Song](
        uri=folder / "documents.db",
        collection_description="songs",
        user="",
        password="",
        token="",
        consistency_level="Session",
        search_params={"params": {"nprobe": 10}},
        serialize_config={"protocol": "protobuf"},
    )
    index.index([Song(title="a", vector=np.ones(4)), Song(title="b", vector=3 * np.ones(4))])
    found = index.find(np.ones(4), "vector", limit=1)
    assert (found.documents.title, list(found.scores)) == (["b"], [12])
    index.drop()
    index.close()
