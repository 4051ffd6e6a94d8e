"""What clouds ask of a container: `/ping` and `/invocations`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from thalweg import Deployment, Executor, requests
from thalweg.config import DeploymentOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError, MalformedRequest, StartupFailed, UnsupportedContent
from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.service.front.provider import invoked, json_body


class Query(BaseDoc):
    text: str
    size: int = 1


class Model(Executor):
    @requests(on="/encode")
    def encode(self, docs: DocList[Query], parameters: dict[str, Any]) -> DocList[Query]:
        mark = parameters.get("mark", "")
        return DocList[Query](Query(id=doc.id, text=doc.text * doc.size + mark, size=doc.size) for doc in docs)

    @requests(on="/other")
    def other(self, docs: DocList[Query], **kwargs: Any) -> None:
        raise ValueError("not this one")


@pytest.fixture(scope="module", params=[1, 2], ids=["alone", "behind a gateway"])
def cloud(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with (
        Deployment(
            Model, provider="SageMaker", provider_endpoint="/encode", port=0, host="127.0.0.1", replicas=request.param
        ) as running,
        httpx.Client(base_url=running.addresses[0]) as client,
    ):
        yield client


def test_it_says_that_it_lives(cloud: httpx.Client) -> None:
    assert cloud.get("/ping").status_code == 200


def test_an_invocation_in_json(cloud: httpx.Client) -> None:
    answer = cloud.post("/invocations", json={"data": [{"text": "a", "size": 2}], "parameters": {"mark": "!"}})
    assert [doc["text"] for doc in answer.json()["data"]] == ["aa!"]


def test_an_invocation_in_csv(cloud: httpx.Client) -> None:
    rows = '{"mark": "?"},params_row\n1,first\\, second,2\n2,b,\n'
    answer = cloud.post(
        "/invocations", content=rows.replace('"mark": "?"', '"mark": "?"'), headers={"content-type": "text/csv"}
    )
    assert [(doc["id"], doc["text"]) for doc in answer.json()["data"]] == [
        ("1", "first, second" * 2 + "?"),
        ("2", "b?"),
    ]


def test_anything_else_is_refused(cloud: httpx.Client) -> None:
    answer = cloud.post("/invocations", content=b"<a/>", headers={"content-type": "text/xml"})
    assert answer.status_code == 415
    assert "text/csv" in answer.json()["detail"]


def test_documents_that_do_not_fit_are_refused(cloud: httpx.Client) -> None:
    answer = cloud.post("/invocations", json={"data": [{"size": "many"}]})
    assert answer.status_code == 422


def test_only_post_invokes(cloud: httpx.Client) -> None:
    assert cloud.get("/invocations").status_code == 400


def test_it_listens_where_clouds_look() -> None:
    options = DeploymentOptions(uses=Model, provider="azure", protocol="grpc")
    assert (options.protocol, options.port) == (("http",), (8080,))


def test_an_endpoint_that_is_not_clear_fails_the_start() -> None:
    with pytest.raises(StartupFailed, match="/encode, /other"):
        Deployment(Model, provider="sagemaker", port=0).start()


ENDPOINT = EndpointDescription("/a", {"properties": {"id": {"type": "string"}, "size": {"type": "integer"}}})


def test_the_only_endpoint_needs_no_name() -> None:
    service = ServiceDescription(
        "s", (ENDPOINT, EndpointDescription("/default"), EndpointDescription("/b", streaming=True))
    )
    assert invoked(service, "") is ENDPOINT
    with pytest.raises(ConfigurationError, match="there are: /a"):
        invoked(service, "/c")


@pytest.mark.parametrize("body", [b"1,2,3", b"\xff"])
def test_csv_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        json_body("text/csv", body, ENDPOINT)


def test_quotes_in_csv_mean_nothing() -> None:
    assert json_body("text/csv", b'"', ENDPOINT) == b'{"data": [{"id": "\\""}]}'


def test_a_type_that_is_unknown_is_refused() -> None:
    with pytest.raises(UnsupportedContent):
        json_body("application/pdf", b"", ENDPOINT)
