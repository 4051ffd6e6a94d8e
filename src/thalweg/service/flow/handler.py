"""What a Gateway does: a handler that runs each request through the graph of a Flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from time import monotonic
from types import MappingProxyType

from thalweg.config import GatewayOptions
from thalweg.errors import EndpointNotFound, Unavailable
from thalweg.graph import Topology
from thalweg.graph.outline import answers_everything, outline, paths
from thalweg.graph.parts import whole
from thalweg.graph.plan import plan
from thalweg.message import Context, Pending, Reply, Request, Response, ServiceDescription
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.message.vitals import Demand
from thalweg.routing.lineup import Tell
from thalweg.routing.peer import Remote
from thalweg.routing.replica import Replica
from thalweg.service.flow.asides import Asides
from thalweg.service.flow.course import Course, only_answer
from thalweg.service.flow.route import FlowRoute, route
from thalweg.service.shards.division import Division
from thalweg.service.shards.pools import POOLS, Pool, pools
from thalweg.service.steps.flights import gathered
from thalweg.service.steps.joining import by_reference, in_columns
from thalweg.service.steps.relay import Attendance, Relay

NO_METADATA: Mapping[str, str] = {}
MOST_PLANS = 1024
"""Plans that are kept; a target may be any text, so their number is bounded."""


class FlowHandler:
    """Runs a plan over the replicas of each Executor.

    The payload is opened only where branches meet or where the caller's documents part without ids; in a chain it goes
    from one Executor to the next as it came.
    """

    def __init__(
        self,
        name: str,
        topology: Topology,
        descriptions: Mapping[str, ServiceDescription],
        replicas: Mapping[str, Sequence[Replica] | Pool],
        options: GatewayOptions,
        peers: Mapping[str, Remote] = MappingProxyType({}),
        divisions: Mapping[str, Division] = MappingProxyType({}),
        tell: Tell | None = None,
    ) -> None:
        """In place of replicas there may be a pool that has them, of the version before this one."""
        kept = {name: those for name, those in replicas.items() if isinstance(those, POOLS)}
        others = {name: those for name, those in replicas.items() if not isinstance(those, POOLS)}
        divided = {name: division for name, division in divisions.items() if name not in kept}
        made = {**kept, **pools(descriptions, others, options, peers, divided, tell)}
        descriptions = whole(descriptions)
        self.description = outline(name, topology, descriptions)
        self._topology = topology
        self._descriptions = descriptions
        self._open = answers_everything(descriptions)
        self._pools = made
        self._attendance = Attendance()
        self._drain_seconds = options.drain_seconds
        self._asides = Asides(options.limits)
        self._routes: dict[tuple[str, str], FlowRoute] = {}
        self._window = options.limits.stream_window

    async def start(self) -> None:
        """Connect to at least one replica of each Executor."""
        await asyncio.gather(*(pool.start() for pool in self._pools.values()))
        await asyncio.gather(*(pool.connected() for pool in self._pools.values()))

    async def drain(self, seconds: float) -> None:
        """Wait so long at most for floating Executors, which nobody else waits for. No requests are expected any more."""
        await self._asides.drain(seconds)

    async def close(self) -> None:
        await self._asides.drain(0.0)
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    @property
    def pools(self) -> Mapping[str, Pool]:
        """Those that it asks, by name of Executor."""
        return self._pools

    async def finished(self) -> None:
        """Return when no request that it began may ask anybody any more, except one that is there already."""
        await self._attendance.idle()
        await self._asides.drain(self._drain_seconds)

    @property
    def ready(self) -> bool:
        """Whether each Executor has a replica; one with shards in enough of them for an answer."""
        return all(pool.ready for pool in self._pools.values())

    @property
    def demands(self) -> dict[str, Demand]:
        """What is asked of those Executors whose replicas the load decides."""
        found = {name: pool.demand for name, pool in self._pools.items()}
        return {name: demand for name, demand in found.items() if demand is not None}

    @property
    def gone(self) -> list[str]:
        """Executors and shards that have no replica."""
        return [name for pool in self._pools.values() for name in pool.missing]

    @property
    def alive(self) -> bool:
        """Always: what can be lost is looked after by those that keep the Executors running."""
        return True

    async def dry_run(self, context: Context) -> None:
        """Ask one replica of each Executor for a dry run, all at once; one that sleeps is left to.

        Raises:
            ThalwegError: what the first of them says that does not answer. Where several have no replica, all are named.
        """
        gone = self.gone
        if gone:
            raise Unavailable(f"No replica is ready of: {', '.join(gone)}.", executor=gone[0], retry_after=1.0)
        request = Request(DRY_RUN_ENDPOINT, (b"",))
        awake = {name: pool for name, pool in self._pools.items() if not pool.asleep}
        if awake:
            await gathered([only_answer(pool.handle(request, context), name) for name, pool in awake.items()])

    async def _timed_dry_run(self, context: Context) -> dict[str, str]:
        """Do a dry run and say how many milliseconds it took: https://www.w3.org/TR/server-timing/."""
        context.visits = [] if context.visits is None else context.visits
        began = monotonic()
        await self.dry_run(context)
        # a name there is a token, which has no slash in it
        visits = ((visit.name.replace("/", "-"), visit.end - visit.start) for visit in context.visits)
        parts = [("gateway", monotonic() - began), *visits]
        return {"server-timing": ", ".join(f"{name};dur={max(0.0, seconds) * 1e3:.3f}" for name, seconds in parts)}

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response]:
        if request.endpoint == DRY_RUN_ENDPOINT:
            yield Response(request.body, request.content_type, request.parameters, await self._timed_dry_run(context))
            return
        found = self._route(request.endpoint, request.target)
        if not found.plan.reads_metadata:
            context.metadata = NO_METADATA
        if by_reference(request) and not found.plan.by_reference:
            request = in_columns(request)
        answers: AsyncGenerator[Response] | None = None
        self._attendance.enter()
        try:
            if found.entrance is not None:
                request = await found.entrance.entering(request, context)
            course = Course(found.handlers, found.plan, request, context, self._window)
            answers = course.chain() if found.chain else course.graph()
            async for response in answers:
                yield response
            answers = None
        finally:
            self._attendance.leave()
            if answers is not None:
                await answers.aclose()

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler.submit`: the short way is for chains in which nobody streams."""
        if request.endpoint == DRY_RUN_ENDPOINT:
            return None
        shape, handlers, _, short, _, only = self._route(request.endpoint, request.target)
        if not short:
            return None
        if not shape.reads_metadata:
            context.metadata = NO_METADATA
        if by_reference(request) and not shape.by_reference:
            request = in_columns(request)
        if only is not None:
            return only.submit(request, context, reply)
        relay = Relay(handlers, shape.steps, request, context, reply, self._attendance)
        return relay if relay.begin() else None

    def _route(self, endpoint: str, target: str) -> FlowRoute:
        found = self._routes.get((endpoint, target))
        if found is None:
            if not self._open and self.description.find(endpoint) is None:
                known = paths(self._descriptions)
                raise EndpointNotFound(
                    f"No Executor answers {endpoint}. There are: {', '.join(known)}.", details=[{"known": known}]
                )
            drawn = plan(self._topology, self._descriptions, endpoint, target)
            if len(self._routes) >= MOST_PLANS:
                self._routes.clear()
            found = self._routes[endpoint, target] = route(drawn, self._pools, self._asides)
        return found
