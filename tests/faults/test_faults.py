"""The short form of `make soak`: each fault for a few seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.faults import every_fault, kill_workers, stop_worker
from tests.faults.load import Load
from tests.faults.trial import RECOVERY_SECONDS, Subject, overload, subject, under

FAULTS = ("kill the gateway", "slow readers", "half-open connections", "clients that vanish", "garbage on every port")


@pytest.fixture(scope="module")
def tested() -> Iterator[Subject]:
    with subject() as running:
        yield running


@pytest.mark.parametrize("name", FAULTS)
async def test_nothing_is_lost_wrong_or_hanging(tested: Subject, name: str) -> None:
    fault = every_fault(tested.flow, tested.addresses)[name]
    result = await under(fault, name, tested, Load(list(tested.addresses.values()), rate=40, attempts=6), 3.0)
    assert result.sound, result.line()
    assert result.outcome.answered


async def test_requests_survive_the_death_of_workers(tested: Subject) -> None:
    load = Load(list(tested.addresses.values()), rate=40, attempts=6, timeout=60.0)
    result = await under(lambda: kill_workers(tested.flow, every=0.5), "kill workers", tested, load, 4.0)
    assert result.sound, result.line()
    assert len(result.outcome.answered) == result.outcome.sent, result.line()


async def test_requests_end_in_time_while_a_worker_stands_still(tested: Subject) -> None:
    load = Load(list(tested.addresses.values()), rate=40, timeout=3.0)
    result = await under(lambda: stop_worker(tested.flow, seconds=2.0), "stop a worker", tested, load, 4.0)
    assert result.sound, result.line()


async def test_twice_the_load_is_refused_in_order_and_forgotten() -> None:
    with subject(replicas=1, seconds=0.02) as tested:
        heavy, recovered = await overload(tested, capacity=50, seconds=3.0)
    assert (heavy.wrong, heavy.hung, len(heavy.strange)) == (0, 0, 0), heavy.line()
    assert set(heavy.errors) <= {"overloaded", "deadline_exceeded"}, heavy.line()
    assert heavy.answered
    assert recovered < RECOVERY_SECONDS, heavy.line()
