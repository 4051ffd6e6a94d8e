"""Whether to try again, and after how long; pure."""

from __future__ import annotations

from thalweg.errors import ThalwegError, Unavailable


class Backoff:
    """Waits that double from `first` to `longest` seconds, and begin anew after a success."""

    __slots__ = ("_first", "_longest", "_next")

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def failed(self) -> float:
        """Seconds to wait after one more failure in a row."""
        wait = self._next
        self._next = min(self._longest, wait * 2)
        return wait

    def succeeded(self) -> None:
        self._next = self._first


class RetryBudget:
    """Keeps retries from multiplying the load when much is failing.

    Each request earns `ratio` of a retry, and up to `reserve` of them are kept: a few failures are always retried, a
    flood of them is not (https://sre.google/sre-book/addressing-cascading-failures/).
    """

    __slots__ = ("_credit", "_ratio", "_reserve")

    def __init__(self, ratio: float = 0.2, reserve: float = 100.0) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._credit = reserve

    def earn(self) -> None:
        if self._credit < self._reserve:
            self._credit += self._ratio

    def spend(self) -> bool:
        """Take one retry; False where none is left."""
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True


def repeatable(error: ThalwegError, answered: bool) -> bool:
    """Whether a request that ended in `error` may go to another replica: its replica is not there any more, or takes
    nothing new, and nothing of its answer has been passed on. An `Unavailable` with a cause is what user code raised: it has
    run, and the next replica would say the same."""
    return not answered and isinstance(error, Unavailable) and not error.cause
