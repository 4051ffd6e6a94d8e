"""Documents that take over what others hold, and lists merged by id."""

from typing import Annotated, Any, Optional

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList, DocVec, reduce, reduce_all
from thalweg.docs.typing import NdArray


class Part(BaseDoc):
    name: str | None = None
    numbers: list[int] = []  # noqa: RUF012
    vector: NdArray[2] | None = None


class Whole(BaseDoc):
    text: str | None = None
    size: int = 0
    numbers: list[int] | None = None
    names: set[str] | None = None
    fixed: frozenset[int] | None = None
    tags: dict[str, Any] | None = None
    pair: tuple[int, int] | None = None
    vector: NdArray | None = None
    part: Part | None = None
    parts: DocList[Part] | None = None
    columns: DocVec[Part] | None = None
    either: Part | AnyDoc | None = None
    short: Annotated[list[int], Field(max_length=3)] = []  # noqa: RUF012
    same: Optional["Whole"] = None


class Bare(BaseDocWithoutId):
    numbers: list[int] = []  # noqa: RUF012


def test_what_is_not_none_wins_and_the_id_stays() -> None:
    doc, other = Whole(text="old", size=1), Whole(size=2)
    identity = doc.id
    doc.update(other)
    assert (doc.text, doc.size, doc.id) == ("old", 2, identity)
    doc.update(Whole(text="new"))
    assert (doc.text, doc.size) == ("new", 0)  # a default is a value too


@pytest.mark.parametrize(
    "field, mine, theirs, merged",
    [
        ("numbers", [1], [1, 2], [1, 1, 2]),
        ("names", {"a"}, {"b"}, {"a", "b"}),
        ("fixed", frozenset({1}), frozenset({2}), frozenset({1, 2})),
        ("tags", {"a": 1, "b": {"c": 1}}, {"b": {"d": 2}, "e": 3}, {"a": 1, "b": {"d": 2}, "e": 3}),
        ("pair", (1, 2), (3, 4), (3, 4)),
    ],
)
def test_containers(field: str, mine: Any, theirs: Any, merged: Any) -> None:
    doc, other = Whole(**{field: mine}), Whole(**{field: theirs})
    doc.update(other)
    assert getattr(doc, field) == merged
    assert getattr(other, field) == theirs
    empty = Whole()
    empty.update(other)
    assert getattr(empty, field) == theirs
    other.update(Whole())
    assert getattr(other, field) == theirs


def test_a_container_of_a_copy_stays_as_it_is() -> None:
    doc = Whole(numbers=[1], tags={"a": 1})
    copy = doc.copy()
    doc.update(Whole(numbers=[2], tags={"b": 2}))
    assert (copy.numbers, copy.tags) == ([1], {"a": 1})


def test_tensors_are_replaced() -> None:
    before = np.zeros(2)
    doc, other = Whole(vector=before), Whole(vector=np.ones(3))
    doc.update(other)
    assert doc.vector is other.vector
    assert (before == 0).all()


def test_documents_in_fields_are_updated_in_place() -> None:
    part = Part(id="p", name="old", numbers=[1], vector=[1, 2])
    doc = Whole(part=part)
    doc.update(Whole(part=Part(id="q", name="new", numbers=[2])))
    assert doc.part is part
    assert (part.id, part.name, part.numbers) == ("p", "new", [1, 2])
    assert part.vector is not None


def test_a_document_on_one_side_only_is_adopted() -> None:
    theirs = Whole(part=Part(name="a"), parts=[Part(id="1")])  # type: ignore[arg-type]
    doc = Whole()
    doc.update(theirs)
    assert doc.part == theirs.part
    assert doc.parts == theirs.parts
    doc.update(Whole(part=Part(name="b"), parts=[Part(id="1", name="b")]))  # type: ignore[arg-type]
    assert theirs.part is not None
    assert theirs.part.name == "a"
    assert theirs.parts is not None
    assert theirs.parts[0].name is None
    theirs.update(Whole())
    assert theirs.part.name == "a"


def test_documents_of_other_classes_in_one_field_are_replaced() -> None:
    doc = Whole(either=Part(name="a"))
    doc.update(Whole(either=AnyDoc(x=1)))
    assert doc.either == AnyDoc(x=1)


def test_lists_of_documents_are_merged_by_id() -> None:
    doc = Whole(parts=[Part(id="1", name="a", numbers=[1]), Part(id="2")])  # type: ignore[arg-type]
    assert doc.parts is not None
    first = doc.parts[0]
    doc.update(Whole(parts=[Part(id="3"), Part(id="1", name="b", numbers=[2]), Part(id="3", name="c")]))  # type: ignore[arg-type]
    assert type(doc.parts) is DocList[Part]
    assert doc.parts.id == ["1", "2", "3"]
    assert doc.parts.name == ["b", None, "c"]
    assert doc.parts[0] is first
    assert first.numbers == [1, 2]


def test_columns_of_documents_are_merged_by_id() -> None:
    doc = Whole(columns=[Part(id="1", name="a", vector=[1, 2]), Part(id="2", vector=[3, 4])])  # type: ignore[arg-type]
    before = doc.columns
    doc.update(Whole(columns=[Part(id="2", name="b", vector=[5, 6]), Part(id="3", vector=[7, 8])]))  # type: ignore[arg-type]
    assert type(doc.columns) is DocVec[Part]
    assert doc.columns.name == ["a", "b", None]
    assert doc.columns.vector.tolist() == [[1, 2], [5, 6], [7, 8]]
    assert before is not None
    assert before.vector.tolist() == [[1, 2], [3, 4]]


def test_a_row_of_a_doc_vec_writes_its_columns() -> None:
    vec = DocVec[Part]([Part(name="a", vector=[1, 2]), Part(name="b", vector=[3, 4])])
    vec[1].update(Part(name="c", numbers=[1], vector=[5, 6]))
    assert vec.name == ["a", "c"]
    assert vec.numbers == [[], [1]]
    assert vec.vector.tolist() == [[1, 2], [5, 6]]
    part = Part(name="z")
    part.update(vec[1])
    assert part == vec[1]


def test_what_does_not_fit_changes_nothing() -> None:
    doc = Whole(text="a", short=[1, 2], part=Part(name="a"), parts=[Part(id="1", name="a")])  # type: ignore[arg-type]
    before = doc.copy(deep=True)
    other = Whole(text="b", part=Part(name="b"), parts=[Part(id="1", name="b")], short=[3, 4])  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="at most 3 items"):
        doc.update(other)
    assert doc == before
    assert doc.model_fields_set == before.model_fields_set
    vec = DocVec[Part]([Part(name="a", vector=[1, 2]), Part(name="b", vector=[3, 4])])
    kept = vec.to_doc_list().copy()
    wrong = Part.construct(name="c", numbers=["x"], vector=np.zeros(2))
    with pytest.raises(ValueError, match="numbers"):
        vec[0].update(wrong)
    assert vec == kept
    assert vec.vector.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("other", [Part(), Bare(), AnyDoc(), "text", None])
def test_other_fields_are_refused(other: Any) -> None:
    doc = Whole(text="a")
    with pytest.raises(TypeError, match="a Whole takes over what another document of the same fields holds"):
        doc.update(other)
    assert doc == Whole(text="a")


def test_the_class_may_be_another_with_the_same_fields() -> None:
    class Again(BaseDoc):
        numbers: list[int] = []  # noqa: RUF012
        name: str | None = None
        vector: NdArray[2] | None = None

    class Renamed(BaseDoc):
        name: int | None = None
        numbers: list[int] = []  # noqa: RUF012
        vector: NdArray[2] | None = None

    part = Part(name="a")
    part.update(Again(name="b", numbers=[1]))  # type: ignore[arg-type]
    assert (part.name, part.numbers) == ("b", [1])
    with pytest.raises(TypeError, match="not a Renamed"):
        part.update(Renamed())
    docs = reduce(DocList[Part]([part]), DocList[Again]([Again(id="new", name="c")]))  # type: ignore[arg-type]
    assert type(docs[1]) is Part
    assert docs[1].name == "c"


def test_a_document_without_a_schema_takes_over_everything() -> None:
    doc = AnyDoc(id="i", a=1, many=[1])
    doc.update(AnyDoc(b=2, many=[2]))
    doc.update(Part(name="p"))
    assert doc.dict() == {"id": "i", "a": 1, "many": [1, 2], "b": 2, "name": "p", "numbers": []}


def test_validators_run_and_see_the_merged_document() -> None:
    class Checked(BaseDoc):
        low: int = 0
        high: int = 10

        @model_validator(mode="after")
        def _ordered(self) -> "Checked":
            if self.low > self.high:
                raise ValueError("low is above high")
            return self

    doc = Checked()
    with pytest.raises(ValidationError, match="low is above high"):
        doc.update(Checked(low=20, high=30))
    assert (doc.low, doc.high) == (0, 10)
    doc.update(Checked(low=5))
    assert doc.low == 5


def test_documents_that_hold_themselves() -> None:
    doc, other = Whole(text="a"), Whole(text="b")
    doc.__dict__["same"] = doc
    other.__dict__["same"] = other
    doc.update(other)
    assert doc.text == "b"
    fresh = Whole()
    fresh.__dict__["part"] = None
    reduce(DocList[Whole](), DocList[Whole]([other]))


def test_a_document_that_is_in_two_fields_takes_over_both() -> None:
    class Twice(BaseDoc):
        left: Bare
        right: Bare

    bare = Bare(numbers=[1])
    doc = Twice(left=bare, right=bare)
    doc.update(Twice(left=Bare(numbers=[2]), right=Bare(numbers=[3])))
    assert bare.numbers == [1, 2, 3]


def test_reduce_merges_into_the_left_list_and_right_wins() -> None:
    left = DocList[Part]([Part(id="1", name="a", numbers=[1]), Part(id="2", name="b")])
    right = DocList[Part]([Part(id="2", name="c"), Part(id="3", numbers=[3], vector=[1, 2])])
    assert reduce(left, right) is left
    assert left.id == ["1", "2", "3"]
    assert left.name == ["a", "c", None]
    assert left[2] is not right[1]
    assert left[2].vector is right[1].vector
    left[2].numbers.append(4)
    assert len(right) == 2


def test_reduce_keeps_a_map_of_positions() -> None:
    left, places = DocList[Part]([Part(id="1")]), {"1": 0}
    reduce(left, DocList[Part]([Part(id="2"), Part(id="1", name="a")]), places)
    assert places == {"1": 0, "2": 1}
    assert left.name == ["a", None]


def test_documents_without_an_id_are_appended() -> None:
    bare = reduce(DocList[Bare]([Bare()]), DocList[Bare]([Bare()]))
    assert len(bare) == 2
    parts = reduce(DocList[Part]([Part(id=None)]), DocList[Part]([Part(id=None)]))
    assert len(parts) == 2


def test_rows_of_a_doc_vec_can_be_merged_into_a_list_but_not_the_other_way_round() -> None:
    parts = DocList[Part]([Part(id="1", vector=[1, 2]), Part(id="2", vector=[3, 4])])
    vec = parts.to_doc_vec()
    merged = reduce(DocList[Part]([Part(id="2", name="b")]), vec)
    assert merged.id == ["2", "1"]
    assert not merged[1].is_view()
    with pytest.raises(TypeError, match=r"not into a DocVec\[Part\]; use left.to_doc_list\(\)"):
        reduce(vec, parts)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not into a list"):
        reduce([], parts)  # type: ignore[arg-type]


def test_what_cannot_be_merged_leaves_both_lists_alone() -> None:
    left: DocList[Any] = DocList([Part(id="1", name="a"), Part(id="2", name="b")])
    with pytest.raises(TypeError, match="not a Whole"):
        reduce(left, DocList([Part(id="1", name="c"), Part(id="3"), Whole(id="2")]))
    assert [doc.name for doc in left] == ["a", "b"]
    typed = DocList[Part]([Part(id="1", name="a")])
    with pytest.raises(ValueError, match=r"DocList\[Part\] holds documents of type Part, not Whole"):
        reduce(typed, DocList([Part(id="1", name="c"), Whole()]))  # type: ignore[arg-type]
    assert typed.name == ["a"]


def test_reduce_all_merges_any_number_of_lists() -> None:
    lists = [DocList[Part]([Part(id=str(n), name=name)]) for n, name in [(0, "a"), (1, "b"), (1, "c"), (0, "d")]]
    merged = reduce_all(lists)
    assert merged is lists[0]
    assert merged.id == ["0", "1"]
    assert merged.name == ["d", "c"]
    assert lists[1].name == ["b"]  # the others stay as they are
    one = DocList[Part]([Part()])
    assert reduce_all([one]) is one
    with pytest.raises(ValueError, match="no lists to merge"):
        reduce_all([])


@given(st.lists(st.lists(st.integers(0, 6)), min_size=1, max_size=4))
def test_no_id_comes_twice_and_the_last_word_wins(lists: list[list[int]]) -> None:
    first: dict[int, None] = dict.fromkeys(lists[0])
    docs = [
        DocList[Part](Part(id=str(n), name=f"{number}") for n in dict.fromkeys(numbers))
        for number, numbers in enumerate(lists)
    ]
    merged = reduce_all(docs)
    order = first | {n: None for numbers in lists for n in numbers}
    assert merged.id == [str(n) for n in order]
    last = {n: number for number, numbers in enumerate(lists) for n in numbers}
    assert merged.name == [str(last[n]) for n in order]
