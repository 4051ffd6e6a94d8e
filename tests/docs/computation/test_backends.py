import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from thalweg.docs.computation import Backend, backend_of, backend_of_library
from thalweg.docs.typing import AnyTensor, JaxArray, NdArray, TensorFlowTensor, TorchTensor
from thalweg.docs.typing.array import load_library

LIBRARIES = ["numpy", "torch", "tensorflow", "jax"]


@pytest.fixture(params=LIBRARIES)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if request.param != "numpy":
        pytest.importorskip(request.param)
    return backend_of_library(request.param)


def made(backend: Backend, values: Any, dtype: str = "float32") -> Any:
    return backend.from_numpy(np.array(values, dtype))


def listed(backend: Backend, tensor: Any) -> Any:
    assert backend.holds(tensor)
    return backend.to_numpy(tensor).tolist()


def test_the_backend_of_a_tensor_is_that_of_its_library(backend: Backend) -> None:
    assert backend_of(made(backend, [1, 2])) is backend


def test_an_annotation_has_the_backend_of_its_library(backend: Backend) -> None:
    annotations = {"numpy": NdArray, "torch": TorchTensor, "tensorflow": TensorFlowTensor, "jax": JaxArray}
    for annotation in (annotations[backend.library], annotations[backend.library][3]):
        assert annotation.get_comp_backend() is backend
    with pytest.raises(ValueError, match=r"backend_of\(tensor\)|no operations for 'any'"):
        AnyTensor.get_comp_backend()


def test_what_is_no_tensor_has_no_backend() -> None:
    with pytest.raises(TypeError, match="list is no tensor of numpy, torch"):
        backend_of([1, 2])
    with pytest.raises(ValueError, match="no operations for 'any'"):
        backend_of_library("any")


def test_stack(backend: Backend) -> None:
    pair = [made(backend, [1, 2]), made(backend, [3, 4])]
    assert listed(backend, backend.stack(pair)) == [[1, 2], [3, 4]]
    assert listed(backend, backend.stack(pair, dim=1)) == [[1, 3], [2, 4]]


def test_a_copy_has_memory_of_its_own(backend: Backend) -> None:
    tensor = made(backend, [1, 2])
    copied = backend.copy(tensor)
    assert backend.equal(copied, tensor)
    assert not np.shares_memory(backend.to_numpy(copied), backend.to_numpy(tensor))


def test_shape_dtype_and_dimensions(backend: Backend) -> None:
    tensor = made(backend, np.zeros((1, 2, 1)))
    assert backend.shape(tensor) == (1, 2, 1)
    assert backend.n_dim(tensor) == 3
    assert "float32" in str(backend.dtype(tensor))
    assert backend.shape(backend.squeeze(tensor)) == (2,)
    assert backend.shape(backend.reshape(tensor, (2, 1))) == (2, 1)


def test_empty_has_the_shape_and_the_dtype_that_were_asked_for(backend: Backend) -> None:
    assert backend.shape(backend.empty((2, 3))) == (2, 3)
    assert "int32" in str(backend.dtype(backend.empty((2,), dtype="int32", device="cpu")))


def test_no_value(backend: Backend) -> None:
    value = backend.none_value()
    assert value is None if backend.library == "numpy" else np.isnan(backend.to_numpy(value))


def test_devices(backend: Backend) -> None:
    tensor = made(backend, [1, 2])
    assert listed(backend, backend.to_device(tensor, "cpu")) == [1, 2]
    device = backend.device(tensor)
    assert device is None if backend.library == "numpy" else "cpu" in str(device).lower()


def test_numpy_is_nowhere_but_in_main_memory() -> None:
    backend = backend_of_library("numpy")
    with pytest.raises(NotImplementedError, match="cuda"):
        backend.to_device(np.zeros(2), "cuda")
    with pytest.raises(NotImplementedError, match="cuda"):
        backend.empty((2,), device="cuda")


def test_detached_tensors_have_no_gradient(backend: Backend) -> None:
    assert listed(backend, backend.detach(made(backend, [1, 2]))) == [1, 2]
    if backend.library == "torch":
        tensor = load_library("torch").ones(2, requires_grad=True)
        assert not backend.detach(tensor * 2).requires_grad


def test_isnan(backend: Backend) -> None:
    assert listed(backend, backend.isnan(made(backend, [1, np.nan]))) == [False, True]
    assert listed(backend, backend.isnan(made(backend, [1, 2], "int32"))) == [False, False]


def test_take(backend: Backend) -> None:
    tensor = made(backend, [[1, 2], [3, 4], [5, 6]])
    assert listed(backend, backend.take(tensor, np.array([[2, 0]]))) == [[[5, 6], [1, 2]]]


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, [[0, 0.5, 1], [0, 1 / 3, 1]]),
        ({"t_range": (0, 10)}, [[0, 5, 10], [0, 10 / 3, 10]]),
        ({"t_range": (10, 0)}, [[10, 5, 0], [10, 20 / 3, 0]]),
        ({"x_range": (0, 20)}, [[0, 0.05, 0.1], [0.5, 1, 1]]),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_minmax_normalize(backend: Backend, options: dict[str, Any], expected: Any, dtype: str) -> None:
    tensor = made(backend, [[0, 1, 2], [10, 20, 40]], dtype)
    np.testing.assert_allclose(listed(backend, backend.minmax_normalize(tensor, **options)), expected, atol=1e-5)


def test_a_row_of_equal_values_is_normalized_to_the_lower_end(backend: Backend) -> None:
    assert listed(backend, backend.minmax_normalize(made(backend, [3, 3]))) == [0, 0]


def test_equal_compares_shapes_and_values(backend: Backend) -> None:
    tensor = made(backend, [1, 2])
    assert backend.equal(tensor, made(backend, [1, 2]))
    assert backend.equal(tensor, made(backend, [1, 2], "int32"))
    assert not backend.equal(tensor, made(backend, [1, 3]))
    assert not backend.equal(tensor, made(backend, [[1, 2]]))
    assert not backend.equal(tensor, [1, 2])
    assert not backend.equal(made(backend, [np.nan]), made(backend, [np.nan]))


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_the_best_values_and_where_they_are(backend: Backend, dtype: str) -> None:
    values = made(backend, [[3, 1, 2], [5, 9, 7]], dtype)
    found, positions = backend.Retrieval.top_k(values, 2)
    assert listed(backend, found) == [[1, 2], [5, 7]]
    assert listed(backend, positions) == [[1, 2], [0, 2]]
    found, positions = backend.Retrieval.top_k(values, 2, descending=True, device="cpu")
    assert listed(backend, found) == [[3, 2], [9, 7]]
    assert listed(backend, positions) == [[0, 2], [1, 2]]


def test_there_are_no_more_best_values_than_values(backend: Backend) -> None:
    found, positions = backend.Retrieval.top_k(made(backend, [3, 1, 2]), 5)
    assert listed(backend, found) == [[1, 2, 3]]
    assert listed(backend, positions) == [[1, 2, 0]]
    assert listed(backend, backend.Retrieval.top_k(made(backend, [3, 1, 2]), 0)[0]) == [[]]


@pytest.mark.parametrize("descending", [False, True])
def test_nan_is_never_among_the_best(backend: Backend, descending: bool) -> None:
    found, _ = backend.Retrieval.top_k(made(backend, [np.nan, 1, 2]), 2, descending)
    assert sorted(listed(backend, found)[0]) == [1, 2]


X = np.random.default_rng(0).normal(size=(3, 50))
Y = np.random.default_rng(1).normal(size=(4, 50))


@pytest.mark.parametrize("scale, shift", [(1, 0), (1e-2, 0), (1, 100)])
def test_metrics_are_those_of_a_reference(backend: Backend, scale: float, shift: float) -> None:
    x, y = (X * scale + shift).astype(np.float32), (Y * scale + shift).astype(np.float32)
    left, right = x.astype(np.float64), y.astype(np.float64)
    squares = ((left[:, None] - right[None]) ** 2).sum(-1)
    lengths = np.linalg.norm(left, axis=1)[:, None] * np.linalg.norm(right, axis=1)
    metrics = backend.Metrics
    given = backend.from_numpy(x), backend.from_numpy(y)
    np.testing.assert_allclose(backend.to_numpy(metrics.sqeuclidean_dist(*given)), squares, rtol=1e-6)
    np.testing.assert_allclose(backend.to_numpy(metrics.euclidean_dist(*given)), np.sqrt(squares), rtol=1e-6)
    np.testing.assert_allclose(backend.to_numpy(metrics.cosine_sim(*given)), left @ right.T / lengths, atol=1e-6)


def test_distances_leave_out_dimensions_of_size_one(backend: Backend) -> None:
    one, many = made(backend, [1, 0]), made(backend, [[1, 0], [0, 1]])
    for distance in (backend.Metrics.euclidean_dist, backend.Metrics.sqeuclidean_dist, backend.Metrics.cosine_sim):
        assert backend.shape(distance(one, many)) == (2,)
        assert backend.shape(distance(many, one, device="cpu")) == (2,)
        assert backend.shape(distance(one, one)) == (1,)


def test_a_vector_of_zeros_is_like_nothing(backend: Backend) -> None:
    cosines = backend.Metrics.cosine_sim(made(backend, [0, 0]), made(backend, [[0, 0], [1, 2]]))
    assert listed(backend, cosines) == [0, 0]


def test_small_integers_do_not_overflow(backend: Backend) -> None:
    x, y = made(backend, [[200, 200]], "uint8"), made(backend, [[0, 0], [255, 200]], "uint8")
    assert listed(backend, backend.Metrics.sqeuclidean_dist(x, y)) == [80_000, 3025]
    np.testing.assert_allclose(listed(backend, backend.Metrics.cosine_sim(x, y)), [0, 0.992773], atol=1e-5)


def test_no_library_is_loaded_before_it_is_needed() -> None:
    code = "import sys, thalweg.docs.computation; print({'torch', 'jax', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
