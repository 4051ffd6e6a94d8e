"""Two ways to keep a service busy while somebody looks at it."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from benchmarks.load import Load, read_summary, wrk_command
from benchmarks.processes import CpuTime, clean_environment

CLIENT = Path(__file__).resolve().parent / "clients" / "stream.py"


@dataclass
class Driving:
    """A load that is on. `load` and `cpu`, the driver's own processor time, are known once `finish` has returned."""

    process: subprocess.Popen[str]
    read: Callable[[str], tuple[Load, CpuTime]]
    load: Load | None = None
    cpu: CpuTime = field(default_factory=lambda: CpuTime(0.0, 0.0))

    @property
    def pid(self) -> int:
        return self.process.pid

    def finish(self) -> None:
        """Wait until the load is over. Idempotent."""
        if self.load is None:
            printed, _ = self.process.communicate()
            self.load, self.cpu = self.read(printed)


@dataclass
class Wrk:
    """HTTP requests from wrk."""

    url: str
    body: bytes
    connections: int
    seconds: float
    name: str = "wrk"

    @contextmanager
    def driving(self) -> Iterator[Driving]:
        """The load begins with the block and is over after it."""
        with NamedTemporaryFile(suffix=".json") as file:
            file.write(self.body)
            file.flush()
            command = wrk_command(self.url, file.name, connections=self.connections, seconds=self.seconds)
            before = _children()
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                driving = Driving(process, lambda printed: (read_summary(printed), _children().since(before)))
                yield driving
                driving.finish()


@dataclass
class Stream:
    """Documents from Thalweg's own client over gRPC; a document counts as a request."""

    python: str
    port: int
    work: str
    seconds: float
    name: str = "client"

    @contextmanager
    def driving(self) -> Iterator[Driving]:
        """The block begins when the client has warmed up and begins to take its time.

        Raises:
            ChildProcessError: the client ended before that.
        """
        command = [self.python, "-P", str(CLIENT), "thalweg", "--port", str(self.port), "--work", self.work]
        command += ["--seconds", str(self.seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment()) as process:
            assert process.stdout is not None
            while (line := process.stdout.readline().strip()) != "timing":
                if not line:
                    raise ChildProcessError(f"the client ended with code {process.wait()}")
            driving = Driving(process, _read_stream)
            yield driving
            driving.finish()


def _read_stream(printed: str) -> tuple[Load, CpuTime]:
    found = json.loads(printed.splitlines()[-1])
    load = Load(found["documents"], found["seconds"], failures=0, p50=0.0, p99=0.0)
    return load, CpuTime(found["user"], found["system"])


def _children() -> CpuTime:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return CpuTime(usage.ru_utime, usage.ru_stime)
