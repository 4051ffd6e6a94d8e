"""Qdrant in memory and in files does all that a collection and an index must."""

import os
from pathlib import Path

import numpy as np
import pytest

from thalweg.docs import BaseDoc
from thalweg.docs.index import QdrantDocumentIndex
from thalweg.docs.index.collection import Layout, LayoutMismatch
from thalweg.docs.index.qdrant import QdrantCollection, QdrantConnection
from thalweg.docs.typing import NdArray
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """With these tests: it takes seconds, in each process that so much as reads this file."""
    pytest.importorskip("qdrant_client")


SERVER = os.environ.get("THALWEG_TEST_QDRANT")
"""The address of a real server, such as http://localhost:6333."""

# Files are written point by point: what many points show is shown in memory.
SLOW_IN_FILES = {
    "a_scan_gives_every_record_once",
    "few_that_fulfil_the_condition_are_found_among_many",
    "many_are_got_selected_and_deleted_at_once",
    *(check.name for check in COLLECTION_CHECKS if check.name.startswith("the_nearest_by")),
}


def collections(folder: Path | None) -> CollectionSubject:
    def opened(layout: Layout) -> QdrantCollection:
        place = {"location": ":memory:"} if folder is None else {"path": str(folder / layout.name)}
        return QdrantCollection(layout, QdrantConnection(**place), own=True)

    return CollectionSubject("qdrant", opened, persistent=folder is not None)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection_in_memory(check: CollectionCheck) -> None:
    subject = collections(None)
    if check.applies(subject):
        check(subject)


@pytest.mark.parametrize(
    "check", [check for check in COLLECTION_CHECKS if check.name not in SLOW_IN_FILES], ids=lambda check: check.name
)
def test_collection_in_files(check: CollectionCheck, tmp_path: Path) -> None:
    subject = collections(tmp_path)
    if check.applies(subject):
        check(subject)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index_in_memory(check: IndexCheck) -> None:
    subject = IndexSubject("qdrant", QdrantDocumentIndex, lambda: {"location": ":memory:"})
    if check.applies(subject):
        check(subject)


@pytest.mark.parametrize(
    "check",
    [check for check in INDEX_CHECKS if "opened_again" in check.name or "refused" in check.name],
    ids=lambda check: check.name,
)
def test_index_in_files(check: IndexCheck, tmp_path: Path) -> None:
    subject = IndexSubject("qdrant", QdrantDocumentIndex, lambda: {"path": str(tmp_path)}, persistent=True)
    if check.applies(subject):
        check(subject)


on_a_server = pytest.mark.skipif(SERVER is None, reason="THALWEG_TEST_QDRANT does not say where a server is")


@on_a_server
@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection_on_a_server(check: CollectionCheck) -> None:
    def opened(layout: Layout) -> QdrantCollection:
        return QdrantCollection(layout, QdrantConnection(url=SERVER), own=True)

    subject = CollectionSubject("qdrant server", opened, persistent=True)
    if check.applies(subject):
        check(subject)


@on_a_server
@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index_on_a_server(check: IndexCheck) -> None:
    options = {"url": SERVER, "prefer_grpc": False}
    subject = IndexSubject("qdrant server", QdrantDocumentIndex, lambda: options, persistent=True)
    if check.applies(subject):
        check(subject)


class Thing(BaseDoc):
    title: str = ""
    price: float = 0
    vector: NdArray[3] | None = None  # type: ignore[valid-type]


def test_qdrants_own_filters_are_handed_through() -> None:
    from qdrant_client import models

    cheap = models.Filter(must=[models.FieldCondition(key="price", range=models.Range(lt=2))])
    sea = models.Filter(must=[models.FieldCondition(key="title", match=models.MatchText(text="sea"))])
    with QdrantDocumentIndex[Thing](location=":memory:") as index:
        index.index([Thing(id=f"t{n}", title=f"the sea {n}", price=n, vector=np.eye(3)[n % 3]) for n in range(5)])
        assert sorted(index.filter(cheap).id) == ["t0", "t1"]
        assert len(index.filter(sea)) == 5
        assert index.find(np.eye(3)[1], filter_query=cheap).documents.id == ["t1", "t0"]
        both = index.build_query().find(np.eye(3)[1]).filter(cheap).filter({"price": {"$gt": 0}}).build()
        with pytest.raises(NotImplementedError, match="stands alone"):
            index.execute_query(both)


def test_vectors_compared_by_cosine_come_back_as_given() -> None:
    vector = np.array([3.0, 4.0, 12.0])
    with QdrantDocumentIndex[Thing](location=":memory:") as index:
        index.index(Thing(id="a", vector=vector))
        (found,) = index.find(vector).documents
        assert found.vector is not None
        assert found.vector.tolist() == [3, 4, 12]
        assert found.vector.dtype == np.float64


def test_the_name_of_the_collection_is_chosen() -> None:
    for options in ({"collection_name": "mine"}, {"index_name": "mine"}):
        with QdrantDocumentIndex[Thing](location=":memory:", **options) as index:
            assert index.index_name == "mine"
            assert index._connection.client.collection_exists("mine")


def test_two_places_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="location and url"):
        QdrantDocumentIndex[Thing](location=":memory:", url="http://localhost")
    with pytest.raises(TypeError, match="adress"):
        QdrantDocumentIndex[Thing](adress="localhost")


def test_a_collection_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    connection = QdrantConnection(location=":memory:")
    connection.client.create_collection("thing", vectors_config={})
    with pytest.raises(LayoutMismatch, match="no index has made"):
        QdrantCollection(Layout("thing", (), ()), connection)
    connection.close()
