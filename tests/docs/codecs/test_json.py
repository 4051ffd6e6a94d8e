"""Bodies of requests and answers as JSON."""

import json as standard
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.codecs import json
from thalweg.docs.codecs.failures import LIMIT
from thalweg.docs.typing import NdArray
from thalweg.errors import InvalidDocument, MalformedRequest


class Text(BaseDoc):
    text: str


class Long(Text):
    tensor: NdArray[2]


class Settings(BaseModel):
    limit: int = 10


class Needed(BaseModel):
    limit: int


def test_a_list_of_documents() -> None:
    docs, parameters = json.decode(
        b'{"data": [{"text": "a", "id": "i"}, {"text": "b"}], "parameters": {"k": [1]}}', Text
    )
    assert type(docs) is DocList[Text]
    assert docs.text == ["a", "b"]
    assert docs[0].id == "i"
    assert len(docs[1].id) == 32
    assert parameters == {"k": [1]}


def test_one_document_makes_a_list_of_one() -> None:
    docs, parameters = json.decode(b'{"data": {"text": "a"}}', Text)
    assert docs.text == ["a"]
    assert parameters == {}


@pytest.mark.parametrize("body", [b"{}", b'{"data": []}', b'{"parameters": {}, "header": null, "targetExecutor": ""}'])
def test_no_documents(body: bytes) -> None:
    assert json.decode(body, Text) == (DocList[Text](), {})


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_read(kind: Any) -> None:
    assert json.decode(kind(b'{"data": [{"text": "a"}]}'), Text)[0].text == ["a"]


def test_without_a_class_every_field_is_kept() -> None:
    docs, _ = json.decode(b'{"data": [{"x": [1, {"y": null}]}]}', None)
    assert type(docs) is DocList
    assert type(docs[0]) is AnyDoc
    assert docs[0].x == [1, {"y": None}]
    assert len(docs[0].id or "") == 32


def test_parameters_of_a_model() -> None:
    assert json.decode(b"{}", Text, Settings)[1] == Settings()
    assert json.decode(b'{"parameters": {"limit": 3}}', Text, Settings)[1].limit == 3
    with pytest.raises(InvalidDocument, match=r"parameters.limit: Field required"):
        json.decode(b"{}", Text, Needed)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"river", b'{"data": [}', b"\xff\xfe", b'{"data": ["\xff"]}', b"[" * 10_000]
)
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match="The body is not JSON"):
        json.decode(body, Text)


@pytest.mark.parametrize(
    "body, found",
    [
        (b'{"data": [{"text": "a"}, {"text": 1}]}', [(["data", 1, "text"], "string_type")]),
        (b'{"data": [{}, {}]}', [(["data", 0, "text"], "missing"), (["data", 1, "text"], "missing")]),
        (b'{"data": {"text": 1}}', [(["data", "text"], "string_type")]),
        (b'{"data": {}}', [(["data", "text"], "missing")]),
        (b'{"data": 5}', [(["data"], "data_type")]),
        (b'{"data": null}', [(["data"], "data_type")]),
        (b'{"data": [5]}', [(["data", 0], "model_type")]),
        (b'{"data": [[]]}', [(["data", 0], "model_type")]),
        (b'{"data": [], "parameters": []}', [(["parameters"], "dict_type")]),
        (b'{"data": [], "parameters": null}', [(["parameters"], "dict_type")]),
        (b'{"data": {}, "parameters": 5}', [(["data", "text"], "missing"), (["parameters"], "dict_type")]),
        (b"[]", [([], "dict_type")]),
        (b"5", [([], "dict_type")]),
    ],
)
def test_what_does_not_fit_is_named(body: bytes, found: list[tuple[list[Any], str]]) -> None:
    with pytest.raises(InvalidDocument) as caught:
        json.decode(body, Text)
    assert [(item["loc"], item["type"]) for item in caught.value.details] == found
    assert all(item.keys() == {"loc", "msg", "type"} for item in caught.value.details)
    standard.dumps(caught.value.details)


def test_the_message_tells_the_first_finding_and_how_many_more() -> None:
    with pytest.raises(InvalidDocument, match=r"^data\.0\.text: Field required \(and 2 more\)$"):
        json.decode(b'{"data": [{}, {}, {}]}', Text)


def test_what_a_client_sent_is_not_echoed() -> None:
    class Short(BaseDoc):
        text: str = Field(max_length=3)

    with pytest.raises(InvalidDocument) as caught:
        json.decode(b'{"data": [{"text": "a secret"}]}', Short)
    assert "secret" not in str(caught.value) + str(caught.value.details)


def test_findings_are_bounded_however_long_the_body() -> None:
    for count in (500, 400_000):
        with pytest.raises(InvalidDocument) as caught:
            json.decode(b'{"data": [%b]}' % b",".join([b"{}"] * count), Text)
        assert 1 <= len(caught.value.details) <= LIMIT


def test_a_document_of_its_own_class_writes_all_its_fields() -> None:
    docs = DocList[Text]([Text(text="a", id="1"), Long(text="b", tensor=[1, 2], id="2")])
    assert standard.loads(json.encode(docs, {})) == {
        "data": [{"id": "1", "text": "a"}, {"id": "2", "text": "b", "tensor": [1, 2]}],
        "parameters": {},
    }
    assert standard.loads(json.encode(docs[1:], {}))["data"][0]["tensor"] == [1, 2]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_lists_and_columns_are_written_alike(count: int) -> None:
    docs = DocList[Long](Long(text=str(i), tensor=[i, i]) for i in range(count))
    assert json.encode(docs.to_doc_vec(), {}) == json.encode(docs, {})
    assert json.decode(json.encode(docs, {}), Long)[0] == docs
    assert json.encode(DocList[Long](list(docs.to_doc_vec())), {}) == json.encode(docs, {})


def test_parameters_may_hold_tensors_and_bytes() -> None:
    body = json.encode(DocList[Text](), {"a": np.arange(2), "b": {"c": [np.ones(1)]}, "d": b"\xff", "e": float("nan")})
    assert standard.loads(body)["parameters"] == {"a": [0, 1], "b": {"c": [[1.0]]}, "d": "_w==", "e": "NaN"}


def test_names_on_the_wire_are_the_aliases() -> None:
    class Named(BaseDoc):
        model_config = ConfigDict(populate_by_name=True)

        text: str = Field(alias="Text")

    docs = DocList[Named]([Named(Text="a")])
    assert standard.loads(json.encode(docs, {}))["data"][0]["Text"] == "a"
    assert json.decode(json.encode(docs, {}), Named)[0] == docs
    assert Named.from_json(docs[0].to_json()) == docs[0]


def test_recursive_documents_are_read() -> None:
    class Node(BaseDoc):
        name: str
        children: DocList["Node"] = DocList()

    Node.model_rebuild(_types_namespace={"Node": Node})
    body = b'{"data": [{"name": "a", "children": [{"name": "b"}]}]}'
    docs, _ = json.decode(body, Node)
    assert docs[0].children.name == ["b"]
    with pytest.raises(InvalidDocument, match=r"data\.0\.children\.0\.name"):
        json.decode(b'{"data": [{"name": "a", "children": [{}]}]}', Node)


def test_a_doc_vec_is_read_from_json() -> None:
    vec = DocVec[Long]([Long(text="a", tensor=[1, 2])])
    assert DocVec[Long].from_json(standard.dumps(standard.loads(json.encode(vec, {}))["data"])) == vec
