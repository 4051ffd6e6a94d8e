"""Arrays of JAX, where it is installed."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.codecs import columns
from thalweg.docs.typing import AnyTensor, ImageJaxArray, JaxArray, NdArray, TorchTensor, VideoJaxArray

jax: Any = pytest.importorskip("jax")
jnp: Any = pytest.importorskip("jax.numpy")


def accept(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


class Held(BaseDoc):
    tensor: JaxArray[2]
    any: AnyTensor | None = None


def test_an_array_is_kept_as_it_is() -> None:
    given = jnp.array([1.0, 2.0], jnp.float16)
    doc = Held(tensor=given, any=given)
    assert doc.tensor is given
    assert doc.any is given
    assert isinstance(given, JaxArray[2])
    assert issubclass(type(given), JaxArray)
    assert not isinstance(given, NdArray)


@pytest.mark.parametrize("given", [[1, 2], (1.5, 2.5), "[1, 2]", np.arange(2), [True, False], np.arange(4)[::2]])
def test_lists_and_arrays_become_jax_arrays(given: Any) -> None:
    found = Held(tensor=given).tensor
    assert isinstance(found, jax.Array)
    assert found.tolist() == [1, 2] if isinstance(given, str) else found.tolist() == list(given)


def test_memory_is_shared_where_jax_can() -> None:
    raw = np.zeros(256, np.uint8)
    array = raw[-raw.__array_interface__["data"][0] % 64 :][:64].view(np.float32)
    found = accept(JaxArray, array)
    array[0] = 5
    assert found[0] == 5
    back = accept(NdArray, found)
    assert np.shares_memory(back, array)
    assert not back.flags.writeable
    beside = array[1:]
    copied = accept(JaxArray, beside)
    beside[0] = 5
    assert copied[0] == 0


def test_memory_is_shared_with_torch() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(16.0)
    shared = accept(JaxArray, tensor)
    tensor[0] = 9
    assert shared[0] == 9
    assert accept(TorchTensor, shared).data_ptr() == tensor.data_ptr()
    assert accept(JaxArray, torch.ones(2, requires_grad=True)).tolist() == [1, 1]


def test_shapes() -> None:
    with pytest.warns(UserWarning, match="reshaped"):
        assert accept(JaxArray[2, 3], jnp.zeros(6)).shape == (2, 3)
    with pytest.raises(ValidationError, match=r"Expected a tensor of shape \(n, 3\)"):
        accept(JaxArray["n", 3], jnp.zeros(3))
    with pytest.raises(ValidationError, match="Expected frames"):
        accept(VideoJaxArray, jnp.zeros((2, 2)))
    with pytest.raises(ValidationError, match="jax has no tensors of"):
        accept(JaxArray, np.array(["a"]))
    assert isinstance(accept(ImageJaxArray, np.zeros((2, 2, 3))), jax.Array)


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool", "bfloat16", "complex64", "uint8"])
def test_columns_keep_everything(dtype: str) -> None:
    values = jnp.array([0, 1], dtype)
    docs = DocList[Held](Held(tensor=values, any=values[:number]) for number in range(3))
    for back in columns.decode(columns.encode(docs), Held), columns.decode(columns.encode(docs), None):
        assert back == docs
        assert back[2].tensor.dtype == back[2].any.dtype == values.dtype
        assert isinstance(back[0].tensor, jax.Array)


def test_numpy_fields_keep_bfloat16() -> None:
    class Numbers(BaseDoc):
        tensor: NdArray

    docs = DocList[Numbers]([Numbers(tensor=jnp.array([0.5, np.nan], jnp.bfloat16))])
    assert docs[0].tensor.dtype.name == "bfloat16"
    assert columns.decode(columns.encode(docs), Numbers)[0].tensor.dtype.name == "bfloat16"
    assert columns.decode(columns.encode(docs), Numbers) == docs
    assert Numbers.from_json(docs[0].to_json()) == docs[0]


def test_json_and_equality() -> None:
    doc = Held(tensor=[1.5, float("nan")])
    assert Held.from_json(doc.to_json()) == doc
    assert doc != Held(tensor=[1.5, 2])


def test_a_doc_vec_stacks_and_its_rows_write() -> None:
    vec = DocVec[Held]([Held(tensor=[i, i], any=[[i]]) for i in range(3)])
    assert isinstance(vec.tensor, jax.Array)
    vec[2].tensor = [7, 7]
    assert vec.tensor.tolist() == [[0, 0], [1, 1], [7, 7]]
    assert vec[[2, 0]].tensor.tolist() == [[7, 7], [0, 0]]
    assert vec[[]].tensor.shape == (0, 2)
    assert vec[1:].tensor.tolist() == [[1, 1], [7, 7]]
    assert vec.to_doc_list()[2].tensor.tolist() == [7, 7]
    assert columns.decode_vec(columns.encode(vec), Held) == vec


def test_compiled_functions_take_and_make_documents() -> None:
    @jax.jit
    def doubled(array: Any) -> Any:
        return Held(tensor=array * 2).tensor

    assert doubled(jnp.array([1.0, 2.0])).tolist() == [2, 4]
