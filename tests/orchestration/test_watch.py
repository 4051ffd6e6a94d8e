"""When a process is given up, without a clock."""

from __future__ import annotations

from thalweg.orchestration.watch import Watch
from thalweg.testing.clock import VirtualClock


def test_one_that_is_not_ready_has_all_the_time_it_needs() -> None:
    watch = Watch(5)
    assert not any(watch.look(float(now)) for now in range(10_000))


def test_one_with_a_pulse_lives() -> None:
    clock = VirtualClock()
    watch = Watch(5)
    watch.ready(clock())
    for _ in range(1000):
        watch.pulse(clock.advance(0.5))
        assert not watch.look(clock.advance(0.5))


def test_one_without_a_pulse_is_given_up() -> None:
    clock = VirtualClock()
    watch = Watch(5)
    watch.ready(clock())
    assert [watch.look(clock.advance(1)) for _ in range(6)] == [False, False, False, False, True, True]
    assert watch.reason == "it has not said anything for 6 seconds"


def test_one_that_may_be_silent_is_never_given_up() -> None:
    watch = Watch(None)
    watch.ready(0)
    assert not any(watch.look(float(now)) for now in range(1000))


def test_who_was_stopped_itself_blames_nobody() -> None:
    clock = VirtualClock()
    watch = Watch(5)
    watch.ready(clock())
    assert not watch.look(clock.advance(1))
    assert not watch.look(clock.advance(3600))
    assert [watch.look(clock.advance(1)) for _ in range(5)] == [False, False, False, False, True]


def test_one_that_resigned_has_its_time_to_end() -> None:
    clock = VirtualClock()
    watch = Watch(5)
    watch.ready(clock())
    watch.resigned(clock(), "its probe failed", patience=40)
    assert not watch.look(clock.advance(39))
    assert watch.look(clock.advance(1))
    assert watch.reason == "its probe failed"
