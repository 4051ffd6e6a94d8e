"""Commands for what runs already, against a Flow that `thalweg serve` started."""

import io
import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from rich.console import Console
from rich.text import Text

from tests.cli.conftest import SECONDS, Invoke, Service, command, environment
from thalweg import Client
from thalweg.cli.running.top import parts
from thalweg.orchestration.control.questions import Identity, ProcessStatus, ServiceStatus

LOUD = """
    from thalweg import Executor, requests
    from thalweg.docs import BaseDoc, DocList


    class Text(BaseDoc):
        text: str


    class Loud(Executor):
        @requests(on="/say")
        def say(self, docs: DocList[Text]) -> DocList[Text]:
            print("said", docs[0].text)
            self.logger.warning("logged %s", docs[0].text)
            return docs
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("running")
    (folder / "loud.py").write_text(dedent(LOUD))
    return folder


def flow(folder: Path, name: str, mark: str = "") -> Path:
    file = folder / f"{name}.yml"
    file.write_text(
        f"jtype: Flow\nname: {name}\nwith: {{protocol: grpc, host: 127.0.0.1}}\n"
        f"executors:\n- {{name: loud, uses: loud.py:Loud, replicas: 2, env: {{MARK: '{mark}'}}}}\n"
    )
    return file


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Service]:
    """A Flow called `watched`, asked once."""
    service = Service(folder, str(flow(folder, "watched")))
    try:
        service.read_to("ready after")
        with Client(host=service.addresses["grpc"]) as client:
            client.post("/say", {"text": "first words"})
        yield service
        assert service.stop() == 0, "\n".join(service.lines)
    finally:
        service.end()


def test_ps_lists_what_runs(invoke: Invoke, running: Service) -> None:
    (row,) = [row for row in invoke("ps").stdout.splitlines() if row.startswith("watched ")]
    assert re.search(rf"watched +flow +{running.process.pid} +\d+ s +{running.addresses['grpc']}", row)
    found = {one["name"]: one for one in json.loads(invoke("ps", "--json").stdout)}
    assert found["watched"]["pid"] == running.process.pid
    assert found["watched"]["addresses"] == [running.addresses["grpc"]]


def test_top_shows_every_process_once(invoke: Invoke, running: Service) -> None:
    done = invoke("top", "watched", "--once", COLUMNS="160")
    assert done.exit_code == 0, done.stderr
    assert "watched (flow, process" in done.stdout
    for name in ("gateway", "loud/0", "loud/1"):
        assert re.search(rf"^{name} +ready +\d+ +[\d.]+/s", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"PROCESS +PHASE +PID +RATE +ERRORS +P50 +P99 +BUSY +QUEUE +BATCH +MEMORY +RESTARTS", done.stdout)


def test_tables_that_no_terminal_shows_are_whole(invoke: Invoke, running: Service) -> None:
    table = invoke("top", "watched", "--once").stdout
    assert re.search(r"PROCESS +PHASE +PID +RATE +ERRORS +P50 +P99 +BUSY +QUEUE +BATCH +MEMORY +RESTARTS", table)
    assert "…" not in table


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_narrow_table_has_fewer_columns_and_no_broken_ones(width: int) -> None:
    busy = ProcessStatus(
        "keywords", title="keywords/10", pid=1234567, phase="ready", rate=1234.5, p50_ms=29.5, p99_ms=52.3, in_flight=16
    )
    broken = ProcessStatus("tone", title="tone/0", phase="waiting", reason="it was killed by SIGKILL " * 5, restarts=3)
    table, reason = parts(ServiceStatus(Identity("flow", "flow", 1, 0.0), False, (busy, broken)), width)
    assert isinstance(reason, Text)
    assert reason.plain.startswith("tone/0: it was killed")
    drawn = io.StringIO()
    Console(width=width, file=drawn).print(table)
    lines = drawn.getvalue()
    assert "…" not in lines
    assert "keywords/10" in lines
    assert "1234.5/s" in lines
    assert all(len(line) <= width for line in lines.splitlines())
    assert "52.3 ms" in lines
    assert ("RESTARTS" in lines) == (width >= 60)


def test_top_tells_programs_the_same(invoke: Invoke, running: Service) -> None:
    told = json.loads(invoke("top", str(running.process.pid), "--once", "--json").stdout)
    assert (told["identity"]["name"], told["ready"]) == ("watched", True)
    assert [one["title"] for one in told["processes"]] == ["gateway", "loud/0", "loud/1"]
    assert {"rate", "p50_ms", "p99_ms", "queued", "batch", "memory_bytes", "restarts", "phase"} <= told["processes"][
        1
    ].keys()


def test_top_is_live_on_a_terminal_and_leaves_it_as_it_was(folder: Path, running: Service) -> None:
    ours, theirs = pty.openpty()
    drawn = b""
    with subprocess.Popen(
        command("top", "watched", "--interval", "0.1"),
        env=environment(TERM="xterm-256color"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        while drawn.count(b"loud/1") < 3:
            drawn += os.read(ours, 1 << 16)
        process.send_signal(signal.SIGINT)
        try:
            while part := os.read(ours, 1 << 16):
                drawn += part
        except OSError:  # how Linux says that the other side is closed
            pass
        assert process.wait(SECONDS) == 130
        os.close(ours)
    assert drawn.rindex(b"\x1b[?1049l") > drawn.rindex(b"\x1b[?1049h"), "the other screen stays"
    assert b"\x1b[32m" in drawn


def test_logs_tell_who_wrote_what(invoke: Invoke, running: Service) -> None:
    done = invoke("logs", "watched")
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} loud/\d: said first words$", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"loud/\d: WARNING logged first words", done.stdout)
    lines = [json.loads(line) for line in invoke("logs", "watched", "--json", "--process", "loud").stdout.splitlines()]
    assert {line["process"].partition("/")[0] for line in lines} == {"loud"}
    assert "said first words" in [line["text"] for line in lines]


def test_logs_follow_what_comes(folder: Path, running: Service) -> None:
    words = command("logs", "watched", "--follow", "--lines", "1")
    with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "what was written before comes at once"
            with Client(host=running.addresses["grpc"]) as client:
                client.post("/say", {"text": "more words"})
            assert any("more words" in line for line in process.stdout)
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == 130
        finally:
            process.kill()


def test_a_service_is_reloaded_and_updated_without_loss(invoke: Invoke, folder: Path, running: Service) -> None:
    def pids() -> list[int]:
        told = json.loads(invoke("top", "watched", "--once", "--json").stdout)
        return [one["pid"] for one in told["processes"] if one["node"] == "loud"]

    before = pids()
    done = invoke("reload", "watched")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("watched is reloaded")
    between = pids()
    assert not set(before) & set(between)
    done = invoke("update", str(flow(folder, "watched", mark="new")), "watched", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["done"] == "updated"
    assert not set(between) & set(pids())


def test_an_update_that_is_wrong_changes_nothing_and_ends_with_1(
    invoke: Invoke, folder: Path, running: Service
) -> None:
    wrong = folder / "wrong.yml"
    wrong.write_text("jtype: Flow\nname: watched\nexecutors:\n- {name: loud, uses: loud.py:Lout}\n")
    done = invoke("update", str(wrong), "watched")
    assert done.exit_code == 1
    assert "Lout" in done.stderr
    assert json.loads(invoke("top", "watched", "--once", "--json").stdout)["ready"] is True


def test_a_service_is_stopped_from_outside(invoke: Invoke, folder: Path, serve) -> None:
    service = Service(folder, str(flow(folder, "unneeded")))
    try:
        service.read_to("ready after")
        done = invoke("stop", "unneeded")
        assert (done.exit_code, done.stdout) == (0, "unneeded is stopped.\n")
        assert service.wait() == 0
        assert "unneeded" not in invoke("ps").stdout
    finally:
        service.end()


@pytest.mark.parametrize("name", ["top", "logs", "reload", "stop"])
def test_a_name_that_nothing_has_ends_with_1_and_what_there_is(invoke: Invoke, running: Service, name: str) -> None:
    done = invoke(name, "wacthed")
    assert done.exit_code == 1
    assert "'wacthed'" in done.stderr
    assert "watched (process" in done.stderr
