"""Several protocols at once, each at a port of its own, from one Gateway or one Executor alone."""

import json
from typing import Any

import pytest
import requests as http
from websockets.sync.client import connect

from tests.endtoend.samples import Text, Upper
from thalweg import Client, Deployment, Flow
from thalweg.config import DeploymentOptions, Protocol
from thalweg.docs import DocList
from thalweg.errors import ConfigurationError


def _check(served: Any) -> None:
    by_http, by_websocket, by_grpc = served.addresses
    assert [address.partition(":")[0] for address in served.addresses] == ["http", "ws", "grpc"]
    assert len(set(served.ports)) == 3
    for address in (by_http, by_websocket, by_grpc, by_http.replace("http", "ws") + "/ws"):
        with Client(host=address) as client:
            assert client.is_ready()
            found = client.post("/do", Text(text="a"), return_type=DocList[Text])
            assert [doc.text for doc in found] == ["A"]
    with connect(by_websocket, proxy=None) as talking:
        talking.send(json.dumps({"id": 1, "endpoint": "/do", "data": [{"id": "x", "text": "b"}]}))
        assert json.loads(talking.recv()) == {"id": 1, "data": [{"id": "x", "text": "B"}], "parameters": {}}
        talking.send(json.dumps({"id": 2, "endpoint": "/do", "data": [{"text": 5}]}))
        error = json.loads(talking.recv())["error"]
        assert (error["code"], error["detail"][0]["loc"]) == ("invalid_document", ["body", "data", 0, "text"])
    answer = http.post(
        f"{by_http}/graphql", json={"query": '{ do(data: [{text: "c"}]) { data { text } } }'}, timeout=30
    )
    assert answer.json() == {"data": {"do": {"data": [{"text": "C"}]}}}


PROTOCOLS: tuple[Protocol, ...] = ("http", "websocket", "grpc")


def test_an_executor_alone_speaks_several_protocols() -> None:
    with Deployment(uses=Upper, protocol=PROTOCOLS, graphql=True) as served:
        _check(served)


def test_a_flow_speaks_several_protocols() -> None:
    with Flow(protocol=PROTOCOLS, graphql=True).add(uses=Upper, replicas=2) as served:
        _check(served)


def test_graphql_without_http_is_refused_before_anything_starts() -> None:
    with pytest.raises((ConfigurationError, ValueError), match="graphql comes over http"):
        DeploymentOptions(uses=Upper, protocol="grpc", graphql=True)
