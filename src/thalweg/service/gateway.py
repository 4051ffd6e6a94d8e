"""What a Gateway does: a handler that runs each request through the graph of a Flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from msgspec.structs import replace

from thalweg.config import GatewayOptions
from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.codecs.content import decode_content, encode_content
from thalweg.errors import EndpointNotFound, InternalError, ThalwegError
from thalweg.graph import Plan, Step, Topology
from thalweg.graph.merge import merged_documents, merged_parameters
from thalweg.graph.plan import answers_everything, outline, paths, plan
from thalweg.graph.progress import Progress
from thalweg.message import COLUMNS, Context, Pending, Reply, Request, Response, ServiceDescription
from thalweg.routing import ReplicaPool

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
        replicas: Mapping[str, Sequence[str]],
        options: GatewayOptions,
    ) -> None:
        self.description = outline(name, topology, descriptions)
        self._topology = topology
        self._descriptions = descriptions
        self._open = answers_everything(descriptions)
        self._pools = {node.name: ReplicaPool(node.name, replicas[node.name], options) for node in topology.nodes}
        self._plans: dict[tuple[str, str], tuple[Plan, bool]] = {}

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

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response]:
        shape, chain = self._plan(request.endpoint, request.target)
        if not shape.reads_metadata:
            context.metadata = NO_METADATA
        accept = request.accept or request.content_type
        if chain:
            first = request if len(shape.steps) == 1 else replace(request, accept=shape.steps[0].accept)
            answers = self._chain(shape.steps, first, accept, context)
        else:
            answers = self._graph(shape, request, accept, context)
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
        shape, short = self._plan(request.endpoint, request.target)
        if not short or any(step.streaming for step in shape.steps):
            return None
        if not shape.reads_metadata:
            context.metadata = NO_METADATA
        if len(shape.steps) == 1:
            return self._pools[shape.steps[0].name].submit(request, context, reply)
        relay = _Relay(self._pools, shape.steps, request, context, reply)
        return relay if relay.begin() else None

    def _plan(self, endpoint: str, target: str) -> tuple[Plan, bool]:
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
            found = self._plans[endpoint, target] = (shape, shape.chain and bool(shape.steps))
        return found

    # a chain: nothing is merged, each item of a stream goes on as it comes ------------------------------------------------

    async def _chain(
        self, steps: Sequence[Step], request: Request, accept: str, context: Context
    ) -> AsyncGenerator[Response]:
        rest = steps[1:]
        answers = self._pools[steps[0].name].handle(request, context)
        finished = False
        try:
            async for response in answers:
                if not rest:
                    yield response
                    continue
                onwards = _onwards(response, request, rest[0].accept if len(rest) > 1 else accept)
                async for later in self._chain(rest, onwards, accept, context):
                    yield _under(response.headers, later)
            finished = True
        finally:
            if not finished:
                await answers.aclose()

    # any other graph -----------------------------------------------------------------------------------------------------

    async def _graph(self, shape: Plan, request: Request, accept: str, context: Context) -> AsyncGenerator[Response]:
        entry = Response(request.body, request.content_type, request.parameters)
        if shape.joins_entry and request.content_type != COLUMNS:
            entry = _with_ids(entry)
        async with aclosing(self._advance(Progress.begun(shape, entry), request, context)) as advances:
            async for progress in advances:
                yield _answer(progress.answers() if shape.steps else [entry], accept)

    async def _advance(
        self, progress: Progress[Response], request: Request, context: Context
    ) -> AsyncGenerator[Progress[Response]]:
        """Run all that can run, side by side; from a streaming step on, once for each of its items."""
        while ready := progress.ready():
            unary = [step for step in ready if not step.streaming]
            if not unary:
                step = ready[0]
                async with aclosing(self._call(step, progress, request, context)) as items:
                    async for item in items:
                        async with aclosing(
                            self._advance(progress.finished(step.name, item), request, context)
                        ) as advances:
                            async for later in advances:
                                yield later
                return
            outputs = await _side_by_side([self._single(step, progress, request, context) for step in unary])
            for step, output in zip(unary, outputs, strict=True):
                progress = progress.finished(step.name, output)
        yield progress

    async def _single(self, step: Step, progress: Progress[Response], request: Request, context: Context) -> Response:
        async with aclosing(self._call(step, progress, request, context)) as items:
            async for item in items:
                return item
        raise InternalError(f"{step.name!r} ended without an answer.", executor=step.name)

    def _call(
        self, step: Step, progress: Progress[Response], request: Request, context: Context
    ) -> AsyncGenerator[Response]:
        inputs = progress.inputs(step)
        given = inputs[0] if len(inputs) == 1 else _merged(inputs)
        accept = step.accept or request.accept or request.content_type
        return self._pools[step.name].handle(_onwards(given, request, accept), context)


async def _side_by_side(calls: Sequence[Coroutine[None, None, Response]]) -> list[Response]:
    """All results, or the first error; then the other calls are called off and gone."""
    if len(calls) == 1:
        return [await calls[0]]
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Relay:
    """A submitted request on its way through a chain. Is the `Reply` of each step and the `Pending` of the caller."""

    __slots__ = (
        "_accept",
        "_context",
        "_done",
        "_headers",
        "_pending",
        "_pools",
        "_reply",
        "_request",
        "_steps",
        "_task",
    )

    def __init__(
        self,
        pools: Mapping[str, ReplicaPool],
        steps: Sequence[Step],
        request: Request,
        context: Context,
        reply: Reply,
    ) -> None:
        self._pools = pools
        self._steps = steps
        self._request = request
        self._accept = request.accept or request.content_type
        self._context = context
        self._reply = reply
        self._done = 0
        self._headers: Mapping[str, str] = NO_METADATA
        self._pending: Pending | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> bool:
        """Submit to the first step; False where that needs `handle`."""
        self._request = replace(self._request, accept=self._steps[0].accept)
        self._pending = self._pools[self._steps[0].name].submit(self._request, self._context, self)
        return self._pending is not None

    def answer(self, response: Response) -> None:
        self._pending = None
        self._done += 1
        response = _under(self._headers, response)
        self._headers = response.headers
        remaining = len(self._steps) - self._done
        if not remaining:
            self._reply.answer(response)
            return
        step = self._steps[self._done]
        self._request = _onwards(response, self._request, step.accept if remaining > 1 else self._accept)
        pool = self._pools[step.name]
        try:
            self._pending = pool.submit(self._request, self._context, self)
        except ThalwegError as error:
            self._reply.fail(error)
            return
        if self._pending is None:
            self._task = asyncio.get_running_loop().create_task(self._handle(pool))

    def fail(self, error: ThalwegError) -> None:
        self._pending = None
        self._reply.fail(error)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif self._pending is not None:
            self._pending.cancel()

    async def _handle(self, pool: ReplicaPool) -> None:
        """One step by the long way: its request is large, or has to wait."""
        try:
            async with aclosing(pool.handle(self._request, self._context)) as answers:
                response = await anext(answers)
        except ThalwegError as error:
            self._reply.fail(error)
        else:
            self._task = None
            self.answer(response)


def _onwards(response: Response, request: Request, accept: str) -> Request:
    """What one step gave, as the next one's request."""
    return Request(request.endpoint, response.body, response.content_type, accept, response.parameters, request.target)


def _under(headers: Mapping[str, str], response: Response) -> Response:
    """`response` with the headers of the steps before it; where both have one, the later step's counts."""
    if headers:
        response.headers = {**headers, **response.headers}
    return response


def _merged(branches: Sequence[Response]) -> Response:
    opened = [_documents(branch) for branch in branches]
    documents = merged_documents([documents for documents, _ in opened])
    parameters = merged_parameters([parameters for _, parameters in opened])
    headers = {name: value for branch in branches for name, value in branch.headers.items()}
    return Response(columns.encode(documents), COLUMNS, parameters, headers)


def _answer(branches: Sequence[Response], accept: str) -> Response:
    """The leaves' outputs as one answer in the content type that the caller wants."""
    if len(branches) == 1 and branches[0].content_type == accept:
        return branches[0]
    together = branches[0] if len(branches) == 1 else _merged(branches)
    if together.content_type == accept:
        return together
    documents, parameters = _documents(together)
    body, beside = encode_content(accept, documents, parameters)
    return Response(body, accept, beside, together.headers)


def _with_ids(entry: Response) -> Response:
    """The caller's documents with an id each, so that they are known again where branches join."""
    documents, parameters = _documents(entry)
    return Response(columns.encode(documents), COLUMNS, parameters)


def _documents(response: Response) -> tuple[DocList[Any], dict[str, Any]]:
    documents, parameters = decode_content(response.content_type, response.body, AnyDoc)
    return documents, {**response.parameters, **parameters} if parameters else response.parameters
