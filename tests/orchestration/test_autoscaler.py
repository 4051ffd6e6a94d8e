from math import pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmarks.fleet import Course, Fleet
from thalweg.config.autoscale import AutoscaleOptions
from thalweg.orchestration.autoscaler import Autoscaler, Load

SERVICE = 0.05


def held(scaler: Autoscaler, load: Load, begin: float, seconds: float) -> list[int]:
    """What is decided at each look while the load stays as it is."""
    return [scaler.look(load, begin + second) for second in range(1, int(seconds) + 1)]


def busy(outstanding: float, ready: int, **more: float) -> Load:
    return Load(outstanding, arrived=1, ready=ready, **more)  # type: ignore[arg-type]


def test_one_replica_stays_one_where_that_is_enough():
    scaler = Autoscaler(AutoscaleOptions(max=8), 1, 0.0)
    assert set(held(scaler, busy(1.5, 1), 0.0, 300)) == {1}


def test_replicas_are_added_until_each_has_the_target():
    scaler = Autoscaler(AutoscaleOptions(max=8, target=2.0, burst=3.0), 1, 0.0)
    assert held(scaler, busy(10.0, 1), 0.0, 4)[-1] == 5


def test_a_single_spike_is_averaged():
    scaler = Autoscaler(AutoscaleOptions(max=8, burst=5.0), 1, 0.0)
    held(scaler, busy(0.0, 1), 0.0, 10)
    assert scaler.look(busy(6.0, 1), 11.0) == 1


def test_none_goes_before_the_window_has_passed():
    scaler = Autoscaler(AutoscaleOptions(max=8, window=60.0, burst=3.0), 1, 0.0)
    held(scaler, busy(10.0, 5), 0.0, 10)
    after = held(scaler, busy(1.0, 5), 10.0, 80)
    assert after[55] == 5
    assert after[70] == 1


def test_a_replica_that_would_be_missed_at_once_stays():
    scaler = Autoscaler(AutoscaleOptions(max=8, target=2.0, window=30.0, burst=3.0), 3, 0.0)
    assert held(scaler, busy(3.8, 3), 0.0, 100)[-1] == 3
    assert held(scaler, busy(3.4, 3), 100.0, 100)[-1] == 2


def test_min_and_max_hold():
    scaler = Autoscaler(AutoscaleOptions(min=2, max=3, window=10.0, burst=1.0), 1, 0.0)
    assert scaler.replicas == 2
    assert held(scaler, busy(100.0, 2), 0.0, 20)[-1] == 3
    assert held(scaler, busy(0.0, 3), 20.0, 600)[-1] == 2


def test_nothing_runs_after_a_while_without_requests_and_the_next_one_brings_a_replica():
    scaler = Autoscaler(AutoscaleOptions(min=0, max=3, window=10.0, burst=1.0, idle=100.0), 1, 0.0)
    held(scaler, busy(1.0, 1), 0.0, 50)
    quiet = held(scaler, Load(0.0, ready=1), 50.0, 120)
    assert quiet[90] == 1
    assert quiet[110] == 0
    assert scaler.look(Load(1.0, arrived=1), 171.0) == 1


def test_what_begins_with_none_stays_so_until_it_is_asked():
    scaler = Autoscaler(AutoscaleOptions(min=0, max=3), 0, 0.0)
    assert set(held(scaler, Load(0.0), 0.0, 100)) == {0}
    assert scaler.look(Load(1.0, arrived=1), 101.0) == 1


def test_late_answers_bring_replicas_where_requests_wait():
    options = AutoscaleOptions(max=8, target=100.0, latency=0.2, burst=2.0)
    assert held(Autoscaler(options, 2, 0.0), busy(6.0, 2, latency=0.3), 0.0, 3)[-1] == 3
    # who is late although nothing waits would be late with more replicas, too
    assert held(Autoscaler(options, 2, 0.0), busy(2.0, 2, latency=0.3), 0.0, 3)[-1] == 2


def test_no_replica_goes_while_answers_are_nearly_late():
    options = AutoscaleOptions(max=8, target=10.0, latency=0.2, window=10.0, burst=2.0)
    assert held(Autoscaler(options, 3, 0.0), busy(1.0, 3, latency=0.19), 0.0, 60)[-1] == 3
    assert held(Autoscaler(options, 3, 0.0), busy(1.0, 3, latency=0.1), 0.0, 60)[-1] == 1


def test_the_backlog_of_a_slow_start_brings_no_more_than_can_be_of_use():
    scaler = Autoscaler(AutoscaleOptions(max=100, burst=3.0), 1, 0.0)
    # one replica does 20 a second, 30 arrive, and what waits grows while the others start for half a minute
    for second in range(1, 31):
        load = Load(20.0 + 10.0 * second, arrived=30, answered=20, ready=1, starting=1)
        wanted = scaler.look(load, float(second))
    assert wanted <= 4


@given(
    st.integers(0, 3),
    st.integers(0, 5),
    st.one_of(st.none(), st.floats(0.01, 1.0)),
    st.lists(
        st.tuples(
            st.floats(0.0, 1000.0),
            st.integers(0, 1000),
            st.one_of(st.none(), st.floats(0.0, 60.0)),
            st.integers(0, 10),
            st.integers(0, 10),
            st.floats(0.1, 120.0),
        ),
        max_size=60,
    ),
)
def test_the_number_is_always_between_its_limits_and_never_none_where_somebody_waits(least, more, latency, looks):
    options = AutoscaleOptions(min=least, max=max(1, least + more), latency=latency)
    scaler = Autoscaler(options, 1, 0.0)
    now = 0.0
    for outstanding, count, seconds, ready, starting, wait in looks:
        now += wait
        wanted = scaler.look(Load(outstanding, count, count, seconds, ready, starting), now)
        assert options.min <= wanted <= options.max
        assert wanted or not (outstanding or count)


def enough(rate: float) -> float:
    """Replicas that are busy two thirds of the time."""
    return max(1.0, rate * SERVICE * 1.5)


def provision(course: Course) -> float:
    """Replicas that were there, of those that would have been enough."""
    return course.replica_seconds / sum(enough(moment.rate) for moment in course.moments)


def test_a_day_of_slow_waves_is_followed():
    course = Fleet(AutoscaleOptions(max=20), SERVICE, cold=2.0).run(lambda at: 60 + 55 * sin(2 * pi * at / 1800), 3600)
    assert course.late(0.5) < 0.01
    assert provision(course) < 1.15
    assert max(moment.wanted for moment in course.moments) <= 9


def test_a_burst_is_worked_off_and_forgotten():
    course = Fleet(AutoscaleOptions(max=20), SERVICE, cold=0.5).run(lambda at: 150 if 100 <= at < 130 else 10, 400)
    assert course.late(0.5) < 0.15
    assert max(moment.waiting for moment in course.moments if moment.at > 110) < 15
    assert course.moments[-1].wanted <= 2


def test_a_cold_start_of_half_a_minute_does_not_swing():
    course = Fleet(AutoscaleOptions(max=40), SERVICE, cold=30.0).run(lambda at: 10 if at < 60 else 120, 600)
    assert max(moment.waiting for moment in course.moments if moment.at > 200) < 20
    assert max(moment.wanted for moment in course.moments) <= 20
    assert course.changes <= 20


def test_a_steady_load_is_let_alone():
    course = Fleet(AutoscaleOptions(max=20), SERVICE).run(lambda at: 50.0, 1800, replicas=4)
    assert course.late(0.5) < 0.01
    assert {moment.wanted for moment in course.moments} <= {3, 4, 5}


def test_visitors_now_and_then_share_a_replica_that_comes_and_goes():
    course = Fleet(AutoscaleOptions(min=0, max=5, idle=120.0), SERVICE, cold=2.0).run(
        lambda at: 5 if at % 900 < 100 else 0, 3600, replicas=0
    )
    assert course.lost == 0
    assert max(course.latencies) < 2.0 + 1.0 + 0.5  # a start, the look before it, and its turn
    assert sum(moment.wanted > 0 for moment in course.moments) < 0.35 * len(course.moments)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"min": 3, "max": 2}, "min is 3 and max is 2"),
        ({"max": 0}, "greater than or equal to 1"),
        ({"max": 2, "target": 0}, "greater than 0"),
        ({"max": 2, "burst": 90.0}, "burst is to be the shorter one"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        AutoscaleOptions(**options)
