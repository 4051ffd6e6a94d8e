"""How far a start is, told by the code that starts."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

Listener = Callable[[str, float | None], object]
SHORTEST = 0.1
"""Seconds from one report to the next; what comes sooner is left out, except the end."""
LONGEST = 200
"""Characters of a message."""


class _Reports:
    """Who hears of them, in this process."""

    def __init__(self) -> None:
        self.listener: Listener | None = None
        self._last = 0.0

    def listen(self, listener: Listener | None) -> None:
        self.listener, self._last = listener, 0.0

    def tell(self, message: str, done: float | None) -> None:
        now = monotonic()
        finished = done is not None and done >= 1
        if self.listener is not None and (finished or now - self._last >= SHORTEST):
            self._last = now
            self.listener(" ".join(message.split())[:LONGEST], done)


_reports = _Reports()


def report_progress(message: str, done: float | None = None) -> None:
    """Say how far the start of an Executor is, from its constructor or anything that it calls, on any thread.

        report_progress("loading weights", 0.4)

    `thalweg serve` shows it beside the Executor. `done` is from 0 to 1; None where nobody can tell. More than ten reports a
    second are thinned out. Where nobody listens, as in a test, nothing happens.

    Raises:
        ValueError: `done` is neither.
    """
    if done is not None and not 0 <= done <= 1:
        raise ValueError(f"done={done!r}: how far a start is goes from 0 to 1")
    _reports.tell(message, done)


def listen(listener: Listener | None) -> None:
    """Let `listener` hear of all reports in this process from now on, on the thread that makes them; None ends it."""
    _reports.listen(listener)
