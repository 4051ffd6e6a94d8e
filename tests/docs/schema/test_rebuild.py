"""Classes made of JSON schemas: ours, and those that DocArray made."""

import copy
import json
import math
import threading
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Optional
from uuid import UUID

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from thalweg.docs import BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.schema import create_base_doc_from_schema
from thalweg.docs.typing import AnyTensor, ImageUrl, NdArray, TorchTensor

DATA = Path(__file__).parent / "data"
NUMBER = {"type": "number"}


class Colour(Enum):
    RED = "red"
    TWO = 2


class Inner(BaseDoc):
    name: str
    vector: NdArray["n", 2] | None = None  # noqa: F821


class Bare(BaseDocWithoutId):
    score: float


class Everything(BaseDoc):
    """All kinds of fields."""

    text: str = "a"
    number: int
    share: float = Field(0.5, description="of the whole", json_schema_extra={"dim": 3})
    blob: bytes = b"\xff"
    maybe: str | None = None
    tensor: NdArray
    exact: NdArray[3]
    symbols: NdArray["n", ..., 3] | None = None  # noqa: F821
    weights: TorchTensor[2] | None = None
    free: AnyTensor | None = None
    url: ImageUrl | None = None
    words: list[str] = []  # noqa: RUF012
    made: list[str] = Field(default_factory=lambda: ["made"])
    rows: list[list[float]] = []  # noqa: RUF012
    members: set[int] = set()  # noqa: RUF012
    pair: tuple[int, str] = (1, "a")
    tags: dict[str, Any] = {}  # noqa: RUF012
    by_name: dict[str, Inner] = {}  # noqa: RUF012
    inner: Inner
    bare: Bare | None = None
    docs: DocList[Inner] = DocList[Inner]()
    columns: DocVec[Inner] | None = None
    either: int | str = 1
    anything: Any = None
    when: datetime | None = None
    key: UUID | None = None
    colour: Colour = Colour.RED
    kind: Literal["x", 3] = "x"
    parent: Optional["Everything"] = None
    children: DocList["Everything"] | None = None


def everything(**fields: Any) -> Everything:
    return Everything(number=1, tensor=[1.5], exact=[1, 2, 3], inner=Inner(name="i", vector=[[1, 2]]), **fields)


def rebuilt(fields: dict[str, Any], **schema: Any) -> Any:
    return create_base_doc_from_schema({"type": "object", "properties": fields, **schema}, "Made")


def through_struct(schema: dict[str, Any]) -> dict[str, Any]:
    """What arrives of a schema that Jina sends: in a message that knows no integers."""
    message = Struct()
    message.update(schema)
    return MessageToDict(message)


@pytest.mark.parametrize("travel", [lambda schema: schema, through_struct], ids=["as it is", "in a Struct"])
def test_a_class_of_our_own_schema_reads_and_writes_the_data_of_the_original(travel: Any) -> None:
    schema = Everything.model_json_schema()
    before = copy.deepcopy(schema)
    made: Any = create_base_doc_from_schema(travel(schema), "Everything")
    assert schema == before
    doc = everything(
        maybe="b",
        symbols=np.zeros((2, 1, 3)),
        free=np.ones(2),
        url="a.png",
        words=["a"],
        rows=[[1.0], []],
        members={1},
        tags={"a": {"b": [1, None]}},
        by_name={"k": Inner(name="k")},
        bare=Bare(score=1),
        docs=[Inner(name="d")],
        columns=[Inner(name="c", vector=[[1, 2]])],
        either="text",
        anything={"x": 1},
        when=datetime(2024, 1, 2),
        key=UUID(int=3),
        colour=Colour.TWO,
        kind=3,
        parent=everything(),
        children=[everything(share=math.inf)],
    )
    read = made.from_json(doc.to_json())
    assert json.loads(read.to_json()) == json.loads(doc.to_json())
    assert Everything.from_json(read.to_json()) == doc
    assert made.__name__ == "Everything"
    assert made.__doc__ == "All kinds of fields."
    assert made.model_fields["share"].description == "of the whole"
    assert made.model_fields["share"].json_schema_extra == {"dim": 3}
    assert type(read.children) is DocList[made]
    assert read.children.share == [math.inf]
    assert type(read.docs).__name__ == "DocList[Inner]"
    assert read.bare.score == 1.0
    assert "id" not in type(read.bare).model_fields


def test_types_come_back() -> None:
    made = create_base_doc_from_schema(Everything.model_json_schema(), "Everything")
    kinds = {name: field.annotation for name, field in made.model_fields.items()}
    expected = {
        name: Everything.model_fields[name].annotation
        for name in Everything.model_fields
        if name not in ("url", "made", "by_name", "inner", "bare", "docs", "columns", "colour", "parent", "children")
    }
    assert {name: kinds[name] for name in expected} == expected
    assert made.model_fields["exact"].is_required()


def test_defaults_come_back() -> None:
    made: Any = create_base_doc_from_schema(Everything.model_json_schema(), "Everything")
    one = made.from_json('{"number": 1, "tensor": [1], "exact": [1, 2, 3], "inner": {"name": "i"}}')
    two = made.from_json('{"number": 1, "tensor": [1], "exact": [1, 2, 3], "inner": {"name": "i"}}')
    assert len(one.id) == 32
    assert one.id != two.id
    assert (one.text, one.share, one.pair, one.maybe) == ("a", 0.5, (1, "a"), None)
    assert one.blob == Everything.model_fields["blob"].default
    assert (one.words, one.made, one.members, one.tags, one.docs) == ([], [], set(), {}, [])
    assert one.words is not two.words
    assert type(one.docs).__name__ == "DocList[Inner]"


def test_a_class_without_an_id_has_none_and_another_id_keeps_its_type() -> None:
    assert issubclass(rebuilt({"x": NUMBER}), BaseDocWithoutId)
    assert not issubclass(rebuilt({"x": NUMBER}), BaseDoc)
    assert rebuilt({"id": {"type": "string"}})().id is not None
    assert rebuilt({"id": {"type": "integer"}}, required=["id"])(id=5).id == 5


def corpus() -> list[Any]:
    return [
        pytest.param(entry, id=f"{name}-{entry['name']}")
        for name in ("docarray_pydantic1", "docarray_pydantic2")
        for entry in json.loads((DATA / f"{name}.json").read_text())
    ]


@pytest.mark.parametrize("entry", corpus())
@pytest.mark.parametrize("travel", [lambda schema: schema, through_struct], ids=["as it is", "in a Struct"])
def test_classes_of_the_schemas_of_docarray_read_its_data(entry: dict[str, Any], travel: Any) -> None:
    made: Any = create_base_doc_from_schema(travel(entry["schema"]), entry["name"])
    assert made.__name__ == entry["name"]
    doc = made.from_json(json.dumps(entry["data"]))
    written = json.loads(doc.to_json())
    if entry["name"] == "Everything":
        assert doc.blob == b"some text"
        assert doc.matrix.shape == (2, 3)
        assert type(doc.share) is float
        assert type(doc.docs).__name__ == "DocList[Inner]"
        assert doc.docs.name == ["d", "e"]
        assert type(doc.by_name["k"]).__name__ == "Inner"
        with pytest.raises(ValueError, match="Expected a tensor of shape"):
            doc.three = [1, 2]
        written["blob"] = "some text"
    if entry["name"] == "LegacyDocument":
        assert doc.chunks[0]["id"] == "chunk"  # its schema does not say what is in the list
    if entry["name"] == "Tree":
        assert type(doc.children) is DocList[made]
    assert written == entry["data"]


def test_references_of_openapi_and_escaped_names() -> None:
    text = {"type": "object", "properties": {"x": {"type": "string"}}}
    made: Any = create_base_doc_from_schema(
        {"properties": {"a": {"$ref": "#/components/schemas/a~1b"}, "b": {"allOf": [{"$ref": "#/definitions/a~1b"}]}}},
        "Made",
        definitions={"a/b": text},
    )
    assert made(a={"x": "1"}, b={"x": "2"}).b.x == "2"


@pytest.mark.parametrize(
    "part, value, expected",
    [
        (True, [1], [1]),
        ({}, {"a": 1}, {"a": 1}),
        (NUMBER, 3, 3.0),
        ({"type": "integer"}, 3, 3),
        ({"type": ["integer", "null"]}, None, None),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "a", "a"),
        ({"type": "array"}, [1, "a"], [1, "a"]),
        ({"type": "array", "items": [{"type": "integer"}, NUMBER]}, [1, 2], (1, 2.0)),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, [1, 1], {1}),
        ({"type": "object"}, {"a": [1]}, {"a": [1]}),
        ({"type": "object", "additionalProperties": NUMBER}, {"a": 1}, {"a": 1.0}),
        ({"type": "string", "format": "base64url"}, "_w==", b"\xff"),
        ({"type": "string", "contentEncoding": "base64"}, "/w==", b"\xff"),
        ({"type": "string", "format": "uri"}, "a b", "a b"),
        ({"const": "a"}, "a", "a"),
        ({"type": "number", "enum": [1.5]}, 2.5, 2.5),
        ({"type": "integer", "enum": [1.0, 2.0]}, 2, 2),
        ({"type": "array", "items": NUMBER, "tensor/array shape": "not specified"}, [1], np.ones(1)),
        (
            {"type": "array", "items": NUMBER, "tensor/array shape": "[2]", "tensor/array type": "Popen"},
            [1, 1],
            np.ones(2),
        ),
        ({"type": "null"}, None, None),
    ],
)
def test_parts_of_schemas(part: Any, value: Any, expected: Any) -> None:
    made = rebuilt({"x": part}, required=["x"])
    found = made.from_json(json.dumps({"x": value})).x
    if isinstance(expected, np.ndarray):
        assert (found == expected).all()
    else:
        assert (type(found), found) == (type(expected), expected)


def test_an_inline_object_becomes_a_class_of_its_own() -> None:
    inline = {"type": "object", "title": "Point", "properties": {"x": NUMBER}, "required": ["x"]}
    made = rebuilt(
        {
            "at": inline,
            "many": {"type": "array", "items": inline},
            "named": {"additionalProperties": inline, "type": "object"},
        }
    )
    doc = made(at={"x": 1}, many=[{"x": 2}], named={"k": {"x": 3}})
    assert type(doc.at).__name__ == "Point"
    assert doc.many.x == [2.0]
    assert doc.named["k"] == doc.named["k"].copy()
    assert type(doc.at) is type(doc.named["k"])


def test_classes_are_shared_by_content_and_never_by_name_alone() -> None:
    cache: dict[str, Any] = {}
    first = {
        "properties": {"a": {"$ref": "#/$defs/Text"}},
        "$defs": {"Text": {"properties": {"text": {"type": "string"}}}},
    }
    other = {
        "properties": {"b": {"$ref": "#/$defs/Text"}},
        "$defs": {"Text": {"properties": {"text": {"type": "integer"}}}},
    }
    one = create_base_doc_from_schema(first, "One", cache)
    text = cache["Text"]
    assert create_base_doc_from_schema(first, "One", cache) is one
    two: Any = create_base_doc_from_schema(other, "Two", cache)
    assert cache["Text"] is text
    assert two(b={"text": 3}).b.text == 3
    assert {key.partition("#")[0] for key in cache} == {"One", "Text", "Two"}
    assert len(cache) == 4
    assert create_base_doc_from_schema(other, "Two", cache) is two
    assert len(cache) == 4
    three = create_base_doc_from_schema({**first, "title": "Renamed", "description": "told"}, "One", cache)
    assert three is one


def test_a_class_that_was_declared_can_be_in_the_cache() -> None:
    cache: dict[str, Any] = {"Inner": Inner}
    schema = {"properties": {"i": {"$ref": "#/$defs/Inner"}}, "$defs": {"Inner": Inner.model_json_schema()}}
    made: Any = create_base_doc_from_schema(schema, "Made", cache)
    assert type(made(i={"name": "a"}).i) is Inner
    assert (
        create_base_doc_from_schema(Everything.model_json_schema(), "Everything", {"Everything": Everything})
        is Everything
    )
    assert create_base_doc_from_schema(Bare.model_json_schema(), "Inner", cache) is not Inner


def test_nothing_is_cached_of_a_schema_that_fails() -> None:
    cache: dict[str, Any] = {}
    schema = {"properties": {"a": {"properties": {"x": NUMBER}, "title": "A"}, "b": {"type": "wrong"}}}
    with pytest.raises(ValueError, match="'wrong'"):
        create_base_doc_from_schema(schema, "Made", cache)
    assert cache == {}


def test_names_that_pydantic_refuses_get_another_attribute() -> None:
    made = rebuilt(
        {"_id": NUMBER, "model_fields": NUMBER, "__base__": NUMBER, "": NUMBER, "a-b": NUMBER, "id_": NUMBER}
    )
    data = {"_id": 1.0, "model_fields": 2.0, "__base__": 3.0, "": 4.0, "a-b": 5.0, "id_": 6.0}
    assert json.loads(made.from_json(json.dumps(data)).to_json()) == data


@pytest.mark.parametrize(
    "schema",
    [
        [],
        "object",
        None,
        {"type": "string"},
        {"$ref": "#/$defs/Missing"},
        {"$ref": 5},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"enum": ["a"]}}},
        {"properties": {"a": {"$ref": "#/$defs/Missing"}}},
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}},
        },
        {"properties": {"a": 5}},
        {"properties": {"a": {"type": "wrong"}}},
        {"properties": {"a": {"type": {}}}},
        {"properties": {"a": {"type": ["string"] * 100}}},
        {"properties": {"a": {"anyOf": []}}},
        {"properties": {"a": {"anyOf": 3}}},
        {"properties": {"a": {"allOf": [{}, {}]}}},
        {"properties": {"a": {"enum": []}}},
        {"properties": {"a": {"enum": ["a"] * 20_000}}},
        {"properties": {"a": {"type": "array", "tensor/array shape": "[..., ...]"}}},
        {"properties": {"a": {"type": "array", "tensor/array shape": 7}}},
        {
            "properties": {
                "a": {"type": "array", "tensor/array shape": "[2, 2]", "tensor/array type": "NdArrayEmbedding"}
            }
        },
        {"properties": {f"a{number}": {} for number in range(20_000)}},
    ],
)
def test_what_is_no_schema_of_a_document_is_refused(schema: Any) -> None:
    with pytest.raises(ValueError, match=r"schema|object|type|choice|allOf|enum|shape|embedding"):
        create_base_doc_from_schema(schema, "Made")


def nested(depth: int, wrap: Any) -> Any:
    part: Any = NUMBER
    for _ in range(depth):
        part = wrap(part)
    return part


@pytest.mark.parametrize(
    "wrap",
    [
        lambda part: {"type": "array", "items": part},
        lambda part: {"anyOf": [part, {"type": "null"}]},
        lambda part: {"type": "object", "additionalProperties": part},
        lambda part: {"type": "object", "properties": {"a": part}},
        lambda part: {"allOf": [part]},
    ],
)
def test_deep_schemas_are_bounded(wrap: Any) -> None:
    assert rebuilt({"a": nested(10, wrap)})
    with pytest.raises(ValueError, match="levels deep"):
        rebuilt({"a": nested(5000, wrap)})


def test_chains_of_references_are_bounded() -> None:
    def chain(length: int) -> dict[str, Any]:
        parts = {f"P{n}": {"properties": {"next": {"$ref": f"#/$defs/P{n + 1}"}}} for n in range(length)}
        return {"$ref": "#/$defs/P0", "$defs": {**parts, f"P{length}": {"properties": {"x": NUMBER}}}}

    assert create_base_doc_from_schema(chain(20), "Made")
    with pytest.raises(ValueError, match="levels deep"):
        create_base_doc_from_schema(chain(5000), "Made")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = "type properties items anyOf oneOf allOf $ref $defs enum const required default format title description prefixItems"
parts = st.recursive(
    json_values,
    lambda inner: st.dictionaries(
        st.sampled_from(
            [*KEYS.split(), "additionalProperties", "uniqueItems", "tensor/array shape", "tensor/array type"]
        ),
        inner
        | st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "id", "_c", "json"]), inner, max_size=3)
        | st.sampled_from(["object", "array", "string", "number", "#/$defs/a", "[2, n]", "NdArray", "date"]),
        max_size=4,
    ),
    max_leaves=20,
)


@pytest.mark.filterwarnings("ignore:Field name")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["a", "b", "id", "_c", "model_x"]), parts, max_size=3), parts)
def test_any_schema_makes_a_class_or_a_value_error(fields: dict[str, Any], definitions: Any) -> None:
    schema = {"type": "object", "properties": fields, "$defs": {"a": definitions}}
    before = copy.deepcopy(schema)
    try:
        made = create_base_doc_from_schema(schema, "Made")
    except ValueError:
        return
    finally:
        assert schema == before
    assert issubclass(made, BaseDocWithoutId)


def test_threads_share_a_cache() -> None:
    cache: dict[str, Any] = {}
    schema = Everything.model_json_schema()
    made: list[Any] = []

    def work() -> None:
        made.append(create_base_doc_from_schema(schema, "Everything", cache))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = everything().to_json()
    assert len(made) == 8
    assert all(doc_type.from_json(text).number == 1 for doc_type in made)
