"""What a table of documents looks like to whoever reads it."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Optional

import numpy as np
import pyarrow as pa
import pytest
import torch

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.typing import AnyTensor, ImageUrl, NdArray, TorchTensor


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Author(BaseDoc):
    name: str
    born: int | None = None


class Everything(BaseDocWithoutId):
    text: str = "a"
    url: ImageUrl = ImageUrl("a.png")
    number: int = 1
    real: float = 0.5
    truth: bool = True
    blob: bytes = b"\xff"
    when: datetime.datetime = datetime.datetime(2020, 1, 2, 3, 4, 5, 6)
    day: datetime.date = datetime.date(2020, 1, 2)
    time: datetime.time = datetime.time(3, 4)
    span: datetime.timedelta = datetime.timedelta(seconds=1)
    price: Decimal = Decimal("1.25")
    key: uuid.UUID = uuid.UUID(int=7)
    colour: Colour = Colour.RED
    side: Literal["left", "right"] = "left"
    author: Author = Author(id="0", name="Ann")
    editor: Author | None = None
    authors: DocList[Author] = DocList[Author]()
    words: list[str] = ["a", "b"]  # noqa: RUF012
    ids: set[int] = {1}  # noqa: RUF012
    pair: tuple[int, str] = (1, "a")
    counts: dict[str, int] = {"a": 1}  # noqa: RUF012
    tags: dict[str, Any] = {"a": [1, None]}  # noqa: RUF012
    either: int | Author = 3
    vector: NdArray[2] = np.zeros(2, np.float32)


@pytest.mark.parametrize(
    "name, kind",
    {
        "text": pa.string(),
        "url": pa.string(),
        "number": pa.int64(),
        "real": pa.float64(),
        "truth": pa.bool_(),
        "blob": pa.binary(),
        "when": pa.timestamp("us"),
        "day": pa.date32(),
        "time": pa.time64("us"),
        "span": pa.duration("us"),
        "price": pa.decimal128(3, 2),
        "key": pa.uuid(),
        "colour": pa.dictionary(pa.int32(), pa.string()),
        "side": pa.dictionary(pa.int32(), pa.string()),
        "author": pa.struct({"id": pa.string(), "name": pa.string(), "born": pa.int64()}),
        "editor": pa.struct({"id": pa.string(), "name": pa.string(), "born": pa.int64()}),
        "authors": pa.list_(pa.struct({"id": pa.string(), "name": pa.string(), "born": pa.int64()})),
        "words": pa.list_(pa.string()),
        "ids": pa.list_(pa.int64()),
        "pair": pa.struct({"0": pa.int64(), "1": pa.string()}),
        "counts": pa.map_(pa.string(), pa.int64()),
        "tags": pa.string(),
        "either": pa.binary(),
        "vector": pa.fixed_shape_tensor(pa.float32(), [2]),
    }.items(),
)
def test_each_type_has_its_own_in_arrow(name: str, kind: pa.DataType) -> None:
    docs = DocList[Everything]([Everything()])
    assert docs.to_arrow().schema.field(name).type == kind


def test_every_type_comes_back() -> None:
    docs = DocList[Everything]([Everything(), Everything(editor=Author(name="b"), either=Author(name="c"))])
    back = DocList[Everything].from_arrow(docs.to_arrow())
    assert back == docs
    for name in Everything.model_fields:
        assert type(getattr(back[1], name)) is type(getattr(docs[1], name)), name


def test_what_may_be_none_is_nullable() -> None:
    schema = DocList[Author]([Author(name="a")]).to_arrow().schema
    assert schema.field("born").nullable
    assert not schema.field("name").nullable


@pytest.mark.parametrize(
    "numbers, kind",
    [([1, -(2**63)], pa.int64()), ([2**64 - 1], pa.uint64()), ([2**64], pa.string()), ([-1, 2**63], pa.string())],
)
def test_integers_beyond_64_bits_are_digits(numbers: list[int], kind: pa.DataType) -> None:
    docs = DocList[Author](Author(name="a", born=number) for number in numbers)
    table = docs.to_arrow()
    assert table.schema.field("born").type == kind
    assert DocList[Author].from_arrow(table).born == numbers


class Event(BaseDoc):
    at: datetime.datetime


def test_times_of_several_zones_become_utc_and_local_times_stay_apart() -> None:
    east = datetime.timezone(datetime.timedelta(hours=2))
    times = [datetime.datetime(2020, 1, 1, tzinfo=zone) for zone in (datetime.UTC, east)]
    aware = DocList[Event](Event(at=at) for at in times)
    assert aware.to_arrow().schema.field("at").type == pa.timestamp("us", tz="UTC")
    mixed = DocList[Event]([*aware, Event(at=datetime.datetime(2020, 1, 1))])
    assert mixed.to_arrow().schema.field("at").type == pa.string()
    for docs in (aware, mixed):
        assert DocList[Event].from_arrow(docs.to_arrow()) == docs


class Held(BaseDoc):
    tensor: Optional[AnyTensor] = None  # noqa: UP045


DTYPES = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,), (2, 0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_of_any_dtype_and_shape(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.ones(shape, dtype)
    docs = DocList[Held]([Held(tensor=array), Held(), Held(tensor=array)])
    back = DocList[Held].from_arrow(docs.to_arrow())
    assert back[1].tensor is None
    for number in (0, 2):
        assert back[number].tensor.dtype == array.dtype
        assert back[number].tensor.shape == shape
        assert (back[number].tensor == array).all()


def test_tensors_that_differ_in_shape_or_dtype() -> None:
    arrays = [np.ones((2, 3), np.float32), np.ones(1, np.float32), np.zeros((0, 4), np.float32)]
    same = DocList[Held](Held(tensor=array) for array in arrays)
    assert same.to_arrow().schema.field("tensor").type == pa.struct(
        {"data": pa.list_(pa.float32()), "shape": pa.list_(pa.int32())}
    )
    mixed = DocList[Held]([*same, Held(tensor=np.array([1, 2])), Held(tensor=np.array(["a", "bc"]))])
    for docs in (same, mixed):
        back = DocList[Held].from_arrow(docs.to_arrow())
        assert back == docs
        assert [doc.tensor.dtype for doc in back] == [doc.tensor.dtype for doc in docs]


def test_a_tensor_comes_back_in_its_library() -> None:
    docs = DocList[Held]([Held(tensor=torch.ones(2, dtype=torch.bfloat16))])
    back = DocList[Held].from_arrow(docs.to_arrow())
    assert back[0].tensor.dtype is torch.bfloat16
    assert torch.equal(back[0].tensor, torch.ones(2, dtype=torch.bfloat16))


class Embedded(BaseDoc):
    text: str
    embedding: NdArray[4]


class Wrapped(BaseDoc):
    embedding: TorchTensor[4]


def vectors() -> DocVec[Embedded]:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    return DocVec[Embedded](Embedded(text=str(row), embedding=row) for row in rows)


def test_the_tensors_of_a_doc_vec_are_not_copied() -> None:
    vec = vectors()
    table = vec.to_arrow()
    back = DocVec[Embedded].from_arrow(table)
    assert back == vec
    assert np.shares_memory(back.embedding, vec.embedding)
    listed = DocList[Embedded].from_arrow(table)
    assert np.shares_memory(listed[1].embedding, vec.embedding)
    assert torch.equal(DocVec[Wrapped].from_arrow(table).embedding, torch.from_numpy(vec.embedding.copy()))


def test_plain_pyarrow_reads_the_tensors() -> None:
    column = vectors().to_arrow().column("embedding").combine_chunks()
    assert column.to_numpy_ndarray().shape == (3, 4)


class Node(BaseDoc):
    name: str
    parent: Optional[Node] = None  # noqa: UP045
    children: DocList[Node] = DocList()


def test_documents_within_documents_of_their_own_class() -> None:
    leaf = Node(name="leaf")
    docs = DocList[Node]([Node(name="root", children=DocList[Node]([Node(name="a", children=DocList[Node]([leaf]))]))])
    docs.append(Node(name="b", parent=Node(name="c", parent=leaf)))
    assert DocList[Node].from_arrow(docs.to_arrow()) == docs


def test_documents_of_several_classes_without_a_schema() -> None:
    docs = DocList([Author(name="a", born=None), AnyDoc(x=np.arange(3), name="b"), AnyDoc(name=None), AnyDoc(u=2**70)])
    back = DocList.from_arrow(docs.to_arrow())
    assert back == docs
    assert not hasattr(back[2], "x")
    assert back[2].name is None


def test_a_subclass_gives_the_fields_of_the_class() -> None:
    class Poet(Author):
        verses: int = 3

    table = DocList[Author]([Poet(name="a")]).to_arrow()
    assert table.column_names == ["id", "name", "born"]


class Empty(BaseDocWithoutId):
    pass


@pytest.mark.parametrize(
    "docs, message",
    [
        (DocList[Empty]([Empty()]), "no fields"),
        (DocList[Author]([Author.model_construct(id="1")]), "has no name"),
        (DocList[Held]([Held.model_construct(id="1", tensor=object())]), "tensor"),
    ],
)
def test_what_has_no_table(docs: DocList[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        docs.to_arrow()
