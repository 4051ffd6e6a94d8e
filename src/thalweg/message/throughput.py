"""When somebody who was turned away should come back; pure."""

from __future__ import annotations

UNKNOWN_SECONDS = 1.0
"""What is said where nothing was measured yet."""
SHORTEST_SECONDS = 0.1
LONGEST_SECONDS = 60.0
WINDOW_SECONDS = 1.0
"""Requests per second are counted over one to two of these."""
MEMORY_SECONDS = 5.0
"""A count that nobody asked for during this time says nothing about now."""


class Throughput:
    """How fast requests are worked off, as far as it matters: it is asked when one is refused, and costs nothing until then.

    Whoever has it counts the requests that have ended, and gives that number and the time in seconds.
    """

    __slots__ = ("_asked", "_newer", "_older")

    def __init__(self) -> None:
        self._older: tuple[int, float] | None = None
        self._newer = (0, 0.0)
        self._asked = 0.0

    def per_second(self, ended: int, now: float) -> float | None:
        """Requests that end in a second; None where that is not known. Where none has ended since it was first asked, the
        most that it can be."""
        if self._older is None or now - self._asked > MEMORY_SECONDS:
            self._older = self._newer = (ended, now)
        self._asked = now
        if now - self._newer[1] >= WINDOW_SECONDS and ended > self._newer[0]:
            self._older, self._newer = self._newer, (ended, now)
        count, since = self._older
        return max(1, ended - count) / (now - since) if now > since else None

    def retry_after(self, waiting: int, ended: int, now: float) -> float:
        """Seconds after which the `waiting` requests are worked off, between `SHORTEST_SECONDS` and `LONGEST_SECONDS`."""
        rate = self.per_second(ended, now)
        seconds = UNKNOWN_SECONDS if rate is None else waiting / rate
        return min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)
