"""Real scripts in processes of their own, and whether they leave anything behind."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil

MARK = "THALWEG_TEST_MARK"
SECONDS = 60.0
PRINTED = re.compile(r"[\d-]+ [\d:.]+ \S+ +\| (?P<text>.*)")
"""A line of the log that an Executor has printed, or a record of logging."""


def eventually(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{condition} did not hold within {seconds} seconds"
        time.sleep(0.005)


def marked(mark: str) -> list[psutil.Process]:
    """Living processes that were started with `mark` in their environment, as all descendants of a script are."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


class Script:
    """A program under test. Its temporary files go to a folder of their own, which must be empty in the end."""

    def __init__(self, arguments: list[str], folder: Path, stdin: bytes | None = None) -> None:
        self.mark = uuid.uuid4().hex
        self.temporary = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
        environment = {**os.environ, MARK: self.mark, "TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if stdin is not None:
            assert self.process.stdin is not None
            self.process.stdin.write(stdin)
            self.process.stdin.close()
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._errors: list[bytes] = []
        self._readers = [threading.Thread(target=self._read_output), threading.Thread(target=self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self._lines.put(line.decode().rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self._errors.append(line)
                printed = PRINTED.fullmatch(line.decode().rstrip("\n"))
                if printed is not None:
                    self._lines.put(printed["text"])

    def line(self, beginning: str = "") -> str:
        """The rest of the next line that begins so, of its output or of what its Executors print."""
        while True:
            line = self._lines.get(timeout=SECONDS)
            assert line is not None, f"ended without a line {beginning!r}:\n{self.errors()}"
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()

    def errors(self) -> str:
        """Standard error, whole, when every process that holds it has ended."""
        self._readers[1].join(SECONDS)
        assert not self._readers[1].is_alive(), f"somebody still holds standard error: {marked(self.mark)}"
        return b"".join(self._errors).decode()

    def output(self) -> list[str]:
        """What is left of the output, when every process that holds it has ended."""
        return list(iter(lambda: self._lines.get(timeout=SECONDS), None))

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = SECONDS) -> int:
        """Its exit code. By then nothing of it is left."""
        code = self.process.wait(seconds)
        self.nothing_is_left()
        return code

    def nothing_is_left(self, seconds: float = SECONDS) -> None:
        eventually(lambda: not marked(self.mark), seconds)
        eventually(lambda: os.listdir(self.temporary) == [], seconds)

    def blocks(self) -> None:
        """Wait until it is inside of `block`, which takes SIGTERM into its own hands."""
        eventually(self._takes_sigterm)

    def _takes_sigterm(self) -> bool:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    def processes(self) -> list[psutil.Process]:
        return marked(self.mark)

    def close(self) -> None:
        for process in [*marked(self.mark), self.process]:
            try:
                process.send_signal(signal.SIGKILL)
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue
        self.process.wait()
        for reader in self._readers:
            reader.join(SECONDS)
        shutil.rmtree(self.temporary)
