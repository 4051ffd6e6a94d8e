"""Couchbase does all that a collection and an index must: a cluster of its documented contract, or a real one.

THALWEG_TEST_COUCHBASE=couchbase://user:password@host/bucket names a real one.
"""

import os
from typing import Any

import numpy as np
import pytest

from tests.docs.index.couchbase_cluster import Cluster
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.index import CouchbaseDocumentIndex
from thalweg.docs.index.collection import Layout, LayoutMismatch, Record, VectorColumn
from thalweg.docs.index.couchbase import CouchbaseCollection, CouchbaseConnection
from thalweg.docs.query.metric import Metric
from thalweg.docs.typing import NdArray
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def place() -> dict[str, Any]:
    real = os.environ.get("THALWEG_TEST_COUCHBASE")
    return {"url": real} if real else {"url": "couchbase://localhost/tests", "cluster": Cluster()}


@pytest.fixture(scope="module")
def collections(place: dict[str, Any]) -> CollectionSubject:
    def opened(layout: Layout) -> CouchbaseCollection:
        return CouchbaseCollection(layout, CouchbaseConnection(**place), own=True)

    return CollectionSubject("couchbase", opened, persistent=True)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, place: dict[str, Any]) -> None:
    subject = IndexSubject("couchbase", CouchbaseDocumentIndex, lambda: place, persistent=True)
    if check.applies(subject):
        check(subject)


class Thing(BaseDoc):
    title: str = ""
    price: int = 0
    vector: NdArray[3] | None = None  # type: ignore[valid-type]


def test_conditions_in_sql_are_handed_through(place: dict[str, Any]) -> None:
    things = [Thing(id=f"t{n}", price=n, vector=np.eye(3)[n % 3]) for n in range(6)]
    with CouchbaseDocumentIndex[Thing](index_name="natives", **place) as index:
        index.index(DocList[Thing](things))
        dear = "d.`values`.`price` > 3"
        assert sorted(index.filter(dear).id) == ["t4", "t5"]
        assert index.find(np.eye(3)[1], filter_query=dear, limit=1).documents.id == ["t4"]
        index.drop()


@pytest.mark.parametrize("negative", [True, False])
def test_products_are_ranked_whatever_their_sign_is(negative: bool) -> None:
    cluster = Cluster()
    cluster.negative_products = negative
    layout = Layout("products", (VectorColumn("vector", 2, Metric.DOT),), ())
    collection = CouchbaseCollection(layout, CouchbaseConnection("couchbase://localhost/tests", cluster))
    vectors = [np.array([n, 0], np.float32) for n in range(-3, 4)]
    collection.put([Record(f"r{n}", b"", {"vector": vector}, {}) for n, vector in enumerate(vectors)])
    (hits,) = collection.nearest("vector", np.array([[1, 0]]), 2)
    assert [(hit.id, hit.score) for hit in hits] == [("r6", 3), ("r5", 2)]


def test_a_document_that_is_too_large_is_refused() -> None:
    connection = CouchbaseConnection("couchbase://localhost/tests", Cluster())
    collection = CouchbaseCollection(Layout("large", (), ()), connection)
    with pytest.raises(ValueError, match="20 MB"):
        collection.put([Record("a", bytes(16 << 20), {}, {})])
    collection.put([Record("a", bytes(10 << 20), {}, {}), Record("b", bytes(10 << 20), {}, {})])
    assert collection.count() == 2


def test_a_collection_of_somebody_else_is_left_alone() -> None:
    cluster = Cluster()
    cluster.collections["tests", "_default", "theirs"] = {"a": "{}"}
    cluster.indexed.add(("tests", "_default", "theirs"))
    with pytest.raises(LayoutMismatch, match="no index has made"):
        CouchbaseCollection(Layout("theirs", (), ()), CouchbaseConnection("couchbase://localhost/tests", cluster))


def test_a_url_without_a_bucket_is_refused() -> None:
    with pytest.raises(ValueError, match="bucket"):
        CouchbaseConnection("couchbase://localhost", Cluster())
