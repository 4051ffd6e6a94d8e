"""The real command against real services."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, Run, Service
from thalweg.cli.load.result import Result

SHORT = ("--requests", "40", "--warm-up", "0.1", "-c", "4")


@pytest.mark.parametrize("scheme", ["http", "grpc", "ws"])
def test_every_protocol_can_be_loaded_with_documents_that_are_made_up(
    invoke: Invoke, served: Service, scheme: str
) -> None:
    done = invoke("bench", served.addresses[scheme], "/encode", *SHORT, "--batch", "3", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["answered"], found["failed"], found["documents_per_request"]) == (40, 0, 3)
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p99"] <= found["latency_ms"]["max"]


@pytest.mark.parametrize("scheme", ["http", "grpc", "ws"])
def test_an_endpoint_that_streams_is_answered_when_its_last_item_is_there(
    invoke: Invoke, served: Service, scheme: str
) -> None:
    done = invoke("bench", served.addresses[scheme], "/words", *SHORT, "--json")
    assert (json.loads(done.stdout)["answered"], done.exit_code) == (40, 0), done.stdout


def test_a_rate_is_kept_and_the_picture_printed(run: Run, served: Service, project: Path) -> None:
    done = run("bench", served.addresses["http"], "/encode", "--rate", "100", "--poisson", *SHORT, "--svg", "load.svg")
    assert done.returncode == 0, done.stderr
    assert "100/s at random times" in done.stdout
    assert "█" in done.stdout
    assert "making this load took" in done.stdout
    assert (project / "load.svg").read_text().startswith("<svg")


def test_a_run_is_kept_and_compared_with_the_next(invoke: Invoke, served: Service, project: Path) -> None:
    (project / "docs.jsonl").write_text('{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n')
    words = ("bench", served.addresses["http"], "/encode", "--data", "docs.jsonl", *SHORT)
    assert invoke(*words, "--save", "first.json").exit_code == 0
    assert Result.read(project / "first.json").answered == 40
    done = invoke(*words, "--compare", "first.json")
    assert "before" in done.stdout


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_failures_are_counted_by_kind_and_a_run_without_answers_ends_with_1(
    invoke: Invoke, served: Service, scheme: str
) -> None:
    done = invoke("bench", served.addresses[scheme], "/fail", *SHORT, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["failures"] == {"status 500" if scheme == "http" else "executor_failed": 40}


@pytest.mark.parametrize(
    "words, code, message",
    [
        (("http://127.0.0.1:1", "/encode"), 4, "Nobody answers at http://127.0.0.1:1"),
        (("grpc://127.0.0.1:1", "/encode"), 4, "Nobody answers at grpc://127.0.0.1:1"),
        (("http://127.0.0.1:1", "encode"), 2, "did you mean '/encode'?"),
        (("http://127.0.0.1:1", "/encode", "--poisson"), 2, "give --rate too"),
        (("http://127.0.0.1:1", "/encode", "--compare", "flow.yml"), 1, "is no result of 'thalweg bench --save'"),
        (("http://127.0.0.1:1", "/encode", "--data", "flow.yml"), 1, "flow.yml:2: Expecting value"),
        (("unix:///nowhere.sock", "/encode"), 1, "give documents with --data"),
    ],
)
def test_what_cannot_be_measured_is_told(invoke: Invoke, words: tuple[str, ...], code: int, message: str) -> None:
    done = invoke("bench", *words)
    assert (done.exit_code, message in done.stderr.replace("\n", " ")) == (code, True), done.stderr


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_an_endpoint_that_is_not_there_is_named_with_those_that_are(
    invoke: Invoke, served: Service, scheme: str
) -> None:
    done = invoke("bench", served.addresses[scheme], "/encoed", *SHORT)
    assert done.exit_code == 3
    assert "There is no endpoint /encoed; there are /encode, /fail" in done.stderr
