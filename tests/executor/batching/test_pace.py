"""What the adaptive mode finds, on models and callers of every kind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import repeat

import pytest

from tests.executor.batching.simulation import Simulation, model
from thalweg.executor.batching.batcher import Batcher, Reason, Rules
from thalweg.executor.batching.pace import CostLine, Pace

INFINITE = float("inf")


def batcher(objective: float, most: float = INFINITE) -> Batcher[int]:
    return Batcher(Rules(most, 10.0), Pace(objective, most))


def poisson(rate: float, seconds: float, draw: random.Random) -> Iterator[float]:
    return (draw.expovariate(rate) for _ in range(int(rate * seconds)))


def test_the_line_of_costs_is_found_through_noise() -> None:
    draw = random.Random(1)
    line, seconds = CostLine(), model(0.005, 0.0002, draw)
    for _ in range(200):
        cost = draw.randint(1, 64)
        line.observe(cost, seconds(cost))
    assert line.fixed == pytest.approx(0.005, rel=0.2)
    assert line.each == pytest.approx(0.0002, rel=0.2)
    assert line.largest(line.seconds(40)) == pytest.approx(40)
    assert line.largest(line.fixed / 2) == 0


def test_one_call_that_took_far_too_long_does_not_bend_it() -> None:
    line = CostLine()
    for cost in (1, 2, 4, 8) * 10:
        line.observe(cost, 0.005 + 0.001 * cost)
    line.observe(8, 10.0)
    assert line.seconds(8) < 0.03


def test_batches_of_one_size_promise_nothing_about_larger_ones() -> None:
    line = CostLine()
    for _ in range(20):
        line.observe(4, 0.008)
    assert line.seconds(8) == pytest.approx(0.016)


def test_what_is_known_of_its_parts_outlives_a_time_of_equal_sizes() -> None:
    draw = random.Random(2)
    line, seconds = CostLine(), model(0.005, 0.0002, draw)
    for cost in [*range(1, 64), *(draw.randint(60, 64) for _ in range(1000))]:
        line.observe(cost, seconds(cost))
    assert line.fixed == pytest.approx(0.005, rel=0.3)


@pytest.mark.parametrize("objective", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("load", [0.3, 0.6])
@pytest.mark.parametrize("seed", range(3))
def test_the_objective_holds_for_callers_that_come_at_random(objective: float, load: float, seed: int) -> None:
    draw = random.Random(seed)
    size = (objective / 2 - 0.005) / 0.0002
    rate = load * size / (objective / 2)  # of what calls of half the objective can pass at most
    simulation = Simulation(batcher(objective), model(0.005, 0.0002, draw))
    simulation.open_loop(poisson(rate, 5.0, draw))
    simulation.run(until=100.0)
    assert len(simulation.latencies) == int(rate * 5.0)
    assert simulation.percentile(0.95, since=1.0) <= objective


def test_a_flood_is_passed_at_nearly_the_rate_of_the_largest_size_that_fits() -> None:
    simulation = Simulation(batcher(0.05), model(0.005, 0.0002))
    simulation.closed_loop(150, lambda: 0.001)
    simulation.run(until=5.0)
    assert simulation.percentile(0.99, since=1.0) <= 0.05
    assert simulation.rate(since=1.0) >= 0.9 * 100 / 0.025  # 0.005 + 0.0002 * 100 is half the objective
    assert max(batch.cost for batch in simulation.batches) <= 100


def test_callers_that_come_back_at_once_are_waited_for() -> None:
    """64 that go in one batch come back within two milliseconds. Without a wait the first of them would go alone."""
    draw = random.Random(5)
    simulation = Simulation(batcher(0.1), model(0.005, 0.0002))
    simulation.closed_loop(64, lambda: 0.0005 + 0.0015 * draw.random())
    simulation.run(until=5.0)
    assert simulation.rate(since=1.0) >= 2600  # 64 in 17.8 ms of the model and 2 ms of the callers would be 3230


def test_who_comes_alone_does_not_wait() -> None:
    simulation = Simulation(batcher(0.1), model(0.005, 0.0002))
    simulation.open_loop(repeat(0.1, 50))
    simulation.run(until=100.0)
    assert simulation.percentile(0.99, since=0.0) <= 0.0053
    assert {batch.reason for batch in simulation.batches} <= {Reason.IDLE, Reason.FULL}


def test_the_size_follows_a_model_that_has_become_slower() -> None:
    slowdown = [1.0]
    simulation = Simulation(batcher(0.05), lambda cost: slowdown[0] * (0.005 + 0.0002 * cost))
    simulation.closed_loop(60, lambda: 0.001)
    simulation.run(until=3.0)
    before = simulation.batcher.size
    slowdown[0] = 2.0
    simulation.run(until=8.0)
    assert before >= 60
    assert simulation.batcher.size == pytest.approx(31, rel=0.15)  # 2 * (0.005 + 0.0002 * 31) is nine tenths of 0.025


def test_more_than_passes_within_the_objective_makes_batches_larger_not_queues_longer() -> None:
    simulation = Simulation(batcher(0.02), model(0.005, 0.0002))
    simulation.open_loop(repeat(1 / 3500, 35_000))  # batches of the size that fits pass 2222 in a second
    simulation.run(until=100.0)
    assert simulation.percentile(0.99, since=2.0) <= 0.06


def test_an_objective_that_cannot_be_met_does_no_harm() -> None:
    simulation = Simulation(batcher(0.004), model(0.005, 0.0002))
    simulation.closed_loop(1, lambda: 0.001)
    simulation.run(until=2.0)
    assert {batch.size for batch in simulation.batches} == {1}
    assert simulation.percentile(0.99, since=0.0) <= 0.0053


def test_the_size_never_passes_what_was_given() -> None:
    simulation = Simulation(batcher(10.0, most=24), model(0.005, 0.0002))
    simulation.closed_loop(400, lambda: 0.001)
    simulation.run(until=3.0)
    assert max(batch.cost for batch in simulation.batches) == 24
