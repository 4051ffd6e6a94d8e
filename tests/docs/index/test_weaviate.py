"""Weaviate does all that a collection and an index must: a stand-in of its documented contract, or a real server.

THALWEG_TEST_WEAVIATE=http://host:port names a real one, with gRPC on port 50051 of the same host.
"""

import os
from typing import Any

import numpy as np
import pytest
from weaviate.classes.query import Filter

from tests.docs.index.weaviate_server import Server
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.index import WeaviateDocumentIndex
from thalweg.docs.index.collection import Layout, LayoutMismatch, Record, Unsupported, ValueColumn, VectorColumn
from thalweg.docs.index.weaviate import WeaviateAccess, WeaviateCollection
from thalweg.docs.query.condition import And, Comparison, Not, Operator, Path
from thalweg.docs.query.metric import Metric
from thalweg.docs.typing import NdArray
from thalweg.errors import Unavailable
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def place() -> dict[str, Any]:
    real = os.environ.get("THALWEG_TEST_WEAVIATE")
    return {"host": real} if real else {"client": Server()}


@pytest.fixture(scope="module")
def collections(place: dict[str, Any]) -> CollectionSubject:
    def opened(layout: Layout) -> WeaviateCollection:
        client = place.get("client") or WeaviateAccess(**place).connected()
        return WeaviateCollection(layout, client, own=True)

    return CollectionSubject("weaviate", opened, persistent=True)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, place: dict[str, Any]) -> None:
    subject = IndexSubject("weaviate", WeaviateDocumentIndex, lambda: place, persistent=True)
    if check.applies(subject):
        check(subject)


class Thing(BaseDoc):
    title: str = ""
    price: int = 0
    vector: NdArray[3] | None = None  # type: ignore[valid-type]


def test_weaviates_own_filters_are_handed_through(place: dict[str, Any]) -> None:
    things = [Thing(id=f"t{n}", title=f"thing {n}", price=n, vector=np.eye(3)[n % 3]) for n in range(6)]
    with WeaviateDocumentIndex[Thing](index_name="natives", **place) as index:
        index.index(DocList[Thing](things))
        dear = Filter.by_property("price").greater_than(3)
        assert sorted(index.filter(dear).id) == ["t4", "t5"]
        assert index.filter(Filter.by_property("title").equal("thing 2")).id == ["t2"]
        assert index.find(np.eye(3)[1], filter_query=dear, limit=1).documents.id == ["t4"]
        index.drop()


def _collection(server: Server, *values: ValueColumn, metric: Metric = Metric.COSINE) -> WeaviateCollection:
    return WeaviateCollection(Layout("things", (VectorColumn("vector", 2, metric),), values), server)


@pytest.mark.parametrize(
    "metric, scores",
    [
        (Metric.COSINE, [1, 0.8]),
        (Metric.DOT, [4, 2]),
        (Metric.EUCLIDEAN, [1, 2]),
        (Metric.SQEUCLIDEAN, [1, 4]),
    ],
)
def test_distances_become_scores(metric: Metric, scores: list[float]) -> None:
    collection = _collection(Server(), metric=metric)
    far = {Metric.COSINE: (4, 3), Metric.DOT: (1, 0)}.get(metric, (4, 0))
    near = (2, 0) if metric in (Metric.COSINE, Metric.DOT) else (1, 0)
    vectors = {"far": far, "near": near}
    collection.put([Record(key, b"", {"vector": np.array(each, np.float32)}, {}) for key, each in vectors.items()])
    (hits,) = collection.nearest("vector", np.array([[2, 0]]), 2)
    assert [hit.id for hit in hits] == ["near", "far"]
    assert [hit.score for hit in hits] == pytest.approx(scores)


def test_more_than_a_search_reaches_is_selected() -> None:
    collection = _collection(Server(), ValueColumn("pages", int))
    collection.put([Record(f"r{n}", b"", {}, {"pages": n}) for n in range(10_100)])
    assert len(set(collection.select(Comparison(Path(("pages",)), Operator.GTE, 50)))) == 10_050
    with pytest.raises(Unsupported, match="10,000"):
        collection.nearest("vector", np.array([[2, 0]]), 10_001)


@pytest.mark.parametrize("operator", [Operator.LT, Operator.LTE, Operator.GT, Operator.GTE, Operator.EQ, Operator.NEQ])
def test_integers_that_no_double_holds_are_compared(operator: Operator) -> None:
    edge = 2**53
    numbers = [-(2**63), -edge - 1, -edge, -edge + 1, 0, edge - 1, edge, edge + 1, edge + 1024, 2**63 - 1]
    collection = _collection(Server(), ValueColumn("pages", int))
    collection.put([Record(str(number), b"", {}, {"pages": number}) for number in numbers])
    meant = {"$lt": "__lt__", "$lte": "__le__", "$gt": "__gt__", "$gte": "__ge__", "$eq": "__eq__", "$neq": "__ne__"}
    for operand in numbers:
        found = {int(key) for key, _ in collection.select(Comparison(Path(("pages",)), operator, operand))}
        assert found == {number for number in numbers if getattr(number, meant[operator])(operand)}


def test_bools_in_lists_are_found_and_large_items_refused() -> None:
    collection = _collection(Server(), ValueColumn("flags", bool, many=True), ValueColumn("years", int, many=True))
    flags = {"both": [True, False], "yes": [True], "none": []}
    collection.put([Record(key, b"", {}, {"flags": each, "years": [2**60, 7]}) for key, each in flags.items()])
    no = Comparison(Path(("flags",)), Operator.CONTAINS, False)
    assert [key for key, _ in collection.select(no)] == ["both"]
    assert {key for key, _ in collection.select(Not(no))} == {"yes", "none"}
    assert len(collection.select(Comparison(Path(("years",)), Operator.CONTAINS, 7))) == 3
    with pytest.raises(Unsupported, match="as text"):
        collection.select(And((no, Comparison(Path(("years",)), Operator.CONTAINS, 2**60))))


def test_batches_are_bounded() -> None:
    server = Server()
    collection = _collection(server)
    collection.put([Record(f"r{n}", bytes(3 << 20), {}, {}) for n in range(4)])
    assert collection.count() == 4
    assert server.kept["Things"].largest < 10 << 20


def test_a_collection_of_somebody_else_is_left_alone() -> None:
    server = Server()
    server.collections.create("Theirs")
    with pytest.raises(LayoutMismatch, match="no index has made"):
        WeaviateCollection(Layout("theirs", (), ()), server)


def test_names_in_capitals_are_others() -> None:
    server = Server()
    assert len({WeaviateCollection(Layout(name, (), ()), server).name for name in ("thing", "Thing", "THING")}) == 3


def test_only_a_client_of_its_own_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, own = Server(), Server()
    monkeypatch.setattr(WeaviateAccess, "connected", lambda access: own)
    for settings in ({"client": theirs}, {}):
        with WeaviateDocumentIndex[Thing](index_name="closed", **settings) as index:
            index.index(DocList[Thing]([Thing()]))
    assert (theirs.closed, own.closed) == (False, True)


@pytest.mark.parametrize("host", ["localhost:8080", "ftp://localhost", "http://"])
def test_a_host_that_is_no_url_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="http://localhost:8080"):
        WeaviateAccess(host)


def test_two_ways_to_say_who_asks_are_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        WeaviateAccess(auth_api_key="key", username="me")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        WeaviateAccess("http://127.0.0.1:1", grpc_port=2, auth_api_key="secret", timeout=2).connected()
