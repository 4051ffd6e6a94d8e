"""Custom Gateways, applications and middleware in front of real Flows."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.gateway.fronts import Censor, Exclaim, Front, OnlyFront, Silent, Telegraph, Text, Unfit, Upper, other
from thalweg import Client, Deployment, Flow
from thalweg.errors import ConfigurationError, InvalidDocument, StartupFailed, Unauthenticated

KEY = "a key of sixteen characters"


def flow(**gateway: Any) -> Flow:
    made = Flow(protocol="http").add(uses=Upper, name="upper").add(uses=Exclaim, name="exclaim")
    return made.config_gateway(**gateway)


@pytest.fixture(scope="module")
def served() -> Iterator[httpx.Client]:
    with flow(uses=Front, uses_with={"greeting": "hi"}) as running, httpx.Client(base_url=running.addresses[0]) as http:
        yield http


def test_its_application_calls_the_flow(served: httpx.Client) -> None:
    answer = served.get("/ask", params={"text": "river"}).json()
    assert answer == {"greeting": "hi", "said": ["RIVER!"], "events": ["started flow", "application up"]}


def test_it_hands_headers_on(served: httpx.Client) -> None:
    assert served.get("/ask", params={"text": "a"}, headers={"x-end": "?"}).json()["said"] == ["A?!"]


def test_one_executor_can_be_called_alone(served: httpx.Client) -> None:
    assert served.get("/alone", params={"text": "quiet"}).json() == ["quiet!"]


def test_requests_that_fail_stand_beside_those_that_do_not(served: httpx.Client) -> None:
    answer = served.get("/many", params={"number": 100}).json()
    assert answer["said"] == [f"{index}!" for index in range(100) if index != 3]
    assert answer["failed"] == ["executor_failed"]


def test_the_error_is_raised_where_it_is_not_asked_for(served: httpx.Client) -> None:
    assert served.get("/strict").json() == ["executor_failed"]


def test_a_streaming_endpoint_streams_through_it(served: httpx.Client) -> None:
    assert served.get("/counting", params={"to": 3}).text.split() == ["n0", "n1", "n2"]


def test_the_routes_stand_beside_its_application(served: httpx.Client) -> None:
    answer = served.post("/say", json={"data": [{"text": "a"}]})
    assert answer.json()["data"][0]["text"] == "A!"
    assert served.get("/readyz").status_code == 200


def test_its_application_can_stand_in_place_of_the_routes() -> None:
    with flow(uses=OnlyFront) as running, httpx.Client(base_url=running.addresses[0]) as http:
        assert http.get("/ask", params={"text": "a"}).json()["said"] == ["A!"]
        assert http.post("/say", json={"data": [{"text": "a"}]}).json() == {"detail": "Not Found"}
        assert http.get("/docs").text != ""
        assert http.get("/readyz").status_code == 200
        assert running.post("/say", Text(text="b"), return_type=Text).text == "B!"


def test_it_can_listen_itself() -> None:
    with flow(uses="tests.gateway.fronts:Telegraph") as running:
        with socket.create_connection(("127.0.0.1", running.ports[0])) as line:
            line.sendall(b"stop\n")
            assert line.makefile().readline() == "STOP!\n"
        assert running.post("/say", Text(text="b"), return_type=Text).text == "B!"


def test_it_is_told_of_a_class_that_is_no_gateway() -> None:
    with pytest.raises(StartupFailed, match=r"derived from thalweg\.Gateway"):
        flow(uses=Unfit).start()


def test_a_gateway_that_does_not_listen_fails_the_start() -> None:
    with pytest.raises(StartupFailed, match="ended before it listened"):
        flow(uses=Silent).start()


def test_an_argument_that_it_does_not_take_fails_the_start() -> None:
    with pytest.raises(StartupFailed, match="colour"):
        flow(uses=Telegraph, uses_with={"colour": "red"}).start()


def test_a_name_that_is_not_found_is_told_before_anything_starts() -> None:
    with pytest.raises(ConfigurationError, match="names nothing"):
        flow(uses="nowhere").start()


@pytest.mark.parametrize("app", [other, "tests.gateway.fronts:other"])
def test_an_application_is_shown_below_its_prefix(app: Any) -> None:
    with Deployment(Upper, protocol="http", apps={"/other": app}) as running:
        answer = httpx.get(f"{running.addresses[0]}/other/hello")
        assert answer.json()["root"] == "/other"
        assert httpx.post(f"{running.addresses[0]}/say", json={"data": {"text": "a"}}).status_code == 200


def test_an_application_that_cannot_be_sent_is_refused_before_anything_starts() -> None:
    with pytest.raises(ConfigurationError, match=r"package\.module:name"):
        Deployment(Upper, protocol="http", apps={"/": FastAPI()}).start()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_middleware_stands_before_every_protocol(protocol: Any) -> None:
    with Deployment(Upper, protocol=protocol, middleware=Censor) as running, Client(running.addresses[0]) as client:
        assert client.post("/say", Text(text="a"), return_type=Text).text == "A"
        with pytest.raises(InvalidDocument, match="not said here"):
            client.post("/say", Text(text="a secret"))


@pytest.mark.parametrize("protocol", ["grpc", "http", "websocket"])
@pytest.mark.parametrize("options", [{"access": {"api_keys": {"ada": KEY}}}, {"caller_priority": 0}])
def test_middleware_stands_behind_what_looks_at_callers(protocol: Any, options: dict[str, Any]) -> None:
    with (
        Deployment(Upper, protocol=protocol, middleware=Censor, **options) as running,
        Client(running.addresses[0], headers={"x-api-key": KEY}) as client,
    ):
        assert client.post("/say", Text(text="a"), return_type=Text).text == "A"
        with pytest.raises(InvalidDocument, match="not said here"):
            client.post("/say", Text(text="a secret"))


def test_middleware_that_makes_no_handler_is_refused_before_anything_listens() -> None:
    with pytest.raises(StartupFailed, match="middleware FastAPI is called with the handler"):
        Deployment(Upper, protocol="http", middleware=FastAPI).start()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_key_is_asked_for_from_outside_only(protocol: Any, replicas: int) -> None:
    access = {"api_keys": {"ada": KEY}, "rate": {"requests": 1000}}
    with Deployment(Upper, protocol=protocol, replicas=replicas, access=access) as running:
        assert running.post("/say", Text(text="a"), return_type=Text).text == "A"
        with Client(running.addresses[0]) as client:
            with pytest.raises(Unauthenticated, match="x-api-key"):
                client.post("/say", Text(text="a"))
            answer = client.post("/say", Text(text="a"), return_type=Text, headers={"X-API-Key": KEY})
            assert answer.text == "A"
