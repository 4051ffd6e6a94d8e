import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.cli.load.histogram import Histogram, bucket, middle

VALUES = st.integers(0, 10**12)


def filled(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(VALUES)
def test_a_value_is_kept_to_one_part_in_a_thousand(value: int) -> None:
    assert middle(bucket(value)) == pytest.approx(value, rel=1e-3, abs=0.5)


@given(VALUES, VALUES)
def test_buckets_are_in_the_order_of_values(one: int, other: int) -> None:
    assert (bucket(one) <= bucket(other)) == (one <= other) or bucket(one) == bucket(other)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200), st.floats(0.1, 100))
def test_percentiles_are_those_of_all_values(values: list[int], percent: float) -> None:
    expected = np.percentile(values, percent, method="inverted_cdf")
    assert filled(values).percentile(percent) == pytest.approx(expected, rel=1e-3, abs=0.5)


@given(st.lists(VALUES))
def test_what_is_kept_in_a_file_is_read_again(values: list[int]) -> None:
    histogram = filled(values)
    again = Histogram.of_plain(histogram.to_plain())
    assert again.to_plain() == histogram.to_plain()
    assert (again.count, again.mean) == (len(values), pytest.approx(np.mean(values) if values else 0))


def test_nothing_recorded_has_no_percentiles() -> None:
    assert (Histogram().percentile(99), Histogram().mean, Histogram().count) == (0, 0, 0)


def test_a_clock_that_was_set_back_counts_as_no_time() -> None:
    assert filled([-5]).counts == {0: 1}


@pytest.mark.parametrize("plain", [{}, {"counts": [], "total": 0, "lowest": 0, "highest": 0}])
def test_what_is_no_histogram_is_an_error(plain: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError)):
        Histogram.of_plain(plain)
