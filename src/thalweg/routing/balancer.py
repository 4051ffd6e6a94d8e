"""Which replica next; pure."""

from __future__ import annotations


class Balancer:
    """Least outstanding requests; among equals the one that has waited longest for its turn.

    Replicas are numbers from 0. `choose` and `release` come in pairs.
    """

    __slots__ = ("_last", "_turn", "available", "outstanding")

    def __init__(self, replicas: int) -> None:
        self.outstanding = [0] * replicas
        self.available = [False] * replicas
        self._last = [0] * replicas
        self._turn = 0

    def choose(self, avoid: int | None = None) -> int | None:
        """An available replica, counted as having one request more; None where there is none.

        `avoid` is taken only where there is no other.
        """
        best: int | None = None
        least: tuple[bool, int, int] = (True, 0, 0)
        for replica, available in enumerate(self.available):
            if available:
                load = (replica == avoid, self.outstanding[replica], self._last[replica])
                if best is None or load < least:
                    best, least = replica, load
        if best is not None:
            self.outstanding[best] += 1
            self._turn += 1
            self._last[best] = self._turn
        return best

    def release(self, replica: int) -> None:
        self.outstanding[replica] -= 1
