"""Starts the processes of one Flow together, keeps them alive, and stops them in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from thalweg.errors import StartupFailed
from thalweg.orchestration.blueprint import Blueprint
from thalweg.orchestration.external import description
from thalweg.orchestration.launchers.process import Launch
from thalweg.orchestration.member import Member, Tell
from thalweg.routing.replica import Replica
from thalweg.service.control import Go

log = logging.getLogger("thalweg.supervisor")

T = TypeVar("T")

ABORT_SECONDS = 0.4
"""How long processes that are ready already have to close, when another one of them fails to start."""


class Supervisor:
    """Used on one event loop, once."""

    def __init__(self, blueprint: Blueprint, launch: Launch, tell: Tell) -> None:
        self._check = blueprint.check
        self._externals = blueprint.externals
        self.workers = [Member(spec, launch, tell) for spec in blueprint.workers]
        self.gateway = None if blueprint.gateway is None else Member(blueprint.gateway, launch, tell)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def members(self) -> list[Member]:
        """The Gateway first: its servers take longest to load."""
        return [*([] if self.gateway is None else [self.gateway]), *self.workers]

    async def start(self) -> list[str]:
        """Start everything at once; return the addresses of the front: of the Gateway, or of the one worker.

        Nothing is constructed before all descriptions are there and fit. There is no limit of time while the processes
        live. At the first failure, or when cancelled, everything is stopped again.

        Raises:
            StartupFailed: a process did not become ready.
            ConfigurationError: the descriptions do not fit each other.
        """
        try:
            self._tasks = [member.start() for member in self.members]
            return await self._phases()
        except BaseException:
            await self._abort()
            raise

    async def _phases(self) -> list[str]:
        described = await self._all(
            [
                *(worker.described for worker in self.workers),
                *(description(name, node) for name, node in self._externals.items()),
            ]
        )
        names = [*(worker.name for worker in self.workers), *self._externals]
        descriptions = dict(zip(names, described, strict=True))
        self._check(descriptions)
        for worker in self.workers:
            await worker.release(Go())
        addresses = await self._all([worker.ready for worker in self.workers])
        if self.gateway is None:
            return addresses[0]
        replicas = {name: [Replica(url) for url in node.addresses] for name, node in self._externals.items()}
        for worker, bound in zip(self.workers, addresses, strict=True):
            replicas.setdefault(worker.name, []).append(Replica(bound[0]))
        await self.gateway.release(Go(descriptions, replicas))
        return (await self._all([self.gateway.ready]))[0]

    async def _all(self, futures: Sequence[Awaitable[T]]) -> list[T]:
        """Their results, unless a member fails first."""
        waiting = asyncio.ensure_future(_gathered(futures))
        try:
            await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in self._tasks:
                if task.done():
                    task.result()
            return await waiting
        finally:
            waiting.cancel()

    async def _abort(self) -> None:
        await asyncio.gather(*(member.stop(0.0, ABORT_SECONDS) for member in self.members))
        self._collect()

    async def stop(self, drain_seconds: float) -> None:
        """Drain the Gateway, then the workers, then end. Each has `drain_seconds` for the requests under way."""
        if self.gateway is not None:
            await self.gateway.stop(drain_seconds)
        await asyncio.gather(*(worker.stop(drain_seconds) for worker in self.workers))
        self._collect()

    async def kill(self) -> None:
        """End everything at once. May be called while `stop` is under way, which then returns."""
        for member in self.members:
            member.kill()
        await asyncio.wait(self._tasks)
        self._collect()

    def _collect(self) -> None:
        """Look at how the members' tasks ended: what is no failure to start is a defect of ours."""
        for task in self._tasks:
            error = task.exception() if task.done() and not task.cancelled() else None
            if error is not None and not isinstance(error, StartupFailed):
                log.error("%s failed", task.get_name(), exc_info=error)


async def _gathered(futures: Sequence[Awaitable[T]]) -> list[T]:
    return [await future for future in futures]
