"""The real command, in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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


@pytest.fixture
def invoke(project: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command in the project's folder and in this process, which takes a tenth of the time."""
    from thalweg.cli.main import main

    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", [*sys.path])  # commands put the working directory there

    def invoke(*words: str, stdin: str = "", **variables: str) -> Result:
        return CliRunner().invoke(main, words, input=stdin, env=variables, prog_name="thalweg")

    return invoke


class Service:
    """`thalweg serve`, with what it has printed so far."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command("serve", *words),
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_to(self, beginning: str) -> str:
        """The next line that begins so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(beginning):
                return line.rstrip("\n")
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
        self.process.communicate()

    def wait(self) -> int:
        output, _ = self.process.communicate(timeout=SECONDS)
        self.lines += output.splitlines()
        return self.process.returncode


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
