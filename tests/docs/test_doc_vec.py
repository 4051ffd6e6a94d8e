"""DocVec: tensors stacked, rows that are views."""

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError, model_validator

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.typing import NdArray


class Inner(BaseDoc):
    x: int
    point: NdArray[2]


class Row(BaseDoc):
    text: str
    tensor: NdArray[3]
    inner: Inner
    columns: int = 0
    free: NdArray | None = None
    maybe: Inner | None = None
    kids: DocList[Inner] = DocList[Inner]()


def rows(count: int = 4) -> DocList[Row]:
    return DocList[Row](
        Row(
            text=str(i),
            tensor=np.full(3, float(i)),
            inner=Inner(x=i, point=[i, i]),
            kids=[Inner(x=i, point=[0, i])] * i,
        )  # type: ignore[arg-type]
        for i in range(count)
    )


@pytest.fixture
def vec() -> DocVec[Row]:
    return rows().to_doc_vec()


def test_tensors_are_stacked_into_one(vec: DocVec[Row]) -> None:
    assert vec.tensor.shape == (4, 3)
    assert vec.tensor.flags.c_contiguous
    assert vec.tensor.dtype == np.float64
    assert type(vec.inner) is DocVec[Inner]
    assert vec.inner.point.shape == (4, 2)
    assert vec.inner.x == [0, 1, 2, 3]
    assert vec.text == ["0", "1", "2", "3"]
    assert vec.free is None
    assert vec.maybe is None
    assert [len(kids) for kids in vec.kids] == [0, 1, 2, 3]
    assert len(vec) == 4
    assert repr(vec) == "<DocVec[Row] (length=4)>"


def test_it_needs_a_class_with_a_schema() -> None:
    with pytest.raises(TypeError, match=r"DocVec\[MyDoc\]"):
        DocVec([Row(text="a", tensor=[1, 2, 3], inner=Inner(x=1, point=[1, 2]))])
    with pytest.raises(TypeError, match="AnyDoc"):
        DocVec[AnyDoc]
    assert DocVec[Row] is DocVec[Row]
    assert DocVec[Row].__name__ == "DocVec[Row]"


class Loose(BaseDoc):
    tensor: NdArray | None = None
    inner: Inner | None = None


@pytest.mark.parametrize(
    "first, second, reason",
    [
        ({"tensor": [1]}, {"tensor": [1, 2]}, r"tensor: tensors of one shape and dtype can be stacked.*\(1,\).*\(2,\)"),
        ({"tensor": [1]}, {"tensor": [1.9]}, "float64.*int64"),
        ({"tensor": [1]}, {}, "tensor: 1 of 2 documents have no value"),
        ({"inner": Inner(x=1, point=[1, 2])}, {}, "inner: 1 of 2 documents have no value"),
    ],
)
def test_what_does_not_stack(first: Any, second: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        DocVec[Loose]([Loose(**first), Loose(**second)])


def test_documents_of_other_classes_would_lose_fields() -> None:
    class More(Inner):
        y: int = 0

    class Open(BaseDoc, extra="allow"):
        x: int = 0

    with pytest.raises(ValueError, match="exactly Inner, not More"):
        DocVec[Inner]([More(x=1, point=[1, 2])])
    with pytest.raises(ValueError, match="item 0 has more: z"):
        DocVec[Open]([Open(z=1)])  # type: ignore[call-arg]


def test_no_documents_at_all() -> None:
    empty = DocVec[Row]([])
    assert len(empty) == 0
    assert empty.tensor.shape == (0, 3)
    assert empty.to_doc_list() == DocList[Row]()
    assert DocVec[Row].from_json(empty.to_json()) == empty


def test_a_row_reads_the_columns_now_and_later(vec: DocVec[Row]) -> None:
    row = vec[1]
    assert isinstance(row, Row)
    assert row == rows()[1]
    vec.text[1] = "changed"
    vec.tensor[1] = 9
    vec.inner = DocList[Inner](Inner(x=7, point=[7, 7]) for _ in range(4))
    assert (row.text, row.tensor.tolist(), row.inner.x) == ("changed", [9, 9, 9], 7)


def test_a_row_writes_the_columns(vec: DocVec[Row]) -> None:
    row = vec[-3]
    row.text = "new"
    row.tensor = [7, 8, 9]
    row.inner.x = 5
    row.inner.point[0] = 4
    row.kids = DocList[Inner]()
    assert vec.text[1] == "new"
    assert vec.tensor[1].tolist() == [7, 8, 9]
    assert vec.inner.x[1] == 5
    assert vec.inner.point[1].tolist() == [4, 1]
    assert vec.kids[1] == []
    row.inner = Inner(x=3, point=[3, 3])
    assert vec.inner.x[1] == 3


@pytest.mark.parametrize(
    "name, value, reason",
    [
        ("text", 5, "valid string"),
        ("tensor", [1, 2], "Expected a tensor of shape"),
        ("tensor", [1j, 1, 1], r"holds tensors of shape \(3,\) and float64, not \(3,\) and complex128"),
        ("free", [1], "set the whole column"),
        ("inner", None, "inner"),
        ("maybe", Inner(x=1, point=[1, 2]), "set the whole column"),
    ],
)
def test_a_row_refuses_what_does_not_fit_and_changes_nothing(
    vec: DocVec[Row], name: str, value: Any, reason: str
) -> None:
    before = vec.to_json()
    with pytest.raises(ValueError, match=reason):
        setattr(vec[1], name, value)
    assert vec.to_json() == before


def test_validators_of_the_whole_document_run_when_a_row_is_written() -> None:
    class Sum(BaseDoc):
        a: int
        total: int = 0

        @model_validator(mode="after")
        def _add(self) -> "Sum":
            self.__dict__["total"] = self.a + 1
            return self

    vec = DocVec[Sum]([Sum(a=1), Sum(a=2)])
    vec[1].a = 10
    assert vec.total == [2, 11]


def test_json_and_dicts_of_a_row_are_complete(vec: DocVec[Row]) -> None:
    row, doc = vec[2], vec.to_doc_list()[2]
    assert row.to_json() == doc.to_json() == row.model_dump_json()
    assert json.loads(row.to_json())["kids"][1]["x"] == 2
    assert row.model_dump().keys() == doc.model_dump().keys()
    assert repr(row) == repr(doc)
    assert TypeAdapter(list[Row]).dump_json([row]) == f"[{doc.to_json()}]".encode()
    assert TypeAdapter(Row).validate_python(row) is row
    assert DocList[Row]([row]).to_json() == f"[{doc.to_json()}]"


@pytest.mark.parametrize("detach", [copy.copy, copy.deepcopy, lambda row: row.copy(), lambda row: row.copy(deep=True)])
def test_a_copy_of_a_row_is_a_document_of_its_own(vec: DocVec[Row], detach: Any) -> None:
    made = detach(vec[1])
    made.text = "mine"
    assert type(made) is Row
    assert vec.text[1] == "1"
    assert made.id == vec[1].id


def test_pickles(vec: DocVec[Row]) -> None:
    back = pickle.loads(pickle.dumps(vec))  # noqa: S301
    assert type(back) is DocVec[Row]
    assert back == vec
    assert type(pickle.loads(pickle.dumps(vec[1]))) is Row  # noqa: S301


def test_rows_are_bounded_at_once(vec: DocVec[Row]) -> None:
    with pytest.raises(IndexError, match="document 4 of 4"):
        vec[4]
    with pytest.raises(TypeError, match="not by str"):
        vec["text"]


def test_a_field_may_have_any_name(vec: DocVec[Row]) -> None:
    assert vec.columns == [0, 0, 0, 0]
    with pytest.raises(AttributeError, match="no field"):
        _ = vec.other
    with pytest.raises(AttributeError, match="no field"):
        vec.other = [1]
    with pytest.raises(AttributeError):
        _ = vec[0].other  # type: ignore[attr-defined]


def test_a_slice_shares_memory_and_a_selection_copies(vec: DocVec[Row]) -> None:
    part, picked = vec[1:3], vec[[1, 3]]
    assert type(part) is type(picked) is DocVec[Row]
    part.tensor[0] = 8
    part.inner.point[0] = 8
    assert vec.tensor[1].tolist() == [8, 8, 8]
    assert vec.inner.point[1].tolist() == [8, 8]
    picked.tensor[:] = 5
    assert vec.tensor[3].tolist() == [3, 3, 3]
    assert picked.text == vec[np.array([False, True, False, True])].text == ["1", "3"]
    assert vec[::-1].text == ["3", "2", "1", "0"]
    assert len(vec[2:2]) == 0


def test_a_column_is_set_as_a_whole(vec: DocVec[Row]) -> None:
    given = np.zeros((4, 3), np.float32)
    vec.tensor = given
    assert vec.tensor is given
    vec.tensor = [[1, 2, 3]] * 4
    assert vec.tensor.shape == (4, 3)
    vec.text = ["x"] * 4
    vec.free = np.ones((4, 5))
    assert vec[0].free.tolist() == [1] * 5
    vec.free = None
    assert vec[0].free is None
    vec.inner = vec.inner[::-1]
    assert vec.inner.x == [3, 2, 1, 0]


@pytest.mark.parametrize(
    "name, values, reason",
    [
        ("text", ["a"], "text: 1 values for 4 documents"),
        ("text", [1, 2, 3, 4], "valid string"),
        ("tensor", np.zeros((3, 3)), "3 values for 4 documents"),
        ("tensor", np.zeros((4, 2)), r"Expected a tensor of shape \(3,\), got one of shape \(2,\)"),
        ("tensor", [[1, 2, 3], [1, 2, 3], [1, 2, 3], [1.5, 2, 3]], "can be stacked"),
        ("tensor", None, "tensor"),
        ("inner", None, "inner"),
        ("inner", ["a"] * 4, "inner"),
    ],
)
def test_a_column_refuses_what_does_not_fit(vec: DocVec[Row], name: str, values: Any, reason: str) -> None:
    before = vec.to_json()
    with pytest.raises(ValueError, match=reason):
        setattr(vec, name, values)
    assert vec.to_json() == before


def test_documents_are_assigned_to_rows(vec: DocVec[Row]) -> None:
    docs = rows()
    vec[0] = docs[3]
    vec[1:3] = docs[[0, 0]]
    vec[[3]] = docs[:1].to_doc_vec()
    assert vec.text == ["3", "0", "0", "0"]
    assert vec.tensor[:, 0].tolist() == [3, 0, 0, 0]
    assert vec.inner.x == [3, 0, 0, 0]
    with pytest.raises(ValueError, match="2 documents are selected, but 1 are given"):
        vec[:2] = docs[:1]
    with pytest.raises(ValueError, match="holds Row, not Inner"):
        vec[0] = Inner(x=1, point=[1, 2])  # type: ignore[call-overload]


def test_lists_and_columns_convert_both_ways(vec: DocVec[Row]) -> None:
    docs = vec.to_doc_list()
    assert type(docs) is DocList[Row]
    assert docs == rows() == vec
    assert vec == docs.to_doc_vec() == DocVec[Row](vec)
    assert all(type(doc) is Row for doc in docs)
    docs[0].tensor[0] = 5
    assert vec.tensor[0, 0] == 5
    assert vec != rows()
    assert DocVec[Row].from_json(rows().to_json()) == rows()


def test_as_a_field() -> None:
    class Holder(BaseDoc):
        vec: DocVec[Inner]

    given = DocVec[Inner]([Inner(x=1, point=[1, 2])])
    assert Holder(vec=given).vec is given
    for other in (given.to_doc_list(), [{"x": 1, "point": [1, 2]}], [given[0]]):
        assert Holder(vec=other).vec == given  # type: ignore[arg-type]
    holder = Holder(vec=given)
    assert Holder.from_json(holder.to_json()) == holder
    assert holder.model_dump()["vec"][0]["x"] == 1
    assert Holder.model_json_schema()["properties"]["vec"]["items"] == {"$ref": "#/$defs/Inner"}
    with pytest.raises(ValidationError, match="can be stacked"):
        Holder(vec=[{"x": 1, "point": [1, 2]}, {"x": 1, "point": [1.5, 2]}])  # type: ignore[arg-type]


def test_tensors_without_dimensions_stack_and_stay_views() -> None:
    vec = DocVec[Loose]([Loose(tensor=np.array(i)) for i in range(3)])
    assert vec.tensor.tolist() == [0, 1, 2]
    row = vec[1].tensor
    assert row is not None
    row[...] = 9
    assert vec.tensor.tolist() == [0, 9, 2]


def test_none_selects_the_columns_themselves(vec: DocVec[Row]) -> None:
    assert vec[None] is vec
