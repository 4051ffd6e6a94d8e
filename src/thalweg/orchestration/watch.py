"""When a process is given up that runs but does not answer. Pure: moments are seconds of any one clock."""

from __future__ import annotations

from thalweg.service.control import PULSE_SECONDS

LONGEST_SILENCE = 60.0
"""Seconds without a pulse after which a process is given up: it is stopped, or something in it keeps the interpreter."""
SHORTEST_SILENCE = 5.0
"""The same where a worker is stuck after less: a pulse may be late on a busy machine."""


class Watch:
    """The pulses of one process, from the moment when it was ready.

    Args:
        silence: seconds that it may say nothing; None for as long as it likes.
    """

    def __init__(self, silence: float | None) -> None:
        self._silence = silence
        self._heard: float | None = None
        self._looked: float | None = None
        self._until: float | None = None
        self.reason = ""
        """Why the process is given up; empty where it is not."""

    def ready(self, now: float) -> None:
        """The process has become ready, and has a pulse from now on."""
        self._heard = self._looked = now

    def pulse(self, now: float) -> None:
        self._heard = now

    def resigned(self, now: float, reason: str, patience: float) -> None:
        """The process has said why it ends, and has `patience` seconds for it."""
        self.reason = reason
        self._heard = None
        self._until = now + patience

    def look(self, now: float) -> bool:
        """Whether to kill it now. To be asked every `PULSE_SECONDS` or so."""
        if self._until is not None:
            return now >= self._until
        if self._heard is None or self._looked is None or self._silence is None:
            return False
        # Who has not looked for a while was stopped itself, and has not read what came meanwhile.
        if now - self._looked > 3 * PULSE_SECONDS:
            self._heard = now
        self._looked = now
        if now - self._heard < self._silence:
            return False
        self.reason = f"it has not said anything for {now - self._heard:.3g} seconds"
        return True
