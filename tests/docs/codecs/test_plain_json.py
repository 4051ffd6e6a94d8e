"""What is written and read without pydantic is what pydantic writes and reads."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError, field_serializer

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs.plain_json import encode_plain
from thalweg.docs.codecs.vector_json import BLOCK, blocks, decode_vectors
from thalweg.docs.typing import AnyTensor, NdArray, TorchTensor


class Embedded(BaseDoc):
    text: str
    size: int = 0
    ratio: float = 0.5
    flag: bool | None = None
    vector: NdArray[2]


class Inner(BaseDoc):
    name: str = "x"
    blob: bytes = b"\xff"


class Rich(BaseDoc):
    text: str = ""
    ratio: float = 0.0
    blob: bytes | None = None
    tensor: AnyTensor | None = None
    inner: Inner | None = None
    inners: DocList[Inner] = Field(default_factory=DocList[Inner])


NUMBERS = st.one_of(
    st.integers(-3, 3), st.floats(width=32), st.just(1e300), st.none(), st.just("Infinity"), st.booleans()
)
CELLS = st.one_of(
    NUMBERS,
    st.text('a[]\\"\ud800é', max_size=3),
    st.lists(NUMBERS, max_size=3),
    st.lists(st.lists(st.floats(0, 1), max_size=2), max_size=2),
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
OBJECTS = st.dictionaries(st.sampled_from([*Embedded.model_fields, "more"]), CELLS)
LIKELY = st.fixed_dictionaries(
    {
        "id": st.text(max_size=2),
        "text": st.text(max_size=3),
        "vector": st.lists(st.floats(0, 1), min_size=2, max_size=2),
    },
    optional={"size": NUMBERS, "ratio": NUMBERS, "flag": NUMBERS},
)


def outcome(read: Any, text: str) -> Any:
    try:
        docs = read(text)
    except ValidationError as error:
        return str(error)
    return [
        {name: (type(value), getattr(value, "dtype", None)) for name, value in doc.__dict__.items()} for doc in docs
    ]


def listed(text: str) -> list[Embedded]:
    return TypeAdapter(list[Embedded], config=BaseDoc.model_config).validate_json(text)


@given(st.lists(LIKELY, max_size=3) | st.lists(OBJECTS, max_size=3), st.integers(0, 40))
def test_a_list_is_read_as_pydantic_reads_it(objects: list[dict[str, Any]], cut: int) -> None:
    for text in (json.dumps(objects), json.dumps(objects, ensure_ascii=False, indent=1), json.dumps(objects)[:cut]):
        if any("\ud800" <= c <= "\udfff" for c in text):
            continue
        read, expected = outcome(DocList[Embedded].from_json, text), outcome(listed, text)
        assert read == expected
        if isinstance(expected, list) and expected and "vector" in expected[0]:
            assert DocList[Embedded].from_json(text) == DocList[Embedded](listed(text))


def test_lists_of_vectors_are_read_plainly() -> None:
    pytest.importorskip("simdjson")
    text = b'[{"text":"a","vector":[0.5,2]},{"text":"b[","vector":[1e-3,0.0]}]'
    docs = decode_vectors(text, Embedded)
    assert docs is not None
    assert [doc.vector.tolist() for doc in docs] == [[0.5, 2.0], [0.001, 0.0]]
    assert docs[0].vector.flags.writeable
    assert docs[0].id != docs[1].id
    assert docs[0].model_fields_set == {"text", "vector"}


@pytest.mark.parametrize(
    "vector",
    ["[1, 2]", "[[0.5], [0.5]]", "[0.5, [0.5]]", "[0.5]", "[null, 0.5]", '["Infinity", 0.5]', "[1e999, 0.5]", "0.5"],
)
def test_what_is_no_vector_of_floats_is_left_to_pydantic(vector: str) -> None:
    assert decode_vectors(f'[{{"text": "a", "vector": {vector}}}]', Embedded) is None


def test_brackets_in_text_do_not_hide_lists_in_lists() -> None:
    text = '[{"text": "\\u005b", "vector": [0.5, [0.5]]}]'
    with pytest.raises(ValidationError):
        DocList[Embedded].from_json(text)


@given(
    st.lists(
        st.fixed_dictionaries({"text": st.text('},{[]" \\', max_size=9), "vector": st.just([0.5, 1.5])}), max_size=9
    ),
    st.sampled_from([None, (",", ":"), (" ,\n", ": ")]),
    st.integers(1, 60),
)
def test_blocks_that_are_json_hold_the_objects_of_the_whole(
    objects: list[dict[str, Any]], separators: tuple[str, str] | None, size: int
) -> None:
    cut = list(blocks(json.dumps(objects, separators=separators).encode(), size))
    try:
        read = [json.loads(block) for block in cut]
    except ValueError:
        return  # cut in the middle of text
    assert [item for block in read for item in block] == objects


def test_objects_without_such_text_are_cut_into_blocks_of_json() -> None:
    objects = [{"text": str(number), "vector": [0.5, number]} for number in range(100)]
    cut = list(blocks(b"\n" + json.dumps(objects, indent=1).encode() + b" ", 200))
    assert len(cut) > 10
    assert [item for block in cut for item in json.loads(block)] == objects


@pytest.mark.parametrize("data", [b"", b"[", b"]", b"{}", b"1", b"\x0b[]", b"[]\x0c"])
def test_what_has_no_brackets_is_not_cut(data: bytes) -> None:
    with pytest.raises(ValueError, match="bracket"):
        next(blocks(data))


@pytest.mark.parametrize("text", ["the river", "},{", '[{"text": "},  {"}]', "\\", '"', "\u2603[["])
def test_many_documents_are_read_as_pydantic_reads_them(text: str) -> None:
    objects = [{"id": str(n), "text": text * 9, "vector": [n / 3, 0.0], "size": n} for n in range(8000)]
    written = json.dumps(objects, ensure_ascii=False, separators=(",", ":"))
    assert len(written) > BLOCK
    read = DocList[Embedded].from_json(written)
    assert [(doc.id, doc.text, doc.size, doc.vector.tolist()) for doc in read] == [
        (o["id"], o["text"], o["size"], o["vector"]) for o in objects
    ]
    with pytest.raises(ValidationError, match="7999"):
        DocList[Embedded].from_json(written[:-2] + ',"flag":5}]')
    with pytest.raises(ValidationError):
        DocList[Embedded].from_json(written[:-1] + ",]")


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=3),
        "ratio": st.floats(),
        "blob": st.none() | st.binary(max_size=3),
        "tensor": st.one_of(
            st.none(),
            st.just(np.array([[1.5, 2.0]]).T),
            st.just(np.array([1, 2], ">i4")),
            st.just(np.array([math.nan, math.inf, -math.inf])),
            st.just(np.array([0.5], np.float16)),
            st.just(np.array([True])),
            st.just(np.zeros((0, 2))),
            st.just(np.array(3.0)),
        ),
        "inner": st.none() | st.just(Inner()),
        "inners": st.just(DocList[Inner]([Inner(id="a", blob=b"?>")])),
    },
)


@given(st.lists(VALUES, min_size=1, max_size=3))
def test_a_list_is_written_as_pydantic_writes_it(values: list[dict[str, Any]]) -> None:
    docs = DocList[Rich]([Rich(**data) for data in values])
    expected = TypeAdapter(list[Rich], config=BaseDoc.model_config).dump_json(docs, by_alias=True)
    assert json.loads(docs.to_json()) == json.loads(expected)


def test_a_float32_has_the_digits_that_it_needs_and_comes_back_equal() -> None:
    docs = DocList[Embedded]([Embedded(text="a", vector=np.array([0.1, 1 / 3], np.float32))])
    assert '"vector":[0.1,0.33333334]' in docs.to_json()
    assert DocList[Embedded].from_json(docs.to_json()) == docs


def test_integers_beyond_64_bits_are_written() -> None:
    docs = DocList[Embedded]([Embedded(text="a", size=1 << 70, vector=[0, 1])])
    assert encode_plain(docs) is None
    assert DocList[Embedded].from_json(docs.to_json())[0].size == 1 << 70


class Whispered(BaseDoc):
    text: str

    @field_serializer("text")
    def _quiet(self, value: str) -> str:
        return value.lower()


class Renamed(BaseDoc):
    text: str = Field(serialization_alias="t")


class Hidden(BaseDoc):
    text: str = Field(exclude=True)


def test_what_a_class_adds_to_writing_still_happens() -> None:
    assert '"a"' in DocList[Whispered]([Whispered(text="A")]).to_json()
    assert '"t":"a"' in DocList[Renamed]([Renamed(text="a")]).to_json()
    assert "secret" not in DocList[Hidden]([Hidden(text="secret")]).to_json()


def test_tensors_of_torch_are_written() -> None:
    torch = pytest.importorskip("torch")

    class Model(BaseDoc):
        weights: TorchTensor

    docs = DocList[Model]([Model(id="a", weights=torch.ones(2))])
    assert docs.to_json() == '[{"id":"a","weights":[1.0,1.0]}]'
