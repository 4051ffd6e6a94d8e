"""How a Gateway does what it is ordered while it runs: other replicas, another graph."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from thalweg.errors import ThalwegError
from thalweg.message import ServiceDescription
from thalweg.routing import ReplicaPool
from thalweg.routing.replica import Replica
from thalweg.service.control import Replicas, Report, Shifted, Standing, Unshifted, Unstaffed, Vacated, Wanted
from thalweg.service.flow.handler import FlowHandler
from thalweg.service.flow.versions import FlowVersions
from thalweg.service.shards.pools import Pool

if TYPE_CHECKING:
    from thalweg.service.role import GatewayContent

Descriptions = Mapping[str, ServiceDescription]
Send = Callable[[Report], None]


class Shifting:
    """Obeys `Replicas`, one after the other: a new one takes the place of one whose replicas are not ready yet."""

    def __init__(
        self,
        name: str,
        content: GatewayContent,
        descriptions: Descriptions,
        replicas: Mapping[str, list[Replica]],
        send: Send,
    ) -> None:
        self._name = name
        self._content = content
        self._descriptions = descriptions
        self._send = send
        self.versions = FlowVersions(self._made(content, descriptions, replicas, {}))
        self._changing: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Task[None]] = set()

    def obey(self, order: Replicas) -> None:
        before, loop = self._changing, asyncio.get_running_loop()
        if before is not None:
            before.cancel()
        self._changing = loop.create_task(self._change(order, before), name=f"shift {order.number}")

    def refuse(self, order: Unstaffed) -> None:
        """Let what waits for a replica of an Executor wait no longer."""
        pool = self.versions.pools.get(order.name)
        if isinstance(pool, ReplicaPool):
            pool.refuse(order.reason, order.retry_after)

    async def close(self) -> None:
        tasks = [task for task in (self._changing, *self._waiting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _change(self, order: Replicas, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            await self._shift(order)
        except ThalwegError as error:
            self._send(Unshifted(order.number, str(error)))
            return
        self._send(Shifted(order.number))
        task = asyncio.get_running_loop().create_task(self._tell_when_vacated(order.number))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _shift(self, order: Replicas) -> None:
        for name in order.held:
            self.versions.pools[name].hold(True)
        await self._restaff(order)
        for name, pool in self.versions.pools.items():
            if name not in order.held:
                pool.hold(False)

    async def _restaff(self, order: Replicas) -> None:
        if not order.content and order.descriptions == self._descriptions:
            await self.versions.restaff(order.replicas)
            return
        content, descriptions = self._content, order.descriptions
        if order.content:
            # Written by our own parent, and received through a pipe that only it holds.
            content = pickle.loads(order.content)  # noqa: S301

        known = self._pool_makings(self._content, self._descriptions)
        wanted = self._pool_makings(content, descriptions)

        def same(name: str) -> bool:
            return name in order.replicas and wanted[name] == known.get(name)

        await self.versions.succeed(
            order.replicas, same, lambda kept: self._made(content, descriptions, order.replicas, kept)
        )
        self._content, self._descriptions = content, descriptions

    def _made(
        self,
        content: GatewayContent,
        descriptions: Descriptions,
        replicas: Mapping[str, list[Replica]],
        kept: Mapping[str, Pool],
    ) -> FlowHandler:
        handler = FlowHandler(
            self._name,
            content.topology,
            descriptions,
            {**replicas, **kept},
            self._content.options,
            content.peers,
            content.divisions,
            self._tell,
        )
        for name in content.scaled:
            pool = handler.pools[name]
            if isinstance(pool, ReplicaPool):
                pool.let_sleep(partial(self._say, Wanted(name)))
        return handler

    def _pool_makings(self, content: GatewayContent, descriptions: Descriptions) -> dict[str, object]:
        """What the pools of each Executor are made of, besides replicas: where it is the same they may stay."""
        return {
            name: (
                [description for part, description in descriptions.items() if part.partition("/")[0] == name],
                content.peers.get(name),
                content.divisions.get(name),
                name in content.scaled,
            )
            for name in descriptions
        }

    def _tell(self, replica: Replica, ready: bool) -> None:
        self._say(Standing(replica.address, ready))

    def _say(self, report: Report) -> None:
        with suppress(OSError):  # one that is gone is noticed by who reads
            self._send(report)

    async def _tell_when_vacated(self, number: int) -> None:
        await self.versions.vacated()
        self._send(Vacated(number))
