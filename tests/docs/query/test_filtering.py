from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.query import filter_docs, matches, parse
from thalweg.docs.query.condition import Comparison, Operator, Path
from thalweg.docs.typing import NdArray


class Author(BaseDoc):
    name: str
    born: int | None = None


class Note(BaseDoc):
    text: str | None = None


@dataclass
class Place:
    river: str


class Book(BaseDoc):
    title: str
    price: float | None = None
    cost: float = 3
    pages: list[int] = Field(default_factory=list)
    span: tuple[int, int] = (0, 0)
    tags: dict[str, Any] = Field(default_factory=dict)
    author: Author
    note: Note | None = None
    place: Any = None
    vector: NdArray


BOOKS = DocList[Book](
    [
        Book(
            title="one",
            price=1,
            pages=[1, 2],
            span=(1, 2),
            tags={"color": "red", "size": {"x": 5}, "7": "seven"},
            author=Author(name="Ann", born=1900),
            note=Note(text="hello"),
            place=Place("Rhine"),
            vector=[1, 2],
        ),
        Book(title="two", price=5, tags={"color": 3}, author=Author(name="Bob"), note=Note(), vector=[3, 4]),
        Book(title="three", pages=[9], author=Author(name="Cid", born=1950), note=Note(text="help"), vector=[5, 6]),
    ]
)


def found(query: Any) -> list[str]:
    """The titles that both a DocList and a DocVec find."""
    rows, columns = filter_docs(BOOKS, query), filter_docs(BOOKS.to_doc_vec(), query)
    assert type(rows) is type(columns) is DocList[Book]
    assert rows == columns
    return [book.title for book in rows]


@pytest.mark.parametrize(
    "query, titles",
    [
        ({"price": {"$eq": 5}}, ["two"]),
        ({"price": {"$eq": None}}, ["three"]),
        ({"price": {"$neq": 5}}, ["one", "three"]),
        ({"price": {"$lt": 5}}, ["one"]),
        ({"price": {"$lte": 5}}, ["one", "two"]),
        ({"price": {"$gt": 1}}, ["two"]),
        ({"price": {"$gte": 1}}, ["one", "two"]),
        ({"price": {"$gt": "1"}}, []),
        ({"title": {"$gt": "p"}}, ["two", "three"]),
        ({"price": {"$in": [5, None, 7]}}, ["two", "three"]),
        ({"price": {"$nin": [5, 7]}}, ["one", "three"]),
        ({"pages": {"$in": [[9], [8]]}}, ["three"]),
        ({"title": {"$contains": "o"}}, ["one", "two"]),
        ({"title": {"$contains": 5}}, []),
        ({"pages": {"$contains": 9}}, ["three"]),
        ({"tags": {"$contains": "size"}}, ["one"]),
        ({"tags": {"$contains": [1]}}, []),
        ({"price": {"$contains": 5}}, []),
        ({"title": {"$regex": "^t"}}, ["two", "three"]),
        ({"title": {"$regex": "w"}}, ["two"]),
        ({"price": {"$regex": "5"}}, []),
        ({"note": {"$regex": "hel[lp]"}}, ["one", "three"]),
        ({"author": {"$regex": "name='B"}}, ["two"]),
        ({"pages": {"$size": 2}}, ["one"]),
        ({"title": {"$size": 3}}, ["one", "two"]),
        ({"price": {"$size": 1}}, []),
        ({"price": {"$exists": True}}, ["one", "two", "three"]),
        ({"tags__color": {"$exists": True}}, ["one", "two"]),
        ({"tags__color": {"$exists": False}}, ["three"]),
        ({"pages": {"$eq": [1, 2]}}, ["one"]),
        ({"span": {"$eq": [1, 2]}}, ["one"]),
        ({"tags": {"$eq": {}}}, ["three"]),
        ({"vector": {"$eq": [3, 4]}}, ["two"]),
        ({"vector": {"$eq": [3, "4"]}}, []),
        ({"vector": {"$neq": [3, 4]}}, ["one", "three"]),
        ({"vector": {"$gt": 0}}, []),
    ],
)
def test_operators(query: Any, titles: list[str]) -> None:
    assert found(query) == titles


@pytest.mark.parametrize(
    "query, titles",
    [
        ({"author__name": {"$eq": "Bob"}}, ["two"]),
        ({"author__born": {"$lt": 1940}}, ["one"]),
        ({"tags__color": {"$eq": "red"}}, ["one"]),
        ({"tags__size__x": {"$gte": 5}}, ["one"]),
        ({"tags__7": {"$eq": "seven"}}, ["one"]),
        ({"pages__0": {"$gt": 0}}, ["one", "three"]),
        ({"pages__1": {"$eq": 2}}, ["one"]),
        ({"pages__-1": {"$eq": 9}}, ["three"]),
        ({"vector__1": {"$gt": 3}}, ["two", "three"]),
        ({"place__river": {"$eq": "Rhine"}}, ["one"]),
        ({"note__text": {"$eq": None}}, ["two"]),
    ],
)
def test_paths(query: Any, titles: list[str]) -> None:
    assert found(query) == titles


@pytest.mark.parametrize(
    "path", ["nope", "nope__x", "tags__nope", "pages__7", "pages__x", "author__name__x", "title__upper", "model_fields"]
)
@pytest.mark.parametrize("operation", [{"$neq": 1}, {"$nin": [1]}, {"$eq": None}, {"$in": [None]}, {"$size": 0}])
def test_what_is_not_there_fulfils_nothing(path: str, operation: dict[str, Any]) -> None:
    assert found({path: operation}) == []
    assert found({path: {"$exists": False}}) == ["one", "two", "three"]


@pytest.mark.parametrize(
    "query, titles",
    [
        ([{"price": {"$gt": 0}}, {"title": {"$regex": "^t"}}], ["two"]),
        ({"price": {"$gt": 0, "$lt": 5}}, ["one"]),
        ({"price": {"$gt": 0}, "title": {"$eq": "one"}}, ["one"]),
        ({"$or": [{"price": {"$eq": 1}}, {"title": {"$eq": "three"}}]}, ["one", "three"]),
        ({"$or": {"price": {"$eq": 1}, "title": {"$eq": "three"}}}, ["one", "three"]),
        ({"$or": []}, []),
        ({"$and": []}, ["one", "two", "three"]),
        ({"$not": [{"price": {"$gt": 0}}, {"title": {"$eq": "one"}}]}, ["two", "three"]),
        ({"$not": []}, []),
        ({"price": {"$not": {"$gt": 1}}}, ["one", "three"]),
        ({"price": {"$or": [{"$lt": 2}, {"$gt": 4}]}}, ["one", "two"]),
        ({"price": {"$and": [{"$gt": 0}, {"$not": {"$eq": 5}}]}}, ["one"]),
        ({"$not": {"$or": [{"title": {"$eq": "one"}}, {"author__name": {"$not": {"$eq": "Bob"}}}]}}, ["two"]),
    ],
)
def test_logic(query: Any, titles: list[str]) -> None:
    assert found(query) == titles


@pytest.mark.parametrize(
    "query, titles",
    [
        ({"price": {"$gt": "{cost}"}}, ["two"]),
        ({"price": {"$eq": "{pages__0}"}}, ["one"]),
        ({"price": {"$in": "{pages}"}}, ["one"]),
        ({"price": {"$nin": "{pages}"}}, ["two", "three"]),
        ({"price": {"$in": "{title}"}}, []),
        ({"pages": {"$size": "{vector__1}"}}, ["one"]),
        ({"price": {"$neq": "{nope}"}}, []),
    ],
)
def test_a_placeholder_is_another_field_of_the_same_document(query: Any, titles: list[str]) -> None:
    assert found(query) == titles


def test_nothing_asked_for_keeps_all() -> None:
    assert filter_docs(BOOKS, None) is BOOKS
    assert filter_docs(BOOKS.to_doc_vec(), "{}") == BOOKS


def test_json_text_is_a_query() -> None:
    assert found('{"price": {"$in": [5]}}') == ["two"]


def test_an_empty_array_has_nothing_to_find() -> None:
    assert filter_docs(DocList[Book](), {"price": {"$gt": 1}}) == DocList[Book]()
    assert filter_docs(DocVec[Book]([]), {"price": {"$gt": 1}}) == DocList[Book]()


def test_documents_without_a_schema_are_asked_for_what_they_hold() -> None:
    docs = DocList([AnyDoc(price=1), AnyDoc(price=5, tags={"a": [1]}), BOOKS[1]])
    assert filter_docs(docs, {"price": {"$gt": 2}}) == docs[1:]
    assert filter_docs(docs, {"tags__a__0": {"$eq": 1}}) == docs[[1]]


def test_what_a_docvec_finds_writes_to_its_columns() -> None:
    vec = BOOKS.to_doc_vec()
    filter_docs(vec, {"title": {"$eq": "two"}})[0].price = 9
    assert vec.price == [1, 9, None]


def test_a_column_of_none_is_none() -> None:
    vec = DocVec[Book]([Book(title="four", author=Author(name="Dan"), vector=[1])])
    assert len(filter_docs(vec, {"note": {"$eq": None}})) == 1
    assert len(filter_docs(vec, {"note__text": {"$eq": None}})) == 0


def test_a_condition_is_a_query_and_compiles_to_a_function() -> None:
    condition = Comparison(Path(("price",)), Operator.EQ, 5)
    assert found(condition) == ["two"]
    assert [matches(condition)(book) for book in BOOKS] == [False, True, False]


def test_a_pattern_comes_from_the_query_alone() -> None:
    with pytest.raises(ValueError, match=r"\$regex takes a regular expression, not another field"):
        matches(Comparison(Path(("title",)), Operator.REGEX, Path(("title",))))


def test_nan_equals_nan() -> None:
    docs = DocList([AnyDoc(x=float("nan")), AnyDoc(x=1.0)])
    assert filter_docs(docs, {"x": {"$eq": float("nan")}}) == docs[:1]
    assert filter_docs(docs, {"x": {"$in": [float("nan"), 7]}}) == docs[:1]
    assert filter_docs(docs, {"x": {"$neq": float("nan")}}) == docs[1:]


def test_numbers_of_numpy_and_nested_arrays_are_compared() -> None:
    docs = DocList([AnyDoc(x=np.float32(1.5), y=[np.ones(2)]), AnyDoc(x=np.int64(7), y=[np.zeros(2)])])
    assert filter_docs(docs, {"x": {"$gt": 2}}) == docs[1:]
    assert filter_docs(docs, {"x": {"$in": [7]}}) == docs[1:]
    assert filter_docs(docs, {"y": {"$eq": [np.ones(2)]}}) == docs[:1]


paths = st.sampled_from(["title", "price", "pages", "pages__0", "tags__color", "author__born", "note__text", "nope"])
operations = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$neq"]), st.sampled_from([1, 5.0, None, "one", "red", "{cost}", [9]])),
    st.tuples(
        st.sampled_from(["$lt", "$lte", "$gt", "$gte"]), st.sampled_from([0, 3.5, "p", "{cost}", "{author__born}"])
    ),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(st.sampled_from([1, None, "one", [9]]), max_size=3)),
    st.tuples(st.just("$contains"), st.sampled_from([1, "o", None, "{price}"])),
    st.tuples(st.just("$size"), st.integers(0, 3)),
    st.tuples(st.just("$exists"), st.booleans()),
    st.tuples(st.just("$regex"), st.sampled_from(["^t", "e", "h.*l"])),
)
comparisons = st.builds(lambda path, operation: {path: dict([operation])}, paths, operations)
queries = st.recursive(
    comparisons,
    lambda inner: st.builds(
        lambda logic, items: {logic: items}, st.sampled_from(["$and", "$or", "$not"]), st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)


@given(queries)
def test_columns_and_rows_find_the_same(query: Any) -> None:
    titles = found(query)
    condition = parse(query)
    assert condition is not None
    rest = found({"$not": query})
    assert sorted(titles + rest) == ["one", "three", "two"]
