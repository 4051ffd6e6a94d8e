"""Which replica next; pure."""

from __future__ import annotations

from collections.abc import Sequence


class Balancer:
    """Between versions by weight, among the replicas of one version by load.

    Where there are several versions, each gets the share of the requests that the weights of its available replicas make
    of all: exactly, and evenly spread (smooth weighted round robin, as in nginx's ngx_http_upstream_round_robin). A
    replica of weight 0 is taken only where there is no other. Within a version it is the replica with the least
    outstanding requests; among equals the one that has waited longest for its turn.

    Replicas are numbers from 0; the number of one that was removed is given to the next that is added. `choose` and
    `release` come in pairs.
    """

    __slots__ = ("_credit", "_last", "_plain", "_turn", "_versions", "_weights", "available", "outstanding")

    def __init__(self, replicas: int = 0) -> None:
        self.outstanding = [0] * replicas
        self.available = [False] * replicas
        self._last = [0] * replicas
        self._weights = [1.0] * replicas
        self._versions: list[int | None] = [0] * replicas
        self._credit: dict[int, float] = {}
        self._plain = True
        """Whether there is one version only and nobody weighs nothing, so that only the load counts."""
        self._turn = 0

    @property
    def chosen(self) -> int:
        """How often `choose` has found a replica."""
        return self._turn

    def add(self, weight: float = 1.0, version: int = 0) -> int:
        """Take in one more replica, not available yet; returns its number."""
        if None in self._versions:
            replica = self._versions.index(None)
        else:
            replica = len(self._versions)
            self.outstanding.append(0)
            self.available.append(False)
            self._last.append(0)
            self._weights.append(0.0)
            self._versions.append(None)
        self._last[replica] = 0
        self.weigh(replica, weight, version)
        return replica

    def remove(self, replica: int) -> None:
        """Forget a replica that has nothing outstanding."""
        self.available[replica] = False
        self._versions[replica] = None
        self._refresh()

    def weigh(self, replica: int, weight: float, version: int = 0) -> None:
        """Give it another weight."""
        self._weights[replica] = weight
        self._versions[replica] = version
        self._refresh()

    def _refresh(self) -> None:
        there = [(v, self._weights[r]) for r, v in enumerate(self._versions) if v is not None]
        versions = {version for version, _ in there}
        self._plain = len(versions) <= 1 and all(weight > 0 for _, weight in there)
        if versions != self._credit.keys():
            self._credit = dict.fromkeys(sorted(versions), 0.0)

    def choose(self, avoid: int | None = None) -> int | None:
        """An available replica, counted as having one request more; None where there is none.

        `avoid` is taken only where there is no other.
        """
        best: int | None = None
        least: tuple[bool, int, int] = (True, 0, 0)
        open_to = self.available if self._plain else self._by_weight(avoid)
        for replica, available in enumerate(open_to):
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

    def _by_weight(self, avoid: int | None) -> Sequence[bool]:
        """The available replicas of the version whose turn it is."""
        there = [replica for replica, available in enumerate(self.available) if available]
        others = [replica for replica in there if replica != avoid] or there
        weighty = [replica for replica in others if self._weights[replica] > 0] or others
        shares: dict[int, float] = {}
        for replica in weighty:
            version = self._versions[replica] or 0
            shares[version] = shares.get(version, 0.0) + (self._weights[replica] or 1.0)
        if len(shares) > 1:
            chosen = self._turn_of(shares)
            weighty = [replica for replica in weighty if self._versions[replica] == chosen]
        return [replica in weighty for replica in range(len(self.available))]

    def _turn_of(self, shares: dict[int, float]) -> int:
        credit, total = self._credit, sum(shares.values())
        for version, share in shares.items():
            credit[version] += share / total
        chosen = max(shares, key=credit.__getitem__)
        credit[chosen] -= 1.0
        return chosen
