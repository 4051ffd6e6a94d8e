"""Documents as data sets of Hugging Face, with the library itself, which is not to ask its hub for anything."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the library is imported

import datasets
import numpy as np
import pytest
import torch

from thalweg.docs import BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.integrations.datasets import from_dataset, stream_dataset, to_dataset
from thalweg.docs.typing import NdArray
from thalweg.errors import InvalidDocument


class Author(BaseDocWithoutId):
    name: str
    born: int | None = None


class Book(BaseDoc):
    title: str
    author: Author
    authors: DocList[Author] = DocList[Author]()
    embedding: NdArray[4]
    pixels: NdArray[2, 3]
    ragged: NdArray
    counts: dict[str, int] = {}  # noqa: RUF012
    tags: dict[str, Any] = {}  # noqa: RUF012


def books(count: int = 3) -> DocList[Book]:
    return DocList[Book](
        Book(
            title=str(number),
            author=Author(name="a", born=number),
            authors=DocList[Author]([Author(name="b")] * number),
            embedding=np.full(4, number, np.float32),
            pixels=np.full((2, 3), number, np.uint8),
            ragged=np.ones((number, 2)),
            counts={"x": number},
            tags={"y": [number, None]},
        )
        for number in range(count)
    )


def test_documents_come_back() -> None:
    docs = books()
    back = from_dataset(to_dataset(docs), Book)
    assert type(back) is DocList[Book]
    assert back == docs
    assert [doc.id for doc in back] == [doc.id for doc in docs]
    assert back[1].pixels.dtype == np.uint8


def test_tensors_have_features_of_their_own() -> None:
    features = to_dataset(books()).features
    assert features["pixels"] == datasets.Array2D((2, 3), "uint8")
    assert features["embedding"] == datasets.List(datasets.Value("float32"), length=4)
    assert features["author"] == {"name": datasets.Value("string"), "born": datasets.Value("int64")}


def test_the_library_works_with_the_data_set() -> None:
    dataset = to_dataset(books())
    assert dataset[1]["author"] == {"name": "a", "born": 1}
    assert dataset.with_format("numpy")[1]["pixels"].tolist() == [[1, 1, 1], [1, 1, 1]]
    tensors = dataset.select_columns(["embedding", "pixels"]).with_format("torch")[2]
    assert torch.equal(tensors["embedding"], torch.full((4,), 2.0))
    assert from_dataset(dataset.select([2, 0]), Book) == books()[[2, 0]]


def test_a_doc_vec_is_a_data_set_too() -> None:
    class Embedded(BaseDocWithoutId):
        embedding: NdArray[2]

    vec = DocVec[Embedded]([Embedded(embedding=[1.0, 2.0])])
    assert from_dataset(to_dataset(vec), Embedded) == vec.to_doc_list()


def test_a_data_set_survives_the_disk(tmp_path: Path) -> None:
    dataset = to_dataset(books())
    dataset.save_to_disk(tmp_path / "set")
    assert from_dataset(datasets.load_from_disk(tmp_path / "set"), Book) == books()
    dataset.to_parquet(tmp_path / "set.parquet")
    assert DocList[Book].from_parquet(tmp_path / "set.parquet") == books()


def test_a_data_set_of_others() -> None:
    dataset = datasets.Dataset.from_dict({"name": ["a", "b"], "born": [None, 3], "more": [1, 2]})
    assert from_dataset(dataset, Author) == DocList[Author]([Author(name="a"), Author(name="b", born=3)])
    with pytest.raises(InvalidDocument, match=r"1\.name"):
        from_dataset(datasets.Dataset.from_dict({"name": ["a", None]}), Author)


def test_documents_are_streamed() -> None:
    dataset = to_dataset(books())
    for source in (dataset, dataset.to_iterable_dataset()):
        stream = stream_dataset(source, Book, batch_size=2)
        assert next(stream) == books()[0]
        assert list(stream) == books()[1:]
    assert from_dataset(dataset.to_iterable_dataset(), Book) == books()


def test_a_stream_without_features() -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield {"name": "a", "born": 1}
        yield {"name": "b", "born": None}

    docs = from_dataset(datasets.IterableDataset.from_generator(rows), Author)
    assert docs == DocList[Author]([Author(name="a", born=1), Author(name="b")])


def test_several_data_sets_need_a_choice() -> None:
    dataset = to_dataset(books())
    with pytest.raises(TypeError, match="choose a split: 'train', 'test'"):
        from_dataset(datasets.DatasetDict(train=dataset, test=dataset), Book)
    with pytest.raises(TypeError, match="not list"):
        from_dataset([], Book)
