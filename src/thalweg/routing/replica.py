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
    number: int = 0
    """Which it is of its Executor, or of its shard: 1 of `enc/1`."""


def spoken(executor: str, replica: Replica) -> str:
    """How people call a replica of `executor`, which is `name/2` for the third shard: never by an address, which may be a
    path of this machine that means nothing to whoever reads an error."""
    name, _, part = executor.partition("/")
    which = f"{name!r}, shard {part}" if part.isdigit() else f"{executor!r}"
    return f"executor {which}, replica {replica.number}"
