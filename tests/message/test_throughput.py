"""When somebody who was turned away should come back."""

import pytest

from thalweg.message.throughput import LONGEST_SECONDS, SHORTEST_SECONDS, UNKNOWN_SECONDS, Throughput


def overloaded(rate: float, seconds: float, start: float = 0.0, throughput: Throughput | None = None) -> Throughput:
    """Asked ten times a second while `rate` requests end in one."""
    throughput = throughput or Throughput()
    for tick in range(int(seconds * 10) + 1):
        throughput.per_second(int(rate * tick / 10), start + tick / 10)
    return throughput


def test_nothing_is_known_at_first() -> None:
    assert Throughput().per_second(5, 100.0) is None
    assert Throughput().retry_after(7, 5, 100.0) == UNKNOWN_SECONDS


@pytest.mark.parametrize("rate", [2.0, 50.0, 4000.0])
def test_what_waits_is_divided_by_what_is_worked_off(rate: float) -> None:
    throughput = overloaded(rate, 10.0)
    after = throughput.retry_after(int(rate * 4), int(rate * 10.1), 10.1)
    assert after == pytest.approx(4.0, rel=0.35)


def test_it_follows_a_change_within_two_windows() -> None:
    throughput = Throughput()
    ended = 0.0
    for tick in range(100):
        ended += (100 if tick < 50 else 10) / 10
        throughput.per_second(int(ended), tick / 10)
    assert throughput.per_second(int(ended + 1), 10.0) == pytest.approx(10.0, rel=0.3)


def test_where_nothing_ends_the_estimate_grows_and_stays_bounded() -> None:
    throughput = Throughput()
    seconds = [throughput.retry_after(10, 0, tick / 2) for tick in range(200)]
    assert seconds == sorted(seconds)
    assert seconds[-1] == LONGEST_SECONDS


def test_a_short_queue_is_not_told_to_come_back_at_once() -> None:
    throughput = overloaded(1000.0, 5.0)
    assert throughput.retry_after(1, 5001, 5.001) == SHORTEST_SECONDS


def test_a_count_of_long_ago_is_forgotten() -> None:
    throughput = overloaded(1000.0, 5.0)
    assert throughput.per_second(5_001, 3600.0) is None
