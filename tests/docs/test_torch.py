"""Tensors of PyTorch, where it is installed."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.codecs import columns
from thalweg.docs.typing import (
    AnyTensor,
    ImageTensor,
    ImageTorchTensor,
    NdArray,
    TorchEmbedding,
    TorchTensor,
    VideoTorchTensor,
)
from thalweg.docs.typing.shape import Shape
from thalweg.docs.typing.tensor import tensor_type

torch: Any = pytest.importorskip("torch")


def accept(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


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


@pytest.mark.parametrize("given", [[1.5, 2], "[1.5, 2]", (1.5, 2.0), 5, 2.5, True, 1j, [1, 2], [True]])
def test_numbers_and_lists_become_what_torch_makes_of_them(given: Any) -> None:
    found = accept(TorchTensor, given)
    expected = torch.tensor([1.5, 2] if isinstance(given, str) else given)
    assert torch.equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("given", [np.arange(4)[::-2], np.arange(3, dtype=">i4"), np.frombuffer(b"\1\2", np.uint8)])
def test_what_torch_cannot_share_is_copied(given: Any) -> None:
    found = accept(TorchTensor, given)
    assert found.tolist() == given.tolist()
    found[0] = 5
    assert given[0] != 5


def test_torch_has_no_tensors_of_text() -> None:
    for given in (["a"], np.array(["a"]), np.zeros(1, "M8[s]")):
        with pytest.raises(ValidationError, match="torch has no tensors of"):
            accept(TorchTensor, given)


def test_numpy_fields_take_torch_tensors() -> None:
    class Numbers(BaseDoc):
        tensor: NdArray

    given = torch.ones(2)
    found = Numbers(tensor=given).tensor
    given[0] = 7
    assert (type(found), found[0]) == (np.ndarray, 7)
    assert type(Numbers(tensor=torch.ones(2, requires_grad=True)).tensor) is np.ndarray
    assert Numbers(tensor=torch.ones(2, dtype=torch.bfloat16)).tensor.dtype == np.float32
    assert Numbers(tensor=torch.ones(2, dtype=torch.float8_e4m3fn)).tensor.dtype == np.float32


def test_shapes_of_torch_tensors() -> None:
    with pytest.warns(UserWarning, match="reshaped to \\(2, 3\\)"):
        assert accept(TorchTensor[2, 3], torch.zeros(6)).shape == (2, 3)
    with pytest.raises(ValidationError, match=r"Expected a tensor of shape \(n, 3\), got one of shape \(3,\)"):
        accept(TorchTensor["n", 3], torch.zeros(3))
    with pytest.raises(ValidationError, match="Expected frames"):
        accept(VideoTorchTensor, torch.zeros(2, 2))
    assert isinstance(torch.zeros(2, 3), TorchTensor["n", 3])
    assert not isinstance(torch.zeros(2, 3), NdArray)
    assert isinstance(torch.zeros(2), (TorchEmbedding[2], AnyTensor))
    assert issubclass(torch.Tensor, TorchTensor)
    assert issubclass(torch.nn.Parameter, AnyTensor)
    assert not issubclass(torch.Tensor, NdArray)


def test_a_union_of_tensors_keeps_what_it_is_given() -> None:
    for kind in (NdArray | TorchTensor, TorchTensor | NdArray):
        assert isinstance(accept(kind, torch.zeros(2)), torch.Tensor)
        assert isinstance(accept(kind, np.zeros(2)), np.ndarray)


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


def test_columns_keep_bfloat16() -> None:
    docs = DocList[Held](
        Held(tensor=torch.tensor([i, 0.5], dtype=torch.bfloat16), any=torch.full((i, 1), 2, dtype=torch.bfloat16))
        for i in range(3)
    )
    for body in (columns.encode(docs), columns.encode(docs[:1].to_doc_vec())):
        for back in columns.decode(body, Held), columns.decode(body, None):
            assert back == docs[: len(back)]
            assert back[0].tensor.dtype == back[0].any.dtype == torch.bfloat16

    class Numbers(BaseDoc):
        tensor: NdArray

    assert columns.decode(columns.encode(docs), Numbers)[2].tensor.dtype == np.float32


def test_columns_of_tensors_of_two_libraries() -> None:
    class Either(BaseDoc):
        any: AnyTensor | None

    docs = DocList[Either]([Either(any=torch.zeros(2)), Either(any=np.zeros(2, np.float32)), Either(any=None)])
    back = columns.decode(columns.encode(docs), Either)
    assert [type(doc.any) for doc in back] == [torch.Tensor, np.ndarray, type(None)]
    with pytest.raises(ValueError, match="any"):
        docs[:2].to_doc_vec()


def test_a_doc_vec_stacks_torch_tensors_and_its_rows_write_them() -> None:
    vec = DocVec[Held]([Held(tensor=torch.tensor([i, i])) for i in range(3)])
    vec[1].tensor[0] = 9
    vec[2].tensor = torch.tensor([7, 7])
    assert vec.tensor.tolist() == [[0, 0], [9, 1], [7, 7]]
    assert vec[[0, 2]].tensor.tolist() == [[0, 0], [7, 7]]
    assert DocList[Held](vec.to_doc_list())[torch.tensor([True, False, True])].to_doc_vec() == vec[[0, 2]]


def test_gradients_flow_through_fields_and_columns() -> None:
    weight = torch.ones(2, requires_grad=True)
    docs = DocList[Held](Held(tensor=weight * i) for i in range(1, 3))
    (docs[0].tensor.sum() + docs.to_doc_vec().tensor.sum()).backward()
    assert weight.grad.tolist() == [4, 4]


def test_a_copy_has_tensors_of_its_own() -> None:
    doc = Held(tensor=torch.ones(2, requires_grad=True), any=torch.ones(2))
    for twin in (copy.deepcopy(doc), doc.copy(deep=True)):
        twin.any[0] = 5
        assert twin.tensor.requires_grad
        assert twin.tensor is not doc.tensor
    assert doc.any[0] == 1


def test_a_data_loader_batches_the_tensors_of_fields() -> None:
    docs = DocList[Held](Held(tensor=torch.full((2,), float(i))) for i in range(5))
    loader = torch.utils.data.DataLoader([doc.tensor for doc in docs], batch_size=2)
    assert [batch.shape for batch in loader] == [(2, 2), (2, 2), (1, 2)]
    loader = torch.utils.data.DataLoader(docs, batch_size=2, collate_fn=DocVec[Held])
    assert [batch.tensor[0, 0].item() for batch in loader] == [0, 2, 4]


def test_modules_and_compiled_functions_take_the_tensors_of_fields() -> None:
    @torch.compile(backend="eager", fullgraph=True)
    def doubled(tensor: Any) -> Any:
        return tensor * 2 + 1

    doc = Held(tensor=torch.ones(2))
    assert doubled(doc.tensor).tolist() == [3, 3]
    assert torch.nn.Linear(2, 3)(DocVec[Held]([doc]).tensor).shape == (1, 3)
    assert type(doc.tensor) is torch.Tensor


def test_pictures_of_torch_are_torch_tensors() -> None:
    pixels = torch.zeros(2, 2, 3, dtype=torch.uint8)
    assert accept(ImageTorchTensor, pixels) is pixels
    assert accept(ImageTensor, pixels) is pixels
    assert type(accept(ImageTorchTensor["h", "w", 3], np.zeros((2, 2, 3), np.uint8))) is torch.Tensor


def test_wrapped_tensors_have_what_docarrays_have() -> None:
    kind = tensor_type("torch", None, "tensor", wrapped=True)
    leaf = torch.ones(2, requires_grad=True)
    found = accept(kind[2], leaf)
    assert found is leaf
    assert type(found.unwrap()) is torch.Tensor
    assert found.unwrap().data_ptr() == found.data_ptr()
    assert found.get_comp_backend().to_numpy(found).tolist() == [1, 1]
    (found.unwrap() * 3).sum().backward()
    assert found.grad.tolist() == [3, 3]
    assert accept(kind, found) is found
    assert isinstance(found, TorchTensor[2])
    for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):  # noqa: S301
        assert type(twin) is type(found)
        assert twin.is_leaf
        assert twin.requires_grad
        assert twin.data_ptr() != found.data_ptr()
    parameter = torch.nn.Parameter(torch.ones(2))
    assert accept(kind, parameter).unwrap().data_ptr() == parameter.data_ptr()
    assert isinstance(parameter, torch.nn.Parameter)


def test_wrapped_tensors_go_through_loaders_and_compilers() -> None:
    class Wrapped(BaseDoc):
        tensor: tensor_type("torch", Shape((2,)), wrapped=True)  # type: ignore[valid-type]

    docs = DocList[Wrapped](Wrapped(tensor=torch.full((2,), float(i))) for i in range(3))
    compiled = torch.compile(lambda tensor: tensor * 2, backend="eager", fullgraph=True)
    assert compiled(docs[1].tensor.unwrap()).tolist() == [2, 2]
    loader = torch.utils.data.DataLoader(docs, batch_size=3, collate_fn=DocVec[Wrapped])
    (batch,) = loader
    assert batch.tensor.unwrap().shape == (3, 2)
    assert batch[1].tensor.unwrap().tolist() == [1, 1]
    assert columns.decode(columns.encode(docs), Wrapped)[2].tensor.unwrap().tolist() == [2, 2]
    assert torch.nn.Linear(2, 1)(batch.tensor).shape == (3, 1)


def test_wrapped_pictures_are_saved(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    kind = tensor_type("torch", None, "image", wrapped=True)
    pixels = accept(kind, torch.zeros(2, 2, 3, dtype=torch.uint8))
    pixels.save(tmp_path / "river.png")
    assert (tmp_path / "river.png").read_bytes() == pixels.to_bytes()
