"""What a Gateway does: a handler that runs each request through the graph of a Flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from time import monotonic
from types import MappingProxyType

from thalweg.config import GatewayOptions
from thalweg.errors import EndpointNotFound, Unavailable
from thalweg.graph import Plan, Topology
from thalweg.graph.plan import answers_everything, outline, paths, plan
from thalweg.message import Context, Pending, Reply, Request, Response, ServiceDescription
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.routing import ReplicaPool
from thalweg.routing.peer import Remote
from thalweg.routing.replica import Replica
from thalweg.service.course import Course, all_answers, only_answer
from thalweg.service.relay import Relay

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
        replicas: Mapping[str, Sequence[Replica]],
        options: GatewayOptions,
        peers: Mapping[str, Remote] = MappingProxyType({}),
    ) -> None:
        self.description = outline(name, topology, descriptions)
        self._topology = topology
        self._descriptions = descriptions
        self._open = answers_everything(descriptions)
        self._pools = {
            node.name: ReplicaPool(node.name, replicas[node.name], options, peers.get(node.name))
            for node in topology.nodes
        }
        self._plans: dict[tuple[str, str], tuple[Plan, bool, bool]] = {}
        self._window = options.limits.stream_window

    async def start(self) -> None:
        """Connect to at least one replica of each Executor."""
        await asyncio.gather(*(pool.start() for pool in self._pools.values()))
        await asyncio.gather(*(pool.connected() for pool in self._pools.values()))

    async def close(self) -> None:
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    @property
    def ready(self) -> bool:
        """Whether each Executor has a replica."""
        return all(pool.ready for pool in self._pools.values())

    @property
    def alive(self) -> bool:
        """Always: what can be lost is looked after by those that keep the Executors running."""
        return True

    async def dry_run(self, context: Context) -> None:
        """Ask one replica of each Executor for a dry run, all at once.

        Raises:
            ThalwegError: what the first of them says that does not answer. Where several have no replica, all are named.
        """
        gone = [name for name, pool in self._pools.items() if not pool.ready]
        if gone:
            raise Unavailable(f"No replica is ready of: {', '.join(gone)}.", executor=gone[0], retry_after=1.0)
        request = Request(DRY_RUN_ENDPOINT, (b"",))
        if self._pools:
            await all_answers([only_answer(pool.handle(request, context), name) for name, pool in self._pools.items()])

    async def _timed_dry_run(self, context: Context) -> dict[str, str]:
        """Do a dry run and say how many milliseconds it took: https://www.w3.org/TR/server-timing/."""
        context.visits = [] if context.visits is None else context.visits
        began = monotonic()
        await self.dry_run(context)
        parts = [("gateway", monotonic() - began), *((visit.name, visit.end - visit.start) for visit in context.visits)]
        return {"server-timing": ", ".join(f"{name};dur={max(0.0, seconds) * 1e3:.3f}" for name, seconds in parts)}

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response]:
        if request.endpoint == DRY_RUN_ENDPOINT:
            yield Response(request.body, request.content_type, request.parameters, await self._timed_dry_run(context))
            return
        shape, chain, _ = self._plan(request.endpoint, request.target)
        if not shape.reads_metadata:
            context.metadata = NO_METADATA
        course = Course(self._pools, shape, request, context, self._window)
        answers = course.chain() if chain else course.graph()
        finished = False
        try:
            async for response in answers:
                yield response
            finished = True
        finally:
            if not finished:
                await answers.aclose()

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler.submit`: the short way is for chains in which nobody streams."""
        if request.endpoint == DRY_RUN_ENDPOINT:
            return None
        shape, _, short = self._plan(request.endpoint, request.target)
        if not short:
            return None
        if not shape.reads_metadata:
            context.metadata = NO_METADATA
        if len(shape.steps) == 1:
            return self._pools[shape.steps[0].name].submit(request, context, reply)
        relay = Relay(self._pools, shape.steps, request, context, reply)
        return relay if relay.begin() else None

    def _plan(self, endpoint: str, target: str) -> tuple[Plan, bool, bool]:
        """The plan, whether it is a chain, and whether it is one in which nobody streams."""
        found = self._plans.get((endpoint, target))
        if found is None:
            if not self._open and self.description.find(endpoint) is None:
                known = paths(self._descriptions)
                raise EndpointNotFound(
                    f"No Executor answers {endpoint}. There are: {', '.join(known)}.", details=[{"known": known}]
                )
            shape = plan(self._topology, self._descriptions, endpoint, target)
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            chain = shape.chain and bool(shape.steps)
            short = chain and not any(step.streaming for step in shape.steps)
            found = self._plans[endpoint, target] = (shape, chain, short)
        return found
