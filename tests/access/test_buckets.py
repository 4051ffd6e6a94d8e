"""How often each caller may."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thalweg.access.buckets import Buckets
from thalweg.config.access import RateOptions


def test_a_burst_is_let_through_and_then_what_the_rate_says() -> None:
    buckets, rate = Buckets(), RateOptions(requests=2, burst=3)
    assert [buckets.take("a", rate, 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("a", rate, 0.5) == 0
    assert buckets.take("a", rate, 0.75) == 0.25


def test_callers_do_not_take_from_each_other() -> None:
    buckets, rate = Buckets(), RateOptions(requests=1)
    assert buckets.take("a", rate, 0.0) == 0
    assert buckets.take("b", rate, 0.0) == 0
    assert buckets.take("a", rate, 0.0) > 0


def test_a_token_that_is_put_back_is_there_again() -> None:
    buckets, rate = Buckets(), RateOptions(requests=1)
    buckets.take("a", rate, 0.0)
    buckets.put_back("a")
    assert buckets.take("a", rate, 0.0) == 0


def test_what_is_remembered_is_bounded() -> None:
    buckets, rate = Buckets(most_callers=10), RateOptions(requests=1)
    for number in range(100):
        buckets.take(str(number), rate, float(number))
    assert len(buckets) == 10


@given(
    st.lists(st.floats(0, 2), min_size=1, max_size=200),
    st.floats(0.1, 50),
    st.integers(1, 20),
)
def test_never_more_than_the_burst_and_what_the_time_gives(gaps: list[float], each_second: float, burst: int) -> None:
    buckets, rate = Buckets(), RateOptions(requests=each_second, burst=burst)
    now, taken = 0.0, 0
    for gap in gaps:
        now += gap
        wait = buckets.take("a", rate, now)
        taken += wait == 0
        assert taken <= burst + each_second * now + 1e-6
        if wait:
            assert buckets.take("a", rate, now + wait * 1.000001) == 0
            now += wait * 1.000001
            taken += 1
