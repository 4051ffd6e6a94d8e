"""When a worker is replaced although it answers: pure, from what it says of itself."""

from __future__ import annotations

from thalweg.message.vitals import Vitals

MEBIBYTE = 1 << 20


class Lifetime:
    """One process of a worker, from the moment when it was ready. None stands for no limit.

    A process that needs more memory than its limit from the beginning would be replaced for ever: that one is not, and
    `too_low` is true of it.
    """

    def __init__(self, max_requests: int | None, memory_limit: int | None) -> None:
        self._max_requests = max_requests
        self._memory_limit = memory_limit
        self._seen = False
        self._over = False
        self.too_low = False

    def worn(self, vitals: Vitals) -> str:
        """Why it is to be replaced, said once; empty where it is not."""
        reason = "" if self._over else self._reason(vitals)
        self._over = self._over or bool(reason)
        return reason

    def _reason(self, vitals: Vitals) -> str:
        most, limit = self._max_requests, self._memory_limit
        if limit is not None and not self._seen:
            self._seen = True
            self.too_low = vitals.memory_bytes > limit
        if most is not None and vitals.requests >= most:
            return f"it has answered {vitals.requests} requests, and max_requests is {most}"
        if limit is not None and vitals.memory_bytes > limit and not self.too_low:
            has = vitals.memory_bytes / MEBIBYTE
            return f"it has {has:.0f} MiB of memory, and memory_limit is {limit / MEBIBYTE:.0f} MiB"
        return ""
