"""Classes of document made at run time."""

import sys
from typing import Annotated, Any, NotRequired, Required, TypedDict

import cloudpickle
import numpy as np
import pytest
from pydantic import ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from thalweg.docs import BaseDoc, BaseDocWithoutId, DocList
from thalweg.docs.documents import create_doc, create_doc_from_dict, create_doc_from_typeddict
from thalweg.docs.typing import NdArray, TorchTensor


class Inner(BaseDoc):
    name: str


class Address(TypedDict):
    city: str
    number: int
    vector: NdArray[2]
    more: NotRequired[Annotated[list[int], Field(max_length=2)]]


class Partial(TypedDict, total=False):
    name: Required[str]
    size: int


def fields(doc_type: Any) -> dict[str, tuple[Any, bool]]:
    return {
        name: (field.annotation, field.is_required()) for name, field in doc_type.model_fields.items() if name != "id"
    }


def test_a_class_of_fields() -> None:
    made: Any = create_doc("Made", text=(str, ...), size=(int, 3), tensor=NdArray[2], note="none", docs=DocList[Inner])
    assert fields(made) == {
        "text": (str, True),
        "size": (int, False),
        "tensor": (NdArray[2], True),
        "note": (str, False),
        "docs": (DocList[Inner], True),
    }
    assert made.__name__ == "Made"
    assert made.__module__ == __name__
    doc = made(text="a", tensor=[1, 2], docs=[{"name": "i"}])
    assert (doc.size, doc.note, doc.docs.name, len(doc.id)) == (3, "none", ["i"], 32)
    assert made.from_json(doc.to_json()) == doc
    assert DocList[made]([doc]).to_doc_vec().tensor.shape == (1, 2)


def test_base_options_validators_and_private_attributes() -> None:
    upper = field_validator("name")(lambda value: value.upper())
    made: Any = create_doc(
        "Made",
        __base__=Inner,
        __config__=ConfigDict(extra="forbid"),
        __module__="elsewhere",
        __validators__={"upper": upper},
        size=1,
        _hidden=PrivateAttr(5),
    )
    assert issubclass(made, Inner)
    assert made.__module__ == "elsewhere"
    doc = made(name="a")
    assert (doc.name, doc.size, doc._hidden) == ("A", 1, 5)
    assert doc.to_json() == f'{{"id":"{doc.id}","name":"A","size":1}}'
    with pytest.raises(ValidationError, match="other"):
        made(name="a", other=1)
    doc.size = "2"
    assert doc.size == 2
    assert "id" not in create_doc("Made", __base__=BaseDocWithoutId, x=1).model_fields


@pytest.mark.parametrize("base", [int, object, "BaseDoc", None])
def test_the_base_is_a_class_of_document(base: Any) -> None:
    with pytest.raises(ValueError, match="a document is made of a subclass of BaseDoc"):
        create_doc("Made", __base__=base)


def test_a_class_of_a_typed_dict() -> None:
    made: Any = create_doc_from_typeddict(Address)
    assert made.__name__ == "Address"
    assert made.__module__ == __name__
    doc = made(city="a", number="3", vector=[1, 2])
    assert (doc.number, doc.more) == (3, None)
    assert doc.vector.shape == (2,)
    with pytest.raises(ValidationError, match="at most 2 items"):
        made(city="a", number=1, vector=[1, 2], more=[1, 2, 3])
    with pytest.raises(ValidationError, match="city"):
        made(number=1, vector=[1, 2])
    partial: Any = create_doc_from_typeddict(Partial, __base__=Inner)
    assert issubclass(partial, Inner)
    assert fields(partial) == {"name": (str, True), "size": (int | None, False)}
    with pytest.raises(ValueError, match="is no TypedDict"):
        create_doc_from_typeddict(dict)
    with pytest.raises(ValueError, match="a subclass of BaseDoc"):
        create_doc_from_typeddict(Address, __base__=int)


def test_a_class_of_an_example() -> None:
    example: dict[str, Any] = {
        "text": "a",
        "size": 3,
        "share": 0.5,
        "blob": b"x",
        "words": ["a"],
        "tags": {"a": 1},
        "inner": Inner(name="i"),
        "array": np.zeros((2, 2)),
        "empty_array": np.zeros(0),
        "number": np.int64(3),
        "zero": 0,
        "nothing": None,
        "empty": [],
    }
    made: Any = create_doc_from_dict("Made", example)
    kinds = [str, int, float, bytes, list, dict, Inner, NdArray, NdArray, int, Any, Any, Any]
    assert fields(made) == {name: (kind, True) for name, kind in zip(example, kinds, strict=True)}
    assert made.__module__ == __name__
    doc = made(**example)
    assert doc.array is example["array"]
    assert doc.nothing is None
    with pytest.raises(ValueError, match="at least one field"):
        create_doc_from_dict("Made", {})


def test_an_example_with_a_torch_tensor() -> None:
    torch = pytest.importorskip("torch")
    assert fields(create_doc_from_dict("Made", {"x": torch.zeros(2)})) == {"x": (TorchTensor, True)}


def test_classes_made_at_run_time_are_carried_by_value() -> None:
    made: Any = create_doc("MadeHere", text=(str, ...))
    copy = cloudpickle.loads(cloudpickle.dumps(made))
    assert copy(text="a") == made(text="a")
    assert "MadeHere" not in vars(sys.modules[__name__])
