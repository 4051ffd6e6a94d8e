"""What a process is: one replica of an Executor, or the Gateway of a Flow."""

from __future__ import annotations

import asyncio
import pickle
import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from thalweg.config.limits import Limits
from thalweg.config.servers import GatewayOptions, ServerOptions
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError
from thalweg.message import ServiceDescription
from thalweg.routing.peer import Remote
from thalweg.service.control import (
    CHUNK,
    Described,
    Frames,
    GatewaySpec,
    Go,
    Loading,
    Order,
    Pulse,
    Report,
    Starting,
    WorkerSpec,
    pack,
)
from thalweg.service.front import Additions, Front, Setting
from thalweg.service.throttle import throttled
from thalweg.transport import registry
from thalweg.transport.contract import Server, Serving

if TYPE_CHECKING:
    from thalweg.executor.loading import Reference
    from thalweg.graph.topology import Topology
    from thalweg.service.checkup import Resign


PULSE = pack(Pulse())


@dataclass(frozen=True)
class WorkerContent:
    """What a worker runs. `public` says how it listens where it serves alone, without a gateway."""

    reference: Reference
    options: WorkerOptions
    public: ServerOptions | None = None
    additions: Additions = field(default_factory=Additions)


@dataclass(frozen=True)
class GatewayContent:
    """What a gateway runs: the shape of the graph (no user code in it), and its own options."""

    topology: Topology
    options: GatewayOptions
    additions: Additions = field(default_factory=Additions)
    peers: Mapping[str, Remote] = field(default_factory=dict)
    """How the Executors are called that run elsewhere."""


class Link:
    """The channel to the one that started this process."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._frames = Frames(Order)

    def send(self, report: Report) -> None:
        self._channel.sendall(pack(report))

    def pulse(self) -> None:
        """Say that this process lives; not where the other side has not read for so long that it would have to wait."""
        with suppress(OSError):  # one that is gone is noticed by who reads
            self._channel.send(PULSE, socket.MSG_DONTWAIT)

    def fileno(self) -> int:
        return self._channel.fileno()

    def orders(self) -> list[Order]:
        """What has arrived. Raises `EOFError` where the other side is gone."""
        try:
            data = self._channel.recv(CHUNK, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return []
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError
        return list(self._frames.feed(data))


class Role(ABC):
    """What this process is."""

    title: str
    resign: Resign | None = None
    """Told where user code will not answer again; see `Worker`."""

    @abstractmethod
    def load(self, link: Link) -> None:
        """Look up code, before anything is constructed or bound."""

    @abstractmethod
    async def start(self, go: Go, link: Link) -> list[str]:
        """Construct, bind; return the addresses."""

    @abstractmethod
    async def stop(self, drain_seconds: float) -> None:
        """Drain, close."""


class WorkerRole(Role):
    """One replica of an Executor."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._spec = spec
        self._servers: list[Server] = []
        self.title = f"Executor {spec.name!r}"

    def load(self, link: Link) -> None:
        from thalweg.executor.description import describe

        link.send(Loading())
        self._content: WorkerContent = pickle.loads(self._spec.content)  # noqa: S301  from our own parent, not a network
        self._spec = replace(self._spec, content=b"")  # it may hold a large object, and is needed no more
        self._source = self._content.reference.resolve()
        self._front = Front(self._content.additions)
        link.send(Described(describe(self._source, self._content.options)))

    async def start(self, go: Go, link: Link) -> list[str]:
        from thalweg.service.worker import Worker

        link.send(Starting())
        content = self._content
        self._worker = worker = Worker(self._source, content.options, replica=self._spec.replica, resign=self.resign)
        await worker.start()
        handler = throttled(worker, content.options.queue)
        private = Serving(
            handler,
            _roomy(content.options.queue),
            describe=lambda: worker.description,
            ready=lambda: worker.ready,
            alive=lambda: worker.alive,
        )
        public = (
            private
            if content.public is None
            else self._front.serving(worker, content.public, handler, worker.snapshots)
        )
        self._servers = [
            registry.server(address, private if address.startswith("unix:") else public)
            for address in self._spec.addresses
        ]
        try:
            return await _listen(self._servers)
        except BaseException:
            await self.stop(0.0)
            raise

    async def stop(self, drain_seconds: float) -> None:
        self._worker.drain()
        await _stop(self._servers, drain_seconds)
        await self._worker.close()


class GatewayRole(Role):
    """The Gateway of a Flow."""

    title = "The gateway"

    def __init__(self, spec: GatewaySpec) -> None:
        self._spec = spec
        self._servers: list[Server] = []

    def load(self, link: Link) -> None:
        link.send(Loading())
        self._content: GatewayContent = pickle.loads(self._spec.content)  # noqa: S301  from our own parent, not a network
        for address in self._spec.addresses:
            registry.load(address)
        self._front = Front(self._content.additions)
        link.send(Described(ServiceDescription(self._spec.name)))

    async def start(self, go: Go, link: Link) -> list[str]:
        from thalweg.service.gateway import FlowHandler

        link.send(Starting())
        options = self._content.options
        topology = self._content.topology
        self._handler = FlowHandler(
            self._spec.name, topology, go.descriptions, go.replicas, options, self._content.peers
        )
        await self._handler.start()
        private = [address for address in self._spec.addresses if address.startswith("unix:")]
        public = [address for address in self._spec.addresses if not address.startswith("unix:")]
        own = await self._front.open(
            Setting(self._spec.name, self._handler, options, tuple(public), tuple(go.descriptions))
        )
        # Its own `post` comes through the private socket, and needs no key.
        within = Serving(
            self._handler,
            options.limits,
            timeout=options.timeout,
            describe=lambda: self._handler.description,
            ready=lambda: self._handler.ready,
        )
        self._servers = [registry.server(address, within) for address in private]
        if own is None:
            serving = self._front.serving(self._handler, options)
            self._servers += [registry.server(address, serving) for address in public]
        return await _listen(self._servers) + (own or [])

    async def stop(self, drain_seconds: float) -> None:
        await _stop(self._servers, drain_seconds)
        await self._front.close()
        await self._handler.close()


def _roomy(queue: Limits) -> Limits:
    """Limits of a server within which the worker itself can decide who has to leave: it knows priorities and shares."""
    return queue.model_copy(update={"max_inflight": 2 * queue.max_inflight + 64})


async def _listen(servers: list[Server]) -> list[str]:
    for server in servers:
        try:
            await server.start()
        except OSError as error:
            raise ConfigurationError(f"it cannot listen at {server.address}: {error.strerror or error}") from None
    return [server.address for server in servers]


async def _stop(servers: list[Server], drain_seconds: float) -> None:
    await asyncio.gather(*(server.stop(drain_seconds) for server in servers))
