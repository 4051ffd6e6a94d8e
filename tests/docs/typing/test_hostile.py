"""Tensors that strangers send: documents or a clear error, whatever dtype, shape and library they claim."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.docs import BaseDoc
from thalweg.docs.codecs import columns
from thalweg.docs.codecs.columns import layout
from thalweg.docs.typing import (
    AnyEmbedding,
    AnyTensor,
    ImageTensor,
    JaxArray,
    NdArray,
    NdArrayEmbedding,
    TorchTensor,
    VideoNdArray,
)
from thalweg.errors import InvalidDocument, MalformedRequest

pytest.importorskip("torch")
pytest.importorskip("jax.numpy")


class Numbers(BaseDoc):
    tensor: NdArray[2] | None


class Torch(BaseDoc):
    tensor: TorchTensor["n"]  # noqa: F821


class Jax(BaseDoc):
    tensor: JaxArray[2]


class Anything(BaseDoc):
    tensor: AnyTensor


class Embedded(BaseDoc):
    tensor: AnyEmbedding[2]


class Vector(BaseDoc):
    tensor: NdArrayEmbedding


class Picture(BaseDoc):
    tensor: ImageTensor


class Film(BaseDoc):
    tensor: VideoNdArray | None


KINDS = [None, Numbers, Torch, Jax, Anything, Embedded, Vector, Picture, Film]
DTYPES = [
    "<f4",
    ">i2",
    "|b1",
    "<c16",
    "<u8",
    "<f2",
    "bfloat16",
    "<U1",
    ">U2",
    "|S2",
    "<M8[s]",
    ">m8",
    "|O",
    "|V4",
    "<U0",
    "",
]
SIZES = {"bfloat16": 2, "<U1": 4, ">U2": 8, "|S2": 2, "<M8[s]": 8, ">m8": 8}

dtypes = st.sampled_from(DTYPES) | st.text("<>|UMmSfi8[]s0123456789", max_size=8)
shapes = st.lists(st.integers(0, 3) | st.sampled_from([-1, 2**40]), max_size=3)
libraries = st.booleans() | st.sampled_from(["torch", "jax", "tensorflow", "numpy", "os", ""])


@st.composite
def bodies(draw: st.DrawFn) -> list[bytes]:
    dtype, shape, library = draw(dtypes), draw(shapes), draw(libraries)
    count = draw(st.integers(0, 2))
    size = SIZES.get(dtype, 4)
    for side in (count, *shape):
        size *= min(max(side, 0), 9)
    data = draw(st.binary(min_size=size, max_size=size) | st.just(bytes(size)) | st.binary(max_size=16))
    column: Any = layout.Stacked("tensor", dtype, shape, 0, [], library)
    if draw(st.booleans()):
        column = layout.Ragged("tensor", [layout.Cell(dtype, shape, 0, 0, library)] * count)
    group = layout.Group("", count, [column])
    header = msgspec.msgpack.encode(layout.Header(layout.VERSION, layout.Documents([group])))
    return [header, data]


@settings(deadline=None)
@given(bodies(), st.sampled_from(KINDS))
@pytest.mark.filterwarnings("ignore:.*is reshaped")
def test_tensors_of_strangers_end_in_documents_or_in_a_clear_error(body: list[bytes], kind: Any) -> None:
    readers: list[Any] = [columns.decode] if kind is None else [columns.decode, columns.decode_vec]
    for read in readers:
        try:
            found = read(body, kind)
        except (MalformedRequest, InvalidDocument):
            continue
        # What came through can be used, and goes on as it came.
        docs = found if read is columns.decode else found.to_doc_list()
        assert columns.decode(columns.encode(docs), kind) == docs
        assert docs == docs.copy()
