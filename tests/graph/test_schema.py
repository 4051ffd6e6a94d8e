from typing import Any, Optional

import pytest
from pydantic import BaseModel

from thalweg.graph.schema import combined, lossless_as_json, misfits


class Inner(BaseModel):
    x: int


class Text(BaseModel):
    text: str


class Rich(BaseModel):
    id: str
    text: str
    count: int
    note: Optional[str] = None  # noqa: UP045
    inner: Inner
    tags: list[str] = []


class Number(BaseModel):
    text: int


class NeedsNote(BaseModel):
    note: str


class NeedsInner(BaseModel):
    inner: Text


class Tree(BaseModel):
    text: str
    children: list["Tree"] = []


def found(given: type[BaseModel] | None, needed: type[BaseModel] | None) -> list[str]:
    return misfits(given and given.model_json_schema(), needed and needed.model_json_schema())


@pytest.mark.parametrize(
    "given,needed",
    [(Rich, Text), (Text, None), (None, Rich), (Rich, NeedsNote), (Tree, Tree), (Tree, Text), (Rich, Rich)],
)
def test_what_can_feed_is_let_pass(given: type[BaseModel] | None, needed: type[BaseModel] | None):
    assert found(given, needed) == []


def test_a_missing_field_is_named():
    assert found(Text, NeedsNote) == ["field note is required and not given"]


def test_another_type_is_named_with_both():
    assert found(Text, Number) == ["field text is string, where integer is needed"]


def test_nested_fields_are_named_by_their_path():
    assert found(Rich, NeedsInner) == ["field inner.text is required and not given"]


def test_an_id_is_never_missing():
    class WithId(BaseModel):
        id: str
        text: str

    assert found(Text, WithId) == []


def tensor(least: int, most: int | None, kind: str = "number") -> dict[str, Any]:
    items: dict[str, Any] = {"type": "array", "items": {"type": kind}, "minItems": least}
    if most is not None:
        items["maxItems"] = most
    return {"type": "object", "properties": {"v": items}, "required": ["v"]}


def test_shapes_that_never_meet_are_named():
    assert misfits(tensor(384, 384), tensor(768, 768)) == ["field v has 384 items, where 768 items are needed"]
    assert misfits(tensor(0, None), tensor(3, 3)) == []
    assert misfits(tensor(3, 3), tensor(0, None)) == []
    assert misfits(tensor(3, 3, "string"), tensor(3, 3)) == ["field v[] is string, where number is needed"]


def test_a_schema_open_to_anything_can_give_anything():
    anything = {"type": "object", "properties": {"id": {"type": "string"}}, "additionalProperties": True}
    assert misfits(anything, Rich.model_json_schema()) == []


def test_json_loses_what_arrays_and_bytes_are():
    assert lossless_as_json(Text.model_json_schema())
    assert not lossless_as_json(tensor(3, 3))
    assert not lossless_as_json(None)

    class Blob(BaseModel):
        blob: bytes

    assert not lossless_as_json(Blob.model_json_schema())


def test_combining_keeps_what_is_alike_once():
    one, two = Text.model_json_schema(), Number.model_json_schema()
    assert combined([one, None, one]) == one
    assert combined([None]) is None
    assert combined([one, two]) == {"allOf": [one, two]}
    both = combined([Tree.model_json_schema(), two])
    assert both is not None
    assert "Tree" in both["$defs"]
