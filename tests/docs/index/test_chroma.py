import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from chromadb import K
from hypothesis import given

from tests.docs.index.hostile import assert_found_by_what_they_hold, cases, few, opened
from thalweg.docs import BaseDoc
from thalweg.docs.index.chroma import ChromaCollection, ChromaDocumentIndex
from thalweg.docs.index.collection import Collection, Layout, Record, ValueColumn, VectorColumn
from thalweg.docs.query.metric import Metric
from thalweg.errors import Unavailable
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chroma")


@pytest.fixture(scope="module")
def collections(folder: Path) -> CollectionSubject:
    return CollectionSubject("chroma", lambda layout: ChromaCollection(layout, str(folder)), persistent=True)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, folder: Path) -> None:
    subject = IndexSubject("chroma", ChromaDocumentIndex, lambda: {"url": folder}, persistent=True)
    if check.applies(subject):
        check(subject)


@pytest.fixture(scope="module")
def hostile(folder: Path) -> Iterator[Collection]:
    collection = opened(lambda layout: ChromaCollection(layout, str(folder)))
    yield collection
    collection.drop()
    collection.close()


@few
@given(cases)
def test_any_text_and_any_number_are_told_apart(hostile: Collection, given: list[tuple[str, dict[str, Any]]]) -> None:
    assert_found_by_what_they_hold(hostile, given)


def drawn(count: int, size: int = 8, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


def filled(url: str, **options: Any) -> ChromaCollection:
    columns = (ValueColumn("title", str), ValueColumn("year", int))
    layout = Layout(f"test{uuid4().hex[:12]}", (VectorColumn("vector", 8, Metric.COSINE, options),), columns)
    collection = ChromaCollection(layout, url)
    collection.put(
        [
            Record(f"r{n}", b"%d" % n, {} if n % 3 else {"vector": v}, {"title": f"number {n}", "year": n})
            for n, v in enumerate(drawn(60))
        ]
    )
    return collection


def test_an_expression_of_chroma_is_handed_on(folder: Path) -> None:
    collection = filled(str(folder))
    late = K("year") > 56
    assert collection.is_native(late)
    assert not collection.is_native({"year": {"$gt": 56}})
    assert sorted(collection.select(late)) == [("r57", b"57"), ("r58", b"58"), ("r59", b"59")]
    (hits,) = collection.nearest("vector", drawn(1, seed=1), 9, late)
    assert [hit.id for hit in hits] == ["r57"]
    collection.drop()
    collection.close()


def test_records_without_a_vector_do_not_take_places(folder: Path) -> None:
    collection = filled(str(folder), ef_search=10)
    for limit in (1, 5, 20, 50):
        (hits,) = collection.nearest("vector", np.full((1, 8), 1e-9, np.float32), limit)
        assert len(hits) == min(limit, 20)
        assert all(int(hit.id[1:]) % 3 == 0 for hit in hits)
    collection.drop()
    collection.close()


def test_what_the_index_misses_is_compared_one_by_one(folder: Path) -> None:
    layout = Layout("poor", (VectorColumn("vector", 8, Metric.EUCLIDEAN, {"ef_search": 1, "max_neighbors": 2}),), ())
    collection = ChromaCollection(layout, str(folder))
    collection.put([Record(f"r{n}", b"", {"vector": v}, {}) for n, v in enumerate(drawn(500))])
    (hits,) = collection.nearest("vector", drawn(1, seed=2), 500)
    assert len({hit.id for hit in hits}) == 500
    assert [hit.score for hit in hits] == sorted(hit.score for hit in hits)
    collection.drop()
    collection.close()


def test_texts_are_not_ordered(folder: Path) -> None:
    class Note(BaseDoc):
        text: str

    index = ChromaDocumentIndex[Note](url=folder, index_name="texts")
    with pytest.raises(NotImplementedError, match=r"cannot ask \$lt of 'text'"):
        index.filter({"text": {"$lt": "m"}})
    index.drop()
    index.close()


def test_memory_needs_no_folder() -> None:
    collection = filled("memory://")
    assert collection.count() == 60
    collection.drop()
    collection.close()


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"Chroma at {url} cannot be used.*`chroma run`"):
            ChromaCollection(Layout("none", (), ()), url)


def test_nobody_is_told_that_it_is_used(folder: Path) -> None:
    collection = ChromaCollection(Layout("quiet", (), ()), str(folder))
    assert collection._client.get_settings().anonymized_telemetry is False
    collection.drop()
    collection.close()
