"""What DocArray's messages say of documents, and what is made of it."""

import copy
import gc
import pickle
import subprocess
import sys
import tracemalloc
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, NamedTuple, Optional
from uuid import UUID

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.codecs import protobuf
from thalweg.docs.typing import ID, AnyTensor, AnyUrl, ImageBytes, ImageNdArray, ImageUrl, NdArray, NdArrayEmbedding
from thalweg.errors import InvalidDocument, MalformedRequest

MANY = 40
"""Enough documents to be written and read all at once, not one after the other."""


class Text(BaseDoc):
    text: str


class Left(BaseDoc):
    x: int


class Right(BaseDoc):
    x: int
    y: int = 0


class Twin(BaseDoc):
    x: int


class Anything(BaseDoc):
    value: Any = None


class Picture(BaseDoc):
    pixels: NdArray | None = None


class Node(BaseDoc):
    name: str
    child: Optional["Node"] = None
    children: "DocList[Node]" = DocList()


def through(doc: Any, doc_type: Any = None) -> Any:
    """A document, written and read; and the last of many, which has to be the same."""
    doc_type = doc_type or type(doc)
    back = protobuf.decode_document(protobuf.encode_document(doc), doc_type)
    last = protobuf.decode_list(protobuf.encode_list(DocList([doc] * MANY)), doc_type)[-1]
    assert last == back
    assert type(last) is type(back)
    return back


def message_of(**fields: Any) -> Any:
    """A DocProto as DocArray would write it."""
    message = protobuf.message_type("DocProto")()
    for name, value in fields.items():
        put(message.data[name], value)
    return message


def put(node: Any, value: Any) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            put(node.doc.data[name], item)
    elif isinstance(value, list):
        for item in value:
            put(node.list.data.add(), item)
    elif value is not None:
        setattr(node, {str: "text", int: "integer", float: "float", bool: "boolean", bytes: "blob"}[type(value)], value)


# --- documents in documents


class Either(BaseDoc):
    one: Left | Right
    many: list[Left | Right] = []  # noqa: RUF012
    named: dict[str, dict[str, Left | Right]] = {}  # noqa: RUF012
    both: tuple[Left, Right] | None = None
    perhaps: Left | Twin | None = None


def test_a_union_of_documents_keeps_the_class() -> None:
    doc = Either(
        one=Right(x=1),
        many=[Right(x=1), Left(x=2)],
        named={"a": {"b": Right(x=3)}},
        both=(Left(x=4), Right(x=5)),
        perhaps=Twin(x=6),
    )
    for back in (through(doc), through(protobuf.decode_document(protobuf.encode_document(doc), AnyDoc), Either)):
        assert back == doc
        assert [type(back.one), type(back.perhaps)] == [Right, Twin]
        assert [type(item) for item in back.many] == [Right, Left]
        assert type(back.named["a"]["b"]) is Right
        assert [type(item) for item in back.both] == [Left, Right]


def test_of_a_union_that_docarray_wrote_the_fields_tell_the_class() -> None:
    left, right = {"id": "l", "x": 1}, {"id": "r", "x": 1, "y": 2}
    doc = Either.from_protobuf(message_of(one=right, many=[left, right], perhaps=left))
    assert [type(item) for item in (doc.one, *doc.many)] == [Right, Left, Right]
    assert type(doc.perhaps) is Left
    assert Either.from_protobuf(message_of(one=left)).one.id == "l"


def test_documents_in_fields_that_take_anything() -> None:
    class Loose(BaseDoc):
        anything: Any
        bare_list: list
        bare_dict: dict
        deep: dict[str, dict[str, Text]]

    doc = Loose(
        anything={"a": [Text(text="x"), DocList[Text]([Text(text="y")])]},
        bare_list=[Text(text="z")],
        bare_dict={"t": Text(text="u")},
        deep={"a": {"b": Text(text="v")}},
    )
    back = through(doc)
    assert back == doc
    assert type(back.anything["a"][0]) is type(back.bare_list[0]) is type(back.bare_dict["t"]) is AnyDoc
    assert type(back.anything["a"][1]) is DocList
    assert type(back.deep["a"]["b"]) is Text


def test_a_schema_that_refers_to_itself() -> None:
    root = Node(name="root", child=Node(name="a"), children=[Node(name="b", children=[Node(name="c")]), Node(name="d")])
    back = through(root)
    assert back == root
    assert type(back.children) is DocList[Node]
    assert back.children.name == ["b", "d"]
    assert back.children[0].children[0].name == "c"


def test_lists_and_vectors_in_documents() -> None:
    class Shelf(BaseDoc):
        listed: DocList[Text]
        vector: DocVec[Picture]
        perhaps: DocList[Text] | None = None
        either: DocList[Left] | DocList[Right] = DocList[Left]()

    doc = Shelf(listed=[], vector=[Picture(pixels=[1, 2])], either=DocList[Right]([Right(x=1)]))
    back = through(doc)
    assert back == doc
    assert (type(back.listed), type(back.vector), back.perhaps) == (DocList[Text], DocVec[Picture], None)
    assert type(back.either) is DocList[Right]


def test_documents_of_several_classes_in_one_list() -> None:
    docs = DocList([Text(id="a", text="a"), AnyDoc(id="b", x=1), Text(id="c", text="c"), Left(id="d", x=2)] * MANY)
    back = protobuf.decode_list(protobuf.encode_list(docs), None)
    assert back == docs
    assert [doc.id for doc in back] == [doc.id for doc in docs]


# --- fields


def test_unknown_fields_are_dropped_by_a_class_and_kept_without_one() -> None:
    class More(Text):
        more: str = "m"

    assert through(More(text="t"), Text).model_dump().keys() == {"id", "text"}
    assert through(More(text="t"), AnyDoc).more == "m"


def test_missing_fields_get_their_default_and_a_fresh_id() -> None:
    class Full(BaseDoc):
        text: str = "d"
        tags: list[str] = []  # noqa: RUF012

    class Bare(BaseDocWithoutId):
        other: int = 1

    back = [through(Bare(), Full) for _ in range(2)]
    assert [doc.text for doc in back] == ["d", "d"]
    assert back[0].id != back[1].id
    assert back[0].tags is not back[1].tags
    with pytest.raises(InvalidDocument, match=r"text: Field required"):
        protobuf.decode_document(protobuf.encode_document(Bare()), Text)


def test_documents_with_and_without_a_field_in_one_list() -> None:
    class Optional_(BaseDoc):
        text: str = "d"

    docs = [Text(id="a", text="t") if i % 3 else AnyDoc(id="b") for i in range(MANY)]
    back = protobuf.decode_list(protobuf.encode_list(docs), Optional_)
    assert back.text == ["t" if i % 3 else "d" for i in range(MANY)]


def test_values_that_only_some_documents_have() -> None:
    class Sparse(BaseDoc):
        text: str | None = None
        pixels: NdArray[2] | None = None
        inner: Text | None = None
        listed: DocList[Text] | None = None

    docs = DocList[Sparse](
        [
            Sparse(text=str(i), pixels=[i, i], inner=Text(text="i"), listed=[Text(text="l")] * (i % 3))
            if i % 2
            else Sparse()
            for i in range(MANY)
        ]
    )
    assert protobuf.decode_list(protobuf.encode_list(docs), Sparse) == docs
    assert protobuf.decode_list(protobuf.encode_list(docs), None) == docs


class Colour(Enum):
    RED = "red"
    PAIR = (1, 2)


class Corner(NamedTuple):
    x: int
    y: str


@dataclass
class Record:
    name: str
    data: bytes


class Model(BaseModel):
    tensor: NdArray
    number: int


@pytest.mark.parametrize(
    "annotation, value",
    [
        (int, 2**31),
        (int, -(2**31) - 1),
        (int, 2**53 + 1),
        (int, 2**200),
        (list[int], [1, 2**40, -(2**70)]),
        (dict[int, str], {1: "a", -2: "b"}),
        (dict[bool, int], {True: 1, False: 0}),
        (dict[UUID, int], {UUID(int=1): 1}),
        (Colour, Colour.PAIR),
        (dict[Colour, int] | None, {Colour.RED: 1}),
        (complex, 1 - 2j),
        (Decimal, Decimal("1.10")),
        (frozenset[str], frozenset({"a"})),
        (deque[int], deque([1, 2])),
        (Corner, Corner(1, "a")),
        (Record, Record("a", b"\xff")),
        (set[tuple[int, int]], {(1, 2), (3, 4)}),
    ],
)
def test_values_that_docarray_has_no_form_for(annotation: Any, value: Any) -> None:
    class Holder(BaseDoc):
        value: annotation

    back = through(Holder(value=value))
    assert back.value == value
    assert type(back.value) is type(value)


def test_models_with_tensors() -> None:
    class Holder(BaseDoc):
        model: Model

    back = through(Holder(model=Model(tensor=[1.5], number=2))).model
    assert type(back) is Model
    assert (back.tensor.tolist(), back.number) == ([1.5], 2)


@pytest.mark.parametrize("value", [np.int64(2**40), np.float32(0.5), np.bool_(True), np.str_("s")])
def test_scalars_of_numpy(value: Any) -> None:
    assert through(Anything(value=value)).value == value


def test_integers_of_64_bits_are_floats_or_text_to_docarray_and_32_bits_stay_integers() -> None:
    numbers = protobuf.document_message(Anything(value=[2**31 - 1, 2**31, 2**53 + 1])).data["value"].list.data
    assert [number.WhichOneof("content") for number in numbers] == ["integer", "float", "text"]
    assert [numbers[0].integer, numbers[1].float, numbers[2].text] == [2**31 - 1, 2.0**31, str(2**53 + 1)]
    assert through(Anything(value=2**53 + 1)).value == 2**53 + 1


def test_aliases_constraints_and_hooks_are_respected() -> None:
    class Strange(BaseDoc):
        model_config = ConfigDict(extra="allow", strict=True)
        aliased: int = Field(alias="other")
        small: Annotated[int, Field(le=5)]
        secret: str = Field("s", exclude=True)
        lower: str
        _private: int = PrivateAttr(7)

        @field_validator("lower")
        @classmethod
        def _lower(cls, value: str) -> str:
            return value.lower()

    back = through(Strange(other=1, small=2, secret="x", lower="ABC", more=[1]))
    assert (back.aliased, back.small, back.secret, back.lower, back.more, back._private) == (1, 2, "s", "abc", [1], 7)
    with pytest.raises(InvalidDocument, match="less than or equal to 5"):
        Strange.from_protobuf(message_of(other=1, aliased=1, small=6, lower="a"))


def test_a_row_of_a_doc_vec_is_written_like_a_document() -> None:
    vec = DocVec[Picture]([Picture(id="p", pixels=[1, 2])])
    assert protobuf.encode_document(vec[0]) == protobuf.encode_document(Picture(id="p", pixels=[1, 2]))
    assert protobuf.encode_list(list(vec)) == protobuf.encode_list(vec.to_doc_list())


# --- tensors


@pytest.mark.parametrize(
    "tensor",
    [
        np.arange(6).reshape(2, 3).T,
        np.arange(9)[::-2],
        np.zeros((0, 3), np.float32),
        np.zeros((2, 0), np.int8),
        np.array(5.5, np.float16),
        np.array([1 + 2j], np.complex64),
        np.array([True, False]),
        np.arange(3, dtype=">u2"),
        np.zeros(70_000, np.float64),
    ],
)
def test_every_tensor_comes_back_with_its_dtype(tensor: Any) -> None:
    back = through(Picture(pixels=tensor)).pixels
    assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape)
    assert np.array_equal(back, tensor)
    assert back.flags.writeable
    assert back.flags.aligned


def test_tensors_of_a_list_share_one_buffer() -> None:
    docs = DocList[Picture]([Picture(pixels=np.full(4, i)) for i in range(MANY)])
    first, *_, last = protobuf.decode_list(protobuf.encode_list(docs), Picture)
    assert first.pixels.base is last.pixels.base
    first.pixels[:] = 7
    assert last.pixels.tolist() == [MANY - 1] * 4


def test_tensors_that_differ_in_one_list() -> None:
    docs = DocList[Picture]([Picture(pixels=np.ones((i % 3, 2), "f4" if i % 2 else "f8")) for i in range(MANY)])
    back = protobuf.decode_list(protobuf.encode_list(docs), Picture)
    assert back == docs
    assert [doc.pixels.dtype for doc in back] == [doc.pixels.dtype for doc in docs]


def test_what_the_annotation_says_is_the_type_key() -> None:
    class Keyed(BaseDoc):
        plain: NdArray
        embedding: NdArrayEmbedding
        image: ImageNdArray
        any: AnyTensor
        url: ImageUrl
        data: ImageBytes
        other: ID
        text: str

    doc = Keyed(
        plain=[1], embedding=[1], image=np.zeros((1, 1, 3), "u1"), any=[1], url="a.png", data=b"d", other="o", text="t"
    )
    keys = {name: node.type for name, node in doc.to_protobuf().data.items()}
    assert keys == {
        "id": "id",
        "plain": "ndarray",
        "embedding": "ndarray_embedding",
        "image": "image_ndarray",
        "any": "ndarray",
        "url": "image_url",
        "data": "image_bytes",
        "other": "id",
        "text": "",
    }
    back = through(doc)
    assert back == doc
    assert [type(value) for value in (back.url, back.data, back.image)] == [
        type(v) for v in (doc.url, doc.data, doc.image)
    ]
    unknown = through(doc, AnyDoc)
    assert unknown.to_protobuf() == doc.to_protobuf()
    assert [type(unknown.url), type(unknown.data), type(unknown.image)] == [ImageUrl, ImageBytes, type(doc.image)]


def test_type_keys_that_nobody_knows_are_passed_on_and_ignored() -> None:
    message = message_of(id="a", text="t", blob=b"b")
    message.data["text"].type = "made_up"
    message.data["blob"].type = "made_up_too"
    assert Text.from_protobuf(message).text == "t"
    unknown = AnyDoc.from_protobuf(message)
    assert (unknown.text, unknown.blob) == ("t", b"b")
    assert unknown.to_protobuf().data["text"].type == "made_up"
    assert unknown.to_protobuf().data["blob"].type == "made_up_too"
    message.data["text"].type = "image_url"
    message.data["text"].text = "no.picture"
    assert AnyDoc.from_protobuf(message).to_protobuf().data["text"] == message.data["text"]


@pytest.mark.parametrize("carried", [copy.copy, copy.deepcopy, lambda doc: pickle.loads(pickle.dumps(doc))])  # noqa: S301
def test_type_keys_survive_what_carries_documents(carried: Any) -> None:
    message = message_of(id="a", text="t", blob=b"b")
    for name, key in {"id": "id", "text": "made_up", "blob": "made_up_too", "tensor": "torch_embedding"}.items():
        message.data[name].type = key
    message.data["tensor"].ndarray.dense.dtype = "<f4"
    message.data["tensor"].ndarray.dense.shape.append(0)
    assert carried(AnyDoc.from_protobuf(message)).to_protobuf() == message


def test_an_address_is_checked_by_its_field() -> None:
    class Linked(BaseDoc):
        url: ImageUrl
        any: AnyUrl

    with pytest.raises(InvalidDocument, match="url"):
        Linked.from_protobuf(message_of(url="a.txt", any="b"))


# --- DocVec


class Stacked(BaseDoc):
    tensor: NdArray[2]
    nothing: NdArray | None = None
    inner: Picture
    absent: Text | None = None
    listed: DocList[Text] = DocList[Text]()
    perhaps: DocList[Text] | None = None
    vector: DocVec[Picture] | None = None
    ragged: DocList[Picture] = DocList[Picture]()
    number: float | None = None


def stacked(number: int) -> Stacked:
    return Stacked(
        tensor=np.full(2, number, "f4"),
        inner=Picture(pixels=np.full(3, number)),
        listed=[Text(text=str(i)) for i in range(number % 3)],
        perhaps=[Text(text="p")] if number % 2 else None,
        vector=[Picture(pixels=[number])],
        ragged=[Picture(pixels=[1.0]), Picture()],
        number=number / 2 if number else None,
    )


@pytest.mark.parametrize("count", [1, 3, MANY])
def test_columns_are_written_and_read_as_they_are(count: int) -> None:
    vec = DocVec[Stacked]([stacked(i) for i in range(count)])
    back = protobuf.decode_vec(protobuf.encode_vec(vec), Stacked)
    assert back == vec
    assert back.id == vec.id
    assert (back.nothing, back.absent) == (None, None)
    assert [len(docs) for docs in back.listed] == [i % 3 for i in range(count)]
    assert [type(docs) for docs in back.vector] == [DocVec[Picture]] * count
    assert back.perhaps[0] is None
    back.tensor[0] = 9
    assert back[0].tensor.tolist() == [9, 9]


def test_columns_without_documents_or_without_values() -> None:
    for doc_type in (Stacked, Node):
        empty = DocVec[doc_type]([])
        assert len(protobuf.decode_vec(protobuf.encode_vec(empty), doc_type)) == 0

    class Bare(BaseDocWithoutId):
        pixels: NdArray | None = None

    assert len(protobuf.decode_vec(protobuf.encode_vec(DocVec[Bare]([Bare()] * 3)), Bare)) == 3


def test_a_column_without_tensors_is_marked_as_docarray_marks_it() -> None:
    message = DocVec[Stacked]([stacked(1)]).to_protobuf()
    dense = message.tensor_columns["nothing"].dense
    assert (list(dense.shape), dense.dtype) == ([0], "None")
    assert not message.doc_columns["absent"].ListFields()


def test_columns_that_do_not_fit_are_refused() -> None:
    class Other(BaseDoc):
        tensor: NdArray[3]
        inner: int = 0

    body = protobuf.encode_vec(DocVec[Stacked]([stacked(1)]))
    with pytest.raises(InvalidDocument, match=r"shape|inner"):
        protobuf.decode_vec(body, Other)


# --- what cannot be written


def test_an_error_names_the_field() -> None:
    with pytest.raises(ValueError, match=r"^value\.a: a value of type object cannot travel"):
        protobuf.encode_document(Anything(value={"a": [object()]}))
    with pytest.raises(ValueError, match=r"^value: a dict with keys of type tuple cannot travel"):
        protobuf.encode_list([Anything(value={(1, 2): 3})] * MANY)
    with pytest.raises(ValueError, match=r"^value: two keys of a dict are both written as '1'"):
        protobuf.encode_document(Anything(value={1: 1, "1": 2}))
    with pytest.raises(ValueError, match=r"^text: .*surrogates not allowed"):
        protobuf.encode_document(Text(text="\ud800"))
    with pytest.raises(ValueError, match=r"^value: a tensor of dtype object cannot travel"):
        protobuf.encode_document(Anything(value=np.array([None])))


def test_a_document_that_contains_itself_is_named() -> None:
    node = Node(name="a")
    node.children.append(Node(name="b", children=[node, node]))
    with pytest.raises(ValueError, match=r"the document contains itself, at children\.children"):
        protobuf.encode_document(node)
    loop: list[Any] = []
    loop += [loop, loop]
    with pytest.raises(ValueError, match="contains itself, at value"):
        protobuf.encode_document(Anything(value=loop))


def test_the_same_document_in_several_places_is_no_cycle() -> None:
    leaf = Node(name="leaf")
    assert through(Node(name="a", child=Node(name="b", child=leaf), children=[leaf, leaf])).children[1] == leaf


def test_depth_is_bounded_on_both_sides() -> None:
    def chain(length: int) -> Node:
        node = Node(name="0")
        for number in range(1, length):
            node = Node(name=str(number), child=node)
        return node

    deepest = chain(32)
    assert through(deepest) == deepest
    assert Node.from_protobuf(deepest.to_protobuf()) == deepest
    with pytest.raises(ValueError, match="nested deeper than the 98 messages"):
        protobuf.encode_document(chain(40))
    node = b"\x10\x01"
    for _ in range(2000):
        node = b"\x4a" + varint(len(node) + 1 + len(varint(len(node)))) + b"\x0a" + varint(len(node)) + node
    entry = b"\x0a\x05value\x12" + varint(len(node)) + node
    with pytest.raises(MalformedRequest, match="nested more than"):
        protobuf.decode_document(b"\x0a" + varint(len(entry)) + entry, Anything)


def varint(number: int) -> bytes:
    made = b""
    while number > 0x7F:
        made += bytes([number & 0x7F | 0x80])
        number >>= 7
    return made + bytes([number])


# --- what cannot be read


def tensor_message(dtype: str, shape: list[int], buffer: bytes = b"") -> bytes:
    message = message_of()
    dense = message.data["value"].ndarray.dense
    dense.buffer, dense.dtype = buffer, dtype
    dense.shape.extend(shape)
    return message.SerializeToString()


@pytest.mark.parametrize(
    "dtype, shape, buffer",
    [
        ("|O", [1], bytes(8)),
        ("O", [1], bytes(8)),
        ("<f8,<O8", [1], bytes(16)),
        ("|V8", [1], bytes(8)),
        ("", [1], bytes(8)),
        ("None", [1], bytes(8)),
        ("<f4", [2**31, 2**31], b""),
        ("<f4", [3], bytes(8)),
        ("<f4", [0, 2**32 - 1, 2**32 - 1], b""),
        ("<f4", [1] * 40, bytes(4)),
        ("<U1", [1], b"\xff\xff\xff\xff"),
    ],
)
def test_tensors_that_are_not_read(dtype: str, shape: list[int], buffer: bytes) -> None:
    for doc_type in (Anything, AnyDoc):
        with pytest.raises(MalformedRequest):
            protobuf.decode_document(tensor_message(dtype, shape, buffer), doc_type)


def test_texts_and_times_in_tensors_are_kept_without_a_schema() -> None:
    for array in (np.array(["a", "bc"]), np.array(["2024-01-01"], "M8[D]"), np.array([b"x"])):
        data = tensor_message(array.dtype.str, list(array.shape), array.tobytes())
        assert np.array_equal(protobuf.decode_document(data, AnyDoc).value, array)


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",
        b"\x0a\x05",
        b"\x0a\x05abc",
        b"\xff" * 12,
        b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
        b"\x0b\x0c",
        b"\x00\x00",
        b"\x0a\x06\x0a\x01x\x12\x05\x0a",
        b"\x0a\x08\x0a\x02\xff\xff\x12\x02\x10\x01",
        b"\x0a\x09\x0a\x01x\x12\x04\x0a\x02\xff\xff",
        b"\x0a\x0a\x0a\x01x\x12\x05\x19\x00\x00\x00\x00",
    ],
)
def test_broken_bytes_are_told_as_such(data: bytes) -> None:
    for read in (
        lambda: protobuf.decode_document(data, AnyDoc),
        lambda: protobuf.decode_list(b"\x0a" + bytes([len(data)]) + data, None),
    ):
        with pytest.raises(MalformedRequest, match="not a protobuf message of documents"):
            read()


def test_messages_of_another_kind_are_refused() -> None:
    with pytest.raises(MalformedRequest, match="a DocProto is expected, not DocListProto"):
        Text.from_protobuf(DocList[Text]().to_protobuf())
    with pytest.raises(MalformedRequest, match="a DocListProto is expected, not bytes"):
        DocList[Text].from_protobuf(b"")


def test_findings_tell_where() -> None:
    class Outer(BaseDoc):
        inner: Left
        listed: DocList[Left] = DocList[Left]()

    bad = protobuf.document_message(AnyDoc(inner=AnyDoc(x="no"), listed=[AnyDoc(x=1), AnyDoc(x="no")]))
    with pytest.raises(InvalidDocument) as caught:
        Outer.from_protobuf(bad)
    assert caught.value.details[0]["loc"] == ["inner", "x"]
    listed = protobuf.encode_list([AnyDoc(x=1)] * 30 + [AnyDoc(x="no")] * 3)
    with pytest.raises(InvalidDocument) as caught:
        protobuf.decode_list(listed, Left)
    assert [found["loc"] for found in caught.value.details] == [["data", number, "x"] for number in (30, 31, 32)]


def test_unusual_but_correct_messages_are_read() -> None:
    # Lengths longer than need be, unknown fields, entries in another order, repeated and left out.
    entry = b"\x12\x03\x0a\x01t" + b"\x0a\x04text"
    usual = b"\x0a\x06\x0a\x02id\x12\x00"
    data = b"\x0a" + bytes([len(entry) | 0x80, 0]) + entry + b"\x12\x02hi" + b"\x1d\x00\x00\x00\x00" + usual
    doc = protobuf.decode_document(data, Text)
    assert (doc.text, doc.id) == ("t", None)
    again = b"\x0a\x0b\x0a\x04text\x12\x03\x0a\x01u"
    assert protobuf.decode_document(data + again, Text).text == "u"
    listed = b"".join(b"\x0a" + varint(len(data)) + data for _ in range(MANY))
    assert protobuf.decode_list(listed, Text).text == ["t"] * MANY


def test_a_short_message_cannot_ask_for_many_documents() -> None:
    with pytest.raises(MalformedRequest, match="more documents than its bytes can hold"):
        protobuf.decode_list(b"\x0a\x00" * 1_000_000, AnyDoc)
    assert len(protobuf.decode_list(b"\x0a\x00" * 1000, AnyDoc)) == 1000
    with pytest.raises(MalformedRequest, match="more documents than its bytes can hold"):
        protobuf.decode_vec(varint(101 << 3) + varint(1 << 40), Text)


def test_memory_stays_near_the_size_of_the_message() -> None:
    docs = DocList[Picture]([Picture(pixels=np.zeros(256, np.float32)) for _ in range(2000)])
    body = protobuf.encode_list(docs)
    del docs
    gc.collect()
    tracemalloc.start()
    try:
        back = protobuf.decode_list(body, Picture)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(back) == 2000
    assert peak < 3 * len(body)


@pytest.mark.parametrize("count", [1, MANY])
def test_large_contents_are_copied_once(count: int) -> None:
    class Part(BaseDoc):
        tensor: NdArray

    class Large(BaseDoc):
        tensor: NdArray
        blob: bytes
        inner: Part
        parts: DocList[Part]
        anything: dict[str, Any]

    def large() -> Any:
        return np.zeros(50_000 // count * 10, np.float32)

    doc = Large(
        tensor=large(),
        blob=bytes(100_000),
        inner=Part(tensor=large()),
        parts=[Part(tensor=large())],
        anything={"a": [large()]},
    )
    docs = DocList[Large]([doc] * count)
    protobuf.decode_list(protobuf.encode_list(docs), Large)  # what is derived from the class is not counted
    gc.collect()
    tracemalloc.start()
    try:
        data = protobuf.encode_list(docs)
        _, written = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        back = protobuf.decode_list(data, Large)
        _, read = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert back == docs
    assert written < 1.1 * len(data)
    assert read < 2.2 * len(data)  # the message itself is one of the two


def test_threads_share_a_class() -> None:
    class Shared(BaseDoc):
        text: str
        pixels: NdArray[3]
        parts: DocList[Text] = DocList[Text]()

    docs = DocList[Shared]([Shared(text="t" * (i % 9), pixels=[i, i, i], parts=[Text(text="p")]) for i in range(MANY)])

    def work(number: int) -> bool:
        back = protobuf.decode_list(protobuf.encode_list(docs), Shared)
        one = protobuf.decode_document(protobuf.encode_document(docs[number]), Shared)
        return back == docs and one == docs[number]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, [*range(MANY)] * 3))


def test_bytes_need_no_protobuf_library() -> None:
    script = """
import sys
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs import protobuf
class Text(BaseDoc):
    text: str
docs = DocList[Text]([Text(text="a")])
assert protobuf.decode_list(protobuf.encode_list(docs), Text) == docs
assert not any(name.startswith("google") for name in sys.modules)
docs.to_protobuf()
assert "google.protobuf" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=250)
