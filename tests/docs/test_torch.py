"""Tensors of PyTorch, where it is installed."""

from typing import Any

import numpy as np
import pytest

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.codecs import columns
from thalweg.docs.typing import AnyTensor, NdArray, TorchTensor

torch: Any = pytest.importorskip("torch")


class Held(BaseDoc):
    tensor: TorchTensor[2]
    any: AnyTensor | None = None


def test_a_torch_tensor_is_kept_as_it_is() -> None:
    given = torch.zeros(2, dtype=torch.float16, requires_grad=True)
    doc = Held(tensor=given, any=given)
    assert doc.tensor is given
    assert doc.any is given


def test_arrays_and_lists_become_torch_tensors() -> None:
    assert torch.equal(Held(tensor=[1, 2]).tensor, torch.tensor([1, 2]))
    given = np.zeros(2)
    Held(tensor=given).tensor[0] = 1
    assert given[0] == 1


def test_numpy_fields_take_torch_tensors() -> None:
    class Numbers(BaseDoc):
        tensor: NdArray

    assert type(Numbers(tensor=torch.ones(2, requires_grad=True)).tensor) is np.ndarray
    assert Numbers(tensor=torch.ones(2, dtype=torch.bfloat16)).tensor.dtype == np.float32


def test_json_equality_and_copies() -> None:
    doc = Held(tensor=torch.tensor([1.0, float("nan")]), any=torch.tensor([1, 2]))
    assert Held.from_json(doc.to_json()) == doc
    assert doc.copy(deep=True) == doc
    assert Held(tensor=[1, 2]) != Held(tensor=[1, 3])


def test_columns_of_torch_tensors() -> None:
    docs = DocList[Held]([Held(tensor=torch.tensor([i, i]), any=torch.tensor([i * 1.0])) for i in range(3)])
    back = columns.decode(columns.encode(docs), Held)
    assert back == docs
    assert isinstance(back[0].tensor, torch.Tensor)
    assert isinstance(back[0].any, torch.Tensor)
    vec = columns.decode_vec(columns.encode(docs.to_doc_vec()), Held)
    assert isinstance(vec.tensor, torch.Tensor)
    assert vec == docs
    assert columns.decode(columns.encode(docs), None) == docs


def test_a_doc_vec_stacks_torch_tensors_and_its_rows_write_them() -> None:
    vec = DocVec[Held]([Held(tensor=torch.tensor([i, i])) for i in range(3)])
    vec[1].tensor[0] = 9
    vec[2].tensor = torch.tensor([7, 7])
    assert vec.tensor.tolist() == [[0, 0], [9, 1], [7, 7]]
    assert vec[[0, 2]].tensor.tolist() == [[0, 0], [7, 7]]
    assert DocList[Held](vec.to_doc_list())[torch.tensor([True, False, True])].to_doc_vec() == vec[[0, 2]]
