"""The real command, in processes of its own."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

SECONDS = 60

ENCODER = """
    import asyncio
    import time

    import numpy as np

    from thalweg import Executor, report_progress, requests
    from thalweg.docs import BaseDoc, DocList
    from thalweg.docs.typing import NdArray


    class Text(BaseDoc):
        text: str


    class Embedded(Text):
        embedding: NdArray[4]


    class Encoder(Executor):
        def __init__(self, size: int = 4, **kwargs):
            super().__init__(**kwargs)
            self.size = size

        @requests(on="/encode")
        def encode(self, docs: DocList[Text], parameters: dict, headers: dict) -> DocList[Embedded]:
            mark = str(parameters.get("mark", "")) + headers.get("x-mark", "")
            return DocList[Embedded]([Embedded(text=doc.text + mark, embedding=np.ones(self.size)) for doc in docs])

        @requests(on="/fail")
        def fail(self, docs: DocList[Text]) -> DocList[Text]:
            raise ValueError("on purpose")

        @requests(on="/wait")
        async def wait(self, docs: DocList[Text]) -> DocList[Text]:
            await asyncio.sleep(1000)

        @requests(on="/words")
        def words(self, doc: Text):
            for word in doc.text.split():
                yield Text(text=word)


    @requests(on="/encode")
    def shout(docs: DocList[Embedded]) -> DocList[Embedded]:
        for doc in docs:
            doc.text = doc.text.upper()
        return docs


    class Number(BaseDoc):
        number: int


    @requests(on="/encode")
    def count(docs: DocList[Number]) -> DocList[Number]: ...


    class Patient(Executor):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            report_progress("loading weights", 0.0)
            time.sleep(0.15)
            report_progress("loading weights", 0.5)
            report_progress("loading weights", 1.0)

        @requests
        def answer(self, docs: DocList[Text]) -> DocList[Text]: ...


    class Broken(Executor):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            raise RuntimeError("the weights are missing")

        @requests
        def answer(self, docs: DocList[Text]) -> DocList[Text]: ...
"""

FLOW = """
    jtype: Flow
    with: {protocol: [http, grpc], port: [0, 0], host: 127.0.0.1}
    executors:
      - {name: enc, uses: encoder.py:Encoder, replicas: 2}
      - {name: loud, uses: encoder.py:shout}
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Executors in `encoder.py` and a Flow of two of them in `flow.yml`."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "encoder.py").write_text(dedent(ENCODER))
    (folder / "flow.yml").write_text(dedent(FLOW))
    return folder


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    return {**kept, "PYTHONUNBUFFERED": "1", "COLUMNS": "100", **variables}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "thalweg", *words]


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run(project: Path) -> Run:
    """Run a command in the project's folder to its end."""

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words),
            cwd=project,
            env=environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    return run


Invoke = Callable[..., Result]


OTHER_SCHEMES = ("http://", "https://", "ws://", "wss://", "unix://")


def _speaks_grpc(words: tuple[str, ...]) -> bool:
    """Whether a command calls by gRPC, which waits for ever where another event loop of its process has used it before."""
    return words[0] in ("bench", "call", "ping") and not any(word.startswith(OTHER_SCHEMES) for word in words)


def _apart(folder: Path, words: tuple[str, ...], stdin: str, variables: dict[str, str]) -> Result:
    done = subprocess.run(
        command(*words),
        cwd=folder,
        env=environment(**variables),
        input=stdin.encode(),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Result(CliRunner(), done.stdout, done.stderr, done.stdout + done.stderr, None, done.returncode, None)


@pytest.fixture
def invoke(project: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command in the project's folder and in this process, which takes a tenth of the time."""
    from thalweg.cli.main import main

    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", [*sys.path])  # commands put the working directory there

    def invoke(*words: str, stdin: str = "", **variables: str) -> Result:
        if _speaks_grpc(words):
            return _apart(project, words, stdin, variables)
        return CliRunner().invoke(main, words, input=stdin, env=variables, prog_name="thalweg")

    return invoke


class Service:
    """`thalweg serve`, with what it has printed so far."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.lines: list[str] = []
        self._coming: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            command("serve", *words),
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Read also while no test looks: a service waits for whoever holds the other end of its log.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(None)

    def read_to(self, beginning: str) -> str:
        """The next line that begins so."""
        while (line := self._coming.get(timeout=SECONDS)) is not None:
            self.lines.append(line)
            if line.startswith(beginning):
                return line
        self._coming.put(None)
        raise AssertionError(f"no line begins with {beginning!r}:\n" + "\n".join(self.lines))

    @property
    def addresses(self) -> dict[str, str]:
        found = [line.split()[1].rstrip(",") for line in self.lines if line.startswith("listening: ")]
        return {address.partition(":")[0]: address for address in found}

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and read on to the end; the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def end(self) -> None:
        """Kill it where it still runs, and close what is open."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def wait(self) -> int:
        code = self.process.wait(timeout=SECONDS)
        self._reader.join(SECONDS)
        while (line := self._coming.get()) is not None:
            self.lines.append(line)
        self._coming.put(None)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


@pytest.fixture
def serve(project: Path) -> Iterator[Callable[..., Service]]:
    """Begin to serve in the project's folder; ended with the test."""
    services: list[Service] = []

    def serve(*words: str) -> Service:
        services.append(Service(project, *words))
        return services[-1]

    yield serve
    for service in services:
        service.end()


@pytest.fixture(scope="module")
def served(project: Path) -> Iterator[Service]:
    """One Encoder, served over HTTP, gRPC and WebSocket for all tests of a module that only call it."""
    service = Service(
        project,
        "encoder.py:Encoder",
        "--protocol",
        "http",
        "--protocol",
        "grpc",
        "--protocol",
        "websocket",
        "--host",
        "127.0.0.1",
        "--name",
        "enc",
    )
    try:
        service.read_to("ready after")
        yield service
        assert service.stop() == 0, "\n".join(service.lines)
    finally:
        service.end()
