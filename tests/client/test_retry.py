"""When a request is sent again: the decision, with time and chance given."""

import itertools

import pytest

from thalweg.client.retry import RetrySchedule
from thalweg.config import RetryPolicy
from thalweg.errors import (
    DeadlineExceeded,
    ExecutorFailed,
    InvalidDocument,
    Overloaded,
    PeerLost,
    RateLimited,
    ThalwegError,
    Unavailable,
)
from thalweg.routing.retry import RetryBudget

ALMOST_ONE = 0.999_999


def waits(policy: RetryPolicy, draw: float, error: ThalwegError | None = None) -> list[float]:
    """What a request waits that fails for ever, without a deadline."""
    schedule = RetrySchedule(policy, RetryBudget())
    found: list[float] = []
    while True:
        wait = schedule.failed(error or Unavailable("gone"), answered=False, remaining=None, draw=draw)
        if wait is None:
            return found
        found.append(wait)


def test_waits_are_drawn_from_zero_to_a_limit_that_grows():
    policy = RetryPolicy(max_attempts=6, initial_backoff=0.5, backoff_multiplier=1.5, max_backoff=2)
    assert waits(policy, 0.0) == [0.0] * 5
    assert waits(policy, ALMOST_ONE) == pytest.approx([0.5, 0.75, 1.125, 1.6875, 2.0], rel=1e-4)
    assert waits(policy, 0.5) == pytest.approx([0.25, 0.375, 0.5625, 0.84375, 1.0])


@pytest.mark.parametrize("attempts", range(1, 8))
def test_the_first_attempt_counts(attempts: int):
    assert len(waits(RetryPolicy(max_attempts=attempts), 0.0)) == attempts - 1


def test_every_policy_keeps_within_its_limits():
    grid = itertools.product((1, 2, 5), (0.0, 0.1, 3.0), (0.0, 1.0, 2.0), (1.0, 1.5, 10.0), (0.0, 0.3, ALMOST_ONE))
    for attempts, initial, longest, multiplier, draw in grid:
        policy = RetryPolicy(
            max_attempts=attempts, initial_backoff=initial, max_backoff=longest, backoff_multiplier=multiplier
        )
        found = waits(policy, draw)
        assert len(found) == attempts - 1
        assert all(0 <= wait <= longest for wait in found)
        assert found == sorted(found)


@pytest.mark.parametrize(
    "error, again",
    [
        (Unavailable("x"), True),
        (PeerLost("x"), True),
        (Overloaded("x"), True),
        (RateLimited("x"), True),
        (DeadlineExceeded("x"), False),
        (InvalidDocument("x"), False),
        (ExecutorFailed("x"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ThalwegError) else str(value),
)
def test_only_what_may_succeed_later_is_sent_again(error: ThalwegError, again: bool):
    assert len(waits(RetryPolicy(max_attempts=3), 0.0, error)) == (2 if again else 0)


def test_nothing_is_sent_again_once_a_part_of_the_answer_was_given():
    schedule = RetrySchedule(RetryPolicy(max_attempts=3), RetryBudget())
    assert schedule.failed(PeerLost("x"), answered=True, remaining=None, draw=0.0) is None


def test_a_wait_that_a_server_asks_for_is_kept():
    assert waits(RetryPolicy(max_attempts=3), 0.0, Overloaded("x", retry_after=7.5)) == [7.5, 7.5]
    assert waits(
        RetryPolicy(max_attempts=2, initial_backoff=5, max_backoff=9), 0.5, Overloaded("x", retry_after=1)
    ) == [2.5]


def test_a_server_that_asks_for_too_long_a_wait_is_not_waited_for():
    assert waits(RetryPolicy(max_attempts=3, max_retry_after=5), 0.0, Overloaded("x", retry_after=5.1)) == []


@pytest.mark.parametrize("remaining, again", [(0.24, False), (0.25, False), (0.26, True), (None, True)])
def test_a_wait_that_would_end_after_the_deadline_is_not_begun(remaining: float | None, again: bool):
    schedule = RetrySchedule(RetryPolicy(max_attempts=2), RetryBudget())
    wait = schedule.failed(Unavailable("x"), answered=False, remaining=remaining, draw=0.5)
    assert (wait is not None) == again
    assert schedule.attempts == (2 if again else 1)


def test_requests_share_a_budget_that_further_attempts_use_up():
    budget = RetryBudget(ratio=0.5, reserve=3)
    policy = RetryPolicy(max_attempts=100)

    def further_attempts() -> int:
        budget.earn()
        schedule = RetrySchedule(policy, budget)
        while schedule.failed(Unavailable("x"), answered=False, remaining=None, draw=0.0) is not None:
            continue
        return schedule.attempts - 1

    assert [further_attempts() for _ in range(7)] == [3, 0, 1, 0, 1, 0, 1]
