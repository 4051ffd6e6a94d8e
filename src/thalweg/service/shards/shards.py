"""The shards of one Executor behind one handler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from time import time
from typing import Final

from msgspec.structs import replace

from thalweg.config import BalancerOptions
from thalweg.errors import MalformedRequest, ThalwegError
from thalweg.message import Buffer, Context, Pending, Reply, Request, Response, ServiceDescription, Visit
from thalweg.message.context import MOST_VISITS
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.routing import ReplicaPool
from thalweg.routing.lineup import Tell
from thalweg.routing.partition import shard_of
from thalweg.routing.replica import Replica
from thalweg.service.shards.crossing import Crossing, Way
from thalweg.service.shards.division import Division
from thalweg.service.shards.parts import Opened
from thalweg.service.shards.scatter import first_of
from thalweg.service.shards.streams import Tee, merged_streams

log = logging.getLogger("thalweg.shards")

MOST_WAYS = 1024
"""Ways that are kept: with a default endpoint a path may be any text, so their number is bounded."""
TELL_SECONDS = 1.0
"""How often a shard that fails is told of in the log."""
WRITES = frozenset({"/index", "/update", "/delete"})
"""Endpoints that change something by their name; others say so by `@write`."""


class Shards:
    """A `Handler` that asks one group of replicas, or several.

    With polling `ANY` each document goes to the shard to which its key belongs, and the answers come back in the order of
    the documents; a request without documents goes to the shards in turn, and one to a streaming endpoint whole to the
    shard of its first document. With `ALL` each shard gets everything: documents of one id are joined by the rules of
    branches (`thalweg.graph.merge`), what they found is ranked by its scores (`thalweg.graph.ranking`), and the items of
    streams come as they are made.

    Where some shards fail that were all asked, the others' answer counts, with headers `failed_shards` and `total_shards`;
    where something is to be written, and where all fail, it is the first error. So it is where documents were divided.

    `before` sees a request first; `after` gets what each shard answered, one after the other, and `__branches__` in the
    parameters.
    """

    def __init__(
        self,
        description: ServiceDescription,
        division: Division,
        replicas: Sequence[Replica],
        options: BalancerOptions,
        *,
        before: tuple[ServiceDescription, ReplicaPool] | None = None,
        after: tuple[ServiceDescription, ReplicaPool] | None = None,
        tell: Tell | None = None,
    ) -> None:
        self._name = name = description.name
        self._description = description
        self._division = division
        self._key = division.reader()
        self._before = before
        self._after = after
        self._pools = tuple(
            ReplicaPool(f"{name}/{shard}", _of(shard, replicas), options, tell=tell) for shard in range(division.shards)
        )
        self._answers_in_part = any(self._does_in_part(path) for path in division.asked(description))
        self._ways: dict[str, Way] = {}
        self._last = -1
        self._told: dict[int, float] = {}

    # the replicas ------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to connect to all replicas of all shards."""
        await asyncio.gather(*(pool.start() for pool in self._pools))

    async def connected(self) -> None:
        """Return when each shard has a replica."""
        await asyncio.gather(*(pool.connected() for pool in self._pools))

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(pool.close() for pool in self._pools))

    async def join(self, replicas: Sequence[Replica]) -> None:
        """See `ReplicaPool.join`."""
        await asyncio.gather(*(pool.join(_of(shard, replicas)) for shard, pool in enumerate(self._pools)))

    def settle(self, replicas: Sequence[Replica]) -> None:
        """See `ReplicaPool.settle`."""
        for shard, pool in enumerate(self._pools):
            pool.settle(_of(shard, replicas))

    def hold(self, held: bool) -> None:
        """See `ReplicaPool.hold`. What asks all shards does not wait: it is answered by the others."""
        for pool in self._pools:
            pool.hold(held)

    async def vacated(self) -> None:
        """See `ReplicaPool.vacated`."""
        await asyncio.gather(*(pool.vacated() for pool in self._pools))

    @property
    def replicas(self) -> list[Replica]:
        """Those of all shards, without those that are on their way out."""
        return [replica for pool in self._pools for replica in pool.replicas]

    @property
    def ready(self) -> bool:
        """Whether each shard has a replica that is ready; or some have, where a part of the answer is of use."""
        there = [pool.ready for pool in self._pools]
        return all(there) or (self._answers_in_part and any(there))

    @property
    def missing(self) -> list[str]:
        """The shards that have no replica which is ready, as `name/0`."""
        return [f"{self._name}/{shard}" for shard, pool in enumerate(self._pools) if not pool.ready]

    asleep: Final = False
    """See `ReplicaPool`: the number of its replicas changes by hand alone."""
    demand: Final = None

    @property
    def connections(self) -> int:
        """How many replicas are there now."""
        return sum(pool.connections for pool in self._pools)

    # requests ----------------------------------------------------------------------------------------------------------

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler.submit`."""
        if self._streams(request.endpoint):
            return None
        crossing = Crossing(self._way(request.endpoint), request, context, reply)
        crossing.begin()
        return crossing

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        since = time() if context.visits is not None else 0.0
        answers = self._answers(request, context)
        try:
            async for response in answers:
                yield response
        finally:
            if context.visits is not None and len(context.visits) < MOST_VISITS:
                context.visits.append(Visit(self._name, since, time()))
            await answers.aclose()

    async def _answers(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        if request.endpoint == DRY_RUN_ENDPOINT:
            yield (await asyncio.gather(*(first_of(pool.handle(request, context)) for pool in self._pools)))[0]
        elif request.inflow is not None:
            async with aclosing(self._conversation(request, context)) as items:
                async for item in items:
                    yield item
        elif self._streams(request.endpoint):
            async with aclosing(self._stream(request, context)) as items:
                async for item in items:
                    yield item
        else:
            yield await self._one(request, context)

    async def _one(self, request: Request, context: Context) -> Response:
        reply = _Awaited()
        crossing = Crossing(self._way(request.endpoint), request, context, reply)
        crossing.begin()
        try:
            return await reply.response
        finally:
            crossing.cancel()

    # streams -----------------------------------------------------------------------------------------------------------

    async def _stream(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        way = self._way(request.endpoint)
        if way.before is not None:
            request = await self._prepared(way.before, request, context)
        pools = way.pools if way.all else (self._pool_of(way, request),)
        async with aclosing(merged_streams([pool.handle(request, context) for pool in pools])) as items:
            async for item in items:
                yield item

    async def _conversation(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """Documents that come while answers go out: to the shard of the first of them, or to all."""
        way = self._way(request.endpoint)
        binding = self._description.find(request.endpoint)
        if binding is None or not binding.reads_stream:
            async for body in request.payloads():
                async with aclosing(self._answers(replace(request, body=body, inflow=None), context)) as answers:
                    async for answer in answers:
                        yield answer
            return
        payloads = request.payloads() if way.before is None else self._prepared_each(way.before, request, context)
        async with aclosing(payloads):
            first = await anext(payloads, None)
            rest = _with_first(first, payloads)
            pools = way.pools if way.all else (self._pool_of(way, replace(request, body=first or (), inflow=None)),)
            tee = Tee(rest, len(pools))
            readers = [tee.reader(number) for number in range(len(pools))]
            calls = [
                pool.handle(replace(request, body=(), inflow=reader), context)
                for pool, reader in zip(pools, readers, strict=True)
            ]
            try:
                async with aclosing(merged_streams(calls)) as items:
                    async for item in items:
                        yield item
            finally:
                await tee.close()
                for reader in readers:
                    await reader.aclose()

    def _pool_of(self, way: Way, request: Request) -> ReplicaPool:
        """The shard of the first document."""
        if len(way.pools) == 1:
            return way.pools[0]
        documents = Opened.of(request).documents if request.body else ()
        return way.pools[shard_of(way.key(documents[0]), len(way.pools)) if documents else way.turn()]

    async def _prepared(self, before: ReplicaPool, request: Request, context: Context) -> Request:
        """`request` after what stands before the shards has seen it."""
        given = replace(request, accept=request.content_type, target="")
        response = await first_of(before.handle(given, context))
        accept = request.accept or request.content_type
        if response.content_type != request.content_type:
            raise MalformedRequest(f"{self._name}: what stands before the shards answered in {response.content_type}.")
        return replace(request, body=response.body, parameters=response.parameters, accept=accept)

    async def _prepared_each(
        self, before: ReplicaPool, request: Request, context: Context
    ) -> AsyncGenerator[tuple[Buffer, ...], None]:
        async with aclosing(request.payloads()) as payloads:
            async for body in payloads:
                yield (await self._prepared(before, replace(request, body=body, inflow=None), context)).body

    # the way -----------------------------------------------------------------------------------------------------------

    def _streams(self, endpoint: str) -> bool:
        binding = self._description.find(endpoint)
        return binding is not None and binding.streaming

    def _way(self, endpoint: str) -> Way:
        way = self._ways.get(endpoint)
        if way is None:
            if len(self._ways) >= MOST_WAYS:
                self._ways.clear()
            way = self._ways[endpoint] = self._made(endpoint)
        return way

    def _made(self, endpoint: str) -> Way:
        every = self._division.asks_all(endpoint)
        return Way(
            self._name,
            self._pools,
            _beside(self._before, endpoint),
            None if self._streams(endpoint) else _beside(self._after, endpoint),
            self._division,
            self._key,
            every,
            self._does_in_part(endpoint),
            self._tell,
            self._turn,
        )

    def _does_in_part(self, endpoint: str) -> bool:
        """Whether an answer without some of the shards is one: all are asked, and nothing is written."""
        binding = self._description.find(endpoint)
        writes = endpoint in WRITES or (binding is not None and binding.writes)
        return self._division.asks_all(endpoint) and not writes

    def _turn(self) -> int:
        self._last = (self._last + 1) % len(self._pools)
        return self._last

    def _tell(self, failures: Mapping[int, ThalwegError], asked: int, context: Context) -> None:
        """Write into the log which shards failed, each once in `TELL_SECONDS`."""
        now = asyncio.get_running_loop().time()
        for shard, error in failures.items():
            if now - self._told.get(shard, -TELL_SECONDS) >= TELL_SECONDS:
                self._told[shard] = now
                log.warning(
                    "request %s: shard %d of %s failed, the answer is of %d of %d shards: %s",
                    context.request_id,
                    shard,
                    self._name,
                    asked - len(failures),
                    asked,
                    error,
                )


class _Awaited:
    """The reply of a request that somebody awaits."""

    def __init__(self) -> None:
        self.response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def answer(self, response: Response) -> None:
        if not self.response.done():
            self.response.set_result(response)

    def fail(self, error: ThalwegError) -> None:
        if not self.response.done():
            self.response.set_exception(error)


def _of(shard: int, replicas: Sequence[Replica]) -> list[Replica]:
    return [replica for replica in replicas if replica.shard == shard]


def _beside(part: tuple[ServiceDescription, ReplicaPool] | None, endpoint: str) -> ReplicaPool | None:
    """What stands beside the shards, if it answers there."""
    return None if part is None or part[0].find(endpoint) is None else part[1]


async def _with_first(
    first: tuple[Buffer, ...] | None, rest: AsyncGenerator[tuple[Buffer, ...], None]
) -> AsyncGenerator[tuple[Buffer, ...], None]:
    if first is not None:
        yield first
    async for payload in rest:
        yield payload
