"""Documents are found by vectors, conditions, words, and several of these at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg.docs import BaseDoc, DocList
from thalweg.testing.indexes.subject import (
    SIZE,
    Book,
    IndexSubject,
    Plain,
    books,
    index_check,
    plains,
    raised,
    vectors,
)


def _by_cosine(docs: DocList[Plain], query: np.ndarray[Any, Any]) -> list[tuple[str | None, float]]:
    scores = [float(doc.vector @ query / np.linalg.norm(doc.vector) / np.linalg.norm(query)) for doc in docs]
    return sorted(zip(docs.id, scores, strict=True), key=lambda item: -item[1])


@index_check()
def the_nearest_documents_come_first(subject: IndexSubject) -> None:
    given = plains(30)
    query = vectors(1, seed=8)[0]
    best = _by_cosine(given, query)
    with subject.opened(Plain, given) as index:
        found = index.find(query, search_field="vector", limit=5)
        assert found.documents.doc_type is Plain
        assert found.documents.id == [key for key, _ in best[:5]]
        assert np.allclose(found.scores, [score for _, score in best[:5]], atol=1e-3)
        assert len(index.find(query, "vector").documents) == 10
        assert len(index.find(query, limit=100).documents) == 30
        assert len(index.find(query, limit=-1).documents) == 30
        assert len(index.find(query, limit=None).scores) == 30
        assert len(index.find(query, limit=0).documents) == 0


@index_check()
def a_query_is_a_tensor_a_list_or_a_document(subject: IndexSubject) -> None:
    class Query(BaseDoc):
        vector: Any

    given = plains(12)
    with subject.opened(Plain, given) as index:
        query = given[3].vector
        for form in (query, query.tolist(), query[None], query.astype(np.float64), given[3], Query(vector=query)):
            found = index.find(form, "vector", limit=2)
            assert found.documents[0].id == "p3"
            assert abs(found.scores[0] - 1) < 1e-3


@index_check()
def unfit_queries_are_refused(subject: IndexSubject) -> None:
    with subject.opened(Book, books(3)) as index:
        raised(ValueError, lambda: index.find(np.ones(SIZE + 1), "vector"))
        raised(ValueError, lambda: index.find(Book(title="none"), "vector"))
        raised(ValueError, lambda: index.find(np.full(SIZE, np.nan), "vector"))
        error = raised(ValueError, lambda: index.find(np.ones(SIZE), "other"))
        assert "'vector'" in str(error)
        raised(ValueError, lambda: index.find("text", "vector"))


@index_check()
def several_queries_are_answered_at_once(subject: IndexSubject) -> None:
    given = plains(25)
    with subject.opened(Plain, given) as index:
        for queries in (np.stack([doc.vector for doc in given[:4]]), given[:4], [doc.vector for doc in given[:4]]):
            found = index.find_batched(queries, "vector", limit=3)
            assert [docs[0].id for docs in found.documents] == ["p0", "p1", "p2", "p3"]
            assert [len(scores) for scores in found.scores] == [3, 3, 3, 3]
            assert all(docs.doc_type is Plain for docs in found.documents)
        assert index.find_batched(np.zeros((0, SIZE)), "vector").documents == []


@index_check()
def an_empty_index_finds_nothing(subject: IndexSubject) -> None:
    with subject.opened(Plain) as index:
        found = index.find(vectors(1)[0], "vector")
        assert found.documents == DocList[Plain]()
        assert found.documents.doc_type is Plain
        assert len(found.scores) == 0
        assert index.find_batched(vectors(2), "vector").documents == [DocList[Plain]()] * 2
        assert index.filter({"number": {"$eq": 1}}) == DocList[Plain]()
        assert list(index) == []


@index_check()
def documents_without_a_vector_are_kept_but_not_found_by_it(subject: IndexSubject) -> None:
    with subject.opened(Book, books(10)) as index:
        found = index.find(vectors(1)[0], "vector", limit=100)
        assert sorted(found.documents.id) == ["b1", "b2", "b3", "b4", "b6", "b7", "b8", "b9"]
        assert index["b5"].vector is None


@index_check()
def conditions_filter_documents(subject: IndexSubject) -> None:
    asked: list[tuple[Any, list[str]]] = [
        ({"pages": {"$gte": 70}}, ["b7", "b8", "b9"]),
        ({"pages": {"$gt": 10, "$lte": 30}}, ["b2", "b3"]),
        ({"sold": {"$eq": True}, "pages": {"$lt": 30}}, ["b0", "b2"]),
        ({"price": {"$eq": None}}, ["b0", "b4", "b8"]),
        ({"price": {"$exists": True}, "pages": {"$gte": 60}}, ["b6", "b7", "b9"]),
        ({"author__name": {"$eq": "Author 1"}}, ["b1", "b5", "b7"]),
        ({"author__born": {"$lt": 1903}}, ["b1", "b2"]),
        ({"$or": [{"pages": {"$eq": 10}}, {"title": {"$eq": "Book number 4"}}]}, ["b1", "b4"]),
        ({"$not": {"pages": {"$gt": 10}}}, ["b0", "b1"]),
        ({"title": {"$in": ["Book number 2", "none", "Book number 6"]}}, ["b2", "b6"]),
        ({"$and": [{"sold": {"$neq": True}}, {"author__name": {"$neq": "Author 1"}}]}, ["b3", "b9"]),
        ({"id": {"$in": ["b3", "b7", "x"]}}, ["b3", "b7"]),
        ('{"pages": {"$eq": 30}}', ["b3"]),
        ({"pages": {"$eq": -1}}, []),
    ]
    with subject.opened(Book, books(10)) as index:
        for query, ids in asked:
            assert sorted(index.filter(query, limit=20).id) == ids, f"{query} finds {index.filter(query, limit=20).id}"
        assert len(index.filter({"pages": {"$gte": 0}}, limit=4)) == 4
        batches = index.filter_batched([asked[0][0], asked[3][0]])
        assert [sorted(docs.id) for docs in batches] == [asked[0][1], asked[3][1]]
        assert len(index.filter(None, limit=None)) == 10


@index_check()
def unfit_conditions_are_refused(subject: IndexSubject) -> None:
    with subject.opened(Book, books(3)) as index:
        for query in (
            {"pagse": {"$eq": 1}},
            {"pages": {"$eq": "many"}},
            {"title": {"$lt": 3}},
            {"pages": {"$near": 1}},
            {"vector": {"$eq": 1}},
            {"title__deep": {"$eq": 1}},
            {"sold": {"$gt": True}},
        ):
            raised(ValueError, lambda query=query: index.filter(query))  # type: ignore[misc]
        error = raised(ValueError, lambda: index.filter({"pagse": {"$eq": 1}}))
        assert "'pages'" in str(error)


@index_check()
def the_nearest_may_have_to_fulfil_a_condition(subject: IndexSubject) -> None:
    given = plains(40)
    query = vectors(1, seed=8)[0]
    best = [key for key, _ in _by_cosine(DocList[Plain](given[30:]), query)]
    with subject.opened(Plain, given) as index:
        found = index.find(query, "vector", limit=4, filter_query={"number": {"$gte": 30}})
        assert found.documents.id == best[:4]
        several = index.find_batched(query[None], "vector", limit=4, filter_query={"number": {"$gte": 30}})
        assert several.documents[0].id == best[:4]


@index_check()
def a_query_of_several_parts_is_answered(subject: IndexSubject) -> None:
    given = plains(40)
    query = vectors(1, seed=8)[0]
    best = [key for key, _ in _by_cosine(DocList[Plain](given[10:20]), query)]
    with subject.opened(Plain, given) as index:
        built = index.build_query().find(query, "vector").filter({"number": {"$gte": 10}})
        found = index.execute_query(built.filter({"number": {"$lt": 20}}).build(limit=6))
        assert found.documents.id == best[:6]
        assert list(found.scores) == sorted(found.scores, reverse=True)
        only = index.execute_query(index.build_query().filter({"number": {"$lt": 3}}).build())
        assert sorted(only.documents.id) == ["p0", "p1", "p2"]
        assert list(only.scores) == [1, 1, 1]
        none = index.execute_query(index.build_query().filter({"number": {"$lt": -3}}).find(query, "vector").build())
        assert none.documents == DocList[Plain]()
        parts = [
            ("find", {"query": query, "search_field": "vector"}),
            ("filter", {"filter_query": {"number": {"$eq": 7}}}),
        ]
        assert index.execute_query(parts).documents.id == ["p7"]
        twice = index.build_query().find(given[1], "vector").find(given[1], "vector").build(limit=3)
        assert index.execute_query(twice).documents[0].id == "p1"
        raised(NotImplementedError, lambda: index.build_query().find_batched([query], "vector"))
        raised(NotImplementedError, lambda: index.execute_query({"anything": 1}))  # type: ignore[arg-type]
        raised(ValueError, lambda: index.build_query().build())


@index_check(lambda subject: subject.searches_words)
def documents_are_found_by_words(subject: IndexSubject) -> None:
    texts = ["the river runs to the sea", "a mountain", "river, river", "the sea and the mountain"]
    given = [Plain(id=f"p{n}", text=text, vector=vectors(4)[n], number=n) for n, text in enumerate(texts)]
    with subject.opened(Plain, given) as index:
        found = index.text_search("river", "text")
        assert sorted(found.documents.id) == ["p0", "p2"]
        assert list(found.scores) == sorted(found.scores, reverse=True)
        assert index.text_search("river runs sea", "text", limit=1).documents.id == ["p0"]
        assert index.text_search("river", "text", filter_query={"number": {"$gt": 0}}).documents.id == ["p2"]
        assert sorted(index.text_search(Plain(text="mountain", vector=vectors(1)[0]), "text").documents.id) == [
            "p1",
            "p3",
        ]
        several = index.text_search_batched(["river", "none"], "text")
        assert [len(docs) for docs in several.documents] == [2, 0]
        built = index.build_query().text_search("river", "text").filter({"number": {"$eq": 0}}).build()
        assert index.execute_query(built).documents.id == ["p0"]


@index_check(lambda subject: subject.searches_words)
def nearness_and_words_are_fused(subject: IndexSubject) -> None:
    axes = np.eye(SIZE, dtype=np.float32)
    given = [
        Plain(id="near", text="nothing", vector=axes[0]),
        Plain(id="both", text="river river", vector=axes[0] + 0.1 * axes[1]),
        Plain(id="words", text="river among many other words", vector=axes[2]),
        Plain(id="none", text="nothing", vector=axes[3]),
    ]
    with subject.opened(Plain, given) as index:
        found = index.hybrid_search(axes[0], "river", "vector", "text", limit=3)
        assert found.documents[0].id == "both"
        assert len(found.documents) == 3
        assert list(found.scores) == sorted(found.scores, reverse=True)
        assert abs(found.scores[0] - 1 / 61 - 1 / 62) < 1e-6
        only_near = index.hybrid_search(axes[0], "river", "vector", "text", limit=1, weights=(1.0, 0.0))
        assert only_near.documents.id == ["near"]


@index_check(lambda subject: not subject.searches_words)
def words_are_refused_with_a_hint(subject: IndexSubject) -> None:
    with subject.opened(Plain, plains(2)) as index:
        for ask in (
            lambda: index.text_search("text", "text"),
            lambda: index.text_search_batched(["text"], "text"),
            lambda: index.hybrid_search(vectors(1)[0], "text", "vector", "text"),
            lambda: index.execute_query(index.build_query().text_search("text", "text").build()),
        ):
            assert "find by a vector" in str(raised(NotImplementedError, ask))
