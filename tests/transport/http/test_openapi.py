import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, create_model

from thalweg.message import ARROW, COLUMNS, DOCARRAY, JSON, EndpointDescription, ServiceDescription
from thalweg.transport.contract import Serving
from thalweg.transport.http.openapi import openapi


class Text(BaseModel):
    text: str


class Page(BaseModel):
    title: Text
    parts: list["Page"] = []


def model(name: str, /, **fields: Any) -> dict[str, Any]:
    return create_model(name, **fields).model_json_schema()


def document(*endpoints: EndpointDescription) -> dict[str, Any]:
    """The OpenAPI document of a service with `endpoints`, as its readers see it."""
    made: dict[str, Any] = json.loads(json.dumps(openapi(ServiceDescription("rivers", endpoints), "Rivers")))
    OpenAPIV31SpecValidator(made).validate()
    return made


def request_schema(made: dict[str, Any], path: str) -> dict[str, Any]:
    schema = made["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    found: dict[str, Any] = follow(made, schema)
    return found


def follow(made: dict[str, Any], schema: dict[str, Any]) -> Any:
    return made["components"]["schemas"][schema["$ref"].removeprefix("#/components/schemas/")]


def test_a_request_is_one_document_or_many() -> None:
    made = document(EndpointDescription("/encode", Text.model_json_schema(), Text.model_json_schema()))
    schema = request_schema(made, "/encode")
    reference = {"$ref": "#/components/schemas/Text"}
    assert schema["properties"]["data"] == {"anyOf": [{"type": "array", "items": reference}, reference]}
    assert schema["required"] == []
    assert made["components"]["schemas"]["Text"]["properties"]["text"]["type"] == "string"


def test_every_error_has_a_status_and_the_same_shape() -> None:
    responses = document(EndpointDescription("/encode"))["paths"]["/encode"]["post"]["responses"]
    assert set(responses) == {"200", "400", "404", "406", "413", "415", "422", "429", "500", "503", "504"}
    for status in set(responses) - {"200"}:
        assert responses[status]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_a_stream_answers_with_events() -> None:
    operation = document(EndpointDescription("/count", streaming=True))["paths"]["/count"]["post"]
    assert set(operation["responses"]["200"]["content"]) == {"text/event-stream", "application/jsonl"}


def test_definitions_are_hoisted_and_circles_kept() -> None:
    made = document(EndpointDescription("/read", Page.model_json_schema()))
    assert made["components"]["schemas"]["Page"]["properties"]["parts"]["items"] == {
        "$ref": "#/components/schemas/Page"
    }
    assert "$defs" not in json.dumps(made)


def test_the_same_model_has_one_component() -> None:
    wrapper = create_model("Wrapper", inner=(Text, ...)).model_json_schema()
    made = document(EndpointDescription("/a", Text.model_json_schema(), wrapper))
    assert {name for name in made["components"]["schemas"] if name.startswith("Text")} == {"Text"}


def test_different_models_of_one_name_stay_apart() -> None:
    made = document(
        EndpointDescription("/a", model("Item", size=(int, ...))),
        EndpointDescription("/b", model("Item", name=(str, ...))),
    )
    schemas = made["components"]["schemas"]
    assert list(schemas["Item"]["properties"]) == ["size"]
    assert list(schemas["Item_2"]["properties"]) == ["name"]
    assert request_schema(made, "/b")["properties"]["data"]["anyOf"][1] == {"$ref": "#/components/schemas/Item_2"}


def test_models_that_only_differ_in_what_they_refer_to_stay_apart() -> None:
    def outer(kind: type) -> dict[str, Any]:
        return create_model("Outer", inner=(create_model("Inner", value=(kind, ...)), ...)).model_json_schema()

    made = document(EndpointDescription("/a", outer(int)), EndpointDescription("/b", outer(str)))
    schemas = made["components"]["schemas"]
    assert schemas["Outer"]["properties"]["inner"] == {"$ref": "#/components/schemas/Inner"}
    assert schemas["Outer_2"]["properties"]["inner"] == {"$ref": "#/components/schemas/Inner_2"}
    assert schemas["Inner_2"]["properties"]["value"]["type"] == "string"


def test_a_model_may_have_the_name_of_one_of_ours() -> None:
    made = document(EndpointDescription("/a", model("Error", depth=(int, ...))))
    assert "detail" in made["components"]["schemas"]["Error"]["properties"]
    assert "depth" in made["components"]["schemas"]["Error_2"]["properties"]


def test_parameters_have_the_schema_of_the_endpoint() -> None:
    made = document(EndpointDescription("/a", parameters_schema=model("Options", top_k=(int, 10))))
    assert request_schema(made, "/a")["properties"]["parameters"] == {"$ref": "#/components/schemas/Options"}
    assert request_schema(made, "/a")["required"] == []


def test_parameters_are_required_where_one_of_them_is() -> None:
    made = document(EndpointDescription("/a", parameters_schema=model("Options", top_k=(int, ...))))
    assert request_schema(made, "/a")["required"] == ["parameters"]


def test_operations_have_names_of_their_own() -> None:
    made = document(*map(EndpointDescription, ["/a/b", "/a_b", "/", "/größe"]))
    names = [path["post"]["operationId"] for path in made["paths"].values() if "post" in path]
    assert len(set(names)) == 4
    assert "/gr%C3%B6%C3%9Fe" in made["paths"]


@pytest.mark.parametrize("name", ["Größe[int]", "a/b~c", "", "x y"])
def test_names_fit_the_rules_of_components(name: str) -> None:
    schema = {"title": name, "type": "object", "properties": {"x": {"$ref": "#/$defs/a~1b~0c"}}}
    document(EndpointDescription("/a", schema | {"$defs": {"a/b~c": {"title": name, "type": "integer"}}}))


class Nobody:
    def handle(self, request: object, context: object) -> None: ...


def test_the_head_of_the_document_is_what_the_owner_says() -> None:
    serving = Serving(Nobody(), description="Cuts texts.", version="2.1", root_path="/api")  # type: ignore[arg-type]
    made = openapi(ServiceDescription("river"), "Rivers", serving)
    assert made["info"] == {"title": "Rivers", "description": "Cuts texts.", "version": "2.1"}
    assert made["servers"] == [{"url": "/api"}]


def test_every_form_of_a_body_is_told_and_files_where_they_fit() -> None:
    schema = {"type": "object", "properties": {"raw": {"type": "string", "format": "base64url"}}}
    operation = document(EndpointDescription("/raw", schema, schema))["paths"]["/raw"]["post"]
    forms = {JSON, COLUMNS, ARROW, DOCARRAY}
    assert set(operation["requestBody"]["content"]) == forms | {"multipart/form-data", "application/octet-stream"}
    assert set(operation["responses"]["200"]["content"]) == forms


def test_without_an_envelope_the_body_is_the_document_and_parameters_stand_in_the_query() -> None:
    parameters = {"type": "object", "properties": {"top": {"type": "integer"}}, "required": ["top"]}
    described = EndpointDescription("/bare", Text.model_json_schema(), None, parameters, envelope=False)
    operation = document(described)["paths"]["/bare"]["post"]
    assert operation["requestBody"]["content"][JSON]["schema"] == {"$ref": "#/components/schemas/Text"}
    (query,) = [one for one in operation["parameters"] if one["in"] == "query"]
    assert (query["name"], query["required"], query["schema"]) == ("top", True, {"type": "integer"})


def test_a_stream_may_be_read_by_get() -> None:
    described = EndpointDescription("/count", Text.model_json_schema(), streaming=True)
    operation = document(described)["paths"]["/count"]["get"]
    assert {one["name"] for one in operation["parameters"] if one["in"] == "query"} == {"text"}
