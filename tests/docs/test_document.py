"""Documents: what they accept, what equals what, copies and JSON."""

import json
import math
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from typing import Any, Generic, Optional, TypeVar

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from thalweg.docs import AnyDoc, BaseDoc, DocList
from thalweg.docs.typing import NdArray


class Text(BaseDoc):
    text: str
    size: int = 0


class Picture(BaseDoc):
    pixels: NdArray["n", 3] | None = None  # noqa: F821
    label: Text | None = None
    scores: dict[str, float] = {}  # noqa: RUF012
    blob: bytes = b""


class Node(BaseDoc):
    name: str
    children: DocList["Node"] | None = None
    parent: Optional["Node"] = None


def test_an_id_is_32_lower_case_hexadecimal_digits_and_never_the_same() -> None:
    ids = {Text(text="").id or "" for _ in range(10_000)}
    assert len(ids) == 10_000
    assert all(len(found) == 32 and set(found) <= set("0123456789abcdef") for found in ids)


def test_an_explicit_id_is_kept_even_none() -> None:
    assert Text(text="", id="mine").id == "mine"
    assert Text(text="", id=None).id is None


@pytest.mark.parametrize("given", [7, np.int64(7), uuid.UUID(int=7)])
def test_integers_and_uuids_become_text_ids(given: Any) -> None:
    assert Text(text="", id=given).id == str(given)
    assert type(Text(text="", id=given).id) is str


@pytest.mark.parametrize("given", [True, 1.5, [1], b"x"])
def test_anything_else_is_no_id(given: Any) -> None:
    with pytest.raises(ValidationError, match="An id is a string, an integer or a UUID"):
        Text(text="", id=given)


def test_values_are_coerced_and_assignments_validated() -> None:
    doc = Text(text="a", size="3")
    assert doc.size == 3
    doc.size = "4"  # type: ignore[assignment]
    assert doc.size == 4
    with pytest.raises(ValidationError, match="size"):
        doc.size = "many"  # type: ignore[assignment]
    assert doc.size == 4


def test_unknown_fields_are_ignored_unless_the_model_forbids_them() -> None:
    class Closed(BaseDoc):
        model_config = ConfigDict(extra="forbid")

    assert "other" not in Text(text="a", other=1).model_dump()  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="other"):
        Closed(other=1)  # type: ignore[call-arg]


def test_documents_are_not_hashable() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Text(text="a"))


def test_equality_ignores_the_id_and_the_class_but_not_the_fields() -> None:
    class Other(BaseDoc):
        text: str
        size: int = 0

    class Longer(Text):
        more: int = 0

    assert Text(text="a") == Text(text="a")
    assert Text(text="a") == Other(text="a")
    assert Text(text="a") != Text(text="b")
    assert Text(text="a") != Longer(text="a")
    assert Text(text="a") != "a"


@pytest.mark.parametrize(
    "left, right, equal",
    [
        (np.zeros((2, 3)), np.zeros((2, 3), np.float32), True),
        (np.zeros((2, 3)), np.zeros((2, 3), np.int8), True),
        (np.zeros((2, 3)), np.zeros((1, 3)), False),
        (np.zeros((2, 3)), np.ones((2, 3)), False),
        (np.zeros((2, 3)), None, False),
        (None, np.zeros((2, 3)), False),
        (None, None, True),
        (np.full((1, 3), math.nan), np.full((1, 3), math.nan), True),
        (np.full((1, 3), math.nan), np.zeros((1, 3)), False),
    ],
)
def test_equality_of_tensors(left: Any, right: Any, equal: bool) -> None:
    assert (Picture(pixels=left) == Picture(pixels=right)) is equal


def test_equality_looks_into_containers_and_takes_nan_for_nan() -> None:
    left, right = AnyDoc(x=[{"a": np.arange(3), "b": math.nan}]), AnyDoc(x=[{"a": np.arange(3), "b": math.nan}])
    assert left == right
    right.x[0]["a"] = np.arange(1, 4)
    assert left != right


def test_a_copy_shares_and_a_deep_copy_does_not() -> None:
    doc = Picture(pixels=np.zeros((1, 3)), label=Text(text="a"))
    shallow, deep = doc.copy(), doc.copy(deep=True)
    assert shallow.id == deep.id == doc.id
    assert shallow.pixels is doc.pixels
    assert deep == doc
    assert doc.pixels is not None
    doc.pixels[0, 0] = 1
    assert shallow == doc
    assert deep != doc
    assert doc.copy(update={"blob": b"x"}).blob == b"x"


def test_json_round_trip_of_every_kind_of_field() -> None:
    doc = Picture(
        pixels=[[1, 2, 3]], label=Text(text="é\u0000"), scores={"a": math.inf, "b": math.nan}, blob=b"\xff\x00\xfe??"
    )
    back = Picture.from_json(doc.to_json())
    assert back == doc
    assert back.id == doc.id
    assert Picture.model_validate_json(doc.model_dump_json()) == doc


def test_bytes_are_base64_in_json_and_both_alphabets_are_read() -> None:
    assert json.loads(Picture(blob=b"\xff\xfe??>>").to_json())["blob"] == "__4_Pz4-"
    assert Picture.from_json('{"blob": "//4/Pz4+"}').blob == b"\xff\xfe??>>"


def test_the_json_of_a_document_without_an_id_makes_one() -> None:
    assert len(Text.from_json('{"text": "a"}').id or "") == 32


def test_self_referencing_documents() -> None:
    tree = Node(name="root", children=[Node(name="leaf", parent=Node(name="other"))])  # type: ignore[arg-type]
    assert type(tree.children) is DocList[Node]
    assert tree.children.name == ["leaf"]
    assert Node.from_json(tree.to_json()) == tree
    assert "Node" in Node.model_json_schema()["$defs"]


T = TypeVar("T", bound=BaseDoc)


class Page(BaseDoc, Generic[T]):
    items: DocList[T]
    first: T | None = None


def test_generic_documents() -> None:
    page = Page[Text](items=[{"text": "a"}], first={"text": "b"})  # type: ignore[arg-type]
    assert type(page.items) is DocList[Text]
    assert page.items.text == ["a"]
    assert Page[Text].from_json(page.to_json()) == page
    with pytest.raises(ValidationError, match="text"):
        Page[Text](items=[{}])  # type: ignore[arg-type]
    assert type(Page(items=[Text(text="a")]).items[0]) is Text  # type: ignore[arg-type]


def test_documents_live_in_ordinary_models() -> None:
    class Answer(BaseModel):
        best: Picture
        all: DocList[Text]

    answer = Answer(best=Picture(blob=b"\xff", pixels=np.zeros((0, 3))), all=[{"text": "a"}])  # type: ignore[arg-type]
    assert Answer.model_validate_json(answer.model_dump_json()) == answer


def test_any_doc_keeps_every_field() -> None:
    doc = AnyDoc(id="i", text="a", tensor=np.arange(2), nested=Text(text="b", id="n"), many=[np.arange(1)], none=None)
    assert doc.model_dump() == {
        "id": "i",
        "text": "a",
        "tensor": doc.tensor,
        "nested": {"id": "n", "text": "b", "size": 0},
        "many": [np.arange(1)],
        "none": None,
    }
    assert json.loads(doc.to_json()) == {
        "id": "i",
        "text": "a",
        "tensor": [0, 1],
        "nested": {"id": "n", "text": "b", "size": 0},
        "many": [[0]],
        "none": None,
    }
    assert AnyDoc.from_json(doc.to_json()).nested["text"] == "b"
    assert "tensor" in repr(doc)
    doc.later = 1
    assert AnyDoc.from_json(doc.to_json()).later == 1
    assert doc.copy() == doc


def test_any_doc_is_written_alike_wherever_it_is() -> None:
    class Around(BaseModel):
        doc: AnyDoc

    doc = AnyDoc(id="i", blob=b"\xff\xfe>>", many=[b"", -math.inf], nan=math.nan, tensor=np.array([math.nan]))
    written = {"id": "i", "blob": "__4-Pg==", "many": ["", "-Infinity"], "nan": "NaN", "tensor": [None]}
    assert json.loads(doc.to_json()) == written
    assert json.loads(Around(doc=doc).model_dump_json()) == {"doc": written}
    assert json.loads(DocList([doc]).to_json()) == [written]


def test_validators_of_the_user_run() -> None:
    class Shout(Text):
        @field_validator("text")
        @classmethod
        def _upper(cls, value: str) -> str:
            return value.upper()

    assert Shout(text="a").text == "A"
    assert Shout.from_json('{"text": "b"}').text == "B"


def test_the_schema_is_the_same_in_every_process() -> None:
    code = "\n".join(
        [
            "import json",
            "from thalweg.docs import BaseDoc, DocList",
            "from thalweg.docs.typing import NdArray, ImageUrl",
            "class Text(BaseDoc):",
            "    text: str",
            "    tensor: NdArray['n', 3]",
            "    url: ImageUrl",
            "    kids: DocList['Text']",
            "print(json.dumps(Text.model_json_schema()))",
        ]
    )
    schemas = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(schemas) == 1
    schema = json.loads(schemas.pop())["$defs"]["Text"]
    assert schema["required"] == ["text", "tensor", "url", "kids"]
    assert schema["properties"]["kids"] == {"items": {"$ref": "#/$defs/Text"}, "title": "Kids", "type": "array"}


def test_dates_and_other_standard_types_survive_json() -> None:
    class Event(BaseDoc):
        at: datetime
        tags: set[str]
        anything: Any = None

    event = Event(at=datetime(2024, 1, 2, tzinfo=UTC), tags={"a"}, anything={"deep": [1, None]})
    assert Event.from_json(event.to_json()) == event
