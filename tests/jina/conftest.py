"""Jina itself, in an environment and in processes of its own."""

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.ports import vacant_port

ENVIRONMENT = Path(__file__).parents[2] / ".venv" / "jina-wire"
PYTHON = ENVIRONMENT / "bin" / "python"
PROGRAMS = Path(__file__).parent / "programs"
PATIENCE = 100.0

Start = Callable[..., None]
Call = Callable[[str], Any]


def command(program: str, *arguments: object) -> list[str]:
    return [str(PYTHON), "-W", "ignore", str(PROGRAMS / f"{program}.py"), *map(str, arguments)]


SURROUNDINGS = {**os.environ, "JINA_OPTOUT_TELEMETRY": "1", "JINA_LOG_LEVEL": "ERROR", "PYTHONPATH": str(PROGRAMS)}


@pytest.fixture(scope="session", autouse=True)
def jina() -> None:
    if not (ENVIRONMENT / ".installed").exists():
        pytest.skip("Jina is not installed: `make test` tries to")


@contextmanager
def running(program: str, *arguments: object) -> Iterator[None]:
    """A program that serves, from when it says that it is ready."""
    process = subprocess.Popen(
        command(program, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=SURROUNDINGS,
        start_new_session=True,
    )
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    said: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while (line := lines.get(timeout=PATIENCE)) is None or line.strip() != "ready":
            assert line is not None, f"{program} ended: {''.join(said[-30:])}"
            said.append(line)
        yield
    finally:
        # All of its session at once: Jina's own way to close waits for a minute where a child is gone already.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join(20)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Start a program of `programs/` that serves."""
    with ExitStack() as stack:

        def begin(program: str, *arguments: object) -> None:
            stack.enter_context(running(program, *arguments))

        yield begin


def said_by(url: str) -> Any:
    """What Jina's client says of the service at `url`."""
    done = subprocess.run(
        command("call", url), capture_output=True, text=True, timeout=PATIENCE, check=False, env=SURROUNDINGS
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at just now."""
    found: set[int] = set()
    while len(found) < count:
        found.add(vacant_port())
    return list(found)
