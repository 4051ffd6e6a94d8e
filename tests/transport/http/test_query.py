"""Texts by name become the fields of a document."""

import json
from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from thalweg.docs import BaseDoc
from thalweg.errors import MalformedRequest
from thalweg.transport.http.query import divided, query_pairs, typed_fields


class Everything(BaseDoc):
    text: str
    number: int = 0
    maybe: float | None = None
    flag: bool = False
    tags: list[str] = Field([])
    counts: list[int] = Field([])
    when: datetime | None = None
    key: UUID | None = None
    extra: dict[str, int] = Field({})
    raw: bytes = b""


SCHEMA = Everything.model_json_schema()
PARAMETERS = {"type": "object", "properties": {"top": {"type": "integer"}, "text": {"type": "string"}}}


def read(query: str) -> Everything:
    return Everything.model_validate_json(json.dumps(typed_fields(query_pairs(query.encode()), SCHEMA)))


def test_each_value_is_read_as_its_field_wants_it() -> None:
    key = "12345678-1234-5678-1234-567812345678"
    doc = read(
        "text=12&number=5&maybe=2.5&flag=true&tags=a&tags=b&counts=[1,2]&when=2024-01-02T03:04:05"
        f"&key={key}&extra=%7B%22a%22:1%7D&raw=aGk="
    )
    assert (doc.text, doc.number, doc.maybe, doc.flag) == ("12", 5, 2.5, True)
    assert (doc.tags, doc.counts, doc.extra, doc.raw) == (["a", "b"], [1, 2], {"a": 1}, b"hi")
    assert doc.when == datetime(2024, 1, 2, 3, 4, 5)
    assert doc.key == UUID(key)


def test_one_value_of_a_list_is_a_list_and_null_is_null() -> None:
    doc = read("text=a&tags=one&counts=7&maybe=null")
    assert (doc.tags, doc.counts, doc.maybe) == (["one"], [7], None)


def test_a_text_is_never_taken_for_anything_else() -> None:
    assert read("text=null").text == "null"
    assert read("text=[1]").text == "[1]"


def test_what_does_not_fit_is_left_for_the_one_who_validates() -> None:
    assert typed_fields([("number", "many")], SCHEMA) == {"number": "many"}
    assert typed_fields([("number", "1"), ("number", "2")], SCHEMA) == {"number": [1, 2]}


def test_parameters_stand_beside_the_fields() -> None:
    fields, values = divided(
        [("text", "a"), ("top", "3"), ("parameters", '{"top": 1, "k": 2}'), ("odd", "x")], SCHEMA, PARAMETERS
    )
    assert fields == {"text": "a", "odd": "x"}
    assert values == {"top": 3, "k": 2}


def test_parameters_that_are_no_object_are_refused() -> None:
    with pytest.raises(MalformedRequest, match="`parameters` is no JSON object"):
        divided([("parameters", "[1]")], SCHEMA, None)


@pytest.mark.parametrize("query", [b"a=%ff", "a=ü".encode(), b"&".join([b"a=1"] * 1001)])
def test_a_query_string_that_cannot_be_read_is_malformed(query: bytes) -> None:
    with pytest.raises(MalformedRequest, match="query string"):
        query_pairs(query)


@given(st.lists(st.tuples(st.sampled_from(["text", "number", "tags", "extra", "odd"]), st.text()), max_size=5))
def test_no_text_makes_it_fail(pairs: list[tuple[str, str]]) -> None:
    json.dumps(typed_fields(pairs, SCHEMA))
