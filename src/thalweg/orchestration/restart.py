"""When to start a process again that has ended by itself. Pure: time comes in as a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BackOff:
    """How long to wait before a restart: `first_seconds`, then each time `factor` times longer, up to `longest_seconds`.
    A process that was ready for `healthy_seconds` begins anew."""

    first_seconds: float = 0.1
    factor: float = 2.0
    longest_seconds: float = 30.0
    healthy_seconds: float = 60.0


class RestartPolicy:
    """The history of one process, as far as it matters for the next restart. Moments are seconds of any one clock."""

    def __init__(self, backoff: BackOff | None = None) -> None:
        self._backoff = backoff or BackOff()
        self._wait = self._backoff.first_seconds
        self._ready_since: float | None = None

    def ready(self, now: float) -> None:
        """The process has become ready."""
        self._ready_since = now

    def ended(self, now: float) -> float:
        """The process has ended. Returns the moment to start it again."""
        backoff = self._backoff
        since, self._ready_since = self._ready_since, None
        if since is not None and now - since >= backoff.healthy_seconds:
            self._wait = backoff.first_seconds
        wait = self._wait
        self._wait = min(wait * backoff.factor, backoff.longest_seconds)
        return now + wait
