"""Whether work that would have to wait is done in time."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from thalweg.executor.forecast import FIRST_JOBS, LONGEST, Forecast
from thalweg.executor.queue import FairQueue
from thalweg.testing.clock import VirtualClock


def paced(seconds: float, jobs: int = FIRST_JOBS) -> Forecast:
    forecast = Forecast()
    for _ in range(jobs):
        forecast.note(seconds)
    return forecast


def test_nothing_is_foretold_before_enough_was_seen() -> None:
    forecast = paced(10.0, FIRST_JOBS - 1)
    assert (forecast.seconds, forecast.in_time(1000, 1, 0.001)) == (0.0, True)
    forecast.note(10.0)
    assert (forecast.seconds, forecast.in_time(1000, 1, 0.001)) == (10.0, False)


def test_the_quickest_of_the_first_jobs_is_the_first_estimate() -> None:
    forecast = Forecast()
    for seconds in [5.0, *[0.01] * (FIRST_JOBS - 1)]:
        forecast.note(seconds)
    assert forecast.seconds == 0.01


def test_who_finds_nobody_ahead_is_always_let_in() -> None:
    assert paced(60.0).in_time(0, 1, 0.0)


def test_what_is_expected_counts_those_ahead_the_one_that_runs_and_the_job_itself() -> None:
    forecast = paced(0.1)
    assert forecast.wait(3, 1) == pytest.approx(0.35)
    assert forecast.in_time(3, 1, 0.45 / 0.8 + 1e-9)
    assert not forecast.in_time(3, 1, 0.45 / 0.8 - 1e-3)


def test_threads_share_what_waits() -> None:
    forecast = paced(0.1)
    assert forecast.wait(8, 4) == pytest.approx(0.25)


def test_the_estimate_follows_the_jobs_both_ways() -> None:
    forecast = paced(0.1)
    seen = [forecast.seconds]
    for _ in range(100):
        forecast.note(0.2)
        seen.append(forecast.seconds)
    assert all(before < after for before, after in pairwise(seen))
    assert forecast.seconds == pytest.approx(0.2, rel=0.01)
    for _ in range(100):
        forecast.note(0.1)
    assert forecast.seconds == pytest.approx(0.1, rel=0.01)


def test_one_job_that_hung_counts_for_a_bounded_part() -> None:
    forecast = paced(0.01)
    forecast.note(60.0)
    assert forecast.seconds <= 0.01 * (1 + LONGEST / 16)


class Simulation:
    """One thread, and requests that come at random: virtual time alone."""

    def __init__(self, service: Callable[[random.Random], float], load: float, patience: float, refuses: bool) -> None:
        self._random = random.Random(11)
        self._service = service
        self._load = load
        self._patience = patience
        self._refuses = refuses

    def goodput(self, seconds: float) -> float:
        """The part of what could be done in `seconds` that was done in time. Services take 1 s on average."""
        clock, queue, forecast = VirtualClock(), FairQueue[tuple[float, int]](), Forecast()
        due, good, number = 0.0, 0.0, 0
        while clock() < seconds:
            while due <= clock():
                if not self._refuses or forecast.in_time(queue.ahead(0, ""), 1, due + self._patience - clock()):
                    queue.put((due + self._patience, number))
                number += 1
                due += self._random.expovariate(self._load)
            entry = queue.take()
            if entry is None:
                clock.advance(due - clock())
            elif entry[0] > clock():  # else it is over before its turn comes, and costs nothing
                took = self._service(self._random)
                forecast.note(took)
                clock.advance(took)
                good += clock() <= entry[0]
        return good / seconds


def steady(_: random.Random) -> float:
    return 1.0


def random_length(chance: random.Random) -> float:
    return chance.expovariate(1.0)


@pytest.mark.parametrize("service", [steady, random_length])
@pytest.mark.parametrize("load", [1.5, 2.0, 5.0])
@pytest.mark.parametrize("patience", [50.0, 400.0])
def test_almost_all_of_what_can_be_done_is_done_in_time(
    service: Callable[[random.Random], float], load: float, patience: float
) -> None:
    assert Simulation(service, load, patience, refuses=True).goodput(4000.0) >= 0.9


@pytest.mark.parametrize("load", [1.5, 2.0, 5.0])
def test_without_refusing_most_of_it_comes_too_late(load: float) -> None:
    assert Simulation(steady, load, 400.0, refuses=False).goodput(4000.0) <= 0.75


@pytest.mark.parametrize("service", [steady, random_length])
def test_below_what_can_be_done_nothing_is_lost(service: Callable[[random.Random], float]) -> None:
    assert Simulation(service, 0.7, 50.0, refuses=True).goodput(4000.0) == pytest.approx(0.7, rel=0.05)
