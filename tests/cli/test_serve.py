import errno
import json
import os
import pty
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import SECONDS, Service, command, environment
from thalweg import Client


def test_a_flow_is_served_until_an_interrupt(serve) -> None:
    service = serve("flow.yml")
    service.read_to("ready after")
    assert {"enc/0: ready", "enc/1: ready", "loud: ready", "gateway: ready"} <= set(service.lines)
    assert set(service.addresses) == {"http", "grpc"}
    assert "\x1b" not in "\n".join(service.lines)
    with Client(host=service.addresses["grpc"]) as client:
        assert client.post("/encode", {"text": "hi"})[0].text == "HI"
    assert service.stop(signal.SIGINT) == 0
    assert service.lines[-1] == "stopped"


def test_programs_are_told_by_json(serve) -> None:
    service = serve("encoder.py:Encoder", "--name", "enc", "--host", "127.0.0.1", "--json")
    service.read_to('{"event": "ready"')
    assert service.stop(signal.SIGINT) == 0
    told = [json.loads(line) for line in service.lines]
    assert {"event": "process", "process": "enc", "phase": "ready"} in told
    assert [one["addresses"][0][:17] for one in told if one["event"] == "ready"] == ["grpc://127.0.0.1:"]
    assert told[-1] == {"event": "stopped"}


SLOW = """
import asyncio
from pathlib import Path

from thalweg import Executor, requests


class Slow(Executor):
    @requests
    async def wait(self, docs):
        Path("begun").touch()
        await asyncio.sleep(1000)
"""


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("replicas", ["1", "2"])
def test_a_second_signal_while_it_drains_ends_everything_at_once(
    tmp_path: Path, number: signal.Signals, code: int, replicas: str
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    address = ("--host", "127.0.0.1", "--protocol", "http", "--drain-seconds", "3600", "--replicas", replicas)
    service = Service(tmp_path, "slow.py:Slow", *address)
    try:
        service.read_to("ready after")
        below = psutil.Process(service.process.pid).children(recursive=True)
        with socket.create_connection(("127.0.0.1", int(service.addresses["http"].rpartition(":")[2]))) as caller:
            caller.sendall(b"POST /wait HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}")
            until((tmp_path / "begun").exists)
            service.process.send_signal(number)
            until(lambda: not _listens(service.addresses["http"]))
            assert service.process.poll() is None, "the first signal waits for what is under way"
            assert service.stop(number) == code
        assert service.lines[-1] == "stopped"
        until(lambda: not any(process.is_running() for process in below))
    finally:
        service.end()


def until(condition: Callable[[], bool]) -> None:
    late = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < late
        time.sleep(0.01)


def _listens(address: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))).close()
    except ConnectionRefusedError:
        return False
    return True


def test_options_of_the_command_line_come_before_those_of_the_file(serve) -> None:
    service = serve("flow.yml", "--protocol", "grpc", "--port", "0")
    service.read_to("ready after")
    assert set(service.addresses) == {"grpc"}
    assert service.stop(signal.SIGTERM) == 0


def test_one_executor_is_served_with_replicas_and_arguments(serve) -> None:
    service = serve("encoder.py:Encoder", "--replicas", "2", "--uses-with", "size=4", "--host", "127.0.0.1")
    service.read_to("ready after")
    assert {"executor/0: ready", "executor/1: ready", "gateway: ready"} <= set(service.lines)
    with Client(host=service.addresses["grpc"]) as client:
        assert len(client.post("/encode", {"text": "hi"})[0].embedding) == 4
    assert service.stop() == 0


def test_a_module_is_found_in_the_working_directory(serve) -> None:
    service = serve("encoder:shout", "--host", "127.0.0.1")
    service.read_to("ready after")
    assert service.stop() == 0


def test_a_failing_constructor_ends_the_start_with_its_traceback_once(run) -> None:
    done = run("serve", "encoder.py:Broken")
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError: the weights are missing") <= 2
    assert done.stderr.count("Traceback") == 1
    assert re.search(r'encoder\.py", line \d+, in __init__', done.stderr)
    assert "/thalweg/" not in done.stderr


def test_a_port_that_is_taken_is_a_clear_error(run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("serve", "encoder.py:shout", "--protocol", "http", "--host", "127.0.0.1", "--port", port)
    assert done.returncode == 1
    assert port in done.stderr


@pytest.mark.parametrize(
    "words, message",
    [
        (["absent.yml"], "absent.yml cannot be read"),
        (["flow.yml", "--replicas", "3"], "has 2 Executors, so --replicas could be meant for any of them"),
        (["encoder.py:shout", "--protocol", "soap"], "Input should be 'grpc', 'http' or 'websocket'"),
        (["encoder.py:shot"], "has no 'shot'; did you mean 'shout'?"),
    ],
)
def test_what_cannot_be_served_is_told_without_a_traceback(run, words: list[str], message: str) -> None:
    done = run("serve", *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def on_a_terminal(project: Path, *words: str, **variables: str) -> str:
    """What `thalweg serve` draws on a terminal until it is ready; then it is interrupted."""
    ours, theirs = pty.openpty()
    drawn = b""
    with subprocess.Popen(
        command("serve", *words), cwd=project, env=environment(**variables), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        try:
            os.close(theirs)
            while b"ready after" not in drawn and (part := _read(ours)):
                drawn += part
            process.send_signal(signal.SIGINT)
            while part := _read(ours):
                drawn += part
            assert process.wait(SECONDS) == 0, drawn.decode()
        finally:
            process.kill()
            os.close(ours)
    return drawn.decode()


def _read(terminal: int) -> bytes:
    """What comes next; nothing once the other side is closed, which Linux tells as an error."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


def test_a_terminal_shows_a_panel_with_topology_addresses_and_progress(project: Path) -> None:
    drawn = on_a_terminal(project, "flow.yml", TERM="xterm-256color")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)
    assert "\x1b[32m" in drawn
    last = text[text.rindex("╭") :]
    assert re.search(r"enc +Encoder +reads gateway +ready x 2", last)
    assert re.search(r"loud +shout +reads enc +ready", last)
    assert re.search(r"http://127\.0\.0\.1:\d+, its pages at http://127\.0\.0\.1:\d+/docs", last)
    assert "grpc://127.0.0.1:" in last
    assert "starting" in text
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l"), "the cursor stays hidden"


def test_a_start_tells_how_far_it_is(serve, project: Path) -> None:
    service = serve("encoder.py:Patient", "--host", "127.0.0.1")
    service.read_to("ready after")
    told = [line for line in service.lines if "loading weights" in line]
    assert told[0] == "executor: starting: loading weights 0%"
    assert told[-1] == "executor: starting: loading weights 100%"
    assert len(told) == len(set(told))
    assert service.stop() == 0
    drawn = on_a_terminal(project, "encoder.py:Patient", TERM="xterm-256color")
    assert re.search(r"loading weights\S*  \S*━+", drawn)
    assert "100%" in drawn


def test_no_color_is_honoured(project: Path) -> None:
    drawn = on_a_terminal(project, "encoder.py:shout", TERM="xterm-256color", NO_COLOR="1")
    assert not re.search(r"\x1b\[(?:\d+;)*[34]\d", drawn)
    assert "shout" in drawn


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(project: Path) -> None:
    drawn = on_a_terminal(project, "encoder.py:shout", TERM="dumb")
    assert "\x1b" not in drawn
    assert "executor: ready" in drawn
