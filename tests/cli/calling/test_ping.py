"""`thalweg ping`, against services that answer, that do not, and that are not there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner, Result

from tests.endtoend.patients import Asthmatic
from tests.endtoend.samples import Upper
from tests.endtoend.scripts import eventually
from thalweg import Deployment, Flow
from thalweg.cli.main import main
from thalweg.config import Protocol

PROTOCOLS: list[Protocol] = ["grpc", "http", "websocket"]


def ping(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["ping", "--timeout", "20", *arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patient")


@pytest.fixture(scope="module")
def flow(folder: Path) -> Iterator[Flow]:
    made: Any = Flow(protocol=PROTOCOLS).add(uses=Upper, name="upper")
    with made.add(uses=Asthmatic, name="patient", uses_with={"folder": str(folder)}) as running:
        yield running


@pytest.fixture
def ill(folder: Path, flow: Flow) -> Iterator[None]:
    (folder / "ill").touch()
    eventually(lambda: not flow.is_ready())
    yield
    (folder / "ill").unlink()
    eventually(flow.is_ready)


@pytest.mark.parametrize("number", range(len(PROTOCOLS)), ids=PROTOCOLS)
def test_what_answers_ends_with_0(flow: Flow, number: int) -> None:
    address = flow.addresses[number]
    done = ping("gateway", address)
    assert (done.exit_code, done.output.split(", ")[0]) == (0, f"{address}: ready"), done.output
    done = ping("flow", address)
    assert (done.exit_code, done.output.split(", ")[0]) == (0, f"{address}: all Executors answer"), done.output


def test_without_a_scheme_it_is_grpc(flow: Flow) -> None:
    address = flow.addresses[0].removeprefix("grpc://")
    done = ping(address)
    assert (done.exit_code, done.output.split(", ")[0]) == (0, f"grpc://{address}: ready")


@pytest.mark.parametrize("number", range(len(PROTOCOLS)), ids=PROTOCOLS)
@pytest.mark.usefixtures("ill")
def test_an_executor_that_is_ill_is_named_by_a_dry_run(flow: Flow, number: int) -> None:
    done = ping("flow", flow.addresses[number])
    assert done.exit_code == 1
    assert "No replica is ready of: patient." in done.output
    done = ping("gateway", flow.addresses[number])
    assert (done.exit_code, done.output) == (1, f"{flow.addresses[number]}: the gateway is there, but not ready\n")


def test_where_nobody_listens_it_ends_with_1_after_all_attempts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = ping("executor", f"grpc://127.0.0.1:{port}", "--attempts", "2", "--interval", "0")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["1/2", "2/2"]
    assert "unavailable" in lines[0]


def test_who_says_nothing_has_until_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = ping(f"http://127.0.0.1:{listener.getsockname()[1]}", "--timeout", "0.2")
    assert done.exit_code == 1
    assert "no answer within 0.2 s" in done.output


def test_enough_successes_are_enough(flow: Flow) -> None:
    done = ping(flow.addresses[1], "--attempts", "9", "--min-successful-attempts", "2", "--interval", "0")
    assert (done.exit_code, len(done.output.splitlines())) == (0, 2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "Give an address"),
        (["flow"], "Which flow?"),
        (["pod", "grpc://localhost:1"], "'pod' is not one of executor, gateway, flow"),
        (["localhost:1", "--min-successful-attempts", "2"], "2 of 1 attempts cannot succeed"),
    ],
)
def test_a_wrong_command_line_ends_with_2(arguments: list[str], message: str) -> None:
    done = ping(*arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_an_unknown_scheme_is_told() -> None:
    done = ping("soap://localhost:1")
    assert done.exit_code == 2
    assert "soap://localhost:1" in done.output


def test_encrypted_services_are_asked_with_their_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    tls: Any = {"certfile": tmp_path / "server.pem"}
    with Deployment(uses=Upper, protocol=["grpc", "http"], host="localhost", tls=tls) as deployment:
        for address in deployment.addresses:
            plain = address.replace("grpcs://", "grpc://").replace("https://", "http://")
            assert ping("executor", plain, "--ca", str(tmp_path / "ca.pem")).exit_code == 0
            assert ping("flow", plain, "--ca", str(tmp_path / "ca.pem")).exit_code == 0
            done = ping("executor", plain, "--tls", "--no-verify")
            assert done.exit_code == (0 if plain.startswith("http:") else 1), (
                done.output
            )  # gRPC always verifies, and says so
            assert ping("executor", plain, "--tls", "--timeout", "5").exit_code == 1
