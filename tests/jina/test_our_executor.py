"""An Executor of ours does the work in a Flow of Jina's."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from tests.jina.conftest import PATIENCE, Start, free_ports, said_by
from tests.jina.service import Encoder
from thalweg import Deployment


@pytest.fixture(scope="module")
def flow(start: Start) -> Iterator[dict[str, str]]:
    ports = free_ports(2)
    with Deployment(uses=Encoder, protocol="grpc", host="127.0.0.1", name="mine") as served:
        executor = int(served.addresses[0].rpartition(":")[2])
        start("external", executor, *ports)
        yield {"grpc": f"grpc://127.0.0.1:{ports[0]}", "http": f"http://127.0.0.1:{ports[1]}"}


def test_over_grpc(flow: dict[str, str]) -> None:
    said = said_by(flow["grpc"])
    assert said["encode"]["ids"]
    assert said["encode"]["vectors"] == [[0.0] * 3, [1.0] * 3, [2.0] * 3]
    assert said["encode"]["dtype"] == "float32"
    assert said["encode"]["part"] == "p"
    assert said["encode"]["tags"] == ["n=5"]
    assert said["unary"] == [3.0] * 3
    assert said["letters"] == ["a", "b", "c"]
    assert said["fail"] == {"name": "ValueError", "args": ["boom"], "documents": 0}
    assert said["raised"] == "BadServer"
    assert said["report"]["results"] == {"mine": {"count": 2.0}}
    assert said["report"]["routes"] == ["ours"]
    assert said["ready"]


def test_over_http_with_documents_remade_from_the_schema(flow: dict[str, str]) -> None:
    """Not with Jina's own client: its Gateway has no OpenAPI page where documents hold documents, and that client needs
    one."""
    document = {"id": "1", "text": "abc", "score": 1.5, "part": {"id": "2", "name": "p"}, "tags": []}
    body = json.dumps({"data": [document], "parameters": {"n": 5}}).encode()
    request = urllib.request.Request(f"{flow['http']}/encode", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answered:
        (data,) = json.load(answered)["data"]
    assert data["id"] == "1"
    assert json.loads(data["vector"]) == [3.0] * 3
    assert data["score"] == 0.5
    assert data["part"] == {"id": "2", "name": "p"}
    assert data["spare"] is None
    assert [part["name"] for part in data["parts"]] == ["a", "b"]
    assert data["tags"] == ["n=5"]
