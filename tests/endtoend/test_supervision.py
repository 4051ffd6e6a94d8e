"""What is seen of a running service from outside, and what happens to its processes."""

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.endtoend.scripts import eventually
from tests.endtoend.toilers import Glutton, Talker, Word
from thalweg import Deployment, Flow
from thalweg.errors import ConfigurationError, ExecutorFailed, ThalwegError, Unavailable
from thalweg.orchestration.running import service, services

ROOT = str(Path(__file__).parents[2])


@pytest.fixture(scope="module")
def flow():
    with Flow(name="seen", protocol="http", replica_wait=20.0).add(uses=Talker, name="talker", replicas=2) as flow:
        yield flow


def readiness(flow):
    try:
        with urllib.request.urlopen(f"http://localhost:{flow.ports[0]}/readyz") as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def process(name, title):
    return next(one for one in service(name).status().processes if one.title == title)


def texts(lines):
    return [line.text for line in lines]


def test_it_is_listed_with_who_started_it_and_where_it_listens(flow):
    seen = service("seen")
    assert (seen.name, seen.kind, seen.pid) == ("seen", "flow", os.getpid())
    assert [address.rpartition(":")[2] for address in seen.addresses] == [str(flow.ports[0])]
    assert 0 < seen.since <= time.time()
    assert "seen" in [one.name for one in services()]
    assert service(str(flow.ports[0])).directory == seen.directory
    assert oct(os.stat(seen.directory / "control.sock").st_mode)[-3:] == "600"


def test_what_does_not_run_is_an_error_that_lists_what_does(flow):
    with pytest.raises(ConfigurationError, match=r"Nothing that runs is called 'nobody'. There is: .*seen \(process"):
        service("nobody")


def test_the_status_has_a_row_for_each_process_with_how_it_does(flow):
    for _ in range(20):
        flow.post("/say", Word(text="x"), return_type=Word)
    eventually(lambda: sum(process("seen", f"talker/{number}").requests for number in (0, 1)) >= 20)
    eventually(lambda: process("seen", "gateway").requests >= 20)
    status = service("seen").status()
    assert status.ready
    assert [row.title for row in status.processes] == ["gateway", "talker/0", "talker/1"]
    assert {row.title: row.pid for row in status.processes} == flow.pids
    gateway, *workers = status.processes
    assert gateway.requests >= 20
    assert gateway.rate > 0
    for row in workers:
        assert (row.node, row.phase, row.restarts) == ("talker", "ready", 0)
        assert row.requests == 0 or 0 < row.p50_ms <= row.p99_ms < 60_000
        assert row.memory_bytes > 1 << 20
        assert row.ready_since > 0


def test_errors_are_counted(flow):
    before = sum(process("seen", f"talker/{number}").errors for number in (0, 1))
    with pytest.raises(ExecutorFailed):
        flow.post("/fail", Word(), return_type=Word)
    eventually(lambda: sum(process("seen", f"talker/{number}").errors for number in (0, 1)) == before + 1)


def test_all_that_a_process_writes_keeps_its_order_whatever_way_it_was_written(flow):
    flow.post("/say", [Word(text=f"order {number}") for number in range(5)], return_type=Word)
    ways = ("printed", "logged", "complained", "echoed", "written")
    wanted = [f"{way} order {number}" for number in range(5) for way in ways]
    eventually(lambda: wanted[-1] in texts(service("seen").logs(1000)))
    found = [line for line in service("seen").logs(1000, process="talker") if "order" in line.text]
    assert texts(found) == wanted
    assert len({line.process for line in found}) == 1
    logged = next(line for line in found if line.text == "logged order 0")
    assert (logged.level, logged.logger) == ("WARNING", "thalweg.executor.talker")
    assert [line.time for line in found] == sorted(line.time for line in found)


def test_an_exception_is_one_entry_with_its_traceback(flow):
    with pytest.raises(ExecutorFailed):
        flow.post("/fail", Word(), return_type=Word)
    eventually(lambda: any("it cannot be done" in text for text in texts(service("seen").logs(1000))))
    entry = next(line for line in service("seen").logs(1000) if "it cannot be done" in line.text)
    assert "Traceback (most recent call last):" in entry.text
    assert entry.text.endswith("ValueError: it cannot be done")
    assert entry.level == "ERROR"


def test_who_follows_reads_on_and_may_leave(flow):
    found = []
    arrived = threading.Event()

    def follow():
        for line in service("seen").logs(0, follow=True):
            found.append(line.text)
            arrived.set()
            if line.text == "written the end":
                return

    reader = threading.Thread(target=follow)
    reader.start()
    while not arrived.is_set():  # it may not have begun to follow yet
        flow.post("/say", Word(text="again"), return_type=Word)
        arrived.wait(0.05)
    flow.post("/say", Word(text="the end"), return_type=Word)
    reader.join(60)
    assert not reader.is_alive()
    assert found[-5:] == [f"{way} the end" for way in ("printed", "logged", "complained", "echoed", "written")]


def test_the_last_words_of_a_process_that_was_killed_are_there_before_the_news_of_its_end(flow):
    with pytest.raises(ThalwegError):
        flow.post("/die", Word(), return_type=Word)
    eventually(lambda: any("killed by SIGKILL" in text for text in texts(service("seen").logs(1000))))
    found = texts(service("seen").logs(1000))
    words = found.index("last words, without a line end")
    assert any("killed by SIGKILL; it is started again" in text for text in found[words:])
    eventually(lambda: service("seen").status().ready)
    assert sum(process("seen", f"talker/{number}").restarts for number in (0, 1)) >= 1


def test_questions_that_nobody_understands_are_refused_and_harm_nobody(flow):
    import socket

    for garbage in (b"\xff" * 100, b"\x05\0\0\0hello", b"GET / HTTP/1.1\r\n\r\n", b"\x01", b""):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(service("seen").directory / "control.sock"))
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(20.0)
            while connection.recv(1 << 16):
                """Until it hangs up."""
    assert service("seen").status().ready


def test_a_crash_loop_is_seen_in_the_status_and_by_who_asks_whether_it_is_ready(flow):
    for _ in range(3):
        eventually(lambda: process("seen", "talker/1").phase == "ready")
        pid = flow.pids["talker/1"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: process("seen", "talker/1").pid != pid)  # noqa: B023
    eventually(lambda: process("seen", "talker/1").crash_loop)
    assert process("seen", "talker/1").reason == "it was killed by SIGKILL"
    eventually(lambda: "troubles" in readiness(flow)[1])
    assert readiness(flow) == (
        200,
        {"status": "degraded", "troubles": {"talker/1": "crash loop: it was killed by SIGKILL"}},
    )
    assert not process("seen", "talker/0").crash_loop


def test_it_is_stopped_from_outside():
    with Deployment(Talker, name="brief") as deployment:
        seen = service("brief")
        followed = seen.logs(follow=True)
        deployment.post("/say", Word(text="x"), return_type=Word)
        assert next(followed).text == "printed x"
        seen.stop()
        assert not deployment.running
        assert "written x" in texts(followed)
        with pytest.raises(Unavailable):
            seen.status()
    assert "brief" not in [one.name for one in services()]


def under_load(flow, path, enough):
    """What requests get that come all the time until `enough` of them are answered so."""
    answers, errors = [], []

    def ask(_):
        while not errors and not enough(answers):
            try:
                answers.append(flow.post(path, Word(), return_type=Word).text)
            except ThalwegError as error:
                errors.append(error)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    assert errors == []
    return answers


def test_a_process_that_has_grown_too_large_is_replaced_and_no_request_is_lost():
    with Deployment(Glutton, name="grows", memory_limit="400M") as deployment:
        under_load(deployment, "/eat", lambda answers: len(set(answers)) >= 3)
        assert any("memory_limit is 400 MiB" in text for text in texts(service("grows").logs(1000)))


def test_a_process_that_has_answered_enough_is_replaced_and_no_request_is_lost():
    with Deployment(Glutton, name="tires", uses_with={"megabytes": 0}, max_requests=50) as deployment:
        under_load(deployment, "/eat", lambda answers: len(set(answers)) >= 3)
        assert any("max_requests is 50" in text for text in texts(service("tires").logs(1000)))


def test_a_killed_gateway_comes_back_at_its_ports_and_its_callers_try_again(flow):
    ports, before, stop = flow.ports, flow.pids["gateway"], threading.Event()
    answered = []

    def ask():
        while not stop.is_set():
            answered.append(flow.post("/say", Word(text="under load"), return_type=Word, max_attempts=20))

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    eventually(lambda: len(answered) > 10)
    os.kill(before, signal.SIGKILL)
    eventually(lambda: flow.pids.get("gateway") not in (None, before))
    count = len(answered)
    eventually(lambda: len(answered) > count + 10)
    stop.set()
    for asker in askers:
        asker.join()
    assert flow.ports == ports
    assert readiness(flow)[0] == 200


def test_thirty_executors_in_one_flow_work():
    flow = Flow(name="many")
    for number in range(30):
        flow.add(uses=Glutton, name=f"part{number}", uses_with={"megabytes": 0})
    with flow:
        assert flow.post("/eat", Word(), return_type=Word).text == str(flow.pids["part29/0"])
        assert len(service("many").status().processes) == 31


def test_the_log_of_a_script_is_json_where_that_is_asked_for(run, monkeypatch):
    monkeypatch.setenv("THALWEG_LOG_FORMAT", "json")
    monkeypatch.setenv("THALWEG_LOG_LEVEL", "warning")
    script = run(f"""
        import sys
        sys.path.insert(0, {ROOT!r})
        from thalweg import Deployment
        from tests.endtoend.toilers import Talker, Word

        with Deployment(Talker, name="talker", log_level="INFO") as deployment:
            deployment.post("/say", Word(text="x"), return_type=Word)
    """)
    assert script.end() == 0
    lines = [json.loads(line) for line in script.errors().splitlines()]
    assert [line["message"] for line in lines] == [
        f"{way} x" for way in ("printed", "logged", "complained", "echoed", "written")
    ]
    assert {line["process"] for line in lines} == {"talker/0"}
    assert [line.get("level") for line in lines] == [None, "WARNING", None, None, None]
