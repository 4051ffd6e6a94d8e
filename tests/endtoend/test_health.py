"""Workers that do not answer any more are noticed, and replaced."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from scripts.ports import vacant_port
from tests.endtoend.patients import Asthmatic, Patient
from tests.endtoend.samples import Text, Upper
from tests.endtoend.scripts import eventually
from thalweg import Client, Deployment, Flow
from thalweg.config import Protocol
from thalweg.errors import DeadlineExceeded, ExecutorFailed, StartupFailed, ThalwegError


def flow(folder: Path, uses: type = Patient, **options: object) -> Flow:
    made = Flow(protocol="http")
    return made.add(uses=uses, name="patient", uses_with={"folder": str(folder)}, **options)  # type: ignore[arg-type]


def is_replaced(running: Flow, old: int | None) -> bool:
    return running.pids.get("patient/0") not in (None, old)


def text(running: Flow | Deployment, endpoint: str, content: str = "a") -> str:
    answer: Text = running.post(endpoint, Text(text=content), return_type=Text)
    return answer.text


def test_a_worker_whose_thread_is_stuck_is_replaced_and_the_others_requests_are_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with flow(tmp_path, stuck_after=2.0) as running, ThreadPoolExecutor(5) as pool:
        old = running.pids["patient/0"]
        assert text(running, "/do") == f"a {old}"
        stuck = pool.submit(text, running, "/stick")
        eventually((tmp_path / "stuck").exists)
        waiting = [pool.submit(text, running, "/do") for _ in range(4)]
        with pytest.raises(ExecutorFailed, match="is being replaced: one call has kept its thread for"):
            stuck.result()
        answers = {one.result() for one in waiting}
        assert answers == {f"a {running.pids['patient/0']}"}
        assert is_replaced(running, old)
        assert text(running, "/stick") == "a"
    assert "one call has kept its thread" in caplog.text


def test_a_stopped_worker_is_replaced_and_its_request_answered_by_the_next_one(tmp_path: Path) -> None:
    with flow(tmp_path, stuck_after=2.0) as running:
        old = running.pids["patient/0"]
        assert text(running, "/stop") == "a"
        assert is_replaced(running, old)


def test_requests_go_round_a_stopped_replica(tmp_path: Path) -> None:
    with flow(tmp_path, replicas=2) as running:
        stopped, other = running.pids["patient/0"], running.pids["patient/1"]

        def answered_by() -> set[str]:
            try:
                return {running.post("/do", Text(text="a"), return_type=Text, timeout=2).text for _ in range(10)}
            except DeadlineExceeded:  # it was sent before anybody could notice
                return set()

        os.kill(stopped, signal.SIGSTOP)
        try:
            eventually(lambda: answered_by() == {f"a {other}"})
        finally:
            os.kill(stopped, signal.SIGCONT)
        eventually(lambda: f"a {stopped}" in answered_by())


def test_a_worker_whose_probe_fails_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with flow(tmp_path) as running:
        old = running.pids["patient/0"]
        (tmp_path / "ill").touch()
        eventually(lambda: running.pids.get("patient/0") != old)
        (tmp_path / "ill").unlink()
        eventually(running.is_ready)
        assert is_replaced(running, old)
        assert text(running, "/do")
    assert "its probe has failed 2 times in a row, at last with: RuntimeError: it hurts" in caplog.text


def test_one_that_wants_no_successor_is_not_ready_until_its_probe_passes(tmp_path: Path) -> None:
    with flow(tmp_path, Asthmatic) as running:
        old = running.pids["patient/0"]
        (tmp_path / "ill").touch()
        eventually(lambda: not running.is_ready())
        (tmp_path / "ill").unlink()
        eventually(running.is_ready)
        assert running.pids["patient/0"] == old


def test_a_worker_ends_after_an_exception_that_is_to_end_it_and_the_caller_gets_its_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with flow(tmp_path, exit_on_exceptions=["ValueError"]) as running:
        old = running.pids["patient/0"]
        with pytest.raises(ExecutorFailed, match="ValueError: no more"):
            text(running, "/fail", "no more")
        eventually(lambda: is_replaced(running, old))
        eventually(running.is_ready)
        assert text(running, "/do")
    assert "ValueError was raised at /fail: no more" in caplog.text


def test_a_warm_up_that_fails_fails_the_start_with_its_cause(tmp_path: Path) -> None:
    (tmp_path / "cold").touch()
    with pytest.raises(StartupFailed, match="RuntimeError: too cold") as caught, flow(tmp_path):
        pass
    assert "in stretch" in caught.value.traceback


def test_examples_are_sent_before_it_is_ready(tmp_path: Path) -> None:
    with flow(tmp_path, warmup={"/note": [{"text": "one"}, Text(text="two")]}):
        assert (tmp_path / "one").exists()
        assert (tmp_path / "two").exists()
    with pytest.raises(StartupFailed, match="ValueError: hot") as caught:
        flow(tmp_path, warmup={"/fail": {"text": "hot"}}).start()
    assert "in fail" in caught.value.traceback


@pytest.fixture(scope="module")
def developing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    with flow(tmp_path_factory.mktemp("patient"), replicas=2, development=True) as running:
        yield running


def test_errors_name_executor_replica_request_and_in_development_mode_the_frames(developing: Flow) -> None:
    with pytest.raises(ExecutorFailed) as caught:
        text(developing, "/fail", "no")
    error = caught.value
    assert (error.executor, error.cause) == ("patient", "ValueError")
    assert error.replica in (0, 1)
    assert len(error.request_id) == 32
    assert "raise ValueError(docs[0].text)\nValueError: no" in error.traceback
    assert "thalweg/" not in error.traceback


def test_without_development_mode_nobody_sees_a_traceback(tmp_path: Path) -> None:
    with flow(tmp_path) as running, pytest.raises(ExecutorFailed) as caught:
        text(running, "/fail")
    assert caught.value.traceback == ""


def test_a_class_of_user_code_arrives_with_its_code_and_status(developing: Flow) -> None:
    with pytest.raises(ThalwegError) as caught:
        text(developing, "/pay")
    error = caught.value
    assert (error.code, error.http, error.message) == ("payment_required", 402, "Your credit is used up.")
    assert (error.cause, error.details) == ("PaymentRequired", [{"credit": 0}])


def test_what_a_constructor_raises_is_told_once_with_its_cause(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "unbuilt").touch()
    with pytest.raises(StartupFailed) as caught, flow(tmp_path):
        pass
    assert caught.value.traceback.count("RuntimeError: not built") == 1
    assert "KeyError: 'blueprint'" in caught.value.traceback
    assert "not built" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("protocol", ["http", "grpc", "websocket"])
def test_an_error_says_the_same_over_every_protocol(protocol: Protocol, tmp_path: Path) -> None:
    made = Flow(protocol=protocol).add(
        uses=Patient, name="patient", uses_with={"folder": str(tmp_path)}, development=True
    )
    with made as running, Client(running.addresses[0]) as client:
        with pytest.raises(ExecutorFailed) as caught:
            client.post("/fail", Text(text="no"))
        error = caught.value
        assert (error.executor, error.replica, error.cause) == ("patient", 0, "ValueError")
        assert error.message == "patient failed at /fail: ValueError: no"
        assert error.traceback.endswith("ValueError: no")
        with pytest.raises(ThalwegError) as caught_too:
            client.post("/pay", Text(text="no"))
        assert (caught_too.value.code, caught_too.value.http) == ("payment_required", 402)


def test_a_failed_request_reaches_no_later_executor_and_carries_no_documents(tmp_path: Path) -> None:
    made = flow(tmp_path).add(
        uses=Patient, name="later", uses_with={"folder": str(tmp_path)}, uses_requests={"/fail": "note"}
    )
    with made as running:
        with pytest.raises(ExecutorFailed, match="patient failed at /fail"):
            text(running, "/fail", "reached")
        assert not (tmp_path / "reached").exists()


def answered(url: str, **headers: str) -> tuple[int, dict[str, object], Message]:
    request = Request(
        url, json.dumps({"data": [{"text": "a"}]}).encode(), {"content-type": "application/json", **headers}
    )
    with pytest.raises(HTTPError) as caught:
        urlopen(request, timeout=60)
    with caught.value as answer:
        return answer.code, json.loads(answer.read()), answer.headers


def test_over_http_a_lost_executor_is_503_and_a_late_one_504(tmp_path: Path) -> None:
    made = Flow(protocol="http", replica_wait=0.1).add(
        uses=Patient, name="patient", uses_with={"folder": str(tmp_path)}, stuck_after=None
    )
    with made as running:
        code, body, headers = answered(running.addresses[0] + "/stick", **{"x-request-timeout": "0.5"})
        assert (code, body["code"]) == (504, "deadline_exceeded")
        assert headers["x-request-id"] == body["request_id"]
        (tmp_path / "unbuilt").touch()
        os.kill(running.pids["patient/0"], signal.SIGKILL)
        code, body, headers = answered(running.addresses[0] + "/do")
        assert (code, body["code"], body["executor"]) == (503, "unavailable", "patient")
        assert int(headers["retry-after"]) >= 1
        (tmp_path / "unbuilt").unlink()


def test_a_client_knows_whether_a_flow_is_ready_before_and_after(tmp_path: Path) -> None:
    port = vacant_port()
    with Client(f"grpc://127.0.0.1:{port}") as client:
        assert not client.is_flow_ready(timeout=5)
        with Flow(protocol="grpc", port=port, host="127.0.0.1").add(uses=Upper):
            assert client.is_flow_ready(timeout=60)
        assert not client.is_flow_ready(timeout=5)
