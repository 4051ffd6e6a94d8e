"""What one request costs, and where: `python -m benchmarks.profile_request`.

Serves Thalweg's part of the benchmark, drives it with wrk, and prints microseconds of processor time per request for each
process, its own and the kernel's on its behalf, and how these divide: its own among layers and lines (sampled with py-spy),
the kernel's among system calls (sampled with perf), and how often each is called (counted with strace). Needs Linux and the
right to trace; perf and strace are left out where they are missing.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import THALWEG
from benchmarks.environments import environment
from benchmarks.layers import Stack, by_call, by_layer, by_line, read_stacks, shares
from benchmarks.load import Load, drive, post
from benchmarks.processes import CpuTime, Service, ServiceFailed, free_port
from benchmarks.report import as_markdown
from benchmarks.work import DOCUMENT, check_answer, request_body

SAMPLES_PER_SECOND = 250
KERNEL_SAMPLES_PER_SECOND = 2999
BUSY_MICROSECONDS = 2.0
LINES = 25


@dataclass(frozen=True)
class Target:
    """The service under load."""

    url: str
    body: bytes
    connections: int
    seconds: float

    def load(self) -> Load:
        return drive(self.url, self.body, connections=self.connections, seconds=self.seconds)


@dataclass(frozen=True)
class Cost:
    """Microseconds of processor time per request of one process, and how often it had to wait or was interrupted."""

    pid: int
    role: str
    user: float
    system: float
    waits: float
    interruptions: float


def switches(status: str) -> tuple[int, int]:
    """Voluntary and involuntary context switches in the text of /proc/PID/task/TID/status."""
    found = dict(re.findall(r"^(voluntary|nonvoluntary)_ctxt_switches:\s+(\d+)$", status, re.MULTILINE))
    return int(found.get("voluntary", 0)), int(found.get("nonvoluntary", 0))


def read_calls(text: str) -> dict[str, int]:
    """Calls by name in what `strace -c` prints."""
    calls: dict[str, int] = {}
    for line in text.splitlines():
        parts = line.split()
        if len(parts) >= 5 and parts[0].replace(".", "").isdigit() and parts[-1] != "total":
            calls[parts[-1]] = int(parts[3])
    return calls


def _switches(pid: int) -> tuple[int, int]:
    sums = [0, 0]
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for position, count in enumerate(switches(status.read_text())):
            sums[position] += count
    return sums[0], sums[1]


def _worker_pids(url: str) -> set[int]:
    answer = post(url.replace("/encode", "/process"), json.dumps({"data": [DOCUMENT]}).encode())
    return {int(json.loads(answer)["data"][0]["text"])} if answer else set()


def costs(service: Service, target: Target, names: Mapping[int, str]) -> tuple[list[Cost], Load, CpuTime]:
    """The cost of each process that did anything for the requests, the load, and wrk's own processor time."""
    before, waited = service.cpu(), {pid: _switches(pid) for pid in service.pids}
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    load = target.load()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = []
    for pid, time in service.cpu().items():
        spent = time.since(before.get(pid, CpuTime(0.0, 0.0)))
        each = 1e6 / load.requests
        if spent.total * each > BUSY_MICROSECONDS:
            now, then = _switches(pid), waited.get(pid, (0, 0))
            waits, interruptions = ((now[i] - then[i]) / load.requests for i in range(2))
            found.append(Cost(pid, names.get(pid, ""), spent.user * each, spent.system * each, waits, interruptions))
    wrk = CpuTime(after.ru_utime - children.ru_utime, after.ru_stime - children.ru_stime)
    return found, load, wrk


@contextmanager
def _watching(command: Sequence[str]) -> Iterator[None]:
    """`command` runs beside the block and is told to finish (SIGINT) at its end, unless it ended by itself."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            try:
                process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                process.send_signal(2)
            process.wait(timeout=30)


def stacks(pid: int, target: Target) -> list[Stack]:
    """Stacks of the threads of `pid` that were running while the load was on."""
    program = shutil.which("py-spy") or str(Path(sys.executable).with_name("py-spy"))
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "stacks"
        command = [program, "record", "--pid", str(pid), "--format", "raw", "--full-filenames", "--output", str(output)]
        command += [
            "--rate",
            str(SAMPLES_PER_SECOND),
            "--duration",
            str(max(1, round(target.seconds - 1))),
            "--native",
        ]
        with _watching(command):
            target.load()
        return read_stacks(output.read_text())


def kernel_samples(pid: int, target: Target) -> Counter[str]:
    """What the kernel did for `pid` while the load was on, in samples; empty where perf may not look."""
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "samples")
        record = ["perf", "record", "-e", "cpu-clock", "-F", str(KERNEL_SAMPLES_PER_SECOND), "-g", "-p", str(pid)]
        with _watching([*record, "-o", output]):
            target.load()
        command = ["perf", "script", "-i", output, "-F", "ip,sym,dso"]
        return by_call(subprocess.run(command, capture_output=True, text=True, check=False).stdout)


def system_calls(pid: int, target: Target) -> dict[str, float]:
    """System calls of `pid` per request, by name."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "calls"
        with _watching(["strace", "-f", "-c", "-p", str(pid), "-o", str(output)]):
            load = target.load()
        return {name: count / load.requests for name, count in read_calls(output.read_text()).items()}


def _roles(service: Service, url: str) -> dict[int, str]:
    workers = _worker_pids(url)
    return {pid: "worker" if pid in workers else "gateway" for pid in service.pids}


def _table_of_costs(found: Sequence[Cost], load: Load, wrk: CpuTime) -> str:
    each = 1e6 / load.requests
    table = [
        (
            one.role,
            f"{one.user:.0f}",
            f"{one.system:.0f}",
            f"{one.user + one.system:.0f}",
            f"{one.waits:.2f}",
            f"{one.interruptions:.2f}",
        )
        for one in found
    ]
    table.append(("wrk", f"{wrk.user * each:.0f}", f"{wrk.system * each:.0f}", f"{wrk.total * each:.0f}", "", ""))
    head = ("process", "its own us", "kernel us", "together us", "waits", "interruptions")
    return as_markdown(head, table)


def _report(service: Service, target: Target, names: Mapping[int, str]) -> None:
    found, load, wrk = costs(service, target, names)
    busy = sum(one.user + one.system for one in found)
    print(f"\n## {target.connections} connections: {load.rate:,.0f} requests/s, p50 {load.p50 * 1e3:.0f} us\n")
    print(_table_of_costs(found, load, wrk))
    if target.connections == 1:
        wrk_each = wrk.total / load.requests * 1e6
        wall = 1e6 / load.rate
        print(f"\nOne request takes {wall:.0f} us: {busy:.0f} us at work in the service, {wrk_each:.0f} us in wrk, and")
        print(f"{wall - busy - wrk_each:.0f} us of waking up and waiting.")
        return
    for one in found:
        _report_process(one, target)


def _report_process(one: Cost, target: Target) -> None:
    sampled = stacks(one.pid, target)
    print(f"\n### {one.role}: {one.user:.0f} us of its own and {one.system:.0f} us in the kernel\n")
    table = shares(by_layer(sampled), one.user)
    if shutil.which("perf"):
        calls = shares(kernel_samples(one.pid, target), one.system)
        table += [(f"kernel: {name}", us) for name, us in calls]
    print(as_markdown(("layer", "us"), [(name, f"{us:.1f}") for name, us in table]))
    print()
    lines = shares(by_line(sampled), one.user)[:LINES]
    print(as_markdown(("line", "us"), [(f"`{name}`", f"{us:.1f}") for name, us in lines]))
    if shutil.which("strace"):
        calls = sorted(system_calls(one.pid, target).items(), key=lambda each: -each[1])
        print(
            "\nSystem calls per request: " + ", ".join(f"{name} {count:.2f}" for name, count in calls if count >= 0.01)
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_request", description=__doc__)
    parser.add_argument("--topology", choices=("one", "two", "alone"), default="one")
    parser.add_argument("--connections", type=int, nargs="+", default=[32, 1])
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args(arguments)
    port, body = free_port(), request_body(THALWEG.enveloped)
    url = f"http://127.0.0.1:{port}/encode"
    with THALWEG.serve(environment("thalweg"), given.topology, "http", port) as service:
        try:
            service.wait_until(lambda: post(url, body) is not None)
        except ServiceFailed as error:
            sys.exit(f"Thalweg's service {error}")
        check_answer(post(url, body) or b"", given.topology, THALWEG.enveloped)
        drive(url, body, connections=32, seconds=1)
        names = _roles(service, url)
        for connections in given.connections:
            _report(service, Target(url, body, connections, given.seconds), names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
