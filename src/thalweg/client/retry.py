"""Whether a request is sent once more, and when; pure."""

from __future__ import annotations

from thalweg.config import RetryPolicy
from thalweg.errors import ThalwegError
from thalweg.routing.retry import RetryBudget


class RetrySchedule:
    """The attempts of one request.

    It is sent again where its error says that the same request may succeed later (`ThalwegError.retryable`), nothing of
    its answer has been passed on, attempts and budget are left, and the wait would end before the deadline.
    """

    __slots__ = ("_budget", "_policy", "attempts")

    def __init__(self, policy: RetryPolicy, budget: RetryBudget) -> None:
        self._policy = policy
        self._budget = budget
        self.attempts = 1
        """How often the request was sent, with the attempt under way."""

    def failed(self, error: ThalwegError, *, answered: bool, remaining: float | None, draw: float) -> float | None:
        """Seconds to wait before the next attempt, which counts from now on; None where this error is the end.

        `remaining` are the seconds until the deadline, None where there is none. `draw` is a random number of [0, 1).
        """
        policy = self._policy
        if answered or not error.retryable or self.attempts >= policy.max_attempts:
            return None
        asked = error.retry_after or 0.0
        if asked > policy.max_retry_after:
            return None
        longest = min(policy.max_backoff, policy.initial_backoff * policy.backoff_multiplier ** (self.attempts - 1))
        wait = max(asked, draw * longest)
        if (remaining is not None and wait >= remaining) or not self._budget.spend():
            return None
        self.attempts += 1
        return wait
