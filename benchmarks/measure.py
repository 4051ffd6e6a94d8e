"""One session: a contestant is started, its answer is checked, its figures are taken, and it is gone again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.environments import Environment
from benchmarks.figures import Figure
from benchmarks.load import drive, post
from benchmarks.memory import memory
from benchmarks.plan import CONNECTIONS, MEMORY, STARTS, WORKS, Session
from benchmarks.processes import CpuTime, Service, ServiceFailed, clean_environment, free_port, listens
from benchmarks.work import DOCUMENT, WrongAnswer, check_answer, request_body

CLIENTS = Path(__file__).resolve().parent / "clients"
IMPORT_REPEATS = 5
START_REPEATS = 2
STATEMENTS = {
    ("thalweg", "import"): "import thalweg",
    ("jina", "import"): "import jina",
    ("thalweg", "import-names"): "from thalweg import Client, Executor, Flow",
    ("jina", "import-names"): "from jina import Client, Executor, Flow",
    ("thalweg", "import-documents"): "from thalweg.docs import BaseDoc",
    ("jina", "import-documents"): "from docarray import BaseDoc",
}


@dataclass(frozen=True)
class Reading:
    """A figure whose contestant and round are known from the session."""

    row: str
    value: float
    fault: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measuring:
    """How long each figure is measured, and the interpreters to do it with."""

    environments: Mapping[str, Environment]
    seconds: float
    warm_up_seconds: float = 1.0

    def figures(self, number: int, session: Session) -> Iterator[Figure]:
        """All figures of `session`; what could not be measured is a figure with a fault."""
        contestant = CONTESTANTS[session.contestant]
        missing = dict.fromkeys(session.rows)
        measure = {"http": self._http, "grpc": self._grpc, "start": self._start, "import": self._import}[session.kind]
        try:
            for one in measure(contestant, session):
                missing.pop(one.row)
                yield Figure(one.row, contestant.name, number, one.value, one.fault, one.details)
        except (ServiceFailed, WrongAnswer) as error:
            for row in missing:
                yield Figure(row, contestant.name, number, 0.0, f"{type(error).__name__}: {error}")

    def _http(self, contestant: Contestant, session: Session) -> Iterator[Reading]:
        port = free_port()
        url, body = f"http://127.0.0.1:{port}/encode", request_body(contestant.enveloped)
        environment = self.environments[contestant.environment]
        with contestant.serve(environment, session.topology, "http", port) as service:
            service.wait_until(lambda: post(url, body) is not None)
            _verify(url, body, contestant, session.topology)
            if set(MEMORY) & set(session.rows):
                yield from _memory(port, service, session)
            loads = [row for row in session.rows if row in CONNECTIONS]
            if loads:
                drive(url, body, connections=32, seconds=self.warm_up_seconds)
            for row in loads:
                yield self._loaded(row, service, url, body)
                _verify(url, body, contestant, session.topology)

    def _loaded(self, row: str, service: Service, url: str, body: bytes) -> Reading:
        before = service.cpu()
        load = drive(url, body, connections=CONNECTIONS[row], seconds=self.seconds)
        spent = processor_seconds(before, service.cpu())
        details = {"p50_ms": load.p50, "p99_ms": load.p99, "cpu_us": spent / max(1, load.requests) * 1e6}
        fault = f"{load.failures} of {load.requests} requests failed" if load.failures else ""
        return Reading(row, load.rate, fault, details)

    def _grpc(self, contestant: Contestant, session: Session) -> Iterator[Reading]:
        port = free_port()
        environment = self.environments[contestant.environment]
        with contestant.serve(environment, session.topology, "grpc", port) as service:
            service.wait_until(lambda: any(listens(pid, port) for pid in service.pids))
            for row in session.rows:
                arguments = [contestant.name, "--port", str(port), "--work", WORKS[row], "--seconds", str(self.seconds)]
                before = service.cpu()
                found = _client(environment, "stream.py", arguments, service)
                spent = processor_seconds(before, service.cpu())
                details = {"cpu_us": spent / found["all_documents"] * 1e6}
                yield Reading(row, found["documents"] / found["seconds"], details=details)

    def _start(self, contestant: Contestant, session: Session) -> Iterator[Reading]:
        environment = self.environments[contestant.environment]
        module = Path(contestant.service).stem
        for row in session.rows:
            arguments = [module, "--protocol", STARTS[row], "--port"]
            took = [
                _client(environment, "start.py", [*arguments, str(free_port())])["seconds"]
                for _ in range(START_REPEATS)
            ]
            yield Reading(row, median(took))

    def _import(self, contestant: Contestant, session: Session) -> Iterator[Reading]:
        python = self.environments[contestant.environment].python
        for row in session.rows:
            statement = STATEMENTS[contestant.name, row]
            took = [_import_seconds(python, statement) for _ in range(IMPORT_REPEATS + 1)]
            # The first one may have compiled something.
            yield Reading(row, median(took[1:]))


def processor_seconds(before: Mapping[int, CpuTime], after: Mapping[int, CpuTime]) -> float:
    """Processor time that the processes in `after` have spent since `before`."""
    return sum(spent.since(before.get(pid, CpuTime(0.0, 0.0))).total for pid, spent in after.items())


def _verify(url: str, body: bytes, contestant: Contestant, topology: str) -> None:
    answer = post(url, body)
    if answer is None:
        raise ServiceFailed("does not answer any more")
    check_answer(answer, topology, contestant.enveloped)


def _memory(port: int, service: Service, session: Session) -> Iterator[Reading]:
    body = json.dumps({"data": [DOCUMENT]}).encode()
    answer = post(f"http://127.0.0.1:{port}/process", body)
    if answer is None:
        raise ServiceFailed("does not say which process its worker is")
    found = memory(int(json.loads(answer)["data"][0]["text"]))
    together = sum(memory(pid).pss for pid in service.pids)
    for row, value in zip(MEMORY, (found.rss, found.pss, found.uss, together), strict=True):
        if row in session.rows:
            yield Reading(row, value)


def _client(
    environment: Environment, program: str, arguments: list[str], service: Service | None = None
) -> dict[str, Any]:
    """What `program` printed as JSON; run by the contestant's interpreter."""
    command = [environment.python, "-P", str(CLIENTS / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment(), timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        printed = (done.stderr or done.stdout).strip()
        served = service.printed(1500) if service else ""
        raise ServiceFailed(
            f"{program} {' '.join(arguments)}: {printed.splitlines()[-1:]}\n{printed[-1500:]}\n{served}"
        )
    return dict(json.loads(lines[-1]))


def _import_seconds(python: str, statement: str) -> float:
    script = f"from time import perf_counter; begin = perf_counter(); {statement}; print(perf_counter() - begin)"
    done = subprocess.run(
        [python, "-P", "-c", script], capture_output=True, text=True, check=False, env=clean_environment(), timeout=60
    )
    if done.returncode:
        raise ServiceFailed(f"{statement}: {done.stderr[-1500:]}")
    return float(done.stdout.split()[-1])
