"""What probes and silence mean, without a clock."""

from __future__ import annotations

import random

import pytest

from thalweg.config import ProbeOptions
from thalweg.service.worker.health import Ask, Replace, WorkerHealth, WorkerState
from thalweg.testing.clock import VirtualClock

EVERY_10 = ProbeOptions(interval=10, timeout=5, failures=3)


def test_without_a_probe_nothing_is_asked() -> None:
    health = WorkerHealth(None, None, now=0.0)
    assert [health.look(float(now), silent_for=float(now)) for now in range(1000)] == [[]] * 1000
    assert health.state is WorkerState.READY


def test_a_probe_is_asked_an_interval_after_the_last_one_ended() -> None:
    clock = VirtualClock()
    health = WorkerHealth(EVERY_10, None, clock())
    assert health.look(clock.advance(9.9), 0) == []
    assert health.look(clock.advance(0.1), 0) == [Ask()]
    assert health.look(clock.advance(1), 0) == []
    health.passed(clock.advance(1))
    assert health.look(clock.advance(9.9), 0) == []
    assert health.look(clock.advance(0.1), 0) == [Ask()]


def test_a_thread_that_is_kept_too_long_is_stuck_once() -> None:
    health = WorkerHealth(None, 60, now=0.0)
    assert health.look(59.0, silent_for=59.9) == []
    (action,) = health.look(60.0, silent_for=60.0)
    assert isinstance(action, Replace)
    assert action.stuck
    assert "60 seconds" in action.reason
    assert health.look(61.0, silent_for=61.0) == []
    assert health.state is WorkerState.LOST


def test_waiting_for_its_turn_is_no_failure() -> None:
    health = WorkerHealth(EVERY_10, None, now=0.0)
    health.look(10.0, 0)
    assert [health.look(float(now), 0) for now in range(11, 500)] == [[]] * 489
    health.began(500.0)
    health.passed(504.0)
    assert health.state is WorkerState.READY


def test_failures_in_a_row_end_in_a_replacement() -> None:
    clock = VirtualClock()
    health = WorkerHealth(EVERY_10, None, clock())
    for _ in range(2):
        assert health.look(clock.advance(10), 0) == [Ask()]
        assert health.failed(clock.advance(1), "ValueError: no") == []
        assert health.state is WorkerState.READY
    health.look(clock.advance(10), 0)
    assert health.failed(clock.advance(1), "ValueError: no") == [Replace(health.reason, stuck=False)]
    assert health.reason == "its probe has failed 3 times in a row, at last with: ValueError: no"
    assert health.look(clock.advance(100), 0) == []


def test_a_success_between_failures_counts_anew() -> None:
    health = WorkerHealth(EVERY_10, None, now=0.0)
    now = 0.0
    for number in range(30):
        now += 10
        health.look(now, 0)
        if number % 3 == 2:
            health.passed(now)
        else:
            assert health.failed(now, "no") == []
    assert health.state is WorkerState.READY


def test_one_that_is_not_to_be_replaced_is_ready_again_when_its_probe_passes() -> None:
    health = WorkerHealth(ProbeOptions(interval=1, failures=1, replace=False), None, now=0.0)
    health.look(1.0, 0)
    assert health.failed(1.0, "the database is gone") == []
    assert health.state is WorkerState.FAILING
    assert health.reason == "its probe has failed once, at last with: the database is gone"
    assert health.look(2.0, 0) == [Ask()]
    health.passed(2.0)
    assert health.state is WorkerState.READY
    assert health.reason == ""


def test_a_probe_that_does_not_come_back_fails_once_for_each_timeout() -> None:
    health = WorkerHealth(EVERY_10, None, now=0.0)
    health.look(10.0, 0)
    health.began(10.0)
    assert health.look(14.9, 0) == []
    assert health.look(15.0, 0) == []  # the first failure
    assert health.look(20.0, 0) == []  # the second
    (action,) = health.look(25.0, 0)
    assert action == Replace(health.reason, stuck=True)
    assert "did not end within 5 seconds" in health.reason


def test_a_probe_that_comes_back_late_and_fine_is_fine() -> None:
    health = WorkerHealth(EVERY_10, None, now=0.0)
    health.look(10.0, 0)
    health.began(10.0)
    health.look(15.0, 0)
    health.passed(16.0)
    for now in (26.0, 36.0):
        assert health.look(now, 0) == [Ask()]
        assert health.failed(now, "no") == []
    assert health.state is WorkerState.READY


def test_what_comes_after_it_was_lost_changes_nothing() -> None:
    health = WorkerHealth(ProbeOptions(interval=1, failures=1), 5, now=0.0)
    health.look(1.0, 0)
    health.look(6.0, silent_for=5.0)
    reason = health.reason
    assert health.failed(7.0, "later") == []
    health.passed(8.0)
    assert (health.state, health.reason) == (WorkerState.LOST, reason)


@pytest.mark.parametrize("seed", range(200))
def test_any_history_keeps_the_promises(seed: int) -> None:
    """At most one probe is under way, it is lost at most once, and exactly by so many failures in a row."""
    chance = random.Random(seed)
    terms = ProbeOptions(interval=chance.uniform(0.1, 5), timeout=chance.uniform(0.1, 5), failures=chance.randint(1, 4))
    health = WorkerHealth(terms, None, now=0.0)
    now, under_way, begun, failures, lost = 0.0, False, None, 0, 0
    for _ in range(300):
        now += chance.uniform(0.0, 1.0)
        overdue = begun is not None and now >= begun + terms.timeout
        before = health.state
        for action in health.look(now, 0.0):
            if isinstance(action, Ask):
                assert not under_way
                under_way = True
            else:
                lost += 1
        if overdue and before is WorkerState.READY:
            begun = now
            failures += 1
        elif under_way and begun is None and chance.random() < 0.5:
            health.began(now)
            begun = now
        elif under_way and begun is not None and chance.random() < 0.5:
            under_way, begun = False, None
            if chance.random() < 0.5:
                health.passed(now)
                failures = 0 if health.state is WorkerState.READY else failures
            else:
                lost += len(health.failed(now, "no"))
                failures += before is WorkerState.READY
        assert (health.state is WorkerState.LOST) == (failures >= terms.failures) == bool(lost)
        assert lost <= 1
