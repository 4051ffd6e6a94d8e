"""Documents go in and come out as they were."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import numpy as np

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.index import LayoutMismatch
from thalweg.testing.indexes.subject import (
    SIZE,
    Author,
    Book,
    IndexSubject,
    Plain,
    books,
    index_check,
    plains,
    raised,
    vectors,
)


def assert_same(found: BaseDoc, given: BaseDoc) -> None:
    """The document is the same in all its fields, its id included."""
    assert type(found) is type(given)
    assert found.id == given.id
    assert found == given, f"{found!r} came back for {given!r}"


@index_check()
def documents_come_back_as_they_went_in(subject: IndexSubject) -> None:
    given = books()
    with subject.opened(Book, given) as index:
        assert len(index) == index.num_docs() == 10
        for book in given:
            found = index[book.id]
            assert_same(found, book)
            assert (found.author is None) is (book.author is None)
            if found.vector is not None and book.vector is not None:
                assert found.vector.dtype == book.vector.dtype
                found.vector[0] = 7  # a document belongs to who found it
            assert found.picture.dtype == np.uint8
        assert_same(index["b1"], given[1])


@index_check()
def numbers_of_other_types_come_back_too(subject: IndexSubject) -> None:
    exact = np.linspace(0.1, 1, SIZE)
    with subject.opened(Book) as index:
        index.index([Book(id="a", title="a", vector=exact), Book(id="b", title="b", vector=np.arange(SIZE))])
        assert index["a"].vector.dtype == np.float64
        assert (index["a"].vector == exact).all()
        assert index["b"].vector.dtype == np.arange(SIZE).dtype


@index_check()
def indexing_an_id_again_replaces_its_document(subject: IndexSubject) -> None:
    with subject.opened(Book, books(4)) as index:
        index.index(Book(id="b2", title="another", pages=1, vector=vectors(1, seed=5)[0]))
        assert len(index) == 4
        assert index["b2"].title == "another"
        assert index["b2"].author is None
        assert index.filter({"pages": {"$eq": 20}}).id == []
        assert index.filter({"pages": {"$eq": 1}}).id == ["b2"]
        assert index.find(vectors(1, seed=5)[0], "vector", limit=1).documents.id == ["b2"]


@index_check()
def a_documents_own_changes_stay_outside(subject: IndexSubject) -> None:
    book = books(2)[1]
    with subject.opened(Book, book) as index:
        book.title = "changed"
        book.notes["new"] = 1
        assert index["b1"].title == "Book number 1"
        assert "new" not in index["b1"].notes


@index_check()
def documents_come_from_any_iterable(subject: IndexSubject) -> None:
    given = plains(9)

    def stream() -> Iterator[Plain]:
        yield from given[3:5]

    with subject.opened(Plain) as index:
        index.configure(batch_size=2)
        index.index(given[0])
        index.index(list(given[1:3]))
        index.index(stream())
        index.index(DocVec[Plain](given[5:8]))
        index.index(given[8:])
        index.index([])
        index.index({"id": "dict", "vector": [0.0] * (SIZE - 1) + [1.0]})
        assert len(index) == 10
        for doc in given:
            assert_same(index[doc.id], doc)
        assert index["dict"].vector.tolist() == [0, 0, 0, 0, 0, 1]


@index_check()
def documents_of_another_class_are_taken_where_they_fit(subject: IndexSubject) -> None:
    class Wider(Plain):
        more: str = "more"

    class Other(BaseDoc):
        number: str
        vector: Any

    class Unfit(BaseDoc):
        text: str

    one = vectors(1)[0]
    with subject.opened(Plain) as index:
        index.index([Wider(id="w", vector=one), Other(id="o", number="3", vector=one.tolist())])
        assert type(index["w"]) is type(index["o"]) is Plain
        assert index["o"].number == 3
        error = raised(ValueError, lambda: index.index(DocList[Unfit]([Unfit(text="a")])))
        assert "Unfit" in str(error)
        assert "Plain" in str(error)
        raised(ValueError, lambda: index.index(["text"]))
        assert len(index) == 2


@index_check()
def what_cannot_be_indexed_is_refused(subject: IndexSubject) -> None:
    class Loose(BaseDoc):
        text: str = ""
        number: int = 0
        vector: Any = None

    good = vectors(1)[0]
    with subject.opened(Plain) as index:
        for doc in (
            Plain(id=None, vector=good),
            Plain(id="", vector=good),
            Plain(id="x\0", vector=good),
            Plain(id="\ud800", vector=good),
            Plain(id="x" * 1025, vector=good),
            Plain(id="x", vector=np.full(SIZE, np.nan)),
            Plain(id="x", vector=np.full(SIZE, 1e300)),
            Plain(id="x", number=1 << 70, vector=good),
            Loose(id="x", vector=good[:-1]),
            Loose(id="x", vector="text"),
        ):
            raised(ValueError, lambda doc=doc: index.index([doc]))  # type: ignore[misc]
        assert len(index) == 0


@index_check()
def ids_that_are_not_there_are_named(subject: IndexSubject) -> None:
    with subject.opened(Plain, plains(4)) as index:
        assert index[["p2", "p0", "p2"]].id == ["p2", "p0", "p2"]
        assert index[["p1"]].doc_type is Plain
        assert index.get("p1").id == "p1"  # type: ignore[union-attr]
        assert index.get("none") is None
        assert [doc and doc.id for doc in index.get(["none", "p3"])] == [None, "p3"]
        raised(KeyError, lambda: index["none"])
        error = raised(KeyError, lambda: index[["p0", "none1", "p1", "none2"]])
        assert "'none1', 'none2'" in str(error)
        assert "p0" not in str(error)
        raised(TypeError, lambda: index[3])  # type: ignore[call-overload]


@index_check()
def documents_are_deleted_by_their_ids(subject: IndexSubject) -> None:
    with subject.opened(Plain, plains(6)) as index:
        del index["p1"]
        del index[["p2", "p3"]]
        assert sorted(doc.id for doc in index) == ["p0", "p4", "p5"]
        error = raised(KeyError, lambda: index.__delitem__(["p4", "p1"]))
        assert "'p1'" in str(error)
        assert "p4" in index
        index.delete(["p4", "p1"])
        index.delete("none")
        assert len(index) == 2
        assert sorted(index.find(vectors(1)[0], "vector").documents.id) == ["p0", "p5"]


@index_check()
def it_knows_what_it_contains(subject: IndexSubject) -> None:
    given = plains(2)
    with subject.opened(Plain, given[:1]) as index:
        assert given[0] in index
        assert given[1] not in index
        assert "p0" in index
        assert "none" not in index
        raised(TypeError, lambda: 3 in index)
        assert index.subindex_contains(given[0])
        assert not index.subindex_contains(given[1])


@index_check()
def some_fields_of_a_document_are_changed(subject: IndexSubject) -> None:
    given = books(3)
    with subject.opened(Book, given) as index:
        index.update("b1", title="changed", pages=99, author=Author(id="a", name="New"))
        assert index["b1"].title == "changed"
        assert index["b1"].author.name == "New"
        assert index["b1"].labels == given[1].labels
        assert index.filter({"pages": {"$eq": 99}}).id == ["b1"]
        raised(KeyError, lambda: index.update("none", title="x"))
        raised(ValueError, lambda: index.update("b1", other=1))
        raised(ValueError, lambda: index.update("b1", id="b2"))
        raised(ValueError, lambda: index.update("b1", pages="many"))
        assert index["b1"].pages == 99


@index_check()
def all_documents_are_listed(subject: IndexSubject) -> None:
    given = plains(1200)
    with subject.opened(Plain, given) as index:
        listed = {doc.id: doc for doc in index}
        assert listed.keys() == set(given.id)
        assert_same(listed["p700"], given[700])
        assert len(index.filter({"number": {"$gte": 0}}, limit=-1)) == 1200
        assert len(index.filter({"number": {"$gte": 0}})) == 10
        assert index  # even an empty one is true
        index.delete(given.id)
        assert index


@index_check(lambda subject: subject.persistent)
def an_index_is_there_when_it_is_opened_again(subject: IndexSubject) -> None:
    options = {"index_name": f"check{uuid4().hex[:12]}", **subject.options()}
    given = books(8)
    with subject.again(Book, options, drop=False) as index:
        index.index(given)
        del index["b3"]
        before = index.find(vectors(1, seed=3)[0], "vector")
        index.persist()
    with subject.again(Book, options) as index:
        assert len(index) == 7
        assert "b3" not in index
        assert_same(index["b4"], given[4])
        after = index.find(vectors(1, seed=3)[0], "vector")
        assert after.documents.id == before.documents.id
        assert np.allclose(after.scores, before.scores, atol=1e-6)
        assert index.filter({"author__name": {"$eq": "Author 1"}, "sold": {"$eq": False}}).id != []
        index.index(given[3])
        assert len(index) == 8


@index_check(lambda subject: subject.persistent)
def an_index_of_another_class_is_refused(subject: IndexSubject) -> None:
    class Longer(BaseDoc):
        text: str = ""
        number: int = 0
        title: str = ""

    options = {"index_name": f"check{uuid4().hex[:12]}", **subject.options()}
    with subject.again(Plain, options, drop=False) as index:
        index.index(plains(1))
        index.persist()
    error = raised(LayoutMismatch, lambda: subject.again(Longer, options, drop=False).__enter__())
    assert "title" in str(error)
    with subject.again(Plain, options) as index:
        assert len(index) == 1


@index_check()
def eight_threads_use_one_index(subject: IndexSubject) -> None:
    with subject.opened(Plain, plains(40)) as index:

        def work(number: int) -> None:
            mine = [doc.copy(update={"id": f"{number}-{doc.id}"}) for doc in plains(12, seed=number)]
            index.index(mine[:6])
            index.index(mine[6:])
            for doc in mine[::3]:
                found = index.find(doc.vector, "vector", limit=3)
                assert len(found.documents) == 3
                assert all(got.text == f"text {got.number}" for got in found.documents)
                assert_same(index[doc.id], doc)
            del index[[doc.id for doc in mine[:3]]]

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(work, range(1, 9)))
        assert len(index) == 40 + 8 * 9
