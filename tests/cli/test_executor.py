"""`thalweg executor`, as the entrypoint of an image."""

import os
import signal
import socket
import subprocess

import msgspec
import pytest

from tests.cli.conftest import SECONDS, command, environment
from thalweg import __version__
from thalweg.service.control import LENGTH, WIRE, Hello


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "loud.py").write_text(
        "from thalweg import Executor, requests\n\n\n"
        "class Loud(Executor):\n    @requests\n    def shout(self, docs, **_):\n        pass\n"
    )
    (tmp_path / "config.yml").write_text("jtype: Loud\npy_modules: loud.py\n")
    return tmp_path


def test_without_a_flow_it_serves_alone(folder):
    process = subprocess.Popen(
        command("executor", "--port", "0"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process:
        assert any(b"ready after" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0


def test_with_one_it_says_who_it_is_and_ends_with_the_channel(folder):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "control"))
        listener.listen(1)
        listener.settimeout(SECONDS)
        variables = {**environment(), "THALWEG_CONTROL": str(folder / "control")}
        with subprocess.Popen(command("executor"), cwd=folder, env=variables) as process:
            channel, _ = listener.accept()
            with channel:
                (length,) = LENGTH.unpack(channel.recv(LENGTH.size, socket.MSG_WAITALL))
                hello = msgspec.msgpack.decode(channel.recv(length, socket.MSG_WAITALL), type=Hello)
            assert (hello.wire, hello.thalweg) == (WIRE, __version__)
            assert process.wait(SECONDS) != 0


def test_where_nobody_waits_for_it_the_error_says_so(folder):
    variables = {**environment(), "THALWEG_CONTROL": str(folder / "nobody")}
    done = subprocess.run(
        command("executor"), check=False, cwd=folder, env=variables, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 1
    assert "nobody listens there" in done.stderr
    assert os.path.basename(str(folder / "nobody")) in done.stderr
