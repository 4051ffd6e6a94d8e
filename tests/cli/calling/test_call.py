import base64
import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import SECONDS, Invoke, Service, command, environment


@pytest.fixture
def address(served: Service) -> str:
    return served.addresses["http"]


def texts(output: str) -> list[str]:
    return [document["text"] for document in json.loads(output)["data"]]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_one_object_is_one_document(run, served: Service, protocol: str) -> None:
    done = run("call", served.addresses[protocol], "/encode", '{"text": "hi"}')
    assert done.returncode == 0, done.stderr
    (document,) = json.loads(done.stdout)["data"]
    assert (document["text"], document["embedding"]) == ("hi", [1, 1, 1, 1])
    assert done.stdout.count("\n") == 1


def test_a_list_comes_from_the_command_line_a_file_or_standard_input(
    invoke: Invoke, address: str, project: Path
) -> None:
    data = '[{"text": "a"}, {"text": "ü"}]'
    (project / "data.json").write_text(data, "utf-8")
    assert texts(invoke("call", address, "/encode", data).stdout) == ["a", "ü"]
    assert texts(invoke("call", address, "/encode", "@data.json").stdout) == ["a", "ü"]
    assert texts(invoke("call", address, "/encode", "-", stdin=data).stdout) == ["a", "ü"]
    assert texts(invoke("call", address, "/encode").stdout) == []


def test_parameters_and_headers_reach_the_executor(invoke: Invoke, address: str) -> None:
    done = invoke("call", address, "/encode", '{"text": "a"}', "--parameters", '{"mark": 1}', "--header", "X-Mark: b c")
    assert texts(done.stdout) == ["a1b c"]


def test_parameters_may_be_given_one_by_one(invoke: Invoke, address: str) -> None:
    done = invoke("call", address, "/encode", '{"text": "a"}', "--parameters", '{"mark": 1}', "-p", "mark=[2, x]")
    assert texts(done.stdout) == ["a[2, 'x']"]
    assert "write key=value" in invoke("call", address, "/encode", "-p", "mark").stderr


def test_lines_are_documents_and_files_are_fields(invoke: Invoke, address: str, project: Path) -> None:
    lines = '{"text": "a"}\n\n{"text": "b"}\n'
    assert texts(invoke("call", address, "/encode", "-", stdin=lines).stdout) == ["a", "b"]
    (project / "letter.txt").write_text("dear ü", "utf-8")
    assert texts(invoke("call", address, "/encode", "--text", "text=letter.txt").stdout) == ["dear ü"]
    assert texts(invoke("call", address, "/encode", lines, "--text", "text=letter.txt").stdout) == ["dear ü"] * 2
    encoded = invoke("call", address, "/encode", "--file", "text=letter.txt").stdout
    assert texts(encoded) == [base64.urlsafe_b64encode("dear ü".encode()).decode()]
    for words in (["--text", "letter.txt"], ["--file", "text=absent"]):
        assert invoke("call", address, "/encode", *words).exit_code == 2


@pytest.mark.parametrize("protocol", ["grpc", "ws"])
def test_lines_are_sent_while_answers_come(invoke: Invoke, served: Service, protocol: str) -> None:
    lines = '{"text": "one two"}\n{"text": "three"}\n'
    done = invoke("call", served.addresses[protocol], "/words", "-", "--stream", stdin=lines)
    assert done.exit_code == 0, done.stderr
    assert [text for line in done.stdout.splitlines() for text in texts(line)] == ["one", "two", "three"]


def test_a_line_that_is_no_document_is_told(invoke: Invoke, served: Service) -> None:
    done = invoke("call", served.addresses["grpc"], "/words", "-", "--stream", stdin="[1]\n")
    assert done.exit_code == 3
    assert "one JSON object" in done.stderr


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_stream_is_printed_item_by_item(invoke: Invoke, served: Service, protocol: str) -> None:
    done = invoke("call", served.addresses[protocol], "/words", '{"text": "one two three"}')
    assert done.exit_code == 0, done.stderr
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 3
    assert ["one" in done.stdout.splitlines()[0], "three" in done.stdout.splitlines()[2]] == [True, True]


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["/encod", '{"text": "a"}'], 3, "error: endpoint_not_found: "),
        (["/encode", '{"txt": "a"}'], 3, "data.0.text: Field required"),
        (["/fail", '{"text": "a"}'], 1, "error: executor_failed: enc failed at /fail: ValueError"),
        (["/wait", '{"text": "a"}', "--timeout", "0.2"], 5, "error: deadline_exceeded: "),
    ],
)
def test_an_error_goes_to_standard_error_with_its_own_exit_code(
    invoke: Invoke, address: str, words: list[str], code: int, message: str
) -> None:
    done = invoke("call", address, *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "grpc://127.0.0.1:1", "unix:///absent.sock"])
def test_a_service_that_is_not_there_ends_with_4(invoke: Invoke, address: str) -> None:
    done = invoke("call", address, "/encode")
    assert done.exit_code == 4
    assert done.stderr.startswith("error: unavailable: ")


def test_an_address_that_is_none_is_told_what_one_looks_like(invoke: Invoke) -> None:
    done = invoke("call", "htp://localhost:8080", "/encode")
    assert done.exit_code == 2
    assert "'htp://localhost:8080' is no address: it begins with one of unix://, grpc://" in done.stderr


def test_an_address_without_a_scheme_is_grpcs(invoke: Invoke) -> None:
    done = invoke("call", "localhost:1", "/encode")
    assert done.exit_code == 4
    assert "grpc://localhost:1" in done.stderr


def test_an_interrupt_ends_with_130_and_says_nothing(address: str, project: Path) -> None:
    (project / "long.json").write_text(json.dumps({"text": "a " * 1_000_000}))
    words = command("call", address, "/words", "@long.json")
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=project, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (130, "")
