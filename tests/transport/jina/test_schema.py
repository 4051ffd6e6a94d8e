"""Schemas in the form that DocArray reads."""

from typing import Any

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray
from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.transport.jina.discovery import read_endpoints, write_endpoints
from thalweg.transport.jina.schema import TENSOR, exported, untyped


class Part(BaseDoc):
    name: str


class Tree(BaseDoc):
    below: "Tree | None" = None
    beside: DocList["Tree"] = DocList["Tree"]()


class Whole(BaseDoc):
    vector: NdArray
    shaped: NdArray[3] | None = None  # type: ignore[type-arg, valid-type]
    part: Part
    spare: Part | None = None
    parts: DocList[Part] = DocList[Part]()
    score: float = 0.5
    scores: list[float] = []  # noqa: RUF012
    count: int = 3
    data: bytes = b""
    tags: dict[str, Any] = {}  # noqa: RUF012
    rows: list[dict[str, Any]] = []  # noqa: RUF012


MADE = exported(Whole.model_json_schema())
FIELDS = MADE["properties"]


def refs(node: Any) -> list[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = [node["$ref"]] if isinstance(node, dict) and "$ref" in node else []
    return own + [ref for child in children for ref in refs(child)]


def test_a_tensor_is_an_array_of_numbers_that_says_that_it_is_one() -> None:
    assert FIELDS["vector"] == {
        "type": "array",
        "items": {"type": "number"},
        TENSOR: "not specified",
        "title": "Vector",
        **{"description": FIELDS["vector"]["description"]},
    }
    assert FIELDS["shaped"]["anyOf"][0][TENSOR] == "[3]"
    assert FIELDS["shaped"]["default"] is None


def test_a_number_is_not_taken_for_a_list_of_them() -> None:
    assert FIELDS["score"] == {"type": "number", "anyOf": [{}], "title": "Score", "default": 0.5}
    assert FIELDS["scores"]["items"] == {"type": "number"}
    assert FIELDS["count"] == {"type": "integer", "title": "Count", "default": 3}


def test_bytes_are_not_taken_for_text() -> None:
    assert FIELDS["data"]["anyOf"] == [{}]
    assert FIELDS["data"]["type"] == "string"


def test_an_optional_document_stands_where_the_reader_finds_it() -> None:
    assert FIELDS["part"] == {"$ref": "#/$defs/Part"}
    assert FIELDS["spare"]["anyOf"] == [{"allOf": [{"$ref": "#/$defs/Part"}]}, {"type": "null"}]
    assert FIELDS["parts"]["items"] == {"$ref": "#/$defs/Part"}
    assert MADE["definitions"] == MADE["$defs"]
    assert list(MADE["$defs"]) == ["Part"]


def test_a_list_of_mappings_is_not_taken_for_one_of_documents() -> None:
    assert FIELDS["tags"]["type"] == "object"
    assert FIELDS["rows"]["items"] == {"type": "object", "anyOf": [{}]}


def test_a_class_that_refers_to_itself_is_told_one_level_deep() -> None:
    made = exported(Tree.model_json_schema())
    assert made["title"] == "Tree"
    assert set(made["properties"]) == {"id", "below", "beside"}
    assert refs(made) == []


def test_what_several_executors_take_is_told_as_one() -> None:
    both = {
        "allOf": [{"title": "A", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, Part.model_json_schema()]
    }
    made = exported(both)
    assert set(made["properties"]) == {"a", "id", "name"}
    assert made["required"] == ["a", "name"]


def test_a_service_is_read_as_it_was_written() -> None:
    schema = Whole.model_json_schema()
    written = ServiceDescription(
        "enc",
        (
            EndpointDescription("/encode", schema, schema, Part.model_json_schema()),
            EndpointDescription("/letters", schema, schema, streaming=True, single=True),
            EndpointDescription("/default"),
        ),
    )
    read = read_endpoints(write_endpoints(written), "there")
    assert read.name == "there"
    encode, letters, default = read.endpoints
    assert encode.input_schema is not None
    assert set(encode.input_schema["properties"]) == set(FIELDS)
    assert encode.parameters_schema is not None
    assert letters.streaming
    assert letters.single
    assert (default.path, default.input_schema, default.output_schema) == ("/default", None, None)


def test_any_document_has_the_fields_of_jinas_own() -> None:
    assert set(untyped()["properties"]) >= {
        "id",
        "text",
        "tensor",
        "embedding",
        "url",
        "tags",
        "chunks",
        "matches",
        "blob",
    }
