"""When to start a process again that has ended by itself, and when that is a crash loop. Pure: time comes in as a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BackOff:
    """How long to wait before a restart: `first_seconds`, then each time `factor` times longer, up to `longest_seconds`.
    A process that was ready for `healthy_seconds` begins anew. One that has ended `loop_ends` times in a row without that
    is in a crash loop. One that was ready for `useful_seconds` has served in between: it waits no longer than `idle_share`
    of that time, so that most of what can be served is."""

    first_seconds: float = 0.1
    factor: float = 2.0
    longest_seconds: float = 30.0
    healthy_seconds: float = 60.0
    loop_ends: int = 3
    useful_seconds: float = 1.0
    idle_share: float = 0.2


class RestartPolicy:
    """The history of one process, as far as it matters for the next restart. Moments are seconds of any one clock."""

    def __init__(self, backoff: BackOff | None = None) -> None:
        self._backoff = backoff or BackOff()
        self._wait = self._backoff.first_seconds
        self._ready_since: float | None = None
        self._ends = 0
        self.looping = False
        """Whether it is in a crash loop: from its third end in a row until it was healthy for a while."""

    def ready(self, now: float) -> None:
        """The process has become ready."""
        self._ready_since = now

    def look(self, now: float) -> bool:
        """Time has passed. Whether the process has just got out of a crash loop."""
        if not self.looping or not self._is_healthy(now):
            return False
        self._forgive()
        return True

    def ended(self, now: float) -> float:
        """The process has ended. Returns the moment to start it again."""
        backoff = self._backoff
        if self._is_healthy(now):
            self._forgive()
        served = 0.0 if self._ready_since is None else now - self._ready_since
        wait = self._wait
        if served >= backoff.useful_seconds:
            wait = min(wait, served * backoff.idle_share)
        self._ready_since = None
        self._ends += 1
        self.looping = self._ends >= backoff.loop_ends
        self._wait = min(wait * backoff.factor, backoff.longest_seconds)
        return now + wait

    def _is_healthy(self, now: float) -> bool:
        return self._ready_since is not None and now - self._ready_since >= self._backoff.healthy_seconds

    def _forgive(self) -> None:
        self._wait = self._backoff.first_seconds
        self._ends = 0
        self.looping = False
