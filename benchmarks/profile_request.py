"""What one request costs, and where: `python -m benchmarks.profile_request`.

Serves Thalweg's part of the benchmark, keeps it busy, and prints microseconds of processor time per request for each
process, its own and the kernel's on its behalf, and how these divide: its own among layers and lines (sampled with py-spy),
the kernel's among system calls (sampled with perf), and how often each is called (counted with strace). Needs Linux and the
right to trace; perf and strace are left out where they are missing.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path

from benchmarks.contestants import THALWEG
from benchmarks.drivers import Stream, Wrk
from benchmarks.environments import Environment, environment
from benchmarks.layers import by_layer, by_line, shares, weighed
from benchmarks.load import Load, drive, post
from benchmarks.processes import CpuTime, Service, ServiceFailed, cpu_time, free_port, listens, thread_times
from benchmarks.report import as_markdown
from benchmarks.sampling import SamplingFailed, kernel_samples, stacks, system_calls
from benchmarks.work import check_answer, request_body

BUSY_MICROSECONDS = 2.0
LINES = 25
NOTHING = CpuTime(0.0, 0.0)


@dataclass(frozen=True)
class Cost:
    """Microseconds of processor time per request of one process, and how often it waited or was interrupted."""

    role: str
    pid: int
    user: float
    system: float
    waits: float = float("nan")
    interruptions: float = float("nan")


@dataclass(frozen=True)
class Measured:
    """What a load has cost everybody; the driver comes last."""

    load: Load
    costs: list[Cost]


def switches(status: str) -> tuple[int, int]:
    """Voluntary and involuntary context switches in the text of /proc/PID/task/TID/status."""
    found = dict(re.findall(r"^(voluntary|nonvoluntary)_ctxt_switches:\s+(\d+)$", status, re.MULTILINE))
    return int(found.get("voluntary", 0)), int(found.get("nonvoluntary", 0))


def _switches(pid: int) -> tuple[int, int]:
    sums = [0, 0]
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for position, count in enumerate(switches(status.read_text())):
            sums[position] += count
    return sums[0], sums[1]


def measure(names: Mapping[int, str], driver: Wrk | Stream) -> Measured:
    """Processor time per request of each process in `names` that did anything, and of the driver."""
    with driver.driving() as driving:
        before = {pid: (cpu_time(pid), _switches(pid)) for pid in names}
        driving.finish()
    load = _load(driving.load)
    each = 1e6 / load.requests
    found: list[Cost] = []
    for pid, (spent_before, switched_before) in before.items():
        spent, switched = cpu_time(pid).since(spent_before), _switches(pid)
        if spent.total * each > BUSY_MICROSECONDS:
            waits, interruptions = ((switched[i] - switched_before[i]) / load.requests for i in range(2))
            role = f"{names[pid]} {len(found) + 1}" if names[pid] == "worker" else names[pid]
            found.append(Cost(role, pid, spent.user * each, spent.system * each, waits, interruptions))
    found.append(_driver_cost(driver, driving.pid, driving.cpu, each))
    return Measured(load, found)


def _driver_cost(driver: Wrk | Stream, pid: int, cpu: CpuTime, each: float) -> Cost:
    return Cost(driver.name, pid, cpu.user * each, cpu.system * each)


def _load(load: Load | None) -> Load:
    if load is None or load.failures:
        sys.exit(f"the load did not go well: {load}")
    return load


def _roles(service: Service, port: int) -> dict[int, str]:
    """What each process of the service is: the gateway is the one that listens."""
    return {pid: "gateway" if listens(pid, port) else "worker" for pid in sorted(service.pids)}


def _print_costs(measured: Measured) -> None:
    table = [
        (
            one.role,
            f"{one.user:.0f}",
            f"{one.system:.0f}",
            f"{one.user + one.system:.0f}",
            *("" if isnan(number) else f"{number:.2f}" for number in (one.waits, one.interruptions)),
        )
        for one in measured.costs
    ]
    print(as_markdown(("process", "its own us", "kernel us", "together us", "waits", "interruptions"), table))


def _print_waiting(measured: Measured) -> None:
    """Where a request's time goes when there is only one: what nobody worked on was spent waking up."""
    wall = 1e6 / measured.load.rate
    *service, driver = (one.user + one.system for one in measured.costs)
    print(
        f"\nOne request takes {wall:.0f} us: {sum(service):.0f} us at work in the service, {driver:.0f} us in the driver,"
    )
    print(f"{wall - sum(service) - driver:.0f} us of waking up and waiting.")


def _print_process(one: Cost, driver: Wrk | Stream) -> None:
    # The client of a stream is another process each time.
    moving = one.role == driver.name
    # py-spy reads symbols for some seconds before it takes its first sample.
    longer = replace(driver, seconds=driver.seconds + 5)
    before = {} if moving else thread_times(one.pid)
    with longer.driving() as driving, stacks(driving.pid if moving else one.pid) as seen:
        driving.finish()
    after = {} if moving else thread_times(one.pid)
    sampled = weighed(seen, {thread: time.since(before.get(thread, NOTHING)).user for thread, time in after.items()})
    with driver.driving() as driving, kernel_samples(driving.pid if moving else one.pid) as kernel:
        driving.finish()
    print(f"\n### {one.role}: {one.user:.1f} us of its own and {one.system:.1f} us in the kernel\n")
    table = shares(by_layer(sampled), one.user)
    table += [(f"kernel: {name}", us) for name, us in shares(kernel, one.system)]
    print(as_markdown(("layer", "us"), [(name, f"{us:.1f}") for name, us in table]))
    print()
    lines = shares(by_line(sampled), one.user)[:LINES]
    print(as_markdown(("line", "us"), [(f"`{name}`", f"{us:.1f}") for name, us in lines]))
    if not moving:
        _print_calls(one.pid, driver)


def _print_calls(pid: int, driver: Wrk | Stream) -> None:
    with driver.driving() as driving, system_calls(pid) as calls:
        driving.finish()
    load = _load(driving.load)
    each = {name: count / load.requests for name, count in Counter(calls).most_common()}
    print(
        "\nSystem calls per request: "
        + ", ".join(f"{name} {count:.2f}" for name, count in each.items() if count >= 0.01)
    )


def _print_http(service: Service, port: int, given: argparse.Namespace) -> None:
    url = f"http://127.0.0.1:{port}/encode"
    body = request_body(THALWEG.enveloped)
    check_answer(post(url, body) or b"", given.topology, THALWEG.enveloped)
    drive(url, body, connections=32, seconds=1)
    names = _roles(service, port)
    for connections in given.connections:
        driver = Wrk(url, body, connections, given.seconds)
        measured = measure(names, driver)
        load = measured.load
        print(f"\n## {connections} connections: {load.rate:,.0f} requests/s, p50 {load.p50 * 1e3:.0f} us\n")
        _print_costs(measured)
        if connections == 1:
            _print_waiting(measured)
            continue
        for one in measured.costs[:-1]:
            _print_process(one, driver)


def _print_grpc(service: Service, port: int, python: str, given: argparse.Namespace) -> None:
    driver = Stream(python, port, given.work, given.seconds)
    with driver.driving():
        pass
    measured = measure(_roles(service, port), driver)
    print(f"\n## {given.work}: {measured.load.rate:,.0f} documents/s; costs are those of one document\n")
    _print_costs(measured)
    for one in measured.costs:
        _print_process(one, driver)


def _run(given: argparse.Namespace, python: Environment) -> None:
    port = free_port()
    protocol = "http" if given.work == "http" else "grpc"
    with THALWEG.serve(python, given.topology, protocol, port) as service:
        url = f"http://127.0.0.1:{port}/encode"
        if protocol == "http":
            service.wait_until(lambda: post(url, request_body(THALWEG.enveloped)) is not None)
            _print_http(service, port, given)
        else:
            service.wait_until(lambda: any(listens(pid, port) for pid in service.pids))
            _print_grpc(service, port, python.python, given)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_request", description=__doc__)
    parser.add_argument(
        "--work", choices=("http", "documents", "vectors"), default="http", help="the last two use gRPC"
    )
    parser.add_argument("--topology", choices=("one", "two", "alone"), default="one")
    parser.add_argument("--connections", type=int, nargs="+", default=[32, 1], help="of wrk (32 and 1)")
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args(arguments)
    if given.work != "http":
        given.topology = "two"  # the client checks that both stages did their work
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run(given, environment("thalweg"))
    except (ServiceFailed, SamplingFailed, ChildProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
