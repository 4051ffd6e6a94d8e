"""Parquet files: written for anyone, read in part or one batch after the other."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from thalweg.docs import BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.typing import NdArray
from thalweg.errors import InvalidDocument, MalformedRequest


class Author(BaseDocWithoutId):
    name: str


class Book(BaseDoc):
    title: str
    author: Author
    embedding: NdArray[2, 2]
    blob: bytes = b""


class Title(BaseDocWithoutId):
    title: str
    blob: bytes = b"nothing"


def books(count: int = 5) -> DocList[Book]:
    numbers = np.arange(4 * count, dtype=np.float32).reshape(count, 2, 2)
    return DocList[Book](
        Book(title=str(number), author=Author(name="a"), embedding=numbers[number], blob=b"b")
        for number in range(count)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "books.parquet"
    books().to_parquet(found, row_group_size=2)
    return found


def test_a_file_comes_back(path: Path) -> None:
    docs = DocList[Book].from_parquet(path)
    assert docs == books()
    assert docs[0].embedding.dtype == np.float32
    vec = DocVec[Book].from_parquet(str(path))
    assert vec == books()
    vec.to_parquet(path)
    assert DocVec[Book].from_parquet(path, memory_map=True) == vec


def test_others_read_the_file(path: Path) -> None:
    assert pq.read_table(path).column("embedding").chunk(0).to_numpy_ndarray().shape[1:] == (2, 2)
    assert pd.read_parquet(path).embedding[1].tolist() == [4, 5, 6, 7]
    frame = pl.read_parquet(path)
    assert frame["author"].struct.field("name").to_list() == ["a"] * 5


def test_files_of_others_are_read(tmp_path: Path) -> None:
    frame = pl.DataFrame({"title": ["a"], "author": [{"name": "b"}], "embedding": [[[1.0, 2.0], [3.0, 4.0]]]})
    frame.write_parquet(tmp_path / "polars.parquet")
    frame.to_pandas().to_parquet(tmp_path / "pandas.parquet")
    for path in tmp_path.iterdir():
        doc = DocList[Book].from_parquet(path)[0]
        assert (doc.title, doc.author.name, doc.embedding.tolist()) == ("a", "b", [[1, 2], [3, 4]])


def test_only_columns_that_are_fields_are_read(path: Path) -> None:
    assert DocList[Title].from_parquet(path)[4] == Title(title="4", blob=b"b")
    assert DocList[Title].from_parquet(path, columns=["title"])[4] == Title(title="4")
    with pytest.raises(InvalidDocument, match=r"0\.author: Field required"):
        DocList[Book].from_parquet(path, columns=["title", "embedding"])


def test_a_file_is_read_batch_after_batch(path: Path) -> None:
    docs = DocList[Book].iter_parquet(path, batch_size=2)
    assert next(docs) == books()[0]
    assert list(docs) == books()[1:]
    assert list(DocList[Book].iter_parquet(path, batch_size=3)) == books()
    assert [doc.title for doc in DocList[Title].iter_parquet(path, row_groups=[1])] == ["2", "3"]
    with pytest.raises(ValueError, match="batch_size is 0"):
        next(DocList[Book].iter_parquet(path, batch_size=0))


def test_what_is_no_file_of_parquet() -> None:
    for data in (b"", b"PAR1", b"PAR1" * 100):
        for read in (DocList[Book].from_parquet, lambda file: list(DocList[Book].iter_parquet(file))):
            with pytest.raises(MalformedRequest, match="Parquet"):
                read(io.BytesIO(data))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DocList[Book].from_parquet(tmp_path / "none.parquet")


def test_no_documents(tmp_path: Path) -> None:
    none: DocList[Any] = DocList[Book]()
    none.to_parquet(tmp_path / "none.parquet")
    assert DocList[Book].from_parquet(tmp_path / "none.parquet") == none
    assert len(DocVec[Book].from_parquet(tmp_path / "none.parquet")) == 0
    assert list(DocList[Book].iter_parquet(tmp_path / "none.parquet")) == []
