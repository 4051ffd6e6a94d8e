"""A Deployment whose replicas the load decides, under a load that rises, falls, ends and comes back: real processes, 45 s.

`python -m benchmarks.autoscaled` prints what happened second by second, and a summary. A request keeps its replica for
50 ms, one at a time, so that one replica answers 20 a second.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from thalweg import AsyncClient, Deployment, Executor, requests
from thalweg.config import AutoscaleOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ThalwegError

SERVICE = 0.05
OPTIONS = AutoscaleOptions(min=0, max=6, target=1.5, burst=1.0, window=4.0, idle=3.0)
PHASES = ((8, 10.0), (10, 80.0), (10, 15.0), (8, 0.0), (9, 30.0))
"""Seconds, and requests a second for as long."""


class Point(BaseDoc):
    number: int = 0


class Waiter(Executor):
    """Keeps its one thread as a model keeps its device."""

    @requests(on="/do")
    def do(self, docs: DocList[Point], **kwargs: object) -> None:
        time.sleep(SERVICE)


@dataclass
class Run:
    """What was seen. Moments are seconds since the beginning."""

    latencies: list[tuple[float, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    replicas: list[tuple[float, int]] = field(default_factory=list)


def arrivals(seed: int = 0) -> Iterator[float]:
    """Moments of a Poisson process, phase by phase."""
    chance, begin = random.Random(seed), 0.0
    for seconds, rate in PHASES:
        at = begin
        while rate and (at := at + chance.expovariate(rate)) < begin + seconds:
            yield at
        begin += seconds


async def drive(deployment: Deployment) -> Run:
    """Send each request when it is due, whatever became of those before."""
    run, began = Run(), time.monotonic()
    async with AsyncClient(deployment.private_address) as client, asyncio.TaskGroup() as group:

        async def ask(due: float) -> None:
            try:
                await client.post("/do", Point(), return_type=DocList[Point])
            except ThalwegError as error:
                run.lost.append(repr(error))
            run.latencies.append((due, time.monotonic() - began - due))

        async def count() -> None:
            for tick in range(4 * sum(seconds for seconds, _ in PHASES)):
                await asyncio.sleep(max(0.0, began + tick / 4 - time.monotonic()))
                there = sum(not title.startswith("gateway") for title in deployment.pids)
                run.replicas.append((time.monotonic() - began, there))

        group.create_task(count())
        for due in arrivals():
            await asyncio.sleep(max(0.0, began + due - time.monotonic()))
            group.create_task(ask(due))
    return run


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def report(run: Run) -> None:
    """A line for each phase, and one for all."""
    print(
        "| phase | requests/s | replicas, least to most | p50 | p95 | longest |\n| --- | --- | --- | --- | --- | --- |"
    )
    begin = 0.0
    for seconds, rate in PHASES:
        end = begin + seconds
        took = [latency for due, latency in run.latencies if begin <= due < end]
        there = [number for at, number in run.replicas if begin <= at < end]
        figures = [f"{quantile(took, share) * 1e3:.0f} ms" if took else "-" for share in (0.5, 0.95, 1.0)]
        print(f"| {begin:.0f} to {end:.0f} s | {rate:.0f} | {min(there)} to {max(there)} | {' | '.join(figures)} |")
        begin = end
    average = sum(number for _, number in run.replicas) / len(run.replicas)
    print(f"\n{len(run.latencies)} requests, {len(run.lost)} lost, {average:.1f} replicas on average")
    print("replicas:", " ".join(str(number) for _, number in run.replicas[::4]))


if __name__ == "__main__":
    with Deployment(uses=Waiter, autoscale=OPTIONS) as running:
        report(asyncio.run(drive(running)))
