"""The limit that finds itself, in front of simulated services."""

import heapq
import random
from collections.abc import Callable

import pytest

from thalweg.config import AdaptiveConcurrency
from thalweg.service.front.adaptive import AdaptiveLimit


class Simulation:
    """Requests come at random at `rate` a second and are worked on by `workers` side by side, `cost` seconds each; who comes
    past the limit is refused."""

    def __init__(self, limit: AdaptiveLimit, seed: int = 1, workers: int = 1) -> None:
        self.limit = limit
        self.now = 0.0
        self.free = [0.0] * workers
        self.under_way: list[tuple[float, float]] = []  # ends, began
        self.chance = random.Random(seed)

    def run(self, seconds: float, rate: float, cost: Callable[[random.Random], float]) -> tuple[list[float], int]:
        """Latencies of what was answered, and the number of those refused."""
        latencies: list[float] = []
        refused = 0
        until = self.now + seconds
        coming = self.now + self.chance.expovariate(rate)
        while min(coming, self.under_way[0][0] if self.under_way else coming) < until:
            if self.under_way and self.under_way[0][0] <= coming:
                ends, began = heapq.heappop(self.under_way)
                self.now = ends
                self.limit.ended(began, ends, len(self.under_way) + 1)
                latencies.append(ends - began)
                continue
            self.now = coming
            coming += self.chance.expovariate(rate)
            if len(self.under_way) >= self.limit.limit:
                refused += 1
                continue
            start = max(self.now, heapq.heappop(self.free))
            ends = start + cost(self.chance)
            heapq.heappush(self.free, ends)
            heapq.heappush(self.under_way, (ends, self.now))
        self.now = until
        return latencies, refused


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)]


def limit(latency: float = 0.1, **rest: int) -> AdaptiveLimit:
    return AdaptiveLimit(AdaptiveConcurrency(latency=latency, **rest), 2048, 0.0)


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize("initial", [1, 16, 1000])
def test_under_overload_answers_come_in_time_and_nothing_is_wasted(initial: int, workers: int) -> None:
    simulation = Simulation(limit(initial=initial), workers=workers)
    capacity = workers / 0.002
    simulation.run(10.0, 2 * capacity, lambda chance: chance.uniform(0.001, 0.003))
    latencies, refused = simulation.run(10.0, 2 * capacity, lambda chance: chance.uniform(0.001, 0.003))
    assert quantile(latencies, 0.9) < 0.13
    assert len(latencies) > 0.9 * 10 * capacity
    assert refused > 0.8 * 10 * capacity


def test_below_capacity_nobody_is_refused() -> None:
    simulation = Simulation(limit(), workers=4)
    simulation.run(2.0, 1000.0, lambda _: 0.002)
    latencies, refused = simulation.run(20.0, 1000.0, lambda _: 0.002)
    assert refused == 0
    assert len(latencies) > 19_000


def test_a_service_that_slows_down_is_given_less_within_seconds() -> None:
    simulation = Simulation(limit())
    simulation.run(10.0, 1000.0, lambda _: 0.002)
    before = simulation.limit.limit
    simulation.run(5.0, 1000.0, lambda _: 0.010)
    latencies, _ = simulation.run(10.0, 1000.0, lambda _: 0.010)
    assert simulation.limit.limit < before / 3
    assert quantile(latencies, 0.9) < 0.15
    assert len(latencies) > 0.9 * 10 * 100


def test_after_an_overload_it_is_as_before_within_five_seconds() -> None:
    simulation = Simulation(limit(), workers=8)
    simulation.run(10.0, 3000.0, lambda _: 0.002)
    simulation.run(60.0, 3000.0, lambda _: 0.2)
    assert simulation.limit.limit < 16
    simulation.run(5.0, 3000.0, lambda _: 0.002)
    latencies, refused = simulation.run(10.0, 3000.0, lambda _: 0.002)
    assert refused < 0.01 * len(latencies)


def test_it_stays_within_its_bounds() -> None:
    slow = AdaptiveLimit(AdaptiveConcurrency(latency=0.001, least=3), 50, 0.0)
    quick = AdaptiveLimit(AdaptiveConcurrency(latency=100.0), 50, 0.0)
    for step in range(1, 10_000):
        now = step / 100
        for one in (slow, quick):
            one.ended(now - 0.005, now, one.limit)
            assert 3 <= one.limit <= 50
    assert slow.limit == 3
    assert quick.limit == 50


def test_a_limit_in_nobodys_way_does_not_grow() -> None:
    one = limit()
    for step in range(1, 1000):
        one.ended(step / 100 - 0.001, step / 100, 2)
    assert one.limit == 16


def test_failures_of_overload_count_as_late() -> None:
    one = limit()
    for step in range(1, 100):
        one.ended(step / 100 - 0.001, step / 100, 16, failed=True)
    assert one.limit < 16


def test_who_gives_up_early_says_nothing() -> None:
    one = limit()
    for step in range(1, 100):
        one.gave_up(step / 100 - 0.05, step / 100, 16)
    assert one.limit == 16
    for step in range(100, 200):
        one.gave_up(step / 100 - 0.2, step / 100, 16)
    assert one.limit < 16
