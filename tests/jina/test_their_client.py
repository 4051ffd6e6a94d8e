"""Jina's client calls what we serve."""

from collections.abc import Iterator

import pytest

from tests.jina.conftest import said_by
from tests.jina.service import Encoder
from thalweg import Deployment, Flow

VECTORS = [[0.0] * 3, [1.0] * 3, [2.0] * 3]


@pytest.fixture(scope="module")
def flow() -> Iterator[dict[str, str]]:
    """URL by protocol."""
    with Flow(protocol=("grpc", "http", "websocket"), host="127.0.0.1").add(uses=Encoder, name="ours") as served:
        yield {address.partition("://")[0]: address for address in served.addresses}


def check_documents(said: dict[str, object]) -> None:
    encoded = said["encode"]
    assert isinstance(encoded, dict)
    assert encoded["ids"]
    assert encoded["vectors"] == VECTORS
    assert encoded["part"] == "p"


def test_over_grpc_a_flow_answers(flow: dict[str, str]) -> None:
    said = said_by(flow["grpc"])
    check_documents(said)
    assert said["encode"]["dtype"] == "float32"
    assert said["encode"]["tags"] == ["n=5"]
    assert said["unary"] == [3.0] * 3
    assert said["letters"] == ["a", "b", "c"]
    assert said["ready"]
    assert said["fail"] == {"name": "ValueError", "args": ["boom"], "documents": 0}
    assert said["raised"] == "BadServer"
    report = said["report"]
    assert report["results"] == {"ours": {"count": 2.0}}
    assert report["routes"] == ["gateway", "ours"]
    assert report["timed"]
    assert len(report["id"]) == 32


def test_over_grpc_a_deployment_without_a_gateway_answers() -> None:
    with Deployment(uses=Encoder, protocol="grpc", host="127.0.0.1", name="ours") as served:
        said = said_by(served.addresses[0])
    check_documents(said)
    assert said["report"]["routes"] == ["ours"]
    assert said["letters"] == ["a", "b", "c"]
    assert said["ready"]


def test_over_http_a_flow_answers(flow: dict[str, str]) -> None:
    said = said_by(flow["http"])
    check_documents(said)
    assert said["encode"]["tags"] == ["n=5.0"]  # as their client writes it
    assert "boom" in said["fail"]["text"]


def test_over_websocket_a_flow_answers(flow: dict[str, str]) -> None:
    said = said_by(flow["ws"])
    check_documents(said)
    assert said["encode"]["tags"] == ["n=5"]
    assert said["fail"]["name"] == "ValueError"
