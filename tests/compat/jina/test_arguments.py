"""Jina's keyword arguments in Thalweg's words."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from thalweg.compat.arguments import deployment_arguments, gateway_arguments, node_arguments, of_gateway
from thalweg.compat.enums import ProtocolType
from thalweg.compat.excepts import NotSupportedError


@pytest.mark.parametrize(
    "given,expected",
    [
        ({"protocol": "GRPC"}, {"protocol": ["grpc"]}),
        (
            {"protocol": [ProtocolType.HTTP, "websocket"], "port": [1, 2]},
            {"protocol": ["http", "websocket"], "port": [1, 2]},
        ),
        ({"protocol": ["grpc", "http"], "port": 12345}, {"protocol": ["grpc", "http"]}),
        ({"port_expose": 8080}, {"port": 8080}),
        ({"host_in": "127.0.0.1"}, {"host": "127.0.0.1"}),
        ({"host": ["0.0.0.0"]}, {"host": "0.0.0.0"}),
        ({"timeout_send": 1500}, {"timeout": 1.5}),
        ({"timeout_send": -1}, {}),
        ({"retries": -1}, {}),
        ({"retries": 3}, {"retries": 3}),
        ({"uvicorn_kwargs": {"root_path": "/api", "log_level": "info"}}, {"root_path": "/api"}),
        ({"uvicorn_kwargs": {"timeout_keep_alive": 5}}, {"connections": {"idle_seconds": 5}}),
        ({"ssl_certfile": "c.pem", "ssl_keyfile": "k.pem"}, {"tls": {"certfile": "c.pem", "keyfile": "k.pem"}}),
        ({"tls": False}, {}),
        ({"title": "T", "cors": True, "description": "D"}, {"title": "T", "cors": True, "description": "D"}),
        ({"prefetch": 10, "log_config": "default", "quiet": True, "timeout_ready": -1, "monitoring": False}, {}),
    ],
)
def test_those_of_a_gateway(given: dict[str, Any], expected: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gateway_arguments(given) == expected


def test_half_a_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        gateway_arguments({"ssl_certfile": "c.pem"})


def test_those_of_an_executor() -> None:
    given = {
        "override_with": {"a": 1},
        "parallel": 2,
        "env": {"N": 3},
        "port": 1234,
        "protocol": "http",
        "native": True,
    }
    assert node_arguments(given) == {"uses_with": {"a": 1}, "replicas": 2, "env": {"N": "3"}}


def test_an_executor_that_is_elsewhere_keeps_its_address() -> None:
    given = {"external": True, "host": "grpc://example.org", "port": 1234}
    assert node_arguments(given) == {"external": True, "host": "grpc://example.org", "port": 1234}


def test_those_of_a_deployment() -> None:
    assert deployment_arguments({"replicas": 2, "port": [7], "timeout_ctrl": 60}) == {"replicas": 2, "port": [7]}


def test_an_unknown_argument_is_told() -> None:
    with pytest.warns(UserWarning, match="ignored unknown argument: colour"):
        node_arguments({"colour": "red"})


def test_what_would_be_lost_is_refused_with_what_to_do() -> None:
    with pytest.raises(NotSupportedError, match="state is not replicated yet; run one replica"):
        node_arguments({"stateful": True})


def test_milliseconds_become_seconds() -> None:
    given = {"external": True, "host": "grpc://example.org:1", "timeout_ready": 600000}
    assert node_arguments(given)["timeout_ready"] == 600.0
    assert "timeout_ready" not in node_arguments({**given, "timeout_ready": -1})


def test_who_joins_branches_itself_says_so_in_our_words() -> None:
    assert node_arguments({"no_reduce": True})["reduce"] is False
    assert node_arguments({"disable_reduce": True})["reduce"] is False


@pytest.mark.parametrize("name,expected", [("port", True), ("protocols", True), ("replicas", False), ("env", False)])
def test_arguments_of_a_flow_are_its_gateways_or_every_executors(name: str, expected: bool) -> None:
    assert of_gateway(name) is expected
