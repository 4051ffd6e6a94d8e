"""A Flow that changes while it answers: each request goes through the version that was there when it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from thalweg.errors import ThalwegError, Unavailable
from thalweg.graph.parts import AFTER, BEFORE
from thalweg.message import Context, Pending, Reply, Request, Response, ServiceDescription
from thalweg.message.vitals import Demand
from thalweg.routing.replica import Replica
from thalweg.service.flow.handler import FlowHandler
from thalweg.service.shards.pools import Pool

Make = Callable[[Mapping[str, Pool]], FlowHandler]
"""Makes a handler that uses these pools, by name of Executor, and new ones for all others."""
READY_SECONDS = 30.0
"""How long a replica that has started may take to tell the Gateway that it is ready."""


class FlowVersions:
    """A handler in front of the current `FlowHandler`, for the life of a Gateway.

    Where only replicas change, they come and go in the pools that there are. Where the graph changes, or what Executors
    say of themselves, a new handler takes over at once, with pools of its own for those that say something new; requests
    that have begun with the old one go through to their end with it.
    """

    def __init__(self, first: FlowHandler) -> None:
        self._current = first
        self._leaving: set[asyncio.Task[None]] = set()
        self.looping: Mapping[str, str] = {}
        """Processes that are in a crash loop, and how each ended last."""

    @property
    def description(self) -> ServiceDescription:
        return self._current.description

    @property
    def ready(self) -> bool:
        return self._current.ready

    @property
    def demands(self) -> dict[str, Demand]:
        """See `FlowHandler.demands`."""
        return self._current.demands

    @property
    def alive(self) -> bool:
        return self._current.alive

    @property
    def troubles(self) -> Mapping[str, str]:
        """See `Serving.troubles`."""
        return {**dict.fromkeys(self._current.gone, "no replica answers"), **self.looping}

    @property
    def pools(self) -> Mapping[str, Pool]:
        """See `FlowHandler.pools`."""
        return self._current.pools

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        return self._current.handle(request, context)

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler.submit`."""
        return self._current.submit(request, context, reply)

    async def dry_run(self, context: Context) -> None:
        """See `FlowHandler.dry_run`."""
        await self._current.dry_run(context)

    async def start(self) -> None:
        """Connect to at least one replica of each Executor."""
        await self._current.start()

    async def drain(self, seconds: float) -> None:
        """See `FlowHandler.drain`."""
        await self._current.drain(seconds)

    async def close(self) -> None:
        leaving = list(self._leaving)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await self._current.close()

    async def restaff(self, replicas: Mapping[str, Sequence[Replica]]) -> None:
        """Have requests go to these from now on. Returns when new ones are ready and have their share; those that leave
        finish what they have.

        Raises:
            Unavailable: a new one was not ready in time. All is as it was.
        """
        pools = self._current.pools
        before = {name: pool.replicas for name, pool in pools.items()}
        try:
            await _joined(pools, replicas)
        except BaseException:
            _settle(pools, before)
            raise
        _settle(pools, replicas)

    async def succeed(self, replicas: Mapping[str, Sequence[Replica]], same: Callable[[str], bool], make: Make) -> None:
        """Have what `make` makes take over, with the pools of those Executors that are the `same`. Returns when it has.

        Raises:
            Unavailable: a new replica was not ready in time. All is as it was.
        """
        old = self._current
        kept = {name: pool for name, pool in old.pools.items() if same(_whole(name))}
        before = {name: pool.replicas for name, pool in kept.items()}
        new = make(kept)
        fresh = {name: pool for name, pool in new.pools.items() if name not in kept}
        try:
            await asyncio.gather(*(pool.start() for pool in fresh.values()))
            await _joined(new.pools, replicas)
        except BaseException:
            _settle(kept, before)
            await asyncio.gather(*(pool.close() for pool in fresh.values()))
            raise
        _settle(kept, replicas)
        self._current = new
        task = asyncio.get_running_loop().create_task(self._see_off(old, kept), name="an old version ends")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def vacated(self) -> None:
        """Return when nothing is under way any more with those that have left."""
        while self._leaving:
            await asyncio.wait(self._leaving)
        await asyncio.gather(*(pool.vacated() for pool in self._current.pools.values()))

    async def _see_off(self, old: FlowHandler, kept: Mapping[str, Pool]) -> None:
        await old.finished()
        left = [pool for name, pool in old.pools.items() if name not in kept]
        for pool in left:
            pool.settle([])
        await asyncio.gather(*(pool.vacated() for pool in left))
        await asyncio.gather(*(pool.close() for pool in left))


async def _joined(pools: Mapping[str, Pool], replicas: Mapping[str, Sequence[Replica]]) -> None:
    joining = {
        asyncio.ensure_future(pool.join(replicas[name])): name for name, pool in pools.items() if name in replicas
    }
    if not joining:
        return
    try:
        done, late = await asyncio.wait(joining, timeout=READY_SECONDS)
        for task in done:
            task.result()
    except ThalwegError:
        late = set(joining)
        raise
    finally:
        for task in joining:
            task.cancel()
        await asyncio.gather(*joining, return_exceptions=True)
    if late:
        names = ", ".join(sorted(joining[task] for task in late))
        raise Unavailable(f"A new replica of {names} has not said within {READY_SECONDS:g} seconds that it is ready.")


def _settle(pools: Mapping[str, Pool], replicas: Mapping[str, Sequence[Replica]]) -> None:
    for name, pool in pools.items():
        pool.settle(replicas.get(name, ()))


def _whole(name: str) -> str:
    """The Executor that `name` is, or is a part of."""
    return name.removesuffix(BEFORE).removesuffix(AFTER)
