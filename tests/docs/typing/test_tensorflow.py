"""Tensors of TensorFlow, where it is installed."""

import os
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.codecs import columns
from thalweg.docs.typing import AnyTensor, ImageTensor, NdArray, TensorFlowTensor, VideoTensorFlowTensor

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
pytestmark = pytest.mark.filterwarnings("default")  # its own, which are not ours to mend


class _TensorFlow:
    """The library, loaded with these tests: it takes seconds, in each process that so much as reads this file."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.modules["tensorflow"], name)


tf: Any = _TensorFlow()


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("PYTHONWARNINGS", "ignore")
        warnings.simplefilter("ignore")
        pytest.importorskip("tensorflow")


def accept(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


def aligned(dtype: Any = np.float32) -> Any:
    """Eight zeros that begin at a multiple of 64 bytes."""
    raw = np.zeros(256, np.uint8)
    start = -raw.__array_interface__["data"][0] % 64
    return raw[start : start + 8 * np.dtype(dtype).itemsize].view(dtype)


class Held(BaseDoc):
    tensor: TensorFlowTensor[2]
    any: AnyTensor | None = None


def test_a_tensor_is_kept_as_it_is() -> None:
    given = tf.constant([1.0, 2.0], tf.float16)
    doc = Held(tensor=given, any=given)
    assert doc.tensor is given
    assert doc.any is given
    assert isinstance(given, TensorFlowTensor[2])
    assert issubclass(type(given), TensorFlowTensor)
    assert not isinstance(given, NdArray)


@pytest.mark.parametrize("given", [[1, 2], (1.5, 2.5), "[1, 2]", np.arange(2), [True, False]])
def test_lists_and_arrays_become_tensors(given: Any) -> None:
    found = Held(tensor=given).tensor
    assert isinstance(found, tf.Tensor)
    assert found.dtype != tf.float64
    assert found.numpy().tolist() == list(eval(given) if isinstance(given, str) else given)


def test_memory_is_shared_where_tensorflow_can() -> None:
    array = aligned()
    found = accept(TensorFlowTensor, array)
    array[0] = 5
    assert found.numpy()[0] == 5
    back = accept(NdArray, found)
    assert np.shares_memory(back, accept(NdArray, found))
    assert not back.flags.writeable
    beside = aligned()[1:]
    copied = accept(TensorFlowTensor, beside)
    beside[0] = 5
    assert copied[0] == 0


def test_memory_is_shared_with_torch() -> None:
    torch = pytest.importorskip("torch")
    from thalweg.docs.typing import TorchTensor

    tensor = torch.arange(16.0)
    shared = accept(TensorFlowTensor, tensor)
    tensor[0] = 9
    assert shared[0] == 9
    assert accept(TorchTensor, shared).data_ptr() == tensor.data_ptr()


def test_shapes() -> None:
    with pytest.warns(UserWarning, match="reshaped"):
        assert accept(TensorFlowTensor[2, 3], tf.zeros(6)).shape == (2, 3)
    assert accept(TensorFlowTensor["n", 3], []).shape == (0, 3)
    with pytest.raises(ValidationError, match=r"Expected a tensor of shape \(n, 3\)"):
        accept(TensorFlowTensor["n", 3], tf.zeros(3))
    with pytest.raises(ValidationError, match="Expected frames"):
        accept(VideoTensorFlowTensor, tf.zeros([2, 2]))
    with pytest.raises(ValidationError, match="tensorflow has no tensors of datetime64"):
        accept(TensorFlowTensor, np.zeros(1, "M8[s]"))
    pixels = tf.zeros([2, 2, 3], tf.uint8)
    assert accept(ImageTensor, pixels) is pixels


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "bfloat16", "complex64", "uint8", "string"])
def test_columns_keep_everything(dtype: str) -> None:
    values = tf.constant(["a", "bc"]) if dtype == "string" else tf.cast(tf.constant([0, 1]), dtype)
    docs = DocList[Held](Held(tensor=values, any=values[:number]) for number in range(3))
    for back in columns.decode(columns.encode(docs), Held), columns.decode(columns.encode(docs), None):
        assert back == docs
        assert back[2].tensor.dtype == back[2].any.dtype == values.dtype
        assert isinstance(back[0].tensor, tf.Tensor)


def test_json_and_equality() -> None:
    doc = Held(tensor=[1.5, float("nan")])
    assert Held.from_json(doc.to_json()) == doc
    assert doc == Held(tensor=np.array([1.5, np.nan]))
    assert doc != Held(tensor=[1.5, 2])


def test_a_doc_vec_stacks_and_its_rows_write() -> None:
    vec = DocVec[Held]([Held(tensor=[i, i], any=[[i]]) for i in range(3)])
    assert isinstance(vec.tensor, tf.Tensor)
    vec[2].tensor = [7, 7]
    assert vec.tensor.numpy().tolist() == [[0, 0], [1, 1], [7, 7]]
    assert vec[[2, 0]].tensor.numpy().tolist() == [[7, 7], [0, 0]]
    assert vec[[]].tensor.shape == (0, 2)
    assert vec[1:].tensor.numpy().tolist() == [[1, 1], [7, 7]]
    assert vec.to_doc_list()[2].tensor.numpy().tolist() == [7, 7]
    assert columns.decode_vec(columns.encode(vec), Held) == vec
    vec.tensor = np.zeros((3, 2), np.float32)
    assert isinstance(vec.tensor, tf.Tensor)
