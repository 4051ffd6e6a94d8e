"""Shapes and libraries of tensors in JSON schemas."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from thalweg.docs.schema.tensors import tensor_of
from thalweg.docs.typing import AnyTensor, ImageNdArray, NdArray, NdArrayEmbedding, TorchTensor
from thalweg.docs.typing.shape import Shape


@pytest.mark.parametrize(
    "dimensions, text",
    [
        ((3, 4), "[3, 4]"),
        (("n", ..., 3), "[n, ..., 3]"),
        ((), "[]"),
        ((-1, 2), "[-1, 2]"),
        (("a b", "n, ]", '"', "...", "²"), r'["a b", "n, ]", "\"", "...", "\u00b2"]'),
    ],
)
def test_a_shape_is_told_and_read(dimensions: tuple[Any, ...], text: str) -> None:
    assert Shape(dimensions).text == text
    assert Shape.read(text) == Shape(dimensions)


def test_any_shape_is_none() -> None:
    assert Shape.read("not specified") is None


@pytest.mark.parametrize(
    "text", ["", "[", "[a", "[3,4]", "[a b]", "3", 3, None, "[..., ...]", "[-5]", "[" + "9" * 50 + "]", r'["\x"]']
)
def test_what_tells_no_shape(text: Any) -> None:
    with pytest.raises(ValueError, match=r"shape|size|escape"):
        Shape.read(text)


@pytest.mark.parametrize(
    "kind", [NdArray, NdArray["n", ..., 3], AnyTensor[3], TorchTensor[2, 2], ImageNdArray, NdArrayEmbedding[4]]
)
def test_an_annotation_survives_its_schema(kind: Any) -> None:
    schema = TypeAdapter(kind).json_schema()
    assert tensor_of(schema) == kind
    assert schema["type"] == "array"


def test_a_library_that_is_not_installed_here_is_any(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = TypeAdapter(TorchTensor[2]).json_schema()
    monkeypatch.setattr("thalweg.docs.schema.tensors.find_spec", lambda name: None)
    assert tensor_of(schema) == AnyTensor[2]
