import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.request import urlopen

from tests.endtoend.scripts import eventually
from tests.examples.conftest import EXAMPLE, run_demo

DEMO = str(EXAMPLE / "demo.py")


def test_the_second_start_finds_the_index_and_answers(workspace: Path) -> None:
    done = run_demo("--workspace", workspace)
    assert done.returncode == 0, done.stderr
    assert "objects was there already." in done.stdout
    assert "datetime.datetime.strptime" in done.stdout
    assert "gzip.compress" in done.stdout
    assert "curl -s http://127.0.0.1:" in done.stdout
    assert done.stderr == ""


def test_ports_that_are_taken_are_replaced(workspace: Path) -> None:
    with ExitStack() as taken:
        for port in (8080, 50051):
            with suppress(OSError):  # then somebody else has it, which is as good
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
        done = run_demo("--workspace", workspace, ports=())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Port 8080 is taken; the system chooses another for http." in done.stdout
    assert "Port 50051 is taken; the system chooses another for grpc." in done.stdout


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_demo("--workspace", workspace, ports=("--http-port", taken.getsockname()[1], "--grpc-port", 0))
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_a_module_that_does_not_exist_is_told(tmp_path: Path) -> None:
    done = run_demo("--workspace", tmp_path, "--modules", "math", "no_such_module")
    assert done.returncode == 1
    assert "The standard library of this Python has no module no_such_module." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for that signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def test_it_serves_until_it_is_told_to_stop(workspace: Path) -> None:
    command = [sys.executable, DEMO, "--serve", "--http-port", "0", "--grpc-port", "0", "--workspace", str(workspace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        line = next(line for line in program.stdout if line.startswith("The search page is at "))
        address = line.removeprefix("The search page is at ").split(",")[0]
        with urlopen(address, timeout=30) as page:
            assert b"Search the Python standard library" in page.read()
        eventually(lambda: catches(program.pid, signal.SIGTERM))  # a moment after the last line
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=60) == 0
