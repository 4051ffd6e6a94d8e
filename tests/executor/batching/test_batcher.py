"""The batcher against its reference model, on schedules that nobody would think of, and rule by rule."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from typing import Any

import pytest

from tests.executor.batching.reference import ReferenceBatcher
from thalweg.executor.batching.batcher import Batch, Batcher, Decision, Reason, Rules
from thalweg.testing.clock import VirtualClock

SCHEDULES = 3000


def contents(batch: Batch[Any]) -> list[tuple[Hashable, int]]:
    return [(part.request, index) for part in batch.slices for index in range(part.start, part.stop)]


class Comparison:
    """Plays one random schedule to both, and holds what they do against each other and against the rules."""

    def __init__(self, seed: int) -> None:
        self.random = draw = random.Random(seed)
        self.clock = VirtualClock()
        self.by_cost = draw.random() < 0.4
        size = draw.choice((1, 2, 3, 5, 8, 13))
        self.rules = Rules(
            size=size,
            wait=draw.choice((0.0, 1.0, 4.0, 16.0)),
            flush_all=draw.random() < 0.2,
            slots=draw.choice((1, 1, 1, 2, 3, None)),
        )
        self.keys = draw.choice((1, 1, 2, 5))
        self.batcher: Batcher[int] = Batcher(self.rules)
        self.reference = ReferenceBatcher(size, self.rules.wait, self.rules.flush_all, self.rules.slots)
        self.running: list[Batch[int]] = []
        self.costs: dict[int, list[int]] = {}
        self.key_of: dict[int, int] = {}
        self.arrived: dict[int, float] = {}
        self.gone: dict[int, list[int]] = {}
        self.withdrawn: set[int] = set()
        self.wake: float | None = None
        self.number = 0

    def play(self, steps: int) -> None:
        for _ in range(steps):
            event = self.random.choices((self.arrive, self.complete, self.advance, self.withdraw), (6, 4, 4, 1))[0]
            event()
        self.end()

    def arrive(self) -> None:
        request = self.number = self.number + 1
        count = self.random.choice((1, 1, 1, 2, 3, 9))
        costs = [self.random.choice((0, 1, 1, 2, 4, 20)) if self.by_cost else 1 for _ in range(count)]
        self.costs[request], self.arrived[request] = costs, self.clock()
        self.key_of[request] = key = self.random.randrange(self.keys)
        self.gone[request] = []
        self.reference.arrive(request, key, costs, self.clock())
        self.check(self.batcher.arrive(request, key, count, self.clock(), costs if self.by_cost else None))

    def complete(self) -> None:
        if self.running:
            batch = self.running.pop(self.random.randrange(len(self.running)))
            self.reference.running -= 1
            self.check(self.batcher.complete(batch, self.clock(), 1.0))

    def advance(self) -> None:
        until = self.clock() + self.random.choice((0.25, 1.0, 3.0, 20.0))
        while self.wake is not None and self.wake <= until:
            self.clock.advance(max(0.0, self.wake - self.clock()))
            before = self.batcher.waiting
            decision = self.batcher.tick(self.clock())
            assert decision.batches, "a timer that means nothing"
            assert self.batcher.waiting <= before
            self.check(decision)
        self.clock.advance(until - self.clock())

    def withdraw(self) -> None:
        if self.number:
            request = self.random.randint(1, self.number)
            self.withdrawn.add(request)
            self.reference.withdraw(request)
            self.check(self.batcher.withdraw(request, self.clock()))

    def end(self) -> None:
        self.reference.draining = True
        self.check(self.batcher.drain(self.clock()))
        while self.running:
            self.complete()
        for request, costs in self.costs.items():
            if request not in self.withdrawn:
                assert self.gone[request] == list(range(len(costs))), "lost, doubled, or out of order"
        assert (self.batcher.waiting, self.batcher.keys, self.batcher.running, self.wake) == (0, 0, 0, None)

    def check(self, decision: Decision[int]) -> None:
        expected = self.reference.decide(self.clock())
        assert [(str(batch.reason), contents(batch)) for batch in decision.batches] == expected
        assert decision.wake == self.reference.wake()
        self.wake = decision.wake
        for batch in decision.batches:
            self.running.append(batch)
            self.hold(batch)
        if self.rules.slots is not None:
            assert len(self.running) <= self.rules.slots + 1
        self.nobody_overdue()

    def hold(self, batch: Batch[int]) -> None:
        documents = contents(batch)
        cost = sum(self.costs[request][index] for request, index in documents)
        assert batch.cost == cost
        assert batch.size == len(documents) >= 1
        assert batch.waited == self.clock() - min(self.arrived[request] for request, _ in documents[:1])
        if not self.rules.flush_all:
            assert cost <= self.rules.size or len(documents) == 1
        assert len({self.key_of[request] for request, _ in documents}) == 1, "keys mixed"
        assert not {request for request, _ in documents} & self.withdrawn
        for request, index in documents:
            self.gone[request].append(index)

    def nobody_overdue(self) -> None:
        """Where a slot is free, nobody has waited for longer than the rules say."""
        if self.rules.slots is None or len(self.running) < self.rules.slots:
            for document in self.reference.documents:
                assert self.clock() - document.arrived < self.rules.wait


@pytest.mark.parametrize("part", range(10))
def test_thousands_of_random_schedules_go_as_the_reference_model_says(part: int) -> None:
    for seed in range(part * SCHEDULES // 10, (part + 1) * SCHEDULES // 10):
        Comparison(seed).play(steps=40)


def sizes(decision: Decision[Any]) -> list[int]:
    return [batch.size for batch in decision.batches]


def played(rules: Rules, requests: Sequence[tuple[float, int]]) -> list[tuple[float, int, Reason]]:
    """Moment, size and reason of each batch, where each call takes no time at all."""
    batcher: Batcher[int] = Batcher(rules)
    calls: list[tuple[float, int, Reason]] = []
    wake: float | None = None

    def run(decision: Decision[int], now: float) -> float | None:
        while decision.batches:
            batches = decision.batches
            for batch in batches:
                calls.append((now, batch.size, batch.reason))
            for batch in batches:
                decision = batcher.complete(batch, now)
                if decision.batches:
                    calls.extend((now, more.size, more.reason) for more in decision.batches)
                    for more in decision.batches:
                        decision = batcher.complete(more, now)
        return decision.wake

    for number, (moment, count) in enumerate(requests):
        while wake is not None and wake <= moment:
            wake = run(batcher.tick(wake), wake)
        wake = run(batcher.arrive(number, "", count, moment), moment)
    while wake is not None:
        wake = run(batcher.tick(wake), wake)
    return calls


def test_two_requests_of_three_make_a_batch_of_four_and_one_of_two() -> None:
    assert [size for _, size, _ in played(Rules(4, 10.0), [(0.0, 3), (0.0, 3)])] == [4, 2]


def test_a_request_of_nine_is_split_and_its_rest_does_not_wait_again() -> None:
    assert played(Rules(4, 10.0), [(0.0, 9)]) == [(0.0, 4, Reason.FULL), (0.0, 4, Reason.FULL), (0.0, 1, Reason.REST)]


def test_flush_all_takes_everything_in_one_call() -> None:
    assert played(Rules(2, 10.0, flush_all=True), [(0.0, 9)]) == [(0.0, 9, Reason.FLUSH)]


def test_a_single_document_goes_when_its_time_is_up() -> None:
    assert played(Rules(4, 10.0), [(1.0, 1)]) == [(11.0, 1, Reason.TIMEOUT)]


def test_no_timer_outlives_the_batch_that_it_was_set_for() -> None:
    requests = [(0.0, 1), (0.5, 1), (30.0, 1), (30.5, 1)]
    assert [(moment, size) for moment, size, _ in played(Rules(2, 10.0), requests)] == [(0.5, 2), (30.5, 2)]


def test_ten_thousand_keys_leave_nothing_behind() -> None:
    batcher: Batcher[int] = Batcher(Rules(2, 1.0, slots=None))
    for number in range(10_000):
        batcher.arrive(number, ("parameters", number), 1, 0.0)
    assert batcher.keys == 10_000
    assert sizes(batcher.tick(1.0)) == [1] * 10_000
    assert (batcher.keys, batcher.waiting) == (0, 0)


def test_what_waits_for_a_slot_grows() -> None:
    batcher: Batcher[int] = Batcher(Rules(8, 1.0))
    (first,) = batcher.arrive(0, "", 8, 0.0).batches
    assert batcher.arrive(1, "", 1, 0.0) == ([], None)
    assert batcher.tick(5.0) == ([], None)  # its time is up, and nothing is gained by closing it
    batcher.arrive(2, "", 3, 6.0)
    (second,) = batcher.complete(first, 7.0).batches
    assert (second.size, second.reason) == (4, Reason.TIMEOUT)


def test_a_key_that_is_always_full_does_not_starve_another() -> None:
    batcher: Batcher[int] = Batcher(Rules(2, 1.0))
    number = 0

    def busy(now: float) -> list[Batch[int]]:
        nonlocal number
        number += 1
        return list(batcher.arrive(number, "busy", 2, now).batches)

    running = busy(0.0)
    batcher.arrive(-1, "quiet", 1, 0.0)
    for step in range(1, 20):
        now = step * 0.25
        running += busy(now)
        running += batcher.complete(running.pop(0), now).batches
        if any(part.request == -1 for batch in running for part in batch.slices):
            assert now <= 1.75
            return
    pytest.fail("the quiet key never had its turn")


def test_a_document_that_counts_more_than_a_batch_may_goes_alone() -> None:
    batcher: Batcher[str] = Batcher(Rules(10, 1.0, slots=None))
    assert sizes(batcher.arrive("small", "", 1, 0.0, [4])) == []
    assert sizes(batcher.arrive("large", "", 3, 0.0, [25, 2, 5])) == [1, 1, 2]
