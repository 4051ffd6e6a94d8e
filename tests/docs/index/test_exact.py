"""The exact index does all that an index must, ranks exactly, and comes back from its file."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.index import InMemoryExactNNIndex, LayoutMismatch
from thalweg.docs.index.memory import MemoryCollection
from thalweg.docs.typing import NdArray
from thalweg.errors import MalformedRequest
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject
from thalweg.testing.indexes.subindexes import libraries
from thalweg.testing.indexes.subject import Book, Library, books, vectors

SUBJECT = IndexSubject("exact", InMemoryExactNNIndex)


@pytest.mark.parametrize("check", [c for c in INDEX_CHECKS if c.applies(SUBJECT)], ids=lambda check: check.name)
def test_index(check: IndexCheck) -> None:
    check(SUBJECT)


class Loose(BaseDoc):
    text: str = ""
    vector: NdArray | None = None


@pytest.mark.parametrize("space", ["cosine_sim", "euclidean_dist", "sqeuclidean_dist", "dot"])
def test_a_built_query_puts_the_best_first_by_every_metric(space: str) -> None:
    class Thing(BaseDoc):
        number: int
        vector: NdArray[2] = Field(json_schema_extra={"space": space})

    things = [Thing(id=f"t{n}", number=n, vector=[np.cos(n / 10), np.sin(n / 10)]) for n in range(10)]
    index = InMemoryExactNNIndex[Thing](things)
    query = index.build_query().find([1.0, 0.0], "vector").filter({"number": {"$gte": 3}}).build()
    found = index.execute_query(query)
    assert found.documents.id == [f"t{n}" for n in range(3, 10)]
    ascending = space.endswith("_dist")
    assert list(found.scores) == sorted(found.scores, reverse=not ascending)


def test_ties_are_no_trouble() -> None:
    given = [Loose(id=f"d{n}", vector=np.ones(4)) for n in range(20)]
    index = InMemoryExactNNIndex[Loose](given)
    found = index.find(np.ones(4), "vector", limit=5)
    assert found.documents.id == ["d0", "d1", "d2", "d3", "d4"]
    assert np.allclose(found.scores, 1)
    built = index.build_query().find(np.ones(4), "vector").filter({"id": {"$neq": "d0"}}).build(limit=3)
    assert index.execute_query(built).documents.id == ["d1", "d2", "d3"]


def test_vectors_take_the_size_of_the_first_one() -> None:
    class Picture(BaseDoc):
        pixels: NdArray | None = None
        vector: NdArray | None = None

    index = InMemoryExactNNIndex[Picture]()
    index.index(Picture(id="a", pixels=np.zeros((2, 3, 3)), vector=np.ones(5)))
    index.index(Picture(id="b", pixels=np.zeros((9, 1, 3)), vector=np.zeros(5)))
    assert index.find(np.ones(5), "vector").documents.id == ["a", "b"]
    with pytest.raises(ValueError, match="have 5 numbers, not 4"):
        index.index(Picture(id="c", vector=np.ones(4)))
    with pytest.raises(ValueError, match="have 5 numbers"):
        index.find(np.ones(4), "vector")
    assert len(index) == 2
    assert index["b"].pixels is not None
    assert index["b"].pixels.shape == (9, 1, 3)


def test_filters_know_the_whole_language() -> None:
    index = InMemoryExactNNIndex[Book](books(10))
    asked: list[tuple[Any, list[str]]] = [
        ({"title": {"$regex": "[3-5]$"}}, ["b3", "b4", "b5"]),
        ({"labels": {"$contains": "label2"}}, ["b2", "b5", "b8"]),
        ({"labels": {"$size": 2}, "pages": {"$lt": 20}}, ["b0", "b1"]),
        ({"labels__0": {"$eq": "label1"}}, ["b1", "b4", "b7"]),
        ({"notes__shelf": {"$eq": 1}, "pages": {"$gt": 50}}, ["b7", "b9"]),
        ({"notes__nested__deep__0": {"$gte": 8}}, ["b8", "b9"]),
        ({"price": {"$lt": "{pages}"}, "pages": {"$lte": 30}}, ["b1", "b2", "b3"]),
        ({"title": {"$contains": "number 7"}}, ["b7"]),
        ({"author__name": {"$nin": ["Author 0", None]}}, ["b1", "b5", "b7"]),
    ]
    for query, ids in asked:
        assert sorted(index.filter(query).id) == ids, query


def test_it_begins_with_documents() -> None:
    index = InMemoryExactNNIndex[Library](libraries())
    assert len(index) == 2
    assert index.subindex_contains("l0s1c1p0")
    assert len(InMemoryExactNNIndex[Book](books(1)[0])) == 1


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "index.bin"
    index = InMemoryExactNNIndex[Library](index_file_path=file)
    index.index(libraries())
    index.persist()
    again = InMemoryExactNNIndex[Library](index_file_path=str(file), index_name="under another name")
    assert len(again) == 2
    assert again["l1"] == index["l1"]
    query = vectors(1)[0]
    for path in ("shelves", "shelves__chapters", "shelves__chapters__paragraphs"):
        one, other = (each.find_subindex(query, path, "vector", limit=5) for each in (index, again))
        assert one.sub_documents.id == other.sub_documents.id
        assert (one.scores == other.scores).all()
    del again["l1"]
    again.index(libraries()[1])
    assert len(again) == 2


def test_everything_can_be_asked_after_loading(tmp_path: Path) -> None:
    given = books(12)
    index = InMemoryExactNNIndex[Book](given)
    del index["b3"]
    index.persist(tmp_path / "books")
    again = InMemoryExactNNIndex[Book](index_file_path=tmp_path / "books")
    query = vectors(1, seed=3)[0]
    assert (again.find(query, "vector").scores == index.find(query, "vector").scores).all()
    assert again.filter({"notes__shelf": {"$eq": 1}}).id == index.filter({"notes__shelf": {"$eq": 1}}).id
    assert again.text_search("number", "title").documents.id == index.text_search("number", "title").documents.id
    again.index(given[3])
    assert len(again) == 12
    assert len(again.find(query, "vector", limit=-1).documents) == 9


def test_a_missing_file_is_an_empty_index(tmp_path: Path) -> None:
    assert len(InMemoryExactNNIndex[Book](index_file_path=tmp_path / "none")) == 0


def test_documents_and_a_file_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="either docs or index_file_path"):
        InMemoryExactNNIndex[Book](books(1), index_file_path=tmp_path / "none")


def test_a_file_of_another_class_is_refused(tmp_path: Path) -> None:
    InMemoryExactNNIndex[Book](books(2)).persist(tmp_path / "books")
    with pytest.raises(LayoutMismatch, match="made for another schema"):
        InMemoryExactNNIndex[Loose](index_file_path=tmp_path / "books")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "books"
    InMemoryExactNNIndex[Book](books(4)).persist(file)
    whole = file.read_bytes()
    for end in (9, 14, 200, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:end])
        with pytest.raises(MalformedRequest):
            InMemoryExactNNIndex[Book](index_file_path=file)
    generator = np.random.default_rng(0)
    for _ in range(200):
        changed = bytearray(whole)
        for place in generator.integers(8, 1500, size=3):
            changed[place] ^= int(generator.integers(1, 256))
        file.write_bytes(changed)
        try:
            list(InMemoryExactNNIndex[Book](index_file_path=file))
        except (ValueError, MalformedRequest):
            continue
        except Exception as error:
            assert type(error).__module__.startswith("thalweg"), repr(error)  # noqa: PT017


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "books"
    index = InMemoryExactNNIndex[Book](books(4))
    index.persist(file)
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        index.persist(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["books"]


def test_a_row_that_is_freed_is_taken_again() -> None:
    index = InMemoryExactNNIndex[Loose](Loose(id=f"d{n}", vector=np.eye(8)[n % 8] * (n + 1)) for n in range(64))
    index.delete([f"d{n}" for n in range(0, 64, 2)])
    index.index([Loose(id=f"e{n}", vector=np.ones(8)) for n in range(32)])
    (level,) = index._levels.values()
    collection = level.collection
    assert isinstance(collection, MemoryCollection)
    assert len(collection._matrices["vector"]) == len(index) == 64
    for n in range(1, 64, 2):
        found = index.find(np.eye(8)[n % 8] * (n + 1), "vector", limit=40)
        assert f"d{n}" in found.documents.id


def test_readers_never_see_half_of_a_change() -> None:
    index = InMemoryExactNNIndex[Loose](Loose(id=f"d{n}", text=f"d{n}", vector=np.eye(4)[n % 4]) for n in range(40))
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                for doc in index.find(np.ones(4), "vector", limit=50).documents:
                    assert doc.text == doc.id
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(60):
        index.delete([f"d{n}" for n in range(turn % 7, 40, 7)])
        index.index([Loose(id=f"d{n}", text=f"d{n}", vector=np.eye(4)[n % 4]) for n in range(turn % 7, 40, 7)])
    done.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_typed_results() -> None:
    index = InMemoryExactNNIndex[Book](books(2))
    found = index.find(vectors(1)[0], "vector").documents
    assert isinstance(found, DocList)
    assert found.doc_type is Book


def test_a_file_that_docarrays_index_persisted_is_read(tmp_path: Path) -> None:
    """It is a list of documents in protobuf."""
    books(5).save_binary(tmp_path / "in_memory_index.bin")
    index = InMemoryExactNNIndex[Book](index_file_path=tmp_path / "in_memory_index.bin")
    assert sorted(doc.id or "" for doc in index) == ["b0", "b1", "b2", "b3", "b4"]
    assert index["b4"].title == "Book number 4"


def test_numbers_whose_squares_are_too_large_are_no_trouble(tmp_path: Path) -> None:
    index = InMemoryExactNNIndex[Loose]([Loose(id="large", vector=np.array([1e30, 1e30], np.float32))])
    index.persist(tmp_path / "index")
    assert "large" in InMemoryExactNNIndex[Loose](index_file_path=tmp_path / "index")


@pytest.mark.parametrize("damaged", [b"x", b'{"vectors":[["a"', b"\xe2"])
def test_a_file_that_says_nonsense_about_its_columns_is_damaged(damaged: bytes, tmp_path: Path) -> None:
    path = tmp_path / "index"
    InMemoryExactNNIndex[Loose]([Loose(text="a")]).persist(path)
    data = path.read_bytes()
    at = data.index(b'{"vectors"') + 3
    path.write_bytes(data[:at] + damaged + data[at + len(damaged) :])
    with pytest.raises(MalformedRequest, match="damaged"):
        InMemoryExactNNIndex[Loose](index_file_path=path)
