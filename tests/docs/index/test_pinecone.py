"""Pinecone does all that a collection and an index must: a server of its documented contract, or the real one.

THALWEG_TEST_PINECONE=<API key> names a project of the real one.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.docs.index.pinecone_server import Project, pinecone
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.index import PineconeDocumentIndex, Unsupported
from thalweg.docs.index.collection import Layout, LayoutMismatch, Record, ValueColumn, VectorColumn
from thalweg.docs.index.pinecone import PineconeCollection
from thalweg.docs.query.condition import Comparison, Operator, Path
from thalweg.docs.typing import NdArray
from thalweg.errors import DeadlineExceeded, Unavailable
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, Any]]:
    real = os.environ.get("THALWEG_TEST_PINECONE")
    if real:
        yield {"api_key": real}
    else:
        with pinecone() as (url, _):
            yield {"api_key": "test", "options": {"host": url, "ssl_verify": False}}


@pytest.fixture(scope="module")
def collections(account: dict[str, Any]) -> CollectionSubject:
    return CollectionSubject("pinecone", lambda layout: PineconeCollection(layout, **account), persistent=True)


@pytest.fixture
def stub() -> Iterator[tuple[dict[str, Any], Project]]:
    with pinecone() as (url, project):
        yield {"api_key": "test", "options": {"host": url, "ssl_verify": False}}, project


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, account: dict[str, Any]) -> None:
    subject = IndexSubject("pinecone", PineconeDocumentIndex, lambda: account, persistent=True)
    if check.applies(subject):
        check(subject)


class Thing(BaseDoc):
    title: str = ""
    price: int = 0
    vector: NdArray[3] | None = None  # type: ignore[valid-type]


def test_pinecones_own_filters_are_handed_through(account: dict[str, Any]) -> None:
    from pinecone import Field

    things = [Thing(id=f"t{n}", price=n, vector=np.eye(3)[n % 3]) for n in range(6)]
    with PineconeDocumentIndex[Thing](index_name="natives", **account) as index:
        index.index(DocList[Thing](things))
        assert sorted(index.filter(Field("price").gt(3)).id) == ["t4", "t5"]
        assert index.find(np.eye(3)[1], filter_query=Field("price").gt(3), limit=1).documents.id == ["t4"]
        index.drop()


def test_what_does_not_become_visible_in_time_is_an_error(stub: tuple[dict[str, Any], Project]) -> None:
    collection = PineconeCollection(Layout("slow", (VectorColumn("vector", 2),), ()), timeout=0.05, **stub[0])
    stub[1].sees = False
    with pytest.raises(DeadlineExceeded, match=r"'slow' of Pinecone did not come within 0\.05 seconds"):
        collection.put([Record("a", b"", {"vector": np.ones(2, np.float32)}, {})])
    collection.close()


def test_large_payloads_are_kept_in_parts_that_go_with_them(stub: tuple[dict[str, Any], Project]) -> None:
    collection = PineconeCollection(Layout("large", (VectorColumn("vector", 2),), ()), **stub[0])
    parts = stub[1].indexes["large"].namespaces
    vectors = {"vector": np.ones(2, np.float32)}
    collection.put([Record("a", bytes(200_000), vectors, {}), Record("b", bytes(60_000), {}, {})])
    assert len(parts["parts"].records) == 8 + 3
    assert collection.count() == 2
    assert [len(payload) for _, payload in sorted(collection.scan())] == [200_000, 60_000]
    collection.put([Record("a", b"small", vectors, {})])
    assert len(parts["parts"].records) == 3
    assert collection.nearest("vector", np.ones((1, 2)), 5)[0][0].payload == b"small"
    collection.delete(["b"])
    assert parts["parts"].records == {}
    collection.close()


def test_values_that_do_not_fit_are_refused(stub: tuple[dict[str, Any], Project]) -> None:
    layout = Layout("values", (), (ValueColumn("labels", str, many=True),))
    collection = PineconeCollection(layout, **stub[0])
    with pytest.raises(ValueError, match=r"40,960.*'index': False"):
        collection.put([Record("a", b"", {}, {"labels": [f"label {n}" for n in range(4000)]})])
    assert collection.count() == 0
    collection.close()


def test_integers_keep_their_order_beyond_floats(stub: tuple[dict[str, Any], Project]) -> None:
    collection = PineconeCollection(Layout("numbers", (), (ValueColumn("n", int),)), **stub[0])
    numbers = [2**53 + n for n in range(-2, 4)] + [-(2**53) - 1, 2**63 - 1]
    collection.put([Record(str(number), b"", {}, {"n": number}) for number in numbers])
    for operator, test in (("$lt", int.__lt__), ("$lte", int.__le__), ("$gt", int.__gt__), ("$gte", int.__ge__)):
        for number in numbers:
            found = collection.select(Comparison(Path(("n",)), Operator(operator), number))
            assert sorted(int(key) for key, _ in found) == sorted(each for each in numbers if test(each, number))
    among = Comparison(Path(("n",)), Operator.IN, [2**53 + 1, 2**63 - 1])
    assert sorted(int(key) for key, _ in collection.select(among)) == [2**53 + 1, 2**63 - 1]
    collection.close()


def test_an_index_of_somebody_else_is_left_alone(stub: tuple[dict[str, Any], Project]) -> None:
    from pinecone import Pinecone, ServerlessSpec

    with Pinecone(api_key="test", **stub[0]["options"]) as client:
        client.create_index(
            "theirs", spec=ServerlessSpec(cloud="aws", region="us-east-1"), dimension=2, metric="cosine"
        )
        with client.Index("theirs") as index:
            index.upsert(vectors=[{"id": "a", "values": [1.0, 2.0], "metadata": {"a": 1}}], namespace="own")
    with pytest.raises(LayoutMismatch, match="no document index"):
        PineconeCollection(Layout("theirs", (VectorColumn("vector", 2),), ()), **stub[0])


def test_more_than_pinecone_finds_is_refused(stub: tuple[dict[str, Any], Project]) -> None:
    collection = PineconeCollection(Layout("many", (VectorColumn("vector", 2),), ()), **stub[0])
    with pytest.raises(Unsupported, match="10,000"):
        collection.nearest("vector", np.ones((1, 2)), 10_001)
    collection.close()


def test_a_wrong_key_is_a_clear_error(stub: tuple[dict[str, Any], Project]) -> None:
    with pytest.raises(Unavailable, match="API"):
        PineconeCollection(Layout("none", (), ()), "wrong", options=stub[0]["options"])
