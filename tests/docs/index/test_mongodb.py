"""MongoDB Atlas does all that a collection and an index must: a server of its documented contract, or a real one.

THALWEG_TEST_MONGODB=mongodb+srv://user:password@host names a real one.
"""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from bson import SON

from tests.docs.index.mongodb_server import Database, mongodb
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.index import MongoDBAtlasDocumentIndex, Unsupported
from thalweg.docs.index.collection import Layout, LayoutMismatch, Record, ValueColumn, VectorColumn
from thalweg.docs.index.mongodb import MongoDBCollection
from thalweg.docs.query.metric import Metric
from thalweg.docs.typing import NdArray
from thalweg.errors import DeadlineExceeded, Unavailable
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    real = os.environ.get("THALWEG_TEST_MONGODB")
    if real:
        yield real
    else:
        with mongodb() as (url, _):
            yield url


@pytest.fixture(scope="module")
def collections(address: str) -> CollectionSubject:
    return CollectionSubject("mongodb", lambda layout: MongoDBCollection(layout, address, "thalweg"), persistent=True)


@pytest.fixture
def stub() -> Iterator[tuple[str, Database]]:
    with mongodb() as served:
        yield served


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, address: str) -> None:
    options = {"mongo_connection_uri": address, "database_name": "thalweg"}
    subject = IndexSubject("mongodb", MongoDBAtlasDocumentIndex, lambda: options, persistent=True)
    if check.applies(subject):
        check(subject)


class Thing(BaseDoc):
    title: str = ""
    price: int = 0
    vector: NdArray[3] | None = None  # type: ignore[valid-type]


def test_mongodbs_own_queries_are_handed_through(address: str) -> None:
    things = [Thing(id=f"t{n}", title=f"the sea {n}", price=n, vector=np.eye(3)[n % 3]) for n in range(6)]
    options = {"mongo_connection_uri": address, "index_name": "natives"}
    with MongoDBAtlasDocumentIndex[Thing](**options) as index:
        index.index(DocList[Thing](things))
        odd = SON([("values.title", {"$regex": "[135]$"})])
        assert sorted(index.filter(odd).id) == ["t1", "t3", "t5"]
        assert index.find(np.eye(3)[1], filter_query=odd, limit=1).documents.id == ["t1"]
        assert sorted(index.text_search("sea", "title", filter_query=odd).documents.id) == ["t1", "t3", "t5"]
        index.drop()


def test_what_does_not_become_visible_in_time_is_an_error(stub: tuple[str, Database]) -> None:
    layout = Layout("slow", (VectorColumn("vector", 2),), ())
    collection = MongoDBCollection(layout, stub[0], timeout=0.05)
    kept = stub[1].collections["slow"]
    kept.look = dict  # type: ignore[assignment,method-assign]  # its index never sees anything
    with pytest.raises(DeadlineExceeded, match=r"'slow' of MongoDB did not come within 0\.05 seconds"):
        collection.put([Record("a", b"", {"vector": np.ones(2, np.float32)}, {})])
    assert collection.get(["a"]) == [b""]
    collection.close()


def test_a_document_that_is_too_large_is_refused(stub: tuple[str, Database]) -> None:
    collection = MongoDBCollection(Layout("large", (), ()), stub[0])
    with pytest.raises(ValueError, match="16 MB"):
        collection.put([Record("a", bytes(17 << 20), {}, {})])
    assert collection.count() == 0
    collection.close()


def test_a_server_without_search_is_refused(stub: tuple[str, Database]) -> None:
    stub[1].searchable = False
    with pytest.raises(Unsupported, match="Use Atlas"):
        MongoDBCollection(Layout("plain", (VectorColumn("vector", 2),), ()), stub[0])


def test_no_server_is_a_clear_error() -> None:
    with pytest.raises(Unavailable, match="mongo_connection_uri"):
        MongoDBCollection(Layout("none", (), ()), "mongodb://127.0.0.1:1", options={"serverSelectionTimeoutMS": 1})


def test_a_collection_of_somebody_else_is_left_alone(stub: tuple[str, Database]) -> None:
    stub[1]._kept("theirs").documents["a"] = {"_id": "a"}
    with pytest.raises(LayoutMismatch, match="no index has made"):
        MongoDBCollection(Layout("theirs", (), ()), stub[0])


def test_dot_products_are_refused_with_what_to_use(stub: tuple[str, Database]) -> None:
    with pytest.raises(Unsupported, match="space='cosine'"):
        MongoDBCollection(Layout("dot", (VectorColumn("vector", 2, Metric.DOT),), ()), stub[0])


def test_the_index_is_asked_for_enough_candidates(stub: tuple[str, Database]) -> None:
    column = VectorColumn("vector", 2, options={"oversample_factor": 3, "max_candidates": 20})
    collection = MongoDBCollection(Layout("many", (column,), (ValueColumn("n", int),)), stub[0])
    vectors = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    collection.put([Record(f"r{n}", b"", {"vector": vector}, {"n": n}) for n, vector in enumerate(vectors)])
    asked: list[int | None] = []
    answer = stub[1].answer

    def seen(command):  # type: ignore[no-untyped-def]
        stage = command.get("pipeline", [{}])[0].get("$vectorSearch")
        if stage:
            asked.append(stage.get("numCandidates"))
        return answer(command)

    stub[1].answer = seen  # type: ignore[method-assign]
    for limit in (5, 10, 30, 50):
        assert len(collection.nearest("vector", vectors[:1], limit)[0]) == limit
    assert asked == [15, 20, 30, 50]
    collection.close()
