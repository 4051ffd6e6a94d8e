"""Tables that others made: whatever fits the class becomes documents, and what does not is named."""

import datetime
import uuid
from typing import Any, Literal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pydantic import ConfigDict, Field

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.typing import NdArray, TorchTensor
from thalweg.errors import InvalidDocument, MalformedRequest


class Author(BaseDocWithoutId):
    name: str
    born: int | None = None


class Book(BaseDocWithoutId):
    title: str
    pages: int = 0
    embedding: NdArray[2] | None = None
    author: Author | None = None
    authors: DocList[Author] = DocList[Author]()
    tags: dict[str, Any] = Field(default_factory=dict)


def book(**columns: Any) -> DocList[Book]:
    return DocList[Book].from_arrow(pa.table(columns))


def test_missing_columns_are_defaults_and_others_are_dropped() -> None:
    docs = book(title=["a", "b"], colour=["red", "blue"])
    assert docs == DocList[Book]([Book(title="a"), Book(title="b")])


def test_a_missing_id_is_made_and_a_missing_field_is_told() -> None:
    class Text(BaseDoc):
        text: str

    docs = DocList[Text].from_arrow(pa.table({"text": ["a", "b"]}))
    assert len({doc.id for doc in docs}) == 2
    with pytest.raises(InvalidDocument, match=r"0\.text: Field required"):
        DocList[Text].from_arrow(pa.table({"id": ["a"]}))


def test_further_columns_are_refused_or_kept_as_the_class_says() -> None:
    class Closed(BaseDocWithoutId):
        model_config = ConfigDict(extra="forbid")
        text: str

    class Open(BaseDocWithoutId):
        model_config = ConfigDict(extra="allow")
        text: str

    table = pa.table({"text": ["a"], "more": [1]})
    with pytest.raises(InvalidDocument, match=r"0\.more: Extra inputs"):
        DocList[Closed].from_arrow(table)
    assert DocList[Open].from_arrow(table)[0].more == 1
    assert DocList[Closed].from_arrow(table.select(["text"]))[0].text == "a"


def test_the_index_of_pandas_is_no_field() -> None:
    class Open(BaseDocWithoutId):
        model_config = ConfigDict(extra="forbid")
        text: str

    table = pa.Table.from_pandas(pd.DataFrame({"text": ["a"]}, index=[7]))
    assert "__index_level_0__" in table.column_names
    assert DocList[Open].from_arrow(table)[0].text == "a"


def test_an_alias_is_a_name_of_a_column() -> None:
    class Named(BaseDocWithoutId):
        text: str = Field(alias="Text")

    assert DocList[Named].from_arrow(pa.table({"Text": ["a"]}))[0].text == "a"


def test_what_does_not_fit_is_named_by_row_and_field() -> None:
    with pytest.raises(InvalidDocument) as caught:
        book(title=["a", "b", "c"], pages=["1", "many", "3"])
    assert caught.value.details[0]["loc"] == [1, "pages"]
    authors = pa.array([{"name": "a"}, None, {"name": None}], pa.struct({"name": pa.string()}))
    with pytest.raises(InvalidDocument) as caught:
        book(title=["a", "b", "c"], author=authors)
    assert caught.value.details[0]["loc"] == [2, "author", "name"]
    lists = pa.array([[], [{"name": "a"}, {"name": None}]], pa.list_(pa.struct({"name": pa.string()})))
    with pytest.raises(InvalidDocument) as caught:
        book(title=["a", "b"], authors=lists)
    assert caught.value.details[0]["loc"] == [1, "authors", 1, "name"]


def test_null_where_none_may_be_is_refused() -> None:
    with pytest.raises(InvalidDocument, match=r"1\.title"):
        book(title=["a", None])


EMBEDDINGS = {
    "list": pa.array([[1, 2], [3, 4]], pa.list_(pa.float32())),
    "large list": pa.array([[1, 2], [3, 4]], pa.large_list(pa.float64())),
    "list view": pa.array([[1, 2], [3, 4]], pa.list_view(pa.int64())),
    "fixed-size list": pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)),
    "slice": pa.array([[9, 9], [1, 2], [3, 4]], pa.list_(pa.float32())).slice(1),
    "chunks": pa.chunked_array([pa.array([[1.0, 2.0]]), pa.array([[3.0, 4.0]])]),
}


@pytest.mark.parametrize("embedding", EMBEDDINGS.values(), ids=EMBEDDINGS)
def test_lists_of_numbers_are_tensors(embedding: Any) -> None:
    docs = book(title=["a", "b"], embedding=embedding)
    assert [doc.embedding.tolist() for doc in docs] == [[1, 2], [3, 4]]
    vec = DocVec[Book].from_arrow(pa.table({"title": ["a", "b"], "embedding": embedding}))
    assert vec.embedding.shape == (2, 2)


def test_tensors_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidDocument, match=r"0\.embedding: .*\(2,\)"):
        book(title=["a"], embedding=[[1.0, 2.0, 3.0]])
    with pytest.raises(InvalidDocument) as caught:
        book(title=["a", "b"], embedding=[[1.0, 2.0], [3.0]])
    assert caught.value.details[0]["loc"] == [1, "embedding"]


def test_some_tensors_may_be_missing() -> None:
    docs = book(title=["a", "b"], embedding=[None, [1.0, 2.0]])
    assert docs[0].embedding is None
    with pytest.raises(InvalidDocument, match="do not make columns"):
        DocVec[Book].from_arrow(docs.to_arrow())


def test_a_null_among_numbers_is_nan() -> None:
    docs = book(title=["a"], embedding=[[None, 1.0]])
    assert np.isnan(docs[0].embedding[0])


class Ragged(BaseDocWithoutId):
    rows: NdArray["n", 2]  # noqa: F821
    flat: NdArray


def test_tensors_of_several_shapes_and_dimensions() -> None:
    table = pa.table({"rows": [[[1, 2]], [[3, 4], [5, 6]]], "flat": [[1.0], [2.0, 3.0]]})
    docs = DocList[Ragged].from_arrow(table)
    assert [doc.rows.tolist() for doc in docs] == [[[1, 2]], [[3, 4], [5, 6]]]
    assert [doc.flat.tolist() for doc in docs] == [[1.0], [2.0, 3.0]]


class Picture(BaseDocWithoutId):
    pixels: TorchTensor[3, 2]


def test_a_tensor_whose_dimensions_are_permuted() -> None:
    kind = pa.fixed_shape_tensor(pa.int64(), [2, 3], permutation=[1, 0])
    storage = pa.FixedSizeListArray.from_arrays(pa.array(range(6)), 6)
    docs = DocList[Picture].from_arrow(pa.table({"pixels": pa.ExtensionArray.from_storage(kind, storage)}))
    assert docs[0].pixels.tolist() == [[0, 3], [1, 4], [2, 5]]


EPOCH, MICROSECOND = datetime.datetime(1970, 1, 1), datetime.timedelta(microseconds=1)


class Scalars(BaseDocWithoutId):
    text: str = ""
    side: Literal["left", "right"] = "left"
    real: float = 0
    when: datetime.datetime | None = None
    span: datetime.timedelta | None = None
    key: uuid.UUID | None = None
    anything: Any = None


@pytest.mark.parametrize(
    "name, column, expected",
    [
        ("text", pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        ("text", pa.array(["a", "b", "a"], pa.large_string()), ["a", "b", "a"]),
        ("text", pa.array(["a", "b", "a"], pa.string_view()), ["a", "b", "a"]),
        ("text", pa.array(["a", "b", "a"], pa.json_()), ["a", "b", "a"]),
        (
            "text",
            pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", "b"])),
            ["a", "a", "b"],
        ),
        ("side", pa.array(["left", "right", "left"]).dictionary_encode(), ["left", "right", "left"]),
        ("real", pa.array([1, 2, 3], pa.int8()), [1.0, 2.0, 3.0]),
        ("real", pa.array([1, 2, 0.5], pa.float16()), [1.0, 2.0, 0.5]),
        ("when", pa.array([1_001, None, 0], pa.timestamp("ns")), [EPOCH.replace(microsecond=1), None, EPOCH]),
        ("span", pa.array([2_000, None, 0], pa.duration("ns")), [2 * MICROSECOND, None, 0 * MICROSECOND]),
        ("key", pa.array([str(uuid.UUID(int=7))] * 3), [uuid.UUID(int=7)] * 3),
        ("key", pa.array([uuid.UUID(int=7).bytes] * 3, pa.binary(16)), [uuid.UUID(int=7)] * 3),
        ("anything", pa.array([b"a", None, b"c"]), [b"a", None, b"c"]),
        ("anything", pa.nulls(3), [None, None, None]),
        ("anything", pa.array([{"a": [1]}] * 3), [{"a": [1]}] * 3),
    ],
)
def test_values_of_any_type_of_arrow(name: str, column: Any, expected: list[Any]) -> None:
    docs = DocList[Scalars].from_arrow(pa.table({name: column}))
    assert [getattr(doc, name) for doc in docs] == expected


def test_dicts_as_maps_as_structs_as_pairs_and_as_json() -> None:
    columns = [
        pa.array([{"a": 1}], pa.map_(pa.string(), pa.int64())),
        pa.array([{"a": 1}]),
        pa.array([[{"key": "a", "value": 1}]]),
        pa.array(['{"a": 1}']),
    ]
    for column in columns:
        assert book(title=["a"], tags=column)[0].tags == {"a": 1}


def test_a_table_without_a_class() -> None:
    docs = DocList.from_arrow(pa.table({"text": ["a"], "author": [{"name": "b"}], "tags": [["x"]]}))
    assert type(docs[0]) is AnyDoc
    assert (docs[0].text, docs[0].author.name, docs[0].tags) == ("a", "b", ["x"])


def test_anything_with_a_stream_of_arrow_is_a_table() -> None:
    table = pa.table({"title": ["a", "b"], "author": [{"name": "x", "born": 1}, None], "embedding": [[1.0, 2.0]] * 2})
    expected = DocList[Book].from_arrow(table)
    stream = pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
    for source in (table.to_batches()[0], stream, pl.from_arrow(table)):
        assert DocList[Book].from_arrow(source) == expected
    assert DocVec[Scalars].from_arrow(pl.DataFrame({"text": ["a"]}))[0].text == "a"


@pytest.mark.parametrize("data", [[{"title": "a"}], {"title": ["a"]}, "title", None])
def test_anything_else_is_not(data: Any) -> None:
    with pytest.raises(TypeError, match=r"a table is a pyarrow\.Table"):
        DocList[Book].from_arrow(data)


def test_no_rows_and_no_chunks() -> None:
    schema = pa.schema(
        {"title": pa.string(), "embedding": pa.list_(pa.float32()), "author": pa.struct({"name": pa.string()})}
    )
    for table in (schema.empty_table(), pa.Table.from_batches([], schema)):
        assert DocList[Book].from_arrow(table) == DocList[Book]()
        assert len(DocVec[Book].from_arrow(table)) == 0


def test_a_list_in_which_a_document_is_null() -> None:
    with pytest.raises(MalformedRequest, match="authors"):
        book(title=["a"], authors=pa.array([[None]], pa.list_(pa.struct({"name": pa.string()}))))
