"""Executors that run somewhere else already: found before a Flow starts, and never started or stopped by it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from thalweg.config import NodeOptions
from thalweg.errors import StartupFailed, Unavailable
from thalweg.message import ServiceDescription
from thalweg.routing.peer import Remote, description_at
from thalweg.routing.replica import Replica

FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 1.0


def remote(node: NodeOptions) -> Remote:
    """How the replicas of an external node are called."""
    return Remote(node.name, node.trust, node.grpc_metadata, node.grpc_channel_options, node.compression)


def elsewhere(node: NodeOptions) -> list[Replica]:
    """Where the replicas of an external node are."""
    return [Replica(address, number=number) for number, address in enumerate(node.addresses)]


async def description(name: str, node: NodeOptions) -> ServiceDescription:
    """What an external node says of itself, from the first of its replicas that answers.

    Raises:
        StartupFailed: none of them did within `timeout_ready` seconds; names the addresses, and what was wrong last.
    """
    last = "nobody answered"
    try:
        async with asyncio.timeout(node.timeout_ready):
            wait = FIRST_WAIT_SECONDS
            while True:
                try:
                    return await _first(node.addresses, remote(node))
                except Unavailable as error:
                    last = str(error)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
    except TimeoutError:
        raise StartupFailed(
            f"The external Executor {name!r} at {', '.join(node.addresses)} was not there within {node.timeout_ready} "
            f"seconds: {last}",
            executor=name,
        ) from None


async def _first(addresses: Sequence[str], peer: Remote) -> ServiceDescription:
    for address in addresses[:-1]:
        try:
            return await description_at(address, peer)
        except Unavailable:
            continue
    return await description_at(addresses[-1], peer)
