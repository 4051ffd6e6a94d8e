"""Documents as columns: what travels how, what is checked, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import msgspec
import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.codecs import columns, json
from thalweg.docs.codecs.columns import layout
from thalweg.docs.codecs.columns.layout import Documents, Group, Header
from thalweg.docs.typing import AnyTensor, NdArray
from thalweg.errors import InvalidDocument, MalformedRequest


class Text(BaseDoc):
    text: str


class Embedded(Text):
    embedding: NdArray[4]


class Picture(BaseDoc):
    pixels: NdArray | None = None
    label: Text | None = None
    parts: DocList[Text] = DocList[Text]()


def embedded(count: int) -> DocList[Embedded]:
    return DocList[Embedded](Embedded(text=str(i), embedding=np.full(4, i, np.float32)) for i in range(count))


def through(docs: Any, doc_type: Any = None) -> Any:
    return columns.decode(columns.encode(docs), doc_type)


def body_of(*groups: Group, order: list[int] | None = None, buffers: tuple[bytes, ...] = ()) -> tuple[bytes, ...]:
    return msgspec.msgpack.encode(Header(layout.VERSION, Documents(list(groups), order or []))), *buffers


def values(name: str, *items: Any) -> layout.Values:
    return layout.Values(name, list(items))


# --- how it travels


def test_the_tensors_of_a_doc_vec_are_not_copied() -> None:
    vec = embedded(3).to_doc_vec()
    _, buffer = columns.encode(vec)
    vec.embedding[1, 2] = 99
    assert 99 in np.frombuffer(buffer, np.float32)


def test_the_tensor_of_one_document_is_not_copied() -> None:
    docs = embedded(1)
    _, buffer = columns.encode(docs)
    docs[0].embedding[2] = 99
    assert 99 in np.frombuffer(buffer, np.float32)


def test_tensors_view_what_was_received() -> None:
    body = [bytearray(part) for part in columns.encode(embedded(3))]
    docs, vec = columns.decode(body, Embedded), columns.decode_vec(body, Embedded)
    body[1][:4] = np.float32(7).tobytes()
    assert docs[0].embedding[0] == vec.embedding[0, 0] == 7
    docs[0].embedding[0] = 8
    assert vec.embedding[0, 0] == 8


def test_tensors_of_a_read_only_buffer_are_read_only() -> None:
    body = tuple(bytes(part) for part in columns.encode(embedded(2)))
    assert not columns.decode(body, Embedded)[0].embedding.flags.writeable
    assert not columns.decode_vec(body, Embedded).embedding.flags.writeable


def test_tensors_of_one_shape_are_one_buffer_and_so_are_others() -> None:
    assert len(columns.encode(embedded(50))) == 2
    ragged = DocList[Picture](
        Picture(pixels=np.ones((i, 2), dtype)) for i, dtype in enumerate(["f2", "u1", ">i4", "f8"])
    )
    assert len(columns.encode(ragged)) == 2
    back = through(ragged, Picture)
    assert back == ragged
    assert [doc.pixels.dtype for doc in back] == [doc.pixels.dtype for doc in ragged]
    assert all(doc.pixels.flags.aligned for doc in back)


@pytest.mark.parametrize(
    "tensor",
    [
        np.arange(6).reshape(2, 3).T,
        np.arange(9)[::-2],
        np.zeros((0, 3), np.float32),
        np.array(5.5),
        np.array([1 + 2j], np.complex64),
        np.array([True, False]),
        np.arange(3, dtype=">u2"),
        np.arange(3, dtype=np.float16),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_every_tensor_comes_back_with_its_dtype(tensor: Any, count: int) -> None:
    docs = DocList[Picture]([Picture(pixels=tensor)] * count)
    for back in (through(docs, Picture), through(docs), through(docs.to_doc_vec(), Picture)):
        assert len(back) == count
        assert back[-1].pixels.dtype == tensor.dtype
        assert back[-1].pixels.shape == tensor.shape
        assert np.array_equal(back[-1].pixels, tensor)


def test_values_that_only_some_documents_have() -> None:
    docs = DocList[Picture](
        [
            Picture(),
            Picture(pixels=[1, 2], label=Text(text="a")),
            Picture(parts=[Text(text="b"), Text(text="c")]),  # type: ignore[arg-type]
            Picture(pixels=[3, 4]),
        ]
    )
    back = through(docs, Picture)
    assert back == docs
    assert type(back[2].parts) is DocList[Text]
    assert [doc.id for doc in back[2].parts] == [doc.id for doc in docs[2].parts]


def test_documents_of_several_classes_keep_their_order() -> None:
    docs = DocList([Text(text="a"), Picture(), Text(text="b"), AnyDoc(x=1), AnyDoc(y=2), *embedded(1)])
    back = through(docs)
    assert type(back) is DocList
    assert back == docs
    assert [doc.id for doc in back] == [doc.id for doc in docs]
    assert through(DocList[Text]([Text(text="a"), *embedded(1)]), Text).text == ["a", "0"]


def test_a_union_of_documents_keeps_the_class() -> None:
    class Left(BaseDoc):
        x: int

    class Right(BaseDoc):
        x: int
        y: int = 0

    class Either(BaseDoc):
        one: Left | Right
        many: list[Left | Right] = []  # noqa: RUF012
        named: dict[str, dict[str, Left | Right]] = {}  # noqa: RUF012

    docs = DocList[Either](
        [
            Either(one=Left(x=1), many=[Right(x=1), Left(x=2)], named={"a": {"b": Right(x=3)}}),
            Either(one=Right(x=1)),
        ]
    )
    back = through(docs, Either)
    assert back == docs
    assert [type(doc.one) for doc in back] == [Left, Right]
    assert [type(doc) for doc in back[0].many] == [Right, Left]
    assert type(back[0].named["a"]["b"]) is Right


class Anything(BaseDoc):
    value: Any = None


class Plain(BaseModel):
    tensor: Any
    number: int

    model_config = ConfigDict(arbitrary_types_allowed=True)


@pytest.mark.parametrize(
    "value, expected",
    [
        (2**64, 2**64),
        (-(2**63) - 1, -(2**63) - 1),
        ([2**200, {"a": (2**64,)}], [2**200, {"a": [2**64]}]),
        *(
            (value, value)
            for value in (
                {"tensor": np.arange(3, dtype=np.float32), "list": [np.zeros((2, 0))]},
                "\u0000é😀",
                float("inf"),
                [[[[]]]],
                {1: "a", "b": None},
                {"deep": Text(text="a")},
            )
        ),
    ],
)
def test_anything_at_all(value: Any, expected: Any) -> None:
    docs = DocList[Anything]([Anything(value=value)])
    assert through(docs, Anything) == [Anything(value=expected)]
    assert through(docs) == [Anything(value=expected)]


def test_scalars_of_numpy_and_models_of_pydantic_become_plain_values() -> None:
    value = [np.float32(1.5), np.int8(2), np.bool_(True), Plain(tensor=np.arange(2), number=2**70), complex(1, 2)]
    back = through(DocList[Anything]([Anything(value=value)]), Anything)[0].value
    assert back[:3] == [1.5, 2, True]
    assert back[3]["number"] == 2**70
    assert back[3]["tensor"].tolist() == [0, 1]
    assert complex(back[4]) == complex(1, 2)


def test_dates_keep_their_zone() -> None:
    class Event(BaseDoc):
        at: datetime
        took: timedelta | None = None

    zone = timezone(timedelta(hours=2))
    docs = DocList[Event](
        [Event(at=datetime(2024, 5, 6, 7, 8, 9, 10, zone)), Event(at=datetime(2024, 1, 1, tzinfo=UTC))]
    )
    back = through(docs, Event)
    assert back == docs
    assert back[0].at.utcoffset() == timedelta(hours=2)


def test_a_strict_class_reads_its_own_columns() -> None:
    class Strict(BaseDoc):
        model_config = ConfigDict(strict=True)

        at: datetime

    docs = DocList[Strict]([Strict(at=datetime(2024, 1, 1))])
    assert through(docs, Strict) == docs


@pytest.mark.parametrize("value", [object(), {"a": object()}, "\ud800", {(1, 2): 3, (1, object()): 4}])
def test_what_cannot_travel_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match=r"value holds a value that cannot travel|surrogates"):
        columns.encode(DocList[Anything]([Anything(value=value)]))


def test_documents_that_contain_themselves_are_refused() -> None:
    doc = AnyDoc()
    doc.me = doc
    with pytest.raises(ValueError, match="contain themselves"):
        columns.encode(DocList[AnyDoc]([doc]))


def test_fields_that_are_excluded_do_not_travel() -> None:
    class Secret(BaseDoc):
        text: str
        password: str = Field("none", exclude=True)

    docs = DocList[Secret]([Secret(text="a", password="x")])
    for body in (columns.encode(docs), columns.encode(docs.to_doc_vec())):
        assert b"password" not in body[0]
        assert columns.decode(body, Secret)[0].password == "none"


def test_rows_of_a_doc_vec_travel_like_documents() -> None:
    docs = embedded(3)
    rows = DocList[Embedded](list(docs.to_doc_vec()))
    assert through(rows, Embedded) == docs
    assert through(DocList([*rows, Text(text="a")])) == [*docs, Text(text="a")]


def test_a_document_made_without_validation_lacks_what_it_lacks() -> None:
    docs = DocList[Text]([Text.model_construct(id="a"), Text(text="b", id="b")])
    assert through(docs)[0].model_dump() == {"id": "a"}
    with pytest.raises(InvalidDocument, match=r"data\.0\.text: Field required"):
        through(docs, Text)


# --- how it is read


@pytest.mark.parametrize("make", [lambda docs: docs, lambda docs: docs.to_doc_vec()])
def test_no_documents(make: Any) -> None:
    docs = make(DocList[Embedded]())
    assert through(docs, Embedded) == DocList[Embedded]()
    assert through(docs) == DocList()
    back = columns.decode_vec(columns.encode(docs), Embedded)
    assert len(back) == 0
    assert back.embedding.shape == (0, 4)


def test_missing_fields_get_their_defaults_and_unknown_ones_are_ignored() -> None:
    class Richer(BaseDoc):
        text: str
        size: int = 3
        tags: list[str] = []  # noqa: RUF012
        tensor: NdArray | None = None

    back = through(embedded(2), Richer)
    assert back.text == ["0", "1"]
    assert [doc.size for doc in back] == [3, 3]
    assert back[0].tags is not back[1].tags
    assert back[0].model_fields_set == {"id", "text"}
    assert columns.decode_vec(columns.encode(embedded(2)), Richer) == back


def test_a_missing_id_is_made() -> None:
    body = body_of(Group("Text", 2, [values("text", "a", "b")]))
    for back in (columns.decode(body, Text), columns.decode(body, None), columns.decode_vec(body, Text)):
        ids = [doc.id for doc in back]
        assert all(len(found) == 32 for found in ids)
        assert len(set(ids)) == 2


def test_numbers_are_widened_and_coerced_as_anywhere() -> None:
    class Numbers(BaseDoc):
        real: float
        whole: int = 0

    body = body_of(Group("", 2, [values("real", 1, 2.5), values("whole", "3", 4.0)]))
    back = columns.decode(body, Numbers)
    assert [(doc.real, type(doc.real), doc.whole) for doc in back] == [(1.0, float, 3), (2.5, float, 4)]


def test_what_came_as_json_to_a_party_without_the_class_is_read_with_it() -> None:
    class Mixed(BaseDoc):
        blob: bytes
        real: float
        tensor: NdArray[3]
        at: datetime

    mixed = Mixed(
        blob=b"\xff\xfe>>", real=float("-inf"), tensor=[1, float("nan"), float("inf")], at=datetime(2024, 1, 1)
    )
    docs = DocList[Mixed]([mixed])
    unknown, _ = json.decode(json.encode(docs, {}), None)
    assert through(unknown, Mixed) == docs
    known = through(docs)
    assert json.decode(json.encode(known, {}), Mixed)[0] == docs
    with pytest.raises(InvalidDocument, match=r"data\.0\.blob: Input should be a valid bytes"):
        through(DocList([AnyDoc(blob="no base64", real=1, tensor=[1, 2, 3], at=0)]), Mixed)


@pytest.mark.parametrize(
    "column, kind",
    [
        (values("text", "a", 5), "string_type"),
        (values("text", "a", None), "string_type"),
        (layout.Stacked("text", "<f4", [1], 0), "string_type"),
        (layout.Nested("text", Documents([Group("", 2, [values("x", 1, 2)])])), "string_type"),
    ],
)
def test_what_does_not_fit_is_named(column: Any, kind: str) -> None:
    body = body_of(Group("", 2, [column]), buffers=(bytes(8),))
    for read in (columns.decode, columns.decode_vec):
        with pytest.raises(InvalidDocument) as caught:
            read(body, Text)
        found = caught.value.details[-1]
        assert (found["loc"], found["type"]) == (["data", 1, "text"], kind)


def test_shapes_are_checked_once_for_a_column_and_named_for_each_document() -> None:
    class Short(BaseDoc):
        embedding: NdArray[3]

    for docs in (embedded(2), embedded(2).to_doc_vec()):
        body = columns.encode(docs)
        for read in (columns.decode, columns.decode_vec):
            with pytest.raises(InvalidDocument) as caught:
                read(body, Short)
            assert [item["loc"] for item in caught.value.details] == [["data", i, "embedding"] for i in (0, 1)]
            assert "shape (3,), got one of shape (4,)" in caught.value.message


def test_the_path_of_a_nested_document_is_named() -> None:
    class Strange(BaseDoc):
        label: AnyDoc | None = None
        parts: DocList[AnyDoc] = DocList[AnyDoc]()
        free: list[AnyDoc] = []  # noqa: RUF012

    class Fitting(BaseDoc):
        label: Text | None = None
        parts: DocList[Text] = DocList[Text]()
        free: list[Text] = []  # noqa: RUF012

    good, bad = AnyDoc(text="a"), AnyDoc(text=1)
    cases: list[tuple[list[Strange], list[Any]]] = [
        ([Strange(), Strange(label=good), Strange(label=bad)], ["data", 2, "label", "text"]),
        ([Strange(parts=[good]), Strange(), Strange(parts=[good, bad])], ["data", 2, "parts", 1, "text"]),  # type: ignore[arg-type]
        ([Strange(free=[good]), Strange(free=[good, bad])], ["data", 1, "free", 1, "text"]),
    ]
    for docs, path in cases:
        with pytest.raises(InvalidDocument) as caught:
            through(DocList[Strange](docs), Fitting)
        assert caught.value.details[0]["loc"] == path


def test_findings_are_bounded() -> None:
    body = body_of(Group("", 1000, [values("text", *range(1000))]))
    with pytest.raises(InvalidDocument) as caught:
        columns.decode(body, Text)
    assert len(caught.value.details) == 100


# --- constraints and validators of the user hold


def test_constraints_hold() -> None:
    class Short(BaseDoc):
        text: Annotated[str, Field(max_length=1)]

    assert through(embedded(2), Short).text == ["0", "1"]
    with pytest.raises(InvalidDocument, match=r"data\.10\.text"):
        through(embedded(11), Short)


def test_validators_of_fields_and_documents_run() -> None:
    class Shout(Embedded):
        total: float = 0

        @field_validator("text")
        @classmethod
        def _loud(cls, text: str) -> str:
            return text + "!"

        @model_validator(mode="after")
        def _sum(self) -> "Shout":
            self.__dict__["total"] = float(self.embedding.sum())
            return self

    back = through(embedded(2), Shout)
    assert back.text == ["0!", "1!"]
    assert [doc.total for doc in back] == [0, 4]
    assert columns.decode_vec(columns.encode(embedded(2)), Shout).text == ["0!", "1!"]


def test_private_attributes_and_hooks_are_there() -> None:
    class Counter(Text):
        _count: int = PrivateAttr(5)

        def model_post_init(self, context: Any) -> None:
            self._count += 1

    back = through(embedded(2), Counter)
    assert [doc._count for doc in back] == [6, 6]
    assert back.to_doc_vec().to_doc_list()[0]._count == 6


def test_unknown_fields_are_forbidden_or_kept_as_the_class_says() -> None:
    class Closed(Text):
        model_config = ConfigDict(extra="forbid")

    class Open(Text):
        model_config = ConfigDict(extra="allow")

    with pytest.raises(InvalidDocument, match=r"data\.0\.embedding: Extra inputs"):
        through(embedded(1), Closed)
    back = through(embedded(1), Open)
    assert back[0].embedding.tolist() == [0] * 4
    assert through(back, Embedded) == embedded(1)


def test_aliases_are_no_matter() -> None:
    class Named(BaseDoc):
        text: str = Field(alias="Text", min_length=1)
        other: str = Field("x", validation_alias="Other")

    docs = DocList[Named]([Named(Text="a", Other="b")])
    assert through(docs, Named) == docs
    with pytest.raises(InvalidDocument):
        columns.decode(body_of(Group("", 1, [values("text", "")])), Named)


def test_discriminated_unions() -> None:
    class Cat(BaseDoc):
        kind: str = "cat"

    class Pets(BaseDoc):
        pet: Cat | Text = Field(union_mode="left_to_right")

    docs = DocList[Pets]([Pets(pet=Text(text="a")), Pets(pet=Cat())])
    assert through(docs, Pets) == docs


def test_recursive_documents() -> None:
    back = through(DocList[Node]([Node(children=[Node(), Node(children=[])])]), Node)  # type: ignore[arg-type, list-item]
    assert type(back[0].children) is DocList[Node]
    assert len(back[0].children) == 2
    assert back[0].children[0].children is None


class Node(BaseDoc):
    children: DocList["Node"] | None = None


# --- columns that stay columns


def test_a_doc_vec_is_read_without_making_documents() -> None:
    class Nested(BaseDoc):
        inner: Embedded
        maybe: Embedded | None = None
        free: AnyTensor | None = None

    docs = DocList[Nested](Nested(inner=doc, free=np.zeros(2)) for doc in embedded(3))
    for given in (docs, docs.to_doc_vec()):
        vec = columns.decode_vec([bytearray(part) for part in columns.encode(given)], Nested)
        assert vec == docs
        assert type(vec.inner) is DocVec[Embedded]
        assert vec.inner.embedding.base is not None
        assert vec.maybe is None
        vec[1].inner.text = "x"
        assert vec.inner.text == ["0", "x", "2"]


def test_what_cannot_be_stacked_is_told() -> None:
    ragged = DocList[Picture]([Picture(pixels=[1]), Picture(pixels=[1, 2])])
    with pytest.raises(InvalidDocument, match="pixels: tensors of one shape"):
        columns.decode_vec(columns.encode(ragged), Picture)
    with pytest.raises(InvalidDocument, match="1 of 2 documents have no value"):
        columns.decode_vec(columns.encode(DocList[Picture]([Picture(), Picture(pixels=[1])])), Picture)


# --- what strangers send


@pytest.mark.parametrize(
    "body",
    [
        (),
        (b"",),
        (b"\xc1",),
        (b"\x92\x01",),
        (msgspec.msgpack.encode([2, [[]]]),),
        (msgspec.msgpack.encode([1, [[["", 1, [[9, "x", []]]]]]]),),
        body_of(Group("", -1, [])),
        body_of(Group("", 10**12, [])),
        body_of(Group("", 10**12, [layout.Stacked("x", "<f4", [0], 0)]), buffers=(b"",)),
        body_of(Group("", 2, [values("text", "a")])),
        body_of(Group("", 1, []), Group("", 1, []), order=[0, 2]),
        body_of(Group("", 1, []), Group("", 1, []), order=[0, 0]),
        body_of(Group("", 1, [values("text", "a")]), Group("", 1, [])),
        body_of(Group("", 1, [layout.Stacked("text", "|O", [1], 0)]), buffers=(bytes(8),)),
        body_of(Group("", 1, [layout.Stacked("text", "|V8", [1], 0)]), buffers=(bytes(8),)),
        body_of(Group("", 1, [layout.Stacked("text", "<M8[x]", [1], 0)]), buffers=(bytes(8),)),
        body_of(Group("", 1, [layout.Stacked("text", "<M8[0s]", [1], 0)]), buffers=(bytes(8),)),
        body_of(Group("", 1, [layout.Stacked("text", "<U0", [10**12], 0)]), buffers=(b"",)),
        body_of(Group("", 1, [layout.Stacked("text", "<U2", [2], 0)]), buffers=(bytes(8),)),
        body_of(Group("", 1, [layout.Stacked("text", "<U99999999", [1], 0)]), buffers=(bytes(8),)),
        body_of(Group("", 1, [layout.Stacked("text", "<U1", [1], 0)]), buffers=(b"\xff\xff\xff\xff",)),
        body_of(Group("", 1, [layout.Stacked("text", ">U1", [1], 0)]), buffers=(b"\0\0\xd8\0",)),
        body_of(Group("", 1, [layout.Stacked("text", "bfloat16", [2], 0)]), buffers=(bytes(2),)),
        body_of(Group("", 1, [layout.Stacked("text", "<f4", [1], 1)]), buffers=(bytes(4),)),
        body_of(Group("", 1, [layout.Stacked("text", "<f4", [1], -1)]), buffers=(bytes(4),)),
        body_of(Group("", 1, [layout.Stacked("text", "<f4", [2], 0)]), buffers=(bytes(4),)),
        body_of(Group("", 1, [layout.Stacked("text", "<f4", [1], 0)]), buffers=(bytes(8),)),
        body_of(Group("", 1, [layout.Stacked("text", "<f4", [-1], 0)]), buffers=(bytes(4),)),
        body_of(Group("", 1, [layout.Stacked("text", "<f4", [2**62, 2**62, 0], 0)]), buffers=(b"",)),
        body_of(Group("", 1, [layout.Stacked("text", "<f4", [1] * 33, 0)]), buffers=(bytes(4),)),
        body_of(Group("", 2, [layout.Stacked("text", "<f4", [1], 0, [True])]), buffers=(bytes(4),)),
        body_of(Group("", 1, [layout.Ragged("text", [layout.Cell("<f4", [1], 0, 1)])]), buffers=(bytes(4),)),
        body_of(Group("", 1, [layout.Ragged("text", [layout.Cell("<f4", [1], 0, -4)])]), buffers=(bytes(4),)),
        body_of(Group("", 1, [layout.Nested("text", Documents([]))])),
        body_of(Group("", 1, [layout.NestedLists("text", [-1], Documents([]))])),
        body_of(Group("", 1, [layout.NestedLists("text", [2**70 >> 8], Documents([]))])),
        body_of(Group("", 2, [layout.NestedLists("text", [1, -1], Documents([]))])),
        body_of(Group("", 1, [layout.Packed("text", [msgspec.Raw(b"\xc1")])])),
        body_of(
            Group("", 1, [layout.Packed("text", [msgspec.Raw(msgspec.msgpack.encode(msgspec.msgpack.Ext(9, b"")))])])
        ),
        body_of(
            Group("", 1, [layout.Packed("text", [msgspec.Raw(msgspec.msgpack.encode(msgspec.msgpack.Ext(3, b"x")))])])
        ),
    ],
)
def test_columns_that_make_no_sense_are_malformed(body: tuple[bytes, ...]) -> None:
    for read in (
        lambda: columns.decode(body, None),
        lambda: columns.decode(body, Text),
        lambda: columns.decode_vec(body, Text),
    ):
        with pytest.raises(MalformedRequest):
            read()


def test_documents_are_nested_to_a_limit_and_read_once_at_each_depth() -> None:
    def nested(depth: int) -> DocList[Anything]:
        doc = Anything(value=5)
        for _ in range(depth):
            doc = Anything(value=doc)
        return DocList[Anything]([doc])

    class Chain(BaseDoc):
        value: "Chain | int"
        wrong: str = ""

    assert through(nested(60)) == nested(60)
    with pytest.raises(MalformedRequest, match="nested more than 64 deep"):
        through(nested(70))
    # A field that does not fit at every depth must not double the work at every depth.
    doc = Chain.model_construct(value=1, wrong=5, id="a")
    for _ in range(50):
        doc = Chain.model_construct(value=doc, wrong=5, id="a")
    with pytest.raises(InvalidDocument):
        through(DocList[Chain]([doc]), Chain)
