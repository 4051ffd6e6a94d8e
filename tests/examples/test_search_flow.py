import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from documents import Module, Question
from tests.examples.conftest import example_flow
from thalweg import Flow
from thalweg.docs import DocList
from thalweg.errors import InvalidDocument


def http(flow: Flow, path: str, body: object = None) -> tuple[int, bytes]:
    address = next(address for address in flow.addresses if address.startswith("http"))
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(address + path, data, {"Content-Type": "application/json"}), timeout=30) as response:
            return response.status, response.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_search_page_is_at_the_root(flow: Flow) -> None:
    status, page = http(flow, "/")
    assert status == 200
    assert b"<title>Search the Python standard library</title>" in page


def test_the_search_page_loads_nothing_from_elsewhere(flow: Flow) -> None:
    _, page = http(flow, "/")
    for mark in (b"<script src", b"@import", b"url(", b'rel="stylesheet"'):
        assert mark not in page


def test_a_question_in_json_is_answered(flow: Flow) -> None:
    status, body = http(flow, "/search", {"data": [{"text": "greatest common divisor"}], "parameters": {"limit": 1}})
    (answer,) = json.loads(body)["data"]
    assert status == 200
    (match,) = answer["matches"]
    assert match.pop("score") > 0.7
    assert match == {
        "id": "math.gcd",
        "name": "math.gcd",
        "kind": "function",
        "module": "math",
        "signature": "gcd(*integers)",
        "summary": "Greatest Common Divisor.",
    }


@pytest.mark.parametrize(
    "body, place",
    [
        ({"data": [{"text": ""}]}, ["body", "data", 0, "text"]),
        ({"data": [{"text": "x"}], "parameters": {"limit": 0}}, ["body", "parameters", "limit"]),
        ({"data": [{"text": "x"}], "parameters": {"limit": 101}}, ["body", "parameters", "limit"]),
    ],
)
def test_a_bad_question_is_told_where_it_is_wrong(flow: Flow, body: object, place: list[object]) -> None:
    status, answer = http(flow, "/search", body)
    assert status == 422
    assert json.loads(answer)["detail"][0]["loc"] == place


def test_a_question_before_there_is_an_index_is_told_what_to_do(tmp_path: Path) -> None:
    with example_flow(tmp_path) as flow:
        status, body = http(flow, "/search", {"text": "greatest common divisor"})
    assert status == 422
    assert "There is no index yet: send every module to /index, then call /commit." in json.loads(body)["detail"]


def test_a_module_that_does_not_exist_cannot_be_indexed(flow: Flow) -> None:
    with pytest.raises(InvalidDocument, match="no module no_such_module"):
        flow.post("/index", DocList[Module]([Module(name="no_such_module")]), return_type=Module)


def test_the_openapi_document_describes_question_and_answer(flow: Flow) -> None:
    status, body = http(flow, "/openapi.json")
    assert status == 200
    schemas = json.dumps(json.loads(body))
    assert "What you look for, in your own words." in schemas
    assert set(Question.model_fields) == {"id", "text"}
    assert '"/search"' in schemas
