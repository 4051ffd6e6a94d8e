"""Replicas come and go with the load, down to none, and no request is lost."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.endtoend.sleepers import Brittle, Labours, Passes, Reluctant, Slow, Task
from thalweg import Client, Deployment, Flow
from thalweg.docs import DocList
from thalweg.errors import ConfigurationError, DeadlineExceeded, Overloaded, ThalwegError, Unavailable
from thalweg.orchestration.running import services

QUICK = {"burst": 0.3, "window": 1.0, "idle": 1.0}


def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def replicas(running: Any, name: str = "executor") -> int:
    return sum(title.startswith(f"{name}/") for title in running.pids)


class Crowd:
    """Several callers who never stop asking. A context manager; nothing that they asked may have failed."""

    def __init__(self, running: Any, callers: int) -> None:
        self.seen: set[int] = set()
        self.answered = 0
        self.errors: list[str] = []
        self._address = running.private_address
        self._going = True
        self._threads = [threading.Thread(target=self._ask) for _ in range(callers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._going = False
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with Client(self._address) as client:
            while self._going:
                try:
                    self.seen.add(client.post("/do", Task(), return_type=DocList[Task])[0].by)
                    self.answered += 1
                except ThalwegError as error:
                    self.errors.append(repr(error))


class Census:
    """How many replicas there are at most and at least, as long as it goes on."""

    def __init__(self, running: Any) -> None:
        self.most = 0
        self.least = 1000
        self._running = running
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._count)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def _count(self) -> None:
        while not self._end.wait(0.01):
            now = replicas(self._running)
            self.most, self.least = max(self.most, now), min(self.least, now)


@pytest.fixture(scope="module")
def sleeper() -> Iterator[Deployment]:
    """Goes to sleep, and is woken."""
    scale = {"min": 0, "max": 3, "target": 1.0, **QUICK}
    with Deployment(uses=Labours, protocol="http", autoscale=scale, replica_wait=0.2) as running:
        yield running


def test_replicas_come_with_the_load_and_go_with_it_and_nothing_is_lost():
    scale = {"min": 1, "max": 3, "target": 1.0, **QUICK}
    with Deployment(uses=Labours, autoscale=scale) as running:
        assert replicas(running) == 1
        with Census(running) as census:
            with Crowd(running, 8) as crowd:
                until(lambda: replicas(running) == 3)
                until(lambda: len(crowd.seen) == 3)
            assert crowd.errors == []
            until(lambda: replicas(running) == 1)
        assert (census.least, census.most) == (1, 3)
        assert running.options.replicas == 1, "what was said stays as it was said"


def test_without_requests_nothing_runs_and_the_first_one_is_held_until_something_does(sleeper: Deployment):
    until(lambda: not replicas(sleeper))
    for _ in range(3):
        first = sleeper.post("/do", Task(seconds=0.0), return_type=DocList[Task])[0].by
        assert replicas(sleeper) == 1
        assert sleeper.post("/do", Task(seconds=0.0), return_type=DocList[Task])[0].by == first, "it stays for a while"
        until(lambda: not replicas(sleeper))


def test_those_who_come_while_it_wakes_are_held_too(sleeper: Deployment):
    until(lambda: not replicas(sleeper))
    with Crowd(sleeper, 20) as crowd:
        until(lambda: crowd.answered >= 40)
    assert crowd.errors == []


def test_one_that_sleeps_is_ready_and_looking_does_not_wake_it(sleeper: Deployment):
    until(lambda: not replicas(sleeper))
    url = f"http://127.0.0.1:{sleeper.ports[0]}"
    (service,) = [one for one in services() if f":{sleeper.ports[0]}" in "".join(one.addresses)]
    for _ in range(3):
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert sleeper.is_ready()
        assert sleeper.client.dry_run()
    status = service.status()
    assert status.ready
    assert [(one.node, one.phase, one.pid) for one in status.processes[1:]] == [("executor", "asleep", None)]
    assert not replicas(sleeper)


def test_looking_does_not_keep_it_awake(sleeper: Deployment):
    sleeper.post("/do", Task(seconds=0.0))
    url = f"http://127.0.0.1:{sleeper.ports[0]}"

    def asleep() -> bool:
        assert httpx.get(f"{url}/dry_run").status_code == 200
        return not replicas(sleeper)

    until(asleep)


def test_who_has_no_time_is_told_and_the_others_are_answered(sleeper: Deployment):
    until(lambda: not replicas(sleeper))
    with pytest.raises(DeadlineExceeded):
        sleeper.post("/do", Task(), timeout=0.02)
    assert sleeper.post("/do", Task(), return_type=DocList[Task])[0].by


def test_a_gateway_that_dies_lets_it_sleep_on(sleeper: Deployment):
    until(lambda: not replicas(sleeper))
    before = sleeper.pids["gateway"]
    os.kill(before, signal.SIGKILL)
    until(lambda: sleeper.pids.get("gateway", before) != before)
    until(sleeper.is_ready)
    assert sleeper.post("/do", Task(), return_type=DocList[Task])[0].by


def test_an_update_of_one_that_sleeps_is_tried_and_it_sleeps_again(sleeper: Deployment):
    until(lambda: not replicas(sleeper))
    with pytest.raises(ThalwegError):
        sleeper.update(uses=Reluctant, uses_with={"file": "/nowhere"})
    assert sleeper.update(uses_with={}, env={"NEW": "1"})
    until(lambda: not replicas(sleeper))
    assert sleeper.post("/do", Task(), return_type=DocList[Task])[0].by


def test_updates_while_it_scales_lose_nothing_and_keep_the_number(tmp_path: Path):
    scale = {"min": 1, "max": 3, "target": 1.0, **QUICK, "window": 60.0}
    with (
        Flow().add(uses=Labours, name="worker", autoscale=scale).add(uses=Passes, name="other") as flow,
        Crowd(flow, 6) as crowd,
    ):
        flow.update(executor="other", env={"A": "1"})
        until(lambda: replicas(flow, "worker") == 3)
        flow.update(executor="worker", env={"A": "2"})
        assert replicas(flow, "worker") == 3
        flow.update(executor="other", env={"A": "3"})
        assert replicas(flow, "worker") == 3
    assert crowd.errors == []


def test_a_replica_goes_when_what_it_does_is_done():
    scale = {"min": 1, "max": 2, "target": 1.0, **QUICK}
    with Deployment(uses=Labours, autoscale=scale, drain_seconds=0.1) as running:
        running.scale(2)
        found: list[Any] = []
        threads = [threading.Thread(target=lambda: found.append(_done_in(running, 2.5))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(found)) == 2
        until(lambda: replicas(running) == 1)


def _done_in(running: Any, seconds: float) -> int:
    with Client(running.private_address, retry=None) as client:
        return int(client.post("/do", Task(seconds=seconds), return_type=DocList[Task])[0].by)


def test_by_hand_within_its_bounds(tmp_path: Path):
    with Deployment(uses=Labours, autoscale={"min": 1, "max": 3, "window": 60.0}) as running:
        running.scale(3)
        assert replicas(running) == 3
        for number in (0, 4):
            with pytest.raises(ConfigurationError, match="autoscale says that of 'executor' 1 to 3 run"):
                running.scale(number)
        assert replicas(running) == 3


def test_one_that_cannot_be_started_again_says_so_and_is_tried_again(tmp_path: Path):
    file = tmp_path / "here"
    file.touch()
    scale = {"min": 0, "max": 2, **QUICK}
    with Deployment(
        uses=Reluctant, protocol="http", uses_with={"file": str(file)}, autoscale=scale, timeout=60.0
    ) as running:
        until(lambda: not replicas(running))
        file.unlink()
        with Client(running.private_address, retry=None) as client, pytest.raises(Unavailable, match="started"):
            client.post("/do", Task())
        assert not running.is_ready()
        file.touch()
        until(running.is_ready)
        assert running.post("/do", Task(), return_type=DocList[Task])[0].by


def test_a_crash_loop_gets_no_further_replicas():
    scale = {"min": 1, "max": 4, "target": 1.0, **QUICK, "burst": 1.0}
    with Deployment(uses=Brittle, name="brittle", autoscale=scale, retries=0, replica_wait=1.0) as running:
        (service,) = [one for one in services() if one.name == "brittle"]

        def looping() -> bool:
            with pytest.raises(ThalwegError):
                running.post("/do", Task(), timeout=5.0)
            return any(process.crash_loop for process in service.status().processes)

        until(looping)
        with Census(running) as census, Crowd(running, 6) as crowd:
            until(lambda: len(crowd.errors) > 12)
        assert census.most <= 1


def test_a_canary_wakes_those_who_sleep_and_the_numbers_stay_until_it_is_over():
    scale = {"min": 0, "max": 2, "target": 1.0, **QUICK}
    with Flow().add(uses=Labours, name="sleeper", autoscale=scale).add(uses=Passes, name="other") as flow:
        until(lambda: not replicas(flow, "sleeper"))
        update = flow.update(executor="other", env={"A": "1"}, canary=0.5)
        assert replicas(flow, "sleeper") == 1
        assert flow.post("/do", Task(), return_type=DocList[Task])[0].by
        update.promote()
        until(lambda: not replicas(flow, "sleeper"))


def test_the_load_decides_from_when_an_update_says_so():
    with Deployment(uses=Labours, include_gateway=True) as running:
        running.update(autoscale={"min": 0, "max": 2, **QUICK})
        until(lambda: not replicas(running))
        assert running.post("/do", Task(), return_type=DocList[Task])[0].by
        running.update(autoscale=None, replicas=2)
        assert replicas(running) == 2


def asked(running: Any, callers: int, found: list[Any]) -> list[threading.Thread]:
    """Ask once, by so many at the same time; answers and errors come into `found`."""

    def ask() -> None:
        with Client(running.private_address, retry=None) as client:
            try:
                found.append(client.post("/do", Task(seconds=0.0), return_type=DocList[Task])[0].by)
            except ThalwegError as error:
                found.append(error)

    threads = [threading.Thread(target=ask) for _ in range(callers)]
    for thread in threads:
        thread.start()
    return threads


def test_as_many_are_held_as_the_limits_say_and_a_close_does_not_wait_for_a_start(tmp_path: Path):
    file, found = tmp_path / "slow", []
    scale = {"min": 0, "max": 2, **QUICK}
    with Deployment(
        uses=Slow, uses_with={"file": str(file)}, autoscale=scale, limits={"max_inflight": 3}, drain_seconds=0.2
    ) as running:
        until(lambda: not replicas(running))
        file.touch()
        threads = asked(running, 8, found)
        until(lambda: len(found) == 5)
        assert all(isinstance(one, Overloaded) for one in found)
        file.unlink()
        for thread in threads:
            thread.join()
        assert all(isinstance(one, int) for one in found[5:])
        until(lambda: not replicas(running))
        file.touch()
        found.clear()
        threads = asked(running, 1, found)
        until(lambda: replicas(running))
        began = time.monotonic()
        running.close()
        assert time.monotonic() - began < 20
        for thread in threads:
            thread.join()
        assert isinstance(found[0], ThalwegError)
