"""Documents as data frames of pandas and Polars."""

from __future__ import annotations

import datetime
import sys
from typing import Any, Optional

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from pydantic import ConfigDict

from thalweg.docs import BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.typing import NdArray, TorchTensor
from thalweg.errors import InvalidDocument, MissingDependency


class Country(BaseDocWithoutId):
    code: str


class Author(BaseDoc):
    name: str
    born: int | None = None
    home: Country | None = None


class Book(BaseDoc):
    title: str
    author: Author
    editor: Author | None = None
    price: float = 0
    rating: float | None = None
    sold: bool | None = None
    printed: datetime.datetime | None = None
    words: list[str] = []  # noqa: RUF012
    authors: DocList[Author] = DocList[Author]()
    embedding: NdArray[3] | None = None
    pixels: TorchTensor | None = None
    anything: Any = None


def books() -> DocList[Book]:
    ann = Author(name="Ann", born=1900, home=Country(code="de"))
    return DocList[Book](
        [
            Book(title="a", author=ann, embedding=np.arange(3, dtype=np.float32)),
            Book(
                title="b",
                author=Author(name="Ben"),
                editor=ann,
                price=float("nan"),
                rating=1,
                sold=True,
                printed=datetime.datetime(2020, 1, 2),
                words=["x"],
                authors=DocList[Author]([ann]),
                pixels=torch.ones(2, 2),
                anything={"a": [1]},
            ),
        ]
    )


def test_the_fields_of_nested_documents_are_columns() -> None:
    frame = books().to_dataframe()
    assert list(frame.columns)[:6] == [
        "id",
        "title",
        "author__id",
        "author__name",
        "author__born",
        "author__home__code",
    ]
    assert frame["author__name"].tolist() == ["Ann", "Ben"]
    assert frame["editor__name"].isna().tolist() == [True, False]


def test_columns_have_types_that_know_missing_values() -> None:
    dtypes = books().to_dataframe().dtypes
    assert (dtypes["author__born"], dtypes["price"], dtypes["sold"]) == ("Int64", "float64", "boolean")
    assert dtypes["printed"].kind == "M"


def test_tensors_stay_what_they_are() -> None:
    docs = books()
    frame = docs.to_dataframe()
    assert frame["embedding"][0] is docs[0].embedding
    assert frame["pixels"][1] is docs[1].pixels


def test_a_frame_comes_back() -> None:
    docs = books()
    for frame in (docs.to_dataframe(), docs.to_polars()):
        back = DocList[Book].from_dataframe(frame)
        assert type(back) is DocList[Book]
        assert back == docs
        assert back[0].id == docs[0].id
        assert back[1].editor.id == docs[1].editor.id
        assert type(back[1].printed) is datetime.datetime
        assert back[0].embedding.dtype == np.float32


class Embedded(BaseDocWithoutId):
    text: str
    embedding: NdArray[2]


def test_a_doc_vec_to_a_frame_and_back() -> None:
    vec = DocVec[Embedded]([Embedded(text="a", embedding=[1.0, 2.0]), Embedded(text="b", embedding=[3.0, 4.0])])
    back = DocVec[Embedded].from_dataframe(vec.to_dataframe())
    assert back == vec
    assert back.embedding.shape == (2, 2)
    assert DocVec[Embedded].from_dataframe(vec.to_doc_list().to_polars()) == vec


def test_tensors_of_one_shape_are_arrays_in_polars() -> None:
    docs = DocList[Embedded]([Embedded(text="a", embedding=[1.0, 2.0])])
    assert docs.to_polars().schema["embedding"] == pl.Array(pl.Float64, 2)


@pytest.mark.parametrize("library", [pd, pl])
def test_columns_that_are_no_fields_are_all_named(library: Any) -> None:
    frame = library.DataFrame({"title": ["a"], "pages": [1], "author__age": [2], "author__name": ["b"]})
    with pytest.raises(ValueError, match="'pages', 'author__age': no fields of Book"):
        DocList[Book].from_dataframe(frame)


@pytest.mark.parametrize("library", [pd, pl])
def test_nested_columns_are_read_and_missing_ones_are_defaults(library: Any) -> None:
    columns = {
        "title": ["a", "b"],
        "author__name": ["c", "d"],
        "editor__name": [None, "e"],
        "editor__home__code": [None, "f"],
    }
    docs = DocList[Book].from_dataframe(library.DataFrame(columns))
    assert [doc.author.name for doc in docs] == ["c", "d"]
    assert docs[0].editor is None
    assert docs[1].editor.home.code == "f"


@pytest.mark.parametrize("library", [pd, pl])
def test_two_columns_for_one_field(library: Any) -> None:
    with pytest.raises(ValueError, match="'author__name': another column"):
        DocList[Book].from_dataframe(library.DataFrame({"author": [{"name": "a"}], "author__name": ["b"]}))
    double = pd.DataFrame([["a", "b"]], columns=["title", "title"])
    with pytest.raises(ValueError, match="'title': another column"):
        DocList[Book].from_dataframe(double)


class Numbers(BaseDocWithoutId):
    real: float = 0
    maybe: Optional[float] = 1  # noqa: UP045
    whole: Optional[int] = 1  # noqa: UP045
    text: str | None = "a"
    when: datetime.datetime | None = None


def test_what_pandas_misses_is_none_and_nan_stays_where_none_may_not_be() -> None:
    missing = [float("nan")]
    frame = pd.DataFrame({"real": missing, "maybe": missing, "whole": missing, "text": missing, "when": [pd.NaT]})
    doc = DocList[Numbers].from_dataframe(frame)[0]
    assert np.isnan(doc.real)
    assert (doc.maybe, doc.whole, doc.text, doc.when) == (None, None, None, None)
    doc = DocList[Numbers].from_dataframe(pd.DataFrame({"whole": [pd.NA], "text": [None]}, dtype=object))[0]
    assert (doc.whole, doc.text) == (None, None)


def test_nan_is_a_number_in_polars() -> None:
    doc = DocList[Numbers].from_dataframe(pl.DataFrame({"real": [float("nan")], "maybe": [float("nan")]}))[0]
    assert np.isnan(doc.real)
    assert np.isnan(doc.maybe)


@pytest.mark.parametrize("library", [pd, pl])
def test_what_does_not_fit_is_named_by_row_and_field(library: Any) -> None:
    with pytest.raises(InvalidDocument) as caught:
        DocList[Book].from_dataframe(library.DataFrame({"title": ["a", "b"], "author__name": ["c", None]}))
    assert [item["loc"] for item in caught.value.details] == [[1, "author", "name"]]


def test_further_columns_of_an_open_class() -> None:
    class Open(BaseDocWithoutId):
        model_config = ConfigDict(extra="allow")
        text: str

    docs = DocList[Open]([Open(text="a", more=1)])
    assert DocList[Open].from_dataframe(docs.to_dataframe()) == docs


class Node(BaseDocWithoutId):
    name: str
    child: Node | None = None


def test_a_document_within_its_own_class_stays_whole() -> None:
    docs = DocList[Node]([Node(name="a", child=Node(name="b")), Node(name="c")])
    frame = docs.to_dataframe()
    assert list(frame.columns) == ["name", "child"]
    assert DocList[Node].from_dataframe(frame) == docs


def test_no_documents_are_columns_without_rows() -> None:
    frame = DocList[Book]().to_dataframe()
    assert len(frame) == 0
    assert "author__name" in frame.columns
    assert DocList[Book].from_dataframe(frame) == DocList[Book]()


def test_an_untyped_list_has_no_frame() -> None:
    with pytest.raises(TypeError, match="typed list"):
        DocList([Country(code="de")]).to_dataframe()
    with pytest.raises(TypeError, match="typed list"):
        DocList.from_dataframe(pd.DataFrame({"code": ["de"]}))


def test_what_is_no_frame() -> None:
    with pytest.raises(TypeError, match="not dict"):
        DocList[Country].from_dataframe({"code": ["de"]})


@pytest.mark.parametrize("library, write", [("pandas", "to_dataframe"), ("polars", "to_polars")])
def test_a_missing_library_is_named(library: str, write: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependency, match=rf"pip install 'thalweg\[{library}\]'"):
        getattr(books(), write)()
