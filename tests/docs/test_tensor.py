"""Tensor fields: what is accepted, shapes, copies, JSON and its schema."""

import array
import copy
import json
import math
import pickle
import re
import warnings
from typing import Annotated, Any, Union

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from thalweg.docs import BaseDoc
from thalweg.docs.typing import (
    AnyTensor,
    ImageNdArray,
    NdArray,
    NdArrayEmbedding,
    TorchTensor,
)
from thalweg.errors import MissingDependency


def accept(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


class Held(BaseDoc):
    tensor: NdArray


def test_an_array_is_kept_as_it_is() -> None:
    given = np.arange(6, dtype=np.float16).reshape(2, 3).T
    assert accept(NdArray, given) is given
    assert Held(tensor=given).tensor is given


@pytest.mark.parametrize(
    "given, dtype, shape",
    [
        ([1, 2], np.int64, (2,)),
        (([1.5], [2]), np.float64, (2, 1)),
        ([True], np.bool_, (1,)),
        ([], np.float64, (0,)),
        (array.array("f", [1, 2]), np.float32, (2,)),
        (memoryview(array.array("h", [1])), np.int16, (1,)),
        (b"\x01\x02", np.uint8, (2,)),
        (bytearray(b"\x01"), np.uint8, (1,)),
        ("[1, 2]", np.int64, (2,)),
        ([np.zeros(2, np.float32), np.ones(2, np.float32)], np.float32, (2, 2)),
        ([[1j]], np.complex128, (1, 1)),
        (np.zeros((), np.float32), np.float32, ()),
        ([2**70, -(2**70)], np.float64, (2,)),
        ([1.5, None], np.float64, (2,)),
        (["Infinity", "-Infinity"], np.float64, (2,)),
        ([["river"], ["a"]], np.dtype("<U5"), (2, 1)),
        ('["1.5", "Infinity"]', np.dtype("<U8"), (2,)),
        ([b"a", b"bc"], np.dtype("S2"), (2,)),
        (np.array(["a"]), np.dtype("<U1"), (1,)),
        (np.zeros(1, "M8[s]"), np.dtype("M8[s]"), (1,)),
        (np.zeros(1, "m8[ns]"), np.dtype("m8[ns]"), (1,)),
        (np.zeros(1, np.longdouble), np.longdouble, (1,)),
        (np.zeros(1, "i4,f8"), np.dtype("i4,f8"), (1,)),
        (np.ma.masked_array([1, 2]), np.int64, (2,)),
    ],
)
def test_what_makes_a_tensor(given: Any, dtype: Any, shape: tuple[int, ...]) -> None:
    found = accept(NdArray, given)
    assert type(found) is np.ndarray
    assert found.dtype == dtype
    assert found.shape == shape


def test_a_buffer_is_not_copied() -> None:
    given = array.array("f", [1, 2])
    found = accept(NdArray, given)
    given[0] = 5
    assert found[0] == 5


@pytest.mark.parametrize(
    "given, reason",
    [
        (5, "Expected a tensor or nested lists of numbers, got int"),
        (None, "got NoneType"),
        (1.5, "got float"),
        (np.float32(1), "got float32"),
        ({}, "got dict"),
        ("river", "text is read only where it is a JSON array"),
        ("5", "text is read only where it is a JSON array"),
        ([[1], [2, 3]], "all of the same length"),
        (["river", 1.5], "nested lists of numbers"),
        (["river", None], "nested lists of numbers"),
        ([b"a", 1], "nested lists of numbers"),
        ([{}], "nested lists of numbers"),
        (np.array([None]), "not object"),
        (np.zeros(1, "i4,O"), "A tensor holds booleans, integers"),
    ],
)
def test_what_is_no_tensor(given: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        accept(NdArray, given)


def test_text_of_any_length_becomes_text_of_one_length() -> None:
    string = getattr(np.dtypes, "StringDType", None)
    if string is None:
        pytest.skip("NumPy 2 has it")
    assert accept(NdArray, np.array(["a", "river"], string())).dtype == np.dtype("<U5")


def test_a_list_deeper_than_numpy_goes_is_no_tensor() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(ValidationError):
        accept(NdArray, deep)


@pytest.mark.parametrize(
    "kind, fits, fails",
    [
        (NdArray[3], [(3,)], [(2,), (3, 2), ()]),
        (NdArray[2, 3], [(2, 3)], [(5,), (1, 2, 2)]),
        (NdArray[-1, 3], [(0, 3), (4, 3)], [(4,), (2, 2)]),
        (NdArray["n"], [(0,), (9,)], [(1, 1), ()]),
        (NdArray["n", 3], [(0, 3), (4, 3)], [(3,), (3, 4)]),
        (NdArray["n", "n"], [(2, 2), (0, 0)], [(2, 3)]),
        (NdArray["n", "m", "n"], [(2, 3, 2)], [(2, 3, 3)]),
        (NdArray[..., 3], [(1, 3), (2, 2, 3)], [(3,), (3, 2)]),
        (NdArray[3, ...], [(3, 1), (3, 2, 2)], [(3,), (2, 3)]),
        (NdArray["n", ..., "n"], [(2, 5, 2)], [(2, 5, 3), (2, 2)]),
        (NdArray[...], [(1,), (1, 2)], [()]),
        (NdArray["xy"], [(4,)], [(4, 4)]),
        (NdArray[()], [()], [(1,)]),
    ],
)
def test_shapes(kind: Any, fits: list[tuple[int, ...]], fails: list[tuple[int, ...]]) -> None:
    for shape in fits:
        given = np.zeros(shape)
        assert accept(kind, given) is given
        assert isinstance(given, kind)
    for shape in fails:
        assert not isinstance(np.zeros(shape), kind)
        with pytest.raises(ValidationError, match="Expected a tensor of shape"):
            accept(kind, np.zeros(shape))


@pytest.mark.parametrize(
    "kind, given, reached",
    [
        (NdArray[2, 3], (6,), (2, 3)),
        (NdArray[2, 3], (3, 2), (2, 3)),
        (NdArray[3], (3, 1), (3,)),
        (NdArray[1], (), (1,)),
        (NdArray[-1, 3], (6,), (2, 3)),
        (NdArrayEmbedding[6], (2, 3), (6,)),
        (ImageNdArray[2, 3, 1], (6,), (2, 3, 1)),
    ],
)
def test_a_tensor_with_as_many_elements_is_reshaped_with_a_warning(
    kind: Any, given: tuple[int, ...], reached: tuple[int, ...]
) -> None:
    array = np.arange(math.prod(given)).reshape(given)
    with pytest.warns(UserWarning, match=re.escape(f"of shape {given} is reshaped to {reached}")):
        found = accept(kind, array)
    assert np.array_equal(found, array.reshape(reached))
    assert np.shares_memory(found, array)
    assert not isinstance(array, kind)
    # Whoever makes errors of warnings gets the error of any other shape.
    with pytest.raises(ValidationError, match=re.escape(f"got one of shape {given}")):
        accept(kind, array)


def test_the_warning_names_the_line_that_made_the_document() -> None:
    class Shaped(BaseDoc):
        tensor: NdArray[2, 3]

    with pytest.warns(UserWarning, match="reshaped") as seen:
        Shaped(tensor=np.arange(6))
    assert seen[0].filename == __file__


def test_names_and_ellipses_are_never_met_by_reshaping() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in (NdArray["n", 3], NdArray[..., 3, 1], NdArray[2, "n"]):
            with pytest.raises(ValidationError, match="Expected a tensor of shape"):
                accept(kind, np.zeros(6))


def test_an_error_names_both_shapes() -> None:
    with pytest.raises(ValidationError, match=r"Expected a tensor of shape \(n, 3\), got one of shape \(3,\)"):
        accept(NdArray["n", 3], [1, 2, 3])


@pytest.mark.parametrize("shape", [(..., ...), (-1, -1), (1, -2)])
def test_shapes_that_make_no_sense(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"at most one|at most once|never negative"):
        NdArray[shape]


@pytest.mark.parametrize("shape", [True, 1.5, None, int])
def test_dimensions_that_make_no_sense(shape: Any) -> None:
    with pytest.raises(TypeError, match="a dimension is a number, a name or"):
        NdArray[shape]


def test_equal_annotations_are_one_object() -> None:
    assert NdArray[3] is NdArray[3]
    assert NdArray["n", 3] is NdArray["n", 3]
    assert NdArray[3] != NdArray[4]
    assert NdArray[3] != TorchTensor[3]
    assert len({NdArray[3], NdArray[3], NdArray}) == 2
    assert issubclass(NdArray[3], NdArray)
    assert issubclass(NdArray[3], AnyTensor)
    assert not issubclass(NdArray, NdArray[3])
    assert pickle.loads(pickle.dumps(NdArray["n", ...])) is NdArray["n", ...]  # noqa: S301
    assert copy.deepcopy(NdArray[3]) is NdArray[3]
    assert repr(NdArray["n", ..., 3]) == "NdArray['n', ..., 3]"
    with pytest.raises(TypeError, match="has a shape already"):
        NdArray[3][4]


@pytest.mark.parametrize(
    "kind",
    [
        NdArray[2] | None,
        None | NdArray[2],
        Union[NdArray[2], None],  # noqa: UP007
        Annotated[np.ndarray, NdArray[2]] | None,
    ],
)
def test_optional_tensors(kind: Any) -> None:
    assert accept(kind, None) is None
    assert accept(kind, [1, 2]).shape == (2,)


@pytest.mark.parametrize(
    "given",
    [
        np.arange(6).reshape(2, 3).T,
        np.asfortranarray(np.random.default_rng(1).random((3, 4))),
        np.arange(10)[::-3],
        np.array([[True], [False]]),
        np.array([1.5, math.nan, math.inf, -math.inf]),
        np.array(2.5),
        np.array(7),
        np.arange(3, dtype=">i2"),
        np.array([1.1], np.float32),
        np.array([2**63], np.uint64),
        np.array([0.5], np.longdouble),
        np.array([["river"], ["ü"]]),
        np.array(["NaN", "Infinity"]),
    ],
)
def test_json_keeps_values_shape_and_kind(given: Any) -> None:
    back = Held.from_json(Held(tensor=given).to_json()).tensor
    assert np.array_equal(back, given, equal_nan=given.dtype.kind == "f")
    assert back.dtype.kind == given.dtype.kind
    assert Held(tensor=back) == Held(tensor=given)


def test_json_of_an_empty_tensor_keeps_the_sizes_that_its_field_fixes() -> None:
    class Rows(BaseDoc):
        tensor: NdArray["n", 3]  # noqa: F821
        deep: NdArray[2, 0, 3]

    rows = Rows(tensor=np.zeros((0, 3)), deep=np.zeros((2, 0, 3)))
    assert Rows.from_json(rows.to_json()) == rows
    assert accept(NdArray["n", 3], []).shape == (0, 3)
    assert accept(NdArray, []).shape == (0,)
    with pytest.raises(ValidationError, match="shape"):
        accept(NdArray[2, 3], [])


def test_json_of_a_transposed_array_is_that_of_its_copy() -> None:
    given = np.arange(6).reshape(2, 3).T
    assert Held(tensor=given, id="i").to_json() == Held(tensor=given.copy(), id="i").to_json()


def test_nan_is_null_and_infinity_is_named() -> None:
    held = Held(tensor=[1.0, math.nan, math.inf, -math.inf])
    assert json.loads(held.to_json())["tensor"] == [1.0, None, "Infinity", "-Infinity"]


@pytest.mark.parametrize(
    "given, reason",
    [
        (np.array([1j]), "complex numbers has no JSON form"),
        (np.zeros(1, "m8[s]"), "durations has no JSON form"),
        (np.array([b"a"]), "bytes has no JSON form"),
        (np.zeros(1, "i4,f8"), "structures has no JSON form"),
    ],
)
def test_what_has_no_json(given: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Held(tensor=given).to_json()


def test_times_are_text_in_json() -> None:
    held = Held(tensor=np.array(["2026-01-02T03:04", "NaT"], "M8[m]"))
    assert json.loads(held.to_json())["tensor"] == ["2026-01-02T03:04", "NaT"]


@pytest.mark.parametrize(
    "left, right, equal",
    [
        (np.array(["a"]), np.array(["a"]), True),
        (np.array(["a"]), np.array([1]), False),
        (np.array(["NaT", "2026"], "M8[s]"), np.array(["NaT", "2026"], "M8[D]"), True),
        (np.zeros(1, "M8[s]"), np.zeros(1), False),
        (np.zeros(2, "i4,f4"), np.zeros(2, "i4,f4"), True),
        (np.zeros(2, "i4,f4"), np.ones(2, "i4,f4"), False),
        (np.zeros(2, "i4,f4"), np.zeros(2), False),
        (np.array([1, math.nan]), np.array([1, math.nan], np.float32), True),
        (np.array([1, math.nan]), np.array([2, math.nan]), False),
    ],
)
def test_what_tensors_equal(left: Any, right: Any, equal: bool) -> None:
    assert (Held(tensor=left) == Held(tensor=right)) is equal


def test_in_python_dumps_a_tensor_stays_a_tensor() -> None:
    given = np.arange(3)
    assert Held(tensor=given).model_dump()["tensor"] is given
    assert Held(tensor=given).model_dump(mode="json")["tensor"] == [0, 1, 2]


def test_the_schema_tells_the_shape() -> None:
    class Shaped(BaseDoc):
        fixed: NdArray[2, 3]
        named: NdArray["n", 3]  # noqa: F821
        tail: NdArray[..., 3]
        head: NdArray[3, ...]
        free: NdArray

    found = Shaped.model_json_schema()["properties"]
    fixed, named = found["fixed"], found["named"]
    number = fixed["items"]["items"]
    assert [kind.get("type") for kind in number["anyOf"]] == ["number", "boolean", "null", None]
    assert (fixed["type"], fixed["minItems"], fixed["maxItems"]) == ("array", 2, 2)
    assert fixed["items"] == {"type": "array", "minItems": 3, "maxItems": 3, "items": number}
    assert "minItems" not in named
    assert named["items"] == fixed["items"]
    assert (found["tail"]["type"], found["tail"]["items"]) == ("array", {})
    assert (found["head"]["minItems"], found["head"]["items"]) == (3, {"type": "array", "items": {}})
    assert found["free"]["type"] == "array"
    written = Shaped.model_json_schema(mode="serialization")["properties"]
    assert {name: written[name] for name in ("fixed", "named", "tail")} == {
        name: found[name] for name in ("fixed", "named", "tail")
    }


def test_any_tensor_takes_what_numpy_takes() -> None:
    given = np.arange(3)
    assert accept(AnyTensor, given) is given
    assert accept(AnyTensor[3], [1, 2, 3]).shape == (3,)
    with pytest.raises(ValidationError, match="shape"):
        accept(AnyTensor[3], [1, 2])


def test_a_torch_field_without_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingDependency, match=r"pip install 'thalweg\[torch\]'"):
        accept(TorchTensor, [1, 2])
