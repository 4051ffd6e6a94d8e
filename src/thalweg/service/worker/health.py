"""Whether a worker still answers, from what its probe and its threads show; pure, with moments as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from thalweg.config.health import ProbeOptions


class WorkerState(StrEnum):
    """What the worker may say of itself."""

    READY = "ready"
    FAILING = "failing"
    """Its probe has failed too often; it is ready again when it passes."""
    LOST = "lost"
    """It will not answer again, and is to be replaced."""


@dataclass(frozen=True)
class Ask:
    """Begin a probe now."""


@dataclass(frozen=True)
class Replace:
    """Put a new process in the worker's place. `stuck` says that user code keeps its thread, so that nothing which waits
    for it can be answered."""

    reason: str
    stuck: bool


Action: TypeAlias = Ask | Replace


class WorkerHealth:
    """Decides when to ask, and what the answers mean.

    One probe is under way at a time. It has failed once it has run for `timeout`, and once more for each further `timeout`
    that it does not come back. The time that it waits for its turn does not count: a queue is no illness, and a thread that
    gets to nothing new for `stuck_after` seconds is told by `look`.
    """

    def __init__(self, probe: ProbeOptions | None, stuck_after: float | None, now: float) -> None:
        self._probe = probe
        self._stuck_after = stuck_after
        self._next = now + (0.0 if probe is None else probe.interval)
        self._asked = False
        self._overdue: float | None = None
        self._failed = 0
        self._why = ""
        self.state = WorkerState.READY

    @property
    def failures(self) -> int:
        """How often in a row the probe has failed."""
        return self._failed

    @property
    def reason(self) -> str:
        """Why it is not ready; empty where it is."""
        return "" if self.state is WorkerState.READY else self._why

    def look(self, now: float, silent_for: float) -> list[Action]:
        """Time has passed; user code has kept a thread to itself for `silent_for` seconds."""
        if self.state is WorkerState.LOST:
            return []
        if self._stuck_after is not None and silent_for >= self._stuck_after:
            return self._lose(f"one call has kept its thread for {silent_for:.3g} seconds", stuck=True)
        probe = self._probe
        if probe is None:
            return []
        if self._overdue is not None and now >= self._overdue:
            self._overdue = now + probe.timeout
            return self._count(f"the probe did not end within {probe.timeout:g} seconds", stuck=True)
        if not self._asked and now >= self._next:
            self._asked = True
            return [Ask()]
        return []

    def began(self, now: float) -> None:
        """The probe's turn has come."""
        if self._probe is not None and self._asked:
            self._overdue = now + self._probe.timeout

    def passed(self, now: float) -> None:
        """The probe has come back and was fine, be it late."""
        self._ended(now)
        self._failed = 0
        if self.state is WorkerState.FAILING:
            self.state = WorkerState.READY

    def failed(self, now: float, why: str) -> list[Action]:
        """The probe has come back and was not fine."""
        self._ended(now)
        return [] if self.state is WorkerState.LOST else self._count(why, stuck=False)

    def _ended(self, now: float) -> None:
        self._asked = False
        self._overdue = None
        self._next = now + (0.0 if self._probe is None else self._probe.interval)

    def _count(self, why: str, stuck: bool) -> list[Action]:
        assert self._probe is not None
        self._failed += 1
        if self._failed < self._probe.failures:
            return []
        times = "once" if self._failed == 1 else f"{self._failed} times in a row"
        self._why = f"its probe has failed {times}, at last with: {why}"
        if self._probe.replace:
            return self._lose(self._why, stuck)
        self.state = WorkerState.FAILING
        return []

    def _lose(self, why: str, stuck: bool) -> list[Action]:
        self._why = why
        self.state = WorkerState.LOST
        return [Replace(why, stuck)]
