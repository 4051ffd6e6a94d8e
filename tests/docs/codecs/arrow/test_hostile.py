"""Tables of strangers end in documents or in an error of ours: nothing is executed, and memory stays in proportion."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.codecs.arrow import packed
from thalweg.docs.typing import NdArray
from thalweg.errors import MalformedRequest, PayloadTooLarge, ThalwegError

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
steady = settings(max_examples=EXAMPLES or 100, derandomize=not EXAMPLES, deadline=None)


class Part(BaseDocWithoutId):
    text: str | None = None
    tensor: NdArray | None = None


class Whole(BaseDoc):
    part: Part | None = None
    parts: DocList[Part] = DocList[Part]()
    numbers: list[int] = []  # noqa: RUF012
    tags: dict[str, Any] = {}  # noqa: RUF012
    anything: Any = None
    tensor: NdArray | None = None


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_an_extension_type_of_python_is_not_unpickled(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    metadata = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(Touch(mark)),
    }
    schema = pa.schema([pa.field("anything", pa.int64(), metadata=metadata)])
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.table({"anything": [1]}, schema=schema))
    assert DocList[Whole].from_arrow(pa.ipc.open_stream(sink.getvalue()).read_all())[0].anything == 1
    file = io.BytesIO()
    pq.write_table(pa.table({"anything": [1]}, schema=schema), file)
    assert DocList[Whole].from_parquet(file)[0].anything == 1
    assert not mark.exists()


def nulls(count: int, item: Any) -> Any:
    """One list of `count` items that take no memory."""
    return pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), pa.nulls(count, item))


MANY = 1 << 28
VIEW = [1 << 20, 0x61616161, 0, 0]
VIEWS = pa.Array.from_buffers(
    pa.string_view(),
    4096,
    [None, pa.py_buffer(np.array([VIEW] * 4096, np.int32)), pa.py_buffer(b"a" * (1 << 20))],
)
DOCUMENTS = pa.StructArray.from_arrays([pa.nulls(MANY)], names=["text"])


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"anything": pa.nulls(MANY)}),
        pa.table({"anything": nulls(MANY, pa.null())}),
        pa.table({"numbers": nulls(MANY, pa.null())}),
        pa.table({"parts": pa.ListArray.from_arrays(pa.array([0, MANY], pa.int32()), DOCUMENTS)}),
        pa.table({"anything": pa.RunEndEncodedArray.from_arrays(pa.array([MANY], pa.int64()), pa.array(["a"]))}),
        pa.table({"anything": pa.ListViewArray.from_arrays([0] * 3000, [100_000] * 3000, pa.array(range(100_000)))}),
        pa.table({"part": pa.StructArray.from_arrays([VIEWS], names=["text"])}),
    ],
    ids=[
        "nulls",
        "list of nulls",
        "list of numbers",
        "list of documents",
        "runs",
        "overlapping lists",
        "overlapping text",
    ],
)
def test_few_bytes_do_not_become_many_values(table: pa.Table) -> None:
    for read in (DocList[Whole].from_arrow, DocVec[Whole].from_arrow, DocList.from_arrow):
        with pytest.raises(MalformedRequest, match="claims more"):
            read(table)


def test_offsets_that_lie_are_found() -> None:
    lie = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 100, 8], np.int32)), pa.py_buffer(b"abcdefgh")]
    )
    with pytest.raises(MalformedRequest, match="cannot be read"):
        DocList[Whole].from_arrow(pa.table({"anything": lie}))


def repeated(text: str) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(10_000, np.int32)), pa.array([text]))


def test_text_that_is_kept_once_stays_once() -> None:
    table = pa.table({"text": repeated("a" * (1 << 20))})
    file = io.BytesIO()
    pq.write_table(table, file, store_schema=False)
    assert len(file.getvalue()) < 1 << 20
    for docs in (DocList[Part].from_arrow(table), DocList[Part].from_parquet(file)):
        assert len(docs) == 10_000
        assert docs[0].text is docs[9999].text


@pytest.mark.parametrize("text", ['{"a": "' + "b" * (1 << 20) + '"}', packed.packed_value([b"b" * (1 << 20)])])
def test_what_must_be_made_for_each_row_is_not_made_of_what_is_kept_once(text: Any) -> None:
    for name in ("tags", "anything"):
        schema = pa.schema([pa.field(name, repeated(text).type, metadata={"thalweg.form": "json"})])
        with pytest.raises(MalformedRequest, match="claims more"):
            DocList[Whole].from_arrow(pa.table({name: repeated(text)}, schema=schema))


def test_rows_do_not_share_what_can_be_changed() -> None:
    docs = DocList[Whole](Whole(tags={"a": [1]}, anything=[1]) for _ in range(2))
    file = io.BytesIO()
    docs.to_parquet(file)
    back = DocList[Whole].from_parquet(file)
    back[0].tags["a"].append(2)
    back[0].anything.append(2)
    assert back[1] == docs[1]


@pytest.mark.parametrize(
    "metadata",
    [
        {"thalweg.extension": "tensor", "thalweg.shape": "3"},
        {"thalweg.extension": "tensor", "thalweg.shape": "-1,-2"},
        {"thalweg.extension": "tensor", "thalweg.shape": "a"},
        {"thalweg.extension": "tensor", "thalweg.shape": "2", "thalweg.permutation": "7"},
    ],
)
def test_shapes_that_lie(metadata: dict[str, str]) -> None:
    schema = pa.schema([pa.field("tensor", pa.list_(pa.int64(), 2), metadata=metadata)])
    with pytest.raises(MalformedRequest, match="tensor"):
        DocList[Part].from_arrow(pa.table({"tensor": [[1, 2]]}, schema=schema))


def variable(data: Any, shape: Any, **more: Any) -> pa.Table:
    return pa.table({"tensor": pa.array([{"data": data, "shape": shape, **more}])})


@pytest.mark.parametrize(
    "table",
    [
        variable([1, 2], [3]),
        variable([1, 2], [-1, -2]),
        variable([1, None], [2]),
        variable(None, [2]),
        variable([1, 2], None),
        variable(["a"], [1]),
        variable("ab", [1]),
        variable(b"ab", [1], dtype="object"),
        variable(b"ab", [1], dtype="<f4"),
        variable(b"ab", [1], dtype=None),
        variable(b"\x80" * 8, [1], dtype="<U2"),
    ],
)
def test_tensors_that_lie(table: pa.Table) -> None:
    for read in (DocList[Part].from_arrow, DocVec[Part].from_arrow, DocList.from_arrow):
        with pytest.raises(MalformedRequest):
            read(table)


@steady
@given(st.data())
def test_packed_values_that_were_changed(data: st.DataObject) -> None:
    part = bytearray(packed.packed_value({"a": np.arange(3), "b": Whole(part=Part(text="x")), "n": 2**70}))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(len(packed.MAGIC), len(part)))
        part[at : at + data.draw(st.sampled_from([0, 1, 4]))] = data.draw(st.binary(max_size=6))
    for doc_type in (Whole, AnyDoc):
        try:
            DocList[doc_type].from_arrow(pa.table({"anything": [bytes(part)]}))  # type: ignore[valid-type]
        except ThalwegError:
            continue


def test_a_small_packed_value_does_not_become_many_documents() -> None:
    group = ["Part", 500, []]
    body = msgspec.msgpack.encode([1, [[["", 1, [[4, "value", [[group]], []]]]]]])
    cell = packed.MAGIC + msgspec.msgpack.encode([body])
    with pytest.raises(MalformedRequest):
        DocList[Whole].from_arrow(pa.table({"anything": [cell]}))


def test_json_that_lies() -> None:
    schema = pa.schema([pa.field("tags", pa.string(), metadata={"thalweg.form": "json"})])
    for text in ("{", "[" * 100_000, "1" * 5000):
        with pytest.raises(ThalwegError):
            DocList[Whole].from_arrow(pa.table({"tags": [text]}, schema=schema))


def whole_file() -> bytes:
    file = io.BytesIO()
    docs = [Whole(part=Part(text="a"), anything=2**70, tensor=np.arange(3)), Whole(parts=[Part()], tags={"a": [1]})]  # type: ignore[arg-type]
    DocList[Whole](docs).to_parquet(file)
    return file.getvalue()


FILE = whole_file()


@steady
@given(st.integers(0, len(FILE)), st.binary(max_size=8), st.sampled_from([0, 1, 8, 100]))
def test_parquet_files_that_were_changed(at: int, put: bytes, cut: int) -> None:
    for data in (FILE[:at], FILE[:at] + put + FILE[at + cut :]):
        for read in (DocList[Whole].from_parquet, lambda file: list(DocList[Whole].iter_parquet(file))):
            try:
                read(io.BytesIO(data))
            except ThalwegError:
                continue


def test_a_small_file_does_not_become_a_large_table() -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"tensor": pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(1 << 22)), 1 << 10)}), file)
    assert len(file.getvalue()) < 1 << 20
    with pytest.raises(PayloadTooLarge, match="larger limit"):
        DocList[Part].from_parquet(file, limit=1 << 24)
    assert len(DocList[Part].from_parquet(file, limit=1 << 30)) == 1 << 12
