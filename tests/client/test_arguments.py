import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client.conftest import Service
from thalweg import AsyncClient, Client
from thalweg.docs import BaseDoc
from thalweg.errors import ConfigurationError, MalformedRequest
from thalweg.message import Context
from thalweg.transport.contract import Server


class Number(BaseDoc):
    n: int


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.address) as made:
        yield made


def test_one_class_makes_both_clients(server: Server):
    made = Client(server.address, asyncio=True)
    assert isinstance(made, AsyncClient)
    assert isinstance(Client(server.address, asyncio=False), Client)


@pytest.mark.parametrize(
    "arguments, hint",
    [
        ({"prot": 80}, "no argument 'prot'; did you mean 'port'"),
        ({"prefetch": 0}, "prefetch must be 1 or more"),
        ({"retry": {"max_atempts": 2}}, "max_attempts"),
        ({"tracing": True}, "leave out 'tracing'"),
        ({"compression": "zip"}, "compression"),
        ({"headers": 5}, "Headers are a mapping"),
    ],
)
def test_wrong_arguments_of_a_client_are_refused(arguments: Any, hint: str):
    for kind in (Client, AsyncClient):
        with pytest.raises(ConfigurationError, match=hint):
            kind("grpc://localhost:1", **arguments)


def test_arguments_of_jinas_that_switch_nothing_on_are_taken():
    Client("localhost", port=1, protocol="grpc", metrics=False, tracing=None, log_config="default", reuse_session=True)
    Client(host="grpc://localhost:1", grpc_channel_options={"grpc.max_concurrent_streams": 5})
    Client(host="grpc://localhost:1", grpc_channel_options=[("grpc.max_concurrent_streams", 5)])


@pytest.mark.parametrize(
    "options, hint",
    [
        ({"request_sise": 3}, "did you mean 'request_size'"),
        ({"request_size": 0}, "request_size"),
        ({"prefetch": -1}, "prefetch"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"on_done": 3}, "on_done must be a function"),
        ({"parameters": 3}, "parameters must be a mapping"),
        ({"metadata": 3}, "Headers"),
        ({"metadata": ["x"]}, "Headers"),
    ],
)
def test_wrong_arguments_of_a_call_are_refused_before_anything_is_sent(
    client: Client, service: Service, options: Any, hint: str
):
    with pytest.raises(ConfigurationError, match=hint):
        client.post("/echo", Number(n=1), **options)
    with pytest.raises(ConfigurationError, match="endpoint"):
        client.post(Number(n=1))  # type: ignore[call-overload]
    assert service.seen == []


@pytest.mark.parametrize(
    "inputs", ["text", b"bytes", 5, ["text"], lambda: "text"], ids=["text", "bytes", "number", "list", "function"]
)
def test_inputs_that_are_no_documents_are_a_type_error_too(client: Client, inputs: Any):
    with pytest.raises(TypeError, match="input"):
        client.post("/echo", inputs)
    with pytest.raises(MalformedRequest, match="input"):
        client.check_input(inputs)


def test_a_function_may_return_the_inputs(client: Client):
    def numbers() -> Iterator[Number]:
        yield from (Number(n=n) for n in range(3))

    assert client.post("/echo", numbers, return_type=Number).n == [0, 1, 2]
    assert client.post("/echo", lambda: Number(n=1), return_type=Number).n == 1
    assert client.post("/echo", lambda: [Number(n=1)], return_type=Number).n == [1]
    assert [one.n for one in client.stream("/echo", numbers, return_type=Number)] == [0, 1, 2]
    client.check_input(numbers)
    client.check_input({"n": 1})
    client.check_input()


def context_of(address: str, service: Service, **options: Any) -> Context:
    with Client(address, headers={"X-Api-Key": "k", "x-b": "client"}) as client:
        client.post("/echo", Number(n=1), **options)
    return service.seen[-1][1]


def test_what_goes_along_with_a_call_arrives(everywhere: str, service: Service):
    context = context_of(
        everywhere, service, metadata=(("X-A", "1"), ("x-b", "metadata")), headers={"X-B": "2"}, timeout=30
    )
    assert {name: context.metadata[name] for name in ("x-a", "x-b", "x-api-key")} == {
        "x-a": "1",
        "x-b": "2",
        "x-api-key": "k",
    }
    remaining = context.remaining()
    assert remaining is not None
    assert 0 < remaining <= 30
    assert context_of(everywhere, service).metadata["x-b"] == "client"


def test_priority_and_share_arrive(everywhere: str, service: Service):
    context = context_of(everywhere, service, priority=7, share="tenant-1")
    assert (context.priority, context.share) == (7, "tenant-1")


def test_a_call_may_be_packed_in_another_way(everywhere: str, service: Service):
    if everywhere.startswith(("unix", "ws")):
        with pytest.raises(ConfigurationError, match=r"this machine|leave out"):
            context_of(everywhere, service, compression="gzip")
    else:
        assert context_of(everywhere, service, compression="Gzip") is not None
        assert context_of(everywhere, service, compression="NoCompression") is not None


def test_shortcuts_post_to_their_endpoints(client: Client, service: Service):
    client.index([Number(n=1)])
    client.search([Number(n=1)], parameters={"limit": 1})
    client.update([Number(n=1)])
    client.delete([Number(n=1)])
    assert [request.endpoint for request, _ in service.seen] == ["/index", "/search", "/update", "/delete"]
    assert service.seen[1][0].parameters == {"limit": 1}


def test_readiness_has_the_names_that_jina_gave_it(client: Client, service: Service):
    assert (client.is_ready(), client.is_flow_ready(), client.dry_run()) == (True, True, True)
    service.is_ready = False
    assert (client.is_ready(), client.is_flow_ready(), client.dry_run()) == (False, False, False)


def test_the_environment_stays_as_it_is(everywhere: str, monkeypatch: pytest.MonkeyPatch):
    # Nobody listens there: a client that heeded them would get no answer.
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    before = dict(os.environ)
    with Client(everywhere) as client:
        assert client.post("/echo", Number(n=1), return_type=Number).n == 1
    assert dict(os.environ) == before


@pytest.mark.parametrize("everywhere", ["grpc"], indirect=True)
def test_options_of_grpcs_channel_are_a_mapping_or_pairs(everywhere: str):
    for options in ({"grpc.max_concurrent_streams": 5}, [("grpc.max_concurrent_streams", 5)]):
        with Client(everywhere, grpc_channel_options=options) as client:
            assert client.post("/echo", Number(n=1), return_type=Number).n == 1
