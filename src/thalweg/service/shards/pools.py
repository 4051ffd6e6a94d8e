"""The replicas of all Executors of a Flow, each behind a handler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from thalweg.config import BalancerOptions
from thalweg.graph.parts import AFTER, BEFORE
from thalweg.message import ServiceDescription
from thalweg.routing import ReplicaPool
from thalweg.routing.lineup import Tell
from thalweg.routing.peer import Remote
from thalweg.routing.replica import Replica
from thalweg.service.shards.division import Division
from thalweg.service.shards.shards import Shards

Pool: TypeAlias = ReplicaPool | Shards
POOLS = (ReplicaPool, Shards)


def pools(
    descriptions: Mapping[str, ServiceDescription],
    replicas: Mapping[str, Sequence[Replica]],
    options: BalancerOptions,
    peers: Mapping[str, Remote],
    divisions: Mapping[str, Division],
    tell: Tell | None = None,
) -> dict[str, Pool]:
    """One for each name in `replicas`: `Shards` where its documents are divided. What stands before and after shards has a
    pool of its own, too."""
    found: dict[str, Pool] = {}
    plain: dict[str, tuple[ServiceDescription, ReplicaPool]] = {}
    for name, those in replicas.items():
        if name not in divisions:
            pool = found[name] = ReplicaPool(name, those, options, peers.get(name), tell)
            if name in descriptions:
                plain[name] = descriptions[name], pool
    for name, division in divisions.items():
        found[name] = Shards(
            descriptions[name],
            division,
            replicas[name],
            options,
            before=plain.get(name + BEFORE),
            after=plain.get(name + AFTER),
            tell=tell,
        )
    return found
