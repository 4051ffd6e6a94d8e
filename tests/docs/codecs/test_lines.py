"""What is written of columns is what the class writes, and columns of lines are read as the lines are."""

import json
import math
from typing import Annotated, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import Field

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.codecs import json as as_json
from thalweg.docs.codecs.lines import columns_of_lines, lines_of_columns
from thalweg.docs.codecs.plain_json import writes_values
from thalweg.docs.typing import AnyTensor, NdArray, TorchTensor
from thalweg.errors import MalformedRequest


class Measured(BaseDocWithoutId):
    text: str | None
    size: int
    ratio: float
    flag: bool = False
    vector: NdArray[3]
    maybe: NdArray | None = None


class Longer(Measured):
    more: int = 0


class Embedded(BaseDoc):
    text: str
    vector: TorchTensor


class Renamed(BaseDoc):
    text: Annotated[str, Field(serialization_alias="words")]


class Whole(BaseDoc):
    inner: Measured


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_, np.dtype(">f4")]), 3
)
documents = st.builds(
    Measured,
    text=st.none() | texts,
    size=st.integers(-(1 << 63), (1 << 63) - 1),
    ratio=st.floats(),
    flag=st.booleans(),
    vector=numbers,
    maybe=st.none() | arrays.arrays(np.float32, arrays.array_shapes(max_dims=2, max_side=3)),
)


def written(docs: DocList[Any]) -> list[bytes]:
    """What the class writes of all of them, cut into lines."""
    array = as_json.encode_array(docs)
    lines, at, decoder = [], 1, json.JSONDecoder()
    while at < len(array) - 1:
        _, end = decoder.raw_decode(array.decode("latin-1"), at)
        lines.append(array[at:end] + b"\n")
        at = end + 1
    return lines


@given(st.lists(documents, min_size=1, max_size=4))
def test_lines_are_what_the_class_writes(docs):
    listed = DocList[Measured](docs)
    assert lines_of_columns(columns.encode(listed), "Measured") == written(listed)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_written_as_the_class_writes_them(number):
    vector = np.array([0.1, number, 3], np.float32)
    docs = DocList[Measured]([Measured(text="a", size=1, ratio=number, vector=vector) for _ in range(2)])
    assert lines_of_columns(columns.encode(docs), "Measured") == written(docs)


def measured(**more: Any) -> Measured:
    return Measured(text="a", size=1, ratio=0.5, vector=np.zeros(3), **more)


@pytest.mark.parametrize(
    "docs",
    [
        DocList[Measured]([Longer(**measured().__dict__)]),
        DocList[Measured]([measured(), Longer(**measured().__dict__)]),
        DocList[Embedded]([Embedded(text="a", vector=torch.zeros(3))]),
        DocList[Whole]([Whole(inner=measured())]),
        DocList[AnyDoc]([AnyDoc(tags=["a"])]),
        DocList[AnyDoc]([AnyDoc(count=1 << 70)]),
        DocList[AnyDoc]([AnyDoc(blob=b"\xff")]),
    ],
)
def test_only_the_class_writes_what_is_not_simple(docs):
    name = docs.doc_type.__name__
    assert lines_of_columns(columns.encode(docs), name) is None


def test_what_is_no_columns_is_refused():
    with pytest.raises(MalformedRequest):
        lines_of_columns((b"nothing",), "Measured")


def test_classes_whose_json_is_their_values_are_known():
    class Any_(BaseDoc):
        tensor: AnyTensor

    class Raw(BaseDoc):
        blob: bytes

    assert writes_values(Measured)
    assert not any(map(writes_values, [Embedded, Renamed, Whole, Any_, Raw, AnyDoc]))


class Taken(BaseDoc):
    text: str = ""
    size: int | None = None
    ratio: float = 0.0
    blob: bytes = b""


@given(st.lists(st.tuples(texts, st.none() | st.integers(-5, 5), st.integers(-5, 5) | st.floats(0, 1)), min_size=1))
def test_columns_of_lines_are_read_as_the_lines_are(rows):
    lines = [
        json.dumps({"id": str(number), "text": text, "size": size, "ratio": ratio, "blob": "_w=="}).encode()
        for number, (text, size, ratio) in enumerate(rows)
    ]
    body = columns_of_lines(lines)
    assert body is not None
    assert columns.decode(body, Taken) == DocList[Taken]([Taken.model_validate_json(line) for line in lines])


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"{}"],
        [b'{"a": 1}', b'{"b": 1}'],
        [b'{"a": 1, "b": 2}', b'{"b": 1, "a": 2}'],
        [b'{"a": [1]}'],
        [b'{"a": {"b": 1}}'],
        [b'{"a": 1}, {"a": 2}'],
        [b'{"a": [{}', b"{}]}"],
        [b'{"a": 1180591620717411303424}'],
        [b'{"a": "\\ud800"}'],
        [b'{"a": "\xff"}'],
        [b"[1]"],
        [b'{"a": NaN}'],
    ],
)
def test_lines_that_are_not_simple_make_no_columns(lines):
    assert columns_of_lines(lines) is None
