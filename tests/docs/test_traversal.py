from typing import Any

import numpy as np
import pytest
from pydantic import Field

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.typing import NdArray


class Section(BaseDoc):
    text: str
    words: list[int] | None = None
    vector: NdArray[2]


class Chapter(BaseDoc):
    title: str
    page: int | None = None
    opening: Section
    closing: Section | None = None
    sections: DocList[Section]
    notes: list[Section] = Field(default_factory=list)
    tags: dict[str, Any] = Field(default_factory=dict)


class Book(BaseDoc):
    chapters: DocList[Chapter] | None = None


def section(number: int) -> Section:
    return Section(text=f"s{number}", words=[number, number], vector=[number, number])


def chapter(number: int, **more: Any) -> Chapter:
    sections = DocList[Section]([section(number), section(10 * number)])
    return Chapter(title=f"c{number}", opening=section(100 * number), sections=sections, **more)


CHAPTERS = DocList[Chapter]([chapter(1, tags={"color": "red"}, page=5), chapter(2, notes=[section(7)])])
BOOKS = DocList[Book]([Book(chapters=CHAPTERS), Book(), Book(chapters=[chapter(3)])])


@pytest.fixture(params=["rows", "columns"])
def chapters(request: pytest.FixtureRequest) -> DocList[Chapter] | DocVec[Chapter]:
    return CHAPTERS if request.param == "rows" else CHAPTERS.to_doc_vec()


@pytest.mark.parametrize(
    "path, values",
    [
        ("title", ["c1", "c2"]),
        ("page", [5, None]),
        ("opening__text", ["s100", "s200"]),
        ("opening__words", [100, 100, 200, 200]),
        ("sections__text", ["s1", "s10", "s2", "s20"]),
        ("sections__words", [1, 1, 10, 10, 2, 2, 20, 20]),
        ("notes__text", ["s7"]),
        ("tags", [{"color": "red"}, {}]),
        ("tags__color", ["red"]),
        ("closing__text", []),
        ("closing", [None, None]),
        ("sections", [section(1), section(10), section(2), section(20)]),
        ("opening", [section(100), section(200)]),
        ("", list(CHAPTERS)),
    ],
)
def test_values_of_rows_and_columns_are_the_same(chapters: Any, path: str, values: list[Any]) -> None:
    assert chapters.traverse_flat(path) == values


def test_arrays_of_documents_are_entered_and_none_on_the_way_is_left_out() -> None:
    assert BOOKS.traverse_flat("chapters__title") == ["c1", "c2", "c3"]
    assert BOOKS.traverse_flat("chapters__sections__text") == ["s1", "s10", "s2", "s20", "s3", "s30"]
    assert BOOKS.traverse_flat("chapters") == [*CHAPTERS, chapter(3)]
    assert BOOKS.to_doc_vec().traverse_flat("chapters__sections__words")[:4] == [1, 1, 10, 10]


def test_none_among_lists_is_left_out() -> None:
    docs = DocList[Section]([Section(text="a", vector=[1, 2]), section(3)])
    assert docs.traverse_flat("words") == [3, 3]


def test_tensors_of_rows_are_a_list_and_those_of_columns_stay_stacked() -> None:
    rows = CHAPTERS.traverse_flat("opening__vector")
    assert [row.tolist() for row in rows] == [[100, 100], [200, 200]]
    vec = CHAPTERS.to_doc_vec()
    columns = vec.traverse_flat("opening__vector")
    assert columns is vec.opening.vector
    np.testing.assert_array_equal(columns, rows)
    assert len(vec.traverse_flat("sections__vector")) == 4


def test_a_field_that_is_not_there_is_named(chapters: Any) -> None:
    for path in ("titel", "opening__txt", "sections__txt"):
        with pytest.raises(AttributeError, match=f"has no field '{path.split('__')[-1]}'"):
            chapters.traverse_flat(path)


def test_a_typed_list_without_documents_knows_its_fields() -> None:
    assert DocList[Chapter]().traverse_flat("title") == []
    with pytest.raises(AttributeError, match="Chapter has no field 'titel'"):
        DocList[Chapter]().traverse_flat("titel")


def test_documents_of_any_class_are_asked_for_what_they_hold() -> None:
    docs = DocList([AnyDoc(a={"b": 1}), AnyDoc(a={"b": 2})])
    assert docs.traverse_flat("a__b") == [1, 2]
    assert DocList().traverse_flat("whatever") == []
