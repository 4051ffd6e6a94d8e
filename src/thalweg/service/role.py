"""What a process is: one replica of an Executor, or the Gateway of a Flow."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from msgspec.structs import replace

from thalweg.config.limits import Limits
from thalweg.config.servers import GatewayOptions, ServerOptions
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError
from thalweg.message import ServiceDescription
from thalweg.message.vitals import Vitals
from thalweg.routing.peer import Remote
from thalweg.service.contents import Present, content_of
from thalweg.service.control import (
    CHUNK,
    Advance,
    Described,
    Frames,
    GatewaySpec,
    Go,
    Loading,
    Order,
    Patch,
    Patched,
    Pulse,
    Replicas,
    Report,
    Starting,
    Troubles,
    Unstaffed,
    WorkerSpec,
    pack,
)
from thalweg.service.front.front import Additions, Front, Setting
from thalweg.service.front.throttle import throttled
from thalweg.service.meter import Meter
from thalweg.service.ports import holder
from thalweg.transport import registry
from thalweg.transport.contract import Server, Serving
from thalweg.transport.registry import is_local

if TYPE_CHECKING:
    from thalweg.executor.loading import Reference
    from thalweg.graph.topology import Topology
    from thalweg.service.shards.division import Division
    from thalweg.service.worker.checkup import Resign
    from thalweg.service.worker.sources import Sources


@dataclass(frozen=True)
class WorkerContent:
    """What a worker runs. `public` says how it listens where it serves alone, without a gateway."""

    reference: Reference | Present
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
    divisions: Mapping[str, Division] = field(default_factory=dict)
    """How the documents of those are divided that have shards."""
    scaled: frozenset[str] = frozenset()
    """Those whose replicas the load decides, and which may have none for a while."""


class Link:
    """The channel to the one that started this process."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._frames = Frames(Order)
        self._rest = b""
        """What is left of a pulse for which there was not enough room."""

    def send(self, report: Report) -> None:
        rest, self._rest = self._rest, b""
        self._channel.sendall(rest + pack(report))

    def pulse(self, vitals: Vitals) -> None:
        """Say that this process lives, and how; not where the other side has not read for so long that it would have to
        wait."""
        data = self._rest or pack(Pulse(vitals))
        with suppress(OSError):  # one that is gone is noticed by who reads
            self._rest = data[self._channel.send(data, socket.MSG_DONTWAIT) :]

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

    def obey(self, order: Order, link: Link) -> None:
        """Begin to do what is ordered while it runs."""
        raise NotImplementedError(f"{self.title} knows no order {type(order).__name__}")

    @abstractmethod
    def vitals(self) -> Vitals:
        """How it does; asked once it has started."""

    @abstractmethod
    async def stop(self, drain_seconds: float) -> None:
        """Drain, close."""


class WorkerRole(Role):
    """One replica of an Executor: of that which its parent names, or of its `own`."""

    def __init__(self, spec: WorkerSpec, own: Reference | None = None) -> None:
        self._spec = spec
        self._own = own
        self._servers: list[Server] = []
        self.title = f"Executor {spec.name!r}"

    def load(self, link: Link) -> None:
        from thalweg.executor.description import describe

        link.send(Loading())
        self._content = self._received()
        self._spec = replace(self._spec, content=b"")  # it may hold a large object, and is needed no more
        watched = self._content.options.reload
        if watched:
            sys.dont_write_bytecode = True  # by time and size alone it would stand for another text of the same second
        self._source = self._content.reference.resolve()
        self._front = Front(self._content.additions)
        self._sources = self._own_sources() if watched and self._own is None else None
        files = [] if self._sources is None else self._sources.files
        link.send(Described(describe(self._source, self._content.options), files))

    def _own_sources(self) -> Sources | None:
        from thalweg.service.worker.sources import Sources

        reference = self._content.reference
        if isinstance(reference, Present):  # nothing of this process is watched
            return None
        return Sources(reference, self._content.options.reload == "functions")

    def _received(self) -> WorkerContent:
        if self._own is not None:
            from thalweg.service.foreign import foreign_options

            return WorkerContent(self._own, foreign_options(self._spec.content))
        content: WorkerContent = content_of(self._spec.content)
        return content

    async def start(self, go: Go, link: Link) -> list[str]:
        from thalweg.executor import progress
        from thalweg.service.worker.worker import Worker

        link.send(Starting())
        content = self._content
        self._worker = worker = Worker(
            self._source, content.options, replica=self._spec.replica, shard=self._spec.shard, resign=self.resign
        )
        loop = asyncio.get_running_loop()
        progress.listen(lambda message, done: loop.call_soon_threadsafe(link.send, Advance(message, done)))
        try:
            await worker.start()
        finally:
            progress.listen(None)
        self._meter = handler = Meter(throttled(worker, content.options.queue))
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
            registry.server(address, private if is_local(address) else public) for address in self._spec.addresses
        ]
        try:
            bound = await _listen(self._servers)
            if self._spec.foreign:
                _open_to_all(bound)
            return bound
        except BaseException:
            await self.stop(0.0)
            raise

    def obey(self, order: Order, link: Link) -> None:
        if isinstance(order, Patch):
            problem = "its code is not watched"
            done = (
                Patched(order.number, problem=problem)
                if self._sources is None
                else self._sources.patch(order.number, order.files)
            )
            link.send(done)

    def vitals(self) -> Vitals:
        batching = self._worker.batching_statistics.values()
        return self._meter.vitals(
            self._worker.queued, sum(one.batches for one in batching), sum(one.documents for one in batching)
        )

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
        self._content: GatewayContent = content_of(self._spec.content)
        for address in self._spec.addresses:
            registry.load(address)
        self._front = Front(self._content.additions)
        link.send(Described(ServiceDescription(self._spec.name)))

    async def start(self, go: Go, link: Link) -> list[str]:
        from thalweg.service.flow.shifting import Shifting

        link.send(Starting())
        options = self._content.options
        topology = self._content.topology
        self._shifting = Shifting(self._spec.name, self._content, go.descriptions, go.replicas, link.send)
        self._handler = self._shifting.versions
        await self._handler.start()
        self._meter = Meter(self._handler)
        private = [address for address in self._spec.addresses if is_local(address)]
        public = [address for address in self._spec.addresses if not is_local(address)]
        own = await self._front.open(
            Setting(self._spec.name, self._handler, options, tuple(public), tuple(node.name for node in topology.nodes))
        )
        # Its own `post` comes through the private socket, and needs no key.
        within = Serving(
            self._meter,
            options.limits,
            timeout=options.timeout,
            describe=lambda: self._handler.description,
            ready=lambda: self._handler.ready,
        )
        self._servers = [registry.server(address, within) for address in private]
        if own is None:
            serving = self._front.serving(self._handler, options, self._meter)
            self._servers += [registry.server(address, serving) for address in public]
        return await _listen(self._servers) + (own or [])

    def obey(self, order: Order, link: Link) -> None:
        if isinstance(order, Replicas):
            self._shifting.obey(order)
        elif isinstance(order, Troubles):
            self._handler.looping = order.looping
        elif isinstance(order, Unstaffed):
            self._shifting.refuse(order)

    def vitals(self) -> Vitals:
        return replace(self._meter.vitals(), demands=self._handler.demands)

    async def stop(self, drain_seconds: float) -> None:
        until = monotonic() + drain_seconds
        await _stop(self._servers, drain_seconds)
        await self._front.close()
        await self._handler.drain(max(0.0, until - monotonic()))
        await self._shifting.close()
        await self._handler.close()


def _roomy(queue: Limits) -> Limits:
    """Limits of a server within which the worker itself can decide who has to leave: it knows priorities and shares."""
    return queue.model_copy(update={"max_inflight": 2 * queue.max_inflight + 64})


async def _listen(servers: list[Server]) -> list[str]:
    for server in servers:
        try:
            await server.start()
        except OSError as error:
            raise ConfigurationError(_not_listening(server.address, error)) from None
    return [server.address for server in servers]


def _not_listening(address: str, error: OSError) -> str:
    port = address.rpartition(":")[2]
    if error.errno != errno.EADDRINUSE or not port.isdigit():
        return f"it cannot listen at {address}: {error.strerror or error}"
    who = holder(int(port))
    return f"it cannot listen at {address}: port {port} is taken" + (f" by {who}" if who else "")


def _open_to_all(addresses: list[str]) -> None:
    """Let whoever can enter the folder of a socket use it: who started a container is often another user than its own."""
    for address in addresses:
        os.chmod(address.removeprefix("unix://"), 0o666)


async def _stop(servers: list[Server], drain_seconds: float) -> None:
    await asyncio.gather(*(server.stop(drain_seconds) for server in servers))
