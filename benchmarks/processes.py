"""Programs under measurement: started in a group of their own, told apart by a mark, and never left behind."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

MARK = "THALWEG_BENCHMARK_MARK"
TICKS = os.sysconf("SC_CLK_TCK")


class ServiceFailed(Exception):
    """A service ended or never answered; the message ends with what it printed."""


class CpuTime(NamedTuple):
    """Seconds of processor time."""

    user: float
    system: float

    @property
    def total(self) -> float:
        return self.user + self.system

    def since(self, before: CpuTime) -> CpuTime:
        return CpuTime(self.user - before.user, self.system - before.system)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would bend a measurement, and with telemetry of every peer off."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    quiet = {
        "JINA_OPTOUT_TELEMETRY": "1",
        "BENTOML_DO_NOT_TRACK": "True",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
    }
    return kept | quiet | dict(extra or {})


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def cpu_time(pid: int) -> CpuTime:
    """Processor time of process `pid` until now, its threads included; zero where it is gone."""
    return _stat_time(Path(f"/proc/{pid}/stat"))


def thread_times(pid: int) -> dict[int, CpuTime]:
    """Processor time of each thread of process `pid` until now."""
    return {int(task.name): _stat_time(task / "stat") for task in Path(f"/proc/{pid}/task").glob("*")}


def _stat_time(file: Path) -> CpuTime:
    try:
        text = file.read_text()
    except OSError:
        return CpuTime(0.0, 0.0)
    fields = text.rpartition(")")[2].split()
    return CpuTime(int(fields[11]) / TICKS, int(fields[12]) / TICKS)


def marked(mark: str) -> list[int]:
    """Ids of the live processes that carry `mark` in their environment."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _carries(pid, wanted)]


def _carries(pid: int, wanted: bytes) -> bool:
    try:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False
        return wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def listens(pid: int, port: int) -> bool:
    """Whether process `pid` holds the socket that listens on TCP `port`."""
    rows = (line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:])
    sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    try:
        return any(os.readlink(file) in sockets for file in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


class Service:
    """A program that serves until the `with` block ends. Its whole family is gone afterwards."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        variables: Mapping[str, str] | None = None,
        stop_seconds: float = 8.0,
    ) -> None:
        self._command = list(command)
        self._folder = folder
        self._stop_signal = stop_signal
        self._stop_seconds = stop_seconds
        self._variables = dict(variables or {})
        self._mark = secrets.token_hex(8)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  closed at the end of the `with` block

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env=clean_environment(self._variables | {MARK: self._mark, "PYTHONPATH": str(self._folder)}),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self._output.close()

    @property
    def pids(self) -> list[int]:
        """The processes of this service that live now."""
        return marked(self._mark)

    def cpu(self) -> dict[int, CpuTime]:
        """Processor time of each of its processes until now."""
        return {pid: cpu_time(pid) for pid in self.pids}

    def wait_until(self, ready: Callable[[], bool], seconds: float = 90.0) -> None:
        """Ask `ready` every 20 ms until it says yes.

        Raises:
            ServiceFailed: the program ended first, or `seconds` went by.
        """
        end = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None:
                raise ServiceFailed(f"ended with code {self._process.returncode}:\n{self.printed()}")
            if time.monotonic() > end:
                raise ServiceFailed(f"did not answer within {seconds:.0f} s:\n{self.printed()}")
            time.sleep(0.02)

    def printed(self, characters: int = 3000) -> str:
        """The end of what the program printed."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")[-characters:]

    def stop(self) -> None:
        """Ask it to stop with its signal, and end by force what is left after `stop_seconds`. Idempotent."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
        end = time.monotonic() + self._stop_seconds
        while self._process.poll() is None or self.pids:
            if time.monotonic() > end:
                self._kill()
                break
            time.sleep(0.05)
        self._process.wait()

    def _kill(self) -> None:
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        while self.pids:
            time.sleep(0.05)
