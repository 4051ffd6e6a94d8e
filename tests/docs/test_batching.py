"""Collections in other orders, in parts, and on other devices."""

from typing import Any

import numpy as np
import pytest

from thalweg.docs import BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.typing import AnyTensor, NdArray, TorchTensor


class Row(BaseDoc):
    text: str
    vector: NdArray[2]


def rows(count: int) -> DocList[Row]:
    return DocList[Row](Row(text=str(i), vector=np.full(2, float(i))) for i in range(count))


@pytest.fixture(params=["DocList", "DocVec"])
def docs(request: pytest.FixtureRequest) -> Any:
    return rows(5) if request.param == "DocList" else rows(5).to_doc_vec()


def test_shuffling_keeps_type_and_documents_and_follows_the_seed(docs: Any) -> None:
    mixed = docs.shuffle(seed=3)
    assert type(mixed) is type(docs)
    assert sorted(mixed.text) == docs.text == list("01234")
    assert mixed.text == docs.shuffle(seed=3).text != docs.text
    assert [float(row[0]) for row in mixed.vector] == [float(text) for text in mixed.text]


def test_batches_keep_the_type_and_the_last_may_be_short(docs: Any) -> None:
    parts = list(docs.batch(2))
    assert [type(part) for part in parts] == [type(docs)] * 3
    assert [part.text for part in parts] == [["0", "1"], ["2", "3"], ["4"]]


def test_shuffled_batches_hold_each_document_once(docs: Any) -> None:
    assert sorted(text for part in docs.batch(2, shuffle=True) for text in part.text) == list("01234")


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_holds_at_least_one_document(docs: Any, size: int) -> None:
    with pytest.raises(ValueError, match="at least one document"):
        docs.batch(size)


def test_batches_of_columns_share_their_memory() -> None:
    vec = rows(4).to_doc_vec()
    assert all(np.shares_memory(part.vector, vec.vector) for part in vec.batch(2))


def test_numpy_arrays_stay_where_they_are() -> None:
    vec = rows(2).to_doc_vec()
    assert vec.to("cpu") is vec
    with pytest.raises(ValueError, match="vector holds NumPy arrays"):
        vec.to("cuda")


def test_tensors_of_torch_move_with_those_of_nested_documents() -> None:
    torch = pytest.importorskip("torch")

    class Inner(BaseDoc):
        tensor: AnyTensor

    class Outer(BaseDoc):
        tensor: AnyTensor
        inner: Inner
        lists: DocVec[Inner]

    inner = Inner(tensor=torch.ones(2))
    vec = DocVec[Outer]([Outer(tensor=torch.ones(2), inner=inner, lists=DocVec[Inner]([inner]))])
    assert vec.to("meta") is vec
    assert {vec.tensor.device.type, vec.inner.tensor.device.type, vec.lists[0].tensor.device.type} == {"meta"}


def test_nothing_moves_where_something_cannot() -> None:
    torch = pytest.importorskip("torch")

    class Both(BaseDoc):
        first: AnyTensor
        second: NdArray

    vec = DocVec[Both]([Both(first=torch.ones(2), second=np.ones(2))])
    with pytest.raises(ValueError, match="second holds NumPy arrays"):
        vec.to("meta")
    assert vec.first.device.type == "cpu"


def test_tensors_of_jax_move() -> None:
    jax = pytest.importorskip("jax")

    class Holder(BaseDoc):
        tensor: AnyTensor

    vec = DocVec[Holder]([Holder(tensor=jax.numpy.ones(2))])
    assert vec.to("cpu").tensor.devices() == {jax.devices("cpu")[0]}


class Article(BaseDocWithoutId):
    summary: str
    count: int = 0


@pytest.fixture
def articles() -> DocList[Article]:
    return DocList[Article]([Article(summary="a", count=1), Article(summary="b", count=2)])


def test_a_field_wins_over_a_method_of_documents_but_not_over_one_of_lists(articles: DocList[Article]) -> None:
    assert articles.summary == articles.to_doc_vec().summary == ["a", "b"]
    articles.summary = ["c", "d"]
    assert [doc.summary for doc in articles] == ["c", "d"]
    assert articles.count(articles[0]) == 1
    assert articles.to_doc_vec().count == [1, 2]


def test_columns_need_no_id(articles: DocList[Article]) -> None:
    vec = articles.to_doc_vec()
    assert len(vec) == 2
    assert vec[1].summary == "b"
    assert vec.to_doc_list() == articles
    assert "id" not in articles.to_json()


class Loose(BaseDoc):
    tensor: AnyTensor
    fixed: NdArray


def test_tensors_of_any_library_become_those_that_are_asked_for() -> None:
    torch = pytest.importorskip("torch")
    docs = DocList[Loose]([Loose(tensor=np.ones(2), fixed=np.zeros(1))])
    written = docs.to_doc_vec()
    for vec in (
        docs.to_doc_vec(TorchTensor),
        DocVec[Loose](docs, tensor_type=TorchTensor),
        DocVec[Loose].from_bytes(written.to_bytes(), tensor_type=TorchTensor),
        DocVec[Loose].from_protobuf(written.to_protobuf(), tensor_type=TorchTensor),
        DocVec[Loose].from_json(written.to_json(), tensor_type=TorchTensor),
    ):
        assert isinstance(vec.tensor, torch.Tensor)
        assert isinstance(vec.fixed, np.ndarray)
    assert isinstance(written.tensor, np.ndarray)
