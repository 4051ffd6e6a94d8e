"""Where the replicas of an Executor are."""

from __future__ import annotations

import msgspec


class Replica(msgspec.Struct, frozen=True):
    """One replica, as those know it that send requests there."""

    address: str
    shard: int = 0
    """Which part of the data it has; 0 where there are no shards."""
    weight: float = 1.0
    """Its share of the requests beside the others of its shard; 0 takes none while there is another."""
    version: int = 0
    """Replicas of one version share by load; between versions the weights decide."""
