"""How the replicas of an Executor that runs somewhere else are called."""

from __future__ import annotations

from typing import NamedTuple, Protocol, cast

import msgspec

from thalweg.config import ChannelOptions, ClientTlsOptions, Compression, Limits
from thalweg.message import ServiceDescription
from thalweg.transport import registry
from thalweg.transport.contract import Channel


class Remote(NamedTuple):
    """Who it is in the Flow, whom to trust, and what goes with every request."""

    name: str
    tls: ClientTlsOptions | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    channel_options: tuple[tuple[str, int | str], ...] = ()
    compression: Compression | None = None

    def channel(self, address: str, limits: Limits) -> Channel:
        """A channel to one of the replicas."""
        options = ChannelOptions(
            metadata=self.metadata, grpc_channel_options=self.channel_options, compression=self.compression
        )
        channel = registry.channel(address, limits, self.tls, options)
        cast(Describing, channel).executor = self.name
        return channel


class Describing(Protocol):
    """A channel whose peer says what it answers, and is told which Executor it is."""

    executor: str

    async def describe(self) -> ServiceDescription: ...


async def description_at(address: str, peer: Remote) -> ServiceDescription:
    """What the service at `address` says of itself, under the name that it has here.

    Raises:
        Unavailable: nobody is there, or nobody that says it.
    """
    channel = peer.channel(address, Limits())
    try:
        await channel.connect()
        return msgspec.structs.replace(await cast(Describing, channel).describe(), name=peer.name)
    finally:
        await channel.close()
