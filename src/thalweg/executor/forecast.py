"""Whether work that would have to wait is done in time; pure.

First come, first served goes wrong where requests with a deadline come faster than they are done: the queue grows until all
wait about as long as their callers do, and each has its turn when it is too late for it (see K. Nichols and V. Jacobson,
"Controlling Queue Delay", ACM Queue 10(5), 2012; B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015). Whoever cannot be
served in time is therefore sent away on arrival, while there is time to go elsewhere, and the queue stays short enough for
the others.
"""

from __future__ import annotations

SLACK = 0.8
"""The part of its remaining time that a request is expected to need at most. The rest is for what is not foreseen: jobs that
take longer than the average, and the way back."""

FIRST_JOBS = 8
"""Nothing is foretold before so many jobs were seen. The quickest of them is the first estimate: what is not warm yet is
slower than it will be."""
WEIGHT = 1 / 16
"""Of the newest job in the moving average."""
LONGEST = 16.0
"""Times the average that one job counts for at most, so that one which hung does not close the door to the next."""


class Forecast:
    """How long the jobs of a queue take of late. `note` may be called from several threads at once: a job that is lost
    over that changes nothing."""

    __slots__ = ("_seconds", "_seen")

    def __init__(self) -> None:
        self._seconds = 0.0
        self._seen = 0

    @property
    def seconds(self) -> float:
        """What one job is expected to take; 0 where nothing is known yet."""
        return self._seconds if self._seen >= FIRST_JOBS else 0.0

    def note(self, seconds: float) -> None:
        """A job took `seconds`."""
        if self._seen < FIRST_JOBS:
            self._seconds = min(self._seconds, seconds) if self._seen else seconds
            self._seen += 1
        else:
            average = self._seconds
            self._seconds = average + WEIGHT * (min(seconds, LONGEST * average) - average)

    def wait(self, ahead: int, threads: int) -> float:
        """Seconds until the turn of a job that `ahead` others go before. On each of the `threads` one runs, half done on
        average."""
        return (ahead / threads + 0.5) * self.seconds

    def in_time(self, ahead: int, threads: int, remaining: float) -> bool:
        """Whether a job with `remaining` seconds left is done by then. Always where nobody is ahead: without a try nobody
        would ever learn that jobs take less time now."""
        return not ahead or self.wait(ahead, threads) + self.seconds <= SLACK * remaining
