"""Documents as dicts and JSON, under DocArray's names too; documents without an id, without a schema, unvalidated."""

import json
import math
import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Optional
from uuid import UUID

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.typing import NdArray
from thalweg.docs.typing.identity import fresh_id, fresh_ids


class Colour(Enum):
    RED = "red"


class Text(BaseDoc):
    text: str
    size: int = 0


class Picture(BaseDoc):
    pixels: NdArray | None = None
    blob: bytes = b""


class Book(BaseDoc):
    title: str = ""
    pages: DocList[Text] = DocList[Text]()
    columns: DocVec[Text] | None = None
    cover: Picture | None = None
    by_name: dict[str, Text] = {}  # noqa: RUF012


class Bare(BaseDocWithoutId):
    text: str
    point: NdArray[2] | None = None


class Node(BaseDoc):
    name: str
    children: DocList["Node"] | None = None
    parent: Optional["Node"] = None


# --- ids


def test_a_million_ids_are_a_million() -> None:
    assert len(set(fresh_ids(1_000_000)) | {fresh_id()}) == 1_000_001


# --- without an id


def test_a_document_without_an_id_has_none_anywhere() -> None:
    doc = Bare(text="a", point=[1, 2])
    assert "id" not in Bare.model_json_schema()["properties"]
    assert doc.to_json() == '{"text":"a","point":[1,2]}'
    assert Bare.from_json(doc.to_json()) == doc
    assert doc != Bare(text="b", point=[1, 2])
    assert not hasattr(doc, "id")


def test_a_document_without_an_id_lives_in_arrays() -> None:
    docs = DocList[Bare]([Bare(text="a", point=[1, 2]), Bare(text="b", point=[3, 4])])
    vec = docs.to_doc_vec()
    assert len(vec) == 2
    assert vec == docs
    assert vec.point.tolist() == [[1, 2], [3, 4]]
    assert DocVec[Bare].from_json(vec.to_json()) == vec
    assert vec[0] == docs[0]


# --- as a dict


def test_a_dict_goes_into_documents_and_leaves_tensors_alone() -> None:
    pixels = np.zeros((2, 2))
    text = {"id": "t", "text": "a", "size": 0}
    book = Book(
        id="b", title="x", pages=[text], columns=[text], cover=Picture(id="c", pixels=pixels), by_name={"k": text}
    )  # type: ignore[arg-type]
    assert book.dict() == {
        "id": "b",
        "title": "x",
        "pages": [text],
        "columns": [text],
        "cover": {"id": "c", "pixels": pixels, "blob": b""},
        "by_name": {"k": text},
    }
    assert book.dict()["cover"]["pixels"] is pixels
    assert Book.parse_obj(book.dict()) == book


@pytest.mark.parametrize("field", ["pages", "columns"])
def test_include_and_exclude_reach_into_arrays(field: str) -> None:
    book = Book(**{field: [Text(id="1", text="a"), Text(id="2", text="b", size=2)]})
    rest = {"title", "cover", "by_name", "id", *({"pages", "columns"} - {field})}
    assert book.dict(exclude={field: {"__all__": {"id"}}} | dict.fromkeys(rest, True)) == {
        field: [{"text": "a", "size": 0}, {"text": "b", "size": 2}]
    }
    assert book.dict(include={field: {"__all__": {"text"}}}) == {field: [{"text": "a"}, {"text": "b"}]}
    assert book.dict(include={field: {1: {"text"}}}) == {field: [{"text": "b"}]}
    assert json.loads(book.json(include={field: {"__all__": {"text"}}})) == {field: [{"text": "a"}, {"text": "b"}]}
    if field == "pages":
        assert book.dict(include={field}, exclude_defaults=True)[field][0] == {"id": "1", "text": "a"}


def test_modes_and_aliases_reach_into_arrays() -> None:
    class Named(BaseDoc):
        when: date = Field(date(2024, 1, 2), alias="at")

    class Holder(BaseDoc):
        docs: DocList[Named] = DocList[Named]()

    holder = Holder(docs=[Named(id="n")])  # type: ignore[arg-type]
    assert holder.dict(mode="json", by_alias=True)["docs"] == [{"id": "n", "at": "2024-01-02"}]


# --- as JSON


KINDS: list[tuple[Any, Any]] = [
    (str, "é\0"),
    (int, 2**70),
    (float, math.inf),
    (bool, True),
    (bytes, b"\xff\x00"),
    (str | None, None),
    (Text, Text(text="a")),
    (Text | None, Text(text="a")),
    (Picture | Bare, Bare(text="a")),
    (Picture | Bare | None, Bare(text="a")),
    (list[str], ["a"]),
    (set[int], {1, 2}),
    (tuple[int, str], (1, "a")),
    (frozenset[str], frozenset({"a"})),
    (list[Text], [Text(text="a")]),
    (list[Text] | None, [Text(text="a")]),
    (list[list[Text]], [[Text(text="a")], []]),
    (tuple[Text, Picture], (Text(text="a"), Picture(blob=b"x"))),
    (dict[str, float], {"a": 0.5}),
    (dict[str, list[int]], {"a": [1]}),
    (dict[str, Text], {"a": Text(text="a")}),
    (dict[str, DocList[Text]], {"a": DocList[Text]([Text(text="a")])}),
    (dict[str, dict[str, Text]], {"a": {"b": Text(text="a")}}),
    (dict[int, str], {1: "a"}),
    (datetime, datetime(2024, 1, 2, tzinfo=UTC)),
    (Colour, Colour.RED),
    (complex, 1 + 2j),
    (Decimal, Decimal("1.50")),
    (UUID, UUID(int=3)),
    (DocList[Text], DocList[Text]([Text(text="a")])),
    (DocList[Text] | None, DocList[Text]([Text(text="a")])),
    (DocVec[Bare], DocVec[Bare]([Bare(text="a", point=[1, 2])])),
    (DocVec[Bare] | None, None),
    (DocVec[Bare], DocVec[Bare]([])),
    (Node, Node(name="a", children=[Node(name="b")], parent=Node(name="c"))),  # type: ignore[arg-type]
    (None, None),
    (NdArray[2, 2], np.arange(4.0).reshape(2, 2).T),
]


@pytest.mark.parametrize("kind, value", KINDS, ids=[str(kind) for kind, _ in KINDS])
def test_every_kind_of_field_survives_json(kind: Any, value: Any) -> None:
    doc_type = type("Holder", (BaseDoc,), {"__annotations__": {"field": kind}, "__module__": __name__})
    doc = doc_type(field=value)
    back = doc_type.from_json(doc.to_json())
    assert back == doc
    assert type(back.field) is type(value)
    assert DocList[doc_type].from_json(DocList[doc_type]([doc]).to_json()) == [doc]  # type: ignore[valid-type]


def test_numpy_values_where_nothing_is_declared_are_written() -> None:
    class Tagged(BaseDoc):
        tags: dict[str, Any] = {}  # noqa: RUF012
        anything: Any = None

    doc = Tagged(id="t", tags={"a": np.int64(3), "b": [np.float32(0.5), np.arange(2)]}, anything=np.bool_(True))
    written = {"id": "t", "tags": {"a": 3, "b": [0.5, [0, 1]]}, "anything": True}
    assert json.loads(doc.to_json()) == written
    assert json.loads(doc.json()) == written
    assert json.loads(DocList[Tagged]([doc, doc]).to_json()) == [written, written]
    with pytest.raises(ValueError, match="object has no JSON form"):
        Tagged(anything=object()).to_json()


def test_bytes_that_docarray_wrote_as_text_are_read() -> None:
    assert Picture.from_json('{"blob": "plain text, é"}').blob == "plain text, é".encode()
    assert Picture.from_json('{"blob": "aGk="}').blob == b"hi"  # nothing tells that it was not meant
    docs = DocList[Picture].from_json('[{"blob": "some words"}, {"blob": "_w=="}]')
    assert docs.blob == [b"some words", b"\xff"]
    book = Book.from_json('{"cover": {"blob": "some words"}}')
    assert book.cover is not None
    assert book.cover.blob == b"some words"
    with pytest.raises(ValidationError, match="pixels"):
        Picture.from_json('{"blob": "some words", "pixels": "none"}')


def test_a_class_can_have_its_bytes_as_text() -> None:
    class Plain(BaseDoc):
        model_config = ConfigDict(ser_json_bytes="utf8", val_json_bytes="utf8")

        blob: bytes

    assert Plain(id="p", blob=b"aGk=").to_json() == '{"id":"p","blob":"aGk="}'
    assert Plain.from_json('{"blob": "aGk="}').blob == b"aGk="


def test_null_in_a_tensor_is_nan() -> None:
    doc = Picture(pixels=np.array([1.0, math.nan, math.inf]))
    assert json.loads(doc.to_json())["pixels"] == [1.0, None, "Infinity"]
    back = Picture.from_json(doc.to_json())
    assert back == doc
    assert back.pixels is not None
    assert back.pixels.dtype == np.float64


# --- DocArray's names


@pytest.mark.parametrize(
    "form", [{}, {"content_type": "application/json"}, {"proto": "json"}, {"content_type": "text/javascript"}]
)
def test_raw_json_is_parsed(form: dict[str, str]) -> None:
    assert Text.parse_raw('{"text": "é"}', **form).text == "é"
    assert Text.parse_raw('{"text": "é"}'.encode("latin-1"), encoding="latin-1", **form).text == "é"


def test_pickles_are_parsed_only_where_that_is_allowed() -> None:
    data = pickle.dumps({"text": "a"})
    for form in ({"proto": "pickle"}, {"content_type": "application/pickle"}):
        with pytest.raises(ValueError, match="say allow_pickle=True where you trust it"):
            Text.parse_raw(data, **form)  # type: ignore[arg-type]
        assert Text.parse_raw(data, allow_pickle=True, **form).text == "a"  # type: ignore[arg-type]


def test_other_raw_forms_are_named() -> None:
    with pytest.raises(ValueError, match="not from 'yaml'"):
        Text.parse_raw("{}", proto="yaml")
    with pytest.raises(ValueError, match="'text/yaml' is neither JSON nor pickle"):
        Text.parse_raw("{}", content_type="text/yaml")
    with pytest.raises(ValidationError, match="text"):
        Text.parse_raw("{}")


def test_the_schema_has_its_older_name_too() -> None:
    assert Text.schema() == Text.model_json_schema()
    assert Book.schema(ref_template="#/x/{model}")["properties"]["pages"]["items"] == {"$ref": "#/x/Text"}


def test_only_rows_are_views() -> None:
    doc = Text(text="a")
    assert not doc.is_view()
    assert DocVec[Text]([doc])[0].is_view()


# --- unvalidated


def test_construct_takes_values_as_they_are_and_fills_in_defaults() -> None:
    doc = Text.construct(text=5)
    assert (doc.text, doc.size, len(doc.id or "")) == (5, 0, 32)
    assert doc.model_fields_set == {"text"}
    assert list(doc.__dict__) == ["id", "text", "size"]
    assert Text.construct({"size"}, text="a").model_fields_set == {"size"}
    assert Text.construct(text="a", other=1) == Text(text="a")
    assert Text.construct(id=None, text="a").id is None
    doc.size = "3"  # type: ignore[assignment]
    assert doc.size == 3


def test_construct_leaves_out_what_is_required_and_not_given() -> None:
    doc = Text.construct()
    assert not hasattr(doc, "text")
    assert "text" not in doc.dict()
    assert doc != Text(text="")


def test_construct_makes_each_default_anew() -> None:
    class Holder(BaseDoc):
        words: list[str] = []  # noqa: RUF012
        more: list[str] = ["a"]  # noqa: RUF012
        made: list[str] = Field(default_factory=list)
        docs: DocList[Text] = DocList[Text]()

    first, second = Holder.construct(), Holder.construct()
    assert first == second == Holder()
    for name in ("words", "more", "made", "docs"):
        assert getattr(first, name) is not getattr(second, name)
    assert type(first.docs) is DocList[Text]


def test_construct_keeps_what_a_class_adds() -> None:
    class Longer(Text):
        more: str = "more"
        long: str = Field("long", alias="l")
        double: int = Field(default_factory=lambda data: data["size"] * 2)
        _hidden: int = PrivateAttr(5)

    Text.construct(text="a")
    doc = Longer.construct(text="a", l="x")
    assert (doc.more, doc.long, doc.double, doc._hidden) == ("more", "x", 0, 5)
    assert AnyDoc.construct(x=1).x == 1


def test_construct_runs_no_validator() -> None:
    class Checked(BaseDoc):
        size: int

        @model_validator(mode="after")
        def _refuse(self) -> "Checked":
            raise ValueError("never")

    assert Checked.construct(size=1).size == 1


def test_construct_of_a_class_that_holds_itself() -> None:
    node = Node.construct(name="a", children=DocList[Node]([Node.construct(name="b")]))
    assert node == Node(name="a", children=[Node(name="b")])  # type: ignore[arg-type]
    assert node.children is not None
    assert node.children.name == ["b"]


# --- without a schema


def test_any_doc_is_complete_as_a_dict_in_json_and_printed() -> None:
    text = Text(id="t", text="a")
    doc = AnyDoc(
        id="i",
        deep={"list": [{"tensor": np.arange(2)}]},
        any=AnyDoc(id="a", x=AnyDoc(id="b", y=1)),
        typed=text,
        docs=DocList[Text]([text]),
        mixed=DocList([text]),
        columns=DocVec[Text]([text]),
        row=DocVec[Text]([text])[0],
        when=date(2024, 1, 2),
        scalar=np.float32(0.5),
    )
    plain = {"id": "t", "text": "a", "size": 0}
    data = doc.dict()
    assert data["deep"]["list"][0]["tensor"] is doc.deep["list"][0]["tensor"]
    assert data["any"] == {"id": "a", "x": {"id": "b", "y": 1}}
    written = {
        "id": "i",
        "deep": {"list": [{"tensor": [0, 1]}]},
        "any": {"id": "a", "x": {"id": "b", "y": 1}},
        "typed": plain,
        "docs": [plain],
        "mixed": [plain],
        "columns": [plain],
        "row": plain,
        "when": "2024-01-02",
        "scalar": 0.5,
    }
    for name in ("typed", "row"):
        assert data[name] == plain
    for name in ("docs", "mixed", "columns"):
        assert data[name] == [plain]
    assert json.loads(doc.to_json()) == json.loads(doc.json()) == written
    assert json.loads(DocList([doc]).to_json()) == [written]
    assert AnyDoc.from_json(doc.to_json()).dict() == written
    assert repr(AnyDoc(id="i", x=1, y="a")) == "AnyDoc(id='i', x=1, y='a')"


def test_columns_are_written_wherever_pydantic_meets_them() -> None:
    class Holder(BaseModel):
        anything: Any

    text = Text(id="t", text="a")
    assert Holder(anything=DocVec[Text]([text])).model_dump() == {"anything": [text.dict()]}


# --- documents that hold themselves


def test_fields_of_documents_that_hold_themselves_are_read_together() -> None:
    tree = Node(name="root", children=[Node(name="a", children=[Node(name="b")]), Node(name="c")])  # type: ignore[arg-type]
    assert tree.children is not None
    assert tree.children.name == ["a", "c"]
    assert tree.children.children[0].name == ["b"]
    Node.model_rebuild(force=True)
    assert Node.from_json(tree.to_json()) == tree
