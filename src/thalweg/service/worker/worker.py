"""The worker: the handler that runs one Executor."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import cached_property, lru_cache

from msgspec.structs import replace

from thalweg.config.workers import WorkerOptions
from thalweg.errors import EndpointNotFound, MalformedRequest, Unavailable
from thalweg.executor.batching.batches import Batches, start_batches
from thalweg.executor.batching.statistics import BatchingStatistics
from thalweg.executor.calls import submit
from thalweg.executor.concurrency import lanes, thread_count
from thalweg.executor.description import describe
from thalweg.executor.executor import BoundEndpoint, Executor
from thalweg.executor.failures import Failures
from thalweg.executor.invocation import Invocation
from thalweg.executor.loading import Passthrough
from thalweg.executor.procedure import Procedure
from thalweg.executor.source import ExecutorSource
from thalweg.executor.steps import answers
from thalweg.executor.writing import WriteLock, exclusive
from thalweg.message import Context, Pending, Reply, Request, Response, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT, DRY_RUN_ENDPOINT
from thalweg.service.snapshots.snapshots import WorkerSnapshots, takes_snapshots
from thalweg.service.traceback import user_traceback
from thalweg.service.worker.checkup import Checkup, Resign

log = logging.getLogger("thalweg.worker")

SILENCE_SECONDS = 60.0
"""How long user code may keep its thread before the worker says that it is not ready for more."""

DEVELOPMENT = "THALWEG_DEVELOPMENT"
"""Environment variable that lets callers see the traceback of user code."""

LONGEST_TARGET = 256
"""Characters of a `target`. It is a regular expression, and matching one takes time."""


class Worker:
    """Runs one replica of an Executor. Made, started, used and closed on one event loop, where user code never runs.

    * An endpoint that has no method goes to `/default`; without one, `EndpointNotFound` lists those that there are.
    * A request whose `target` does not match the whole name comes back as it went in.
    * Parameters are those of the header with those of the body on top; `<name>__<key>` is seen as `<key>`, and keys for
      others are not seen. The answer carries them as they came, and under `__results__` what an endpoint returned as a
      dict. In JSON they are in the body, beside the documents, else in the header.
    * Past `options.queue.max_inflight` requests, and past what `options.queue_limits` says of an endpoint, the answer is
      `Overloaded`, with the time after which what waits is worked off. What waits for a thread, or because
      `max_concurrency` of its endpoint run already, has its turn by priority and fairly by key of sharing. It is dropped
      when it is called off or its deadline passes; a running coroutine is cancelled, and an iterator is closed on its own
      thread.
    * Errors carry the Executor's name, the replica and the request's id, and in development mode the traceback.
    * `DRY_RUN_ENDPOINT` runs the Executor's probe and gives back what came.

    `resign` is told once, on the event loop, where the worker is to be replaced: with the reason, and whether user code
    keeps its thread, so that nothing which waits there will be answered.
    """

    def __init__(
        self,
        source: ExecutorSource,
        options: WorkerOptions,
        *,
        replica: int = 0,
        shard: int = 0,
        resign: Resign | None = None,
    ) -> None:
        self._resign = resign
        self._checkup: Checkup | None = None
        self._source = source
        self._options = options
        self._replica = replica
        self._shard = shard
        self.name = source.name(options)
        self._passes = source.executor is Passthrough
        self._conversion = Procedure(self.name, DEFAULT_ENDPOINT, Passthrough().requests[DEFAULT_ENDPOINT])
        self._procedures: dict[str, Procedure] = {}
        self._default: Procedure | None = None
        self._batches: list[Batches] = []
        self._closing = False
        self._invocation: Invocation | None = None
        self._executor: Executor | None = None
        self._snapshots: WorkerSnapshots | None = None

    @cached_property
    def description(self) -> ServiceDescription:
        """What it answers; known before it is started. Raises what `describe` raises."""
        return describe(self._source, self._options)

    async def start(self) -> None:
        """Construct the Executor, on the thread that will also run its methods, and warm it up. What its constructor or
        its warm-up raises comes out unchanged; then nothing is left running."""
        options = self._options
        invocation = Invocation(self.name, options.queue.max_inflight, thread_count(options.allow_concurrent))
        try:
            executor = await invocation.construct(lambda: self._source.create(options, self._replica, self._shard))
            endpoints = {path: bound.endpoint for path, bound in executor.requests.items()}
            invocation.lanes.update(lanes(self.name, endpoints, options))
        except BaseException:
            await invocation.compute.stop()
            raise
        failures = self._failures(invocation)
        lock = WriteLock()
        bound = {path: _alone(one, lock) for path, one in executor.requests.items()}
        self._procedures = {path: Procedure(self.name, path, one, failures) for path, one in bound.items()}
        self._default = self._procedures.get(DEFAULT_ENDPOINT)
        self._executor = executor
        self._invocation = invocation
        checkup = Checkup(executor, invocation, self._procedures, self._options, self._give_up)
        try:
            with failures.untold():
                await checkup.warm_up()
        except BaseException:
            await self.close()
            raise
        self._checkup = checkup
        checkup.start()
        self._batches = start_batches(
            self._source.batching(self._options), bound, invocation, self._procedures, failures
        )
        if takes_snapshots(executor):
            self._snapshots = WorkerSnapshots(executor, invocation, lock, self._replica)

    def _failures(self, invocation: Invocation) -> Failures:
        options = self._options
        development = options.development or os.environ.get(DEVELOPMENT, "").lower() in ("1", "true", "yes", "on")
        return Failures(
            self.name,
            replica=self._replica,
            exit_on=options.exit_on_exceptions,
            quiet=options.quiet_error,
            traceback=user_traceback if development else None,
            end=lambda reason: invocation.home.put(_Resignation(self, reason)),
        )

    def _give_up(self, reason: str, stuck: bool) -> None:
        """The Executor will not answer again, or is not to."""
        if stuck and self._invocation is not None:
            self._invocation.abandon(reason)
        resign, self._resign = self._resign, None
        if resign is not None:
            resign(reason, stuck)

    @property
    def executor(self) -> Executor:
        """The running Executor."""
        if self._executor is None:
            raise Unavailable(f"{self.name} has not been started.", executor=self.name)
        return self._executor

    @property
    def snapshots(self) -> WorkerSnapshots | None:
        """Those of the running Executor; None where it has no `snapshot` of its own."""
        return self._snapshots

    @property
    def inflight(self) -> int:
        """Requests that were accepted and are not answered yet."""
        return self._invocation.inflight if self._invocation is not None else 0

    @property
    def queued(self) -> int:
        """Those of them that nobody works on yet, to the accuracy of a glance."""
        invocation = self._invocation
        if invocation is None:
            return 0
        batched = sum(batches.statistics.waiting for batches in self._batches)
        return invocation.compute.waiting + batched + sum(lane.queued for lane in invocation.lanes.values())

    @property
    def batching_statistics(self) -> dict[str, BatchingStatistics]:
        """Why batches were closed and how large they were, by path, for the endpoints that answer in batches."""
        return {batches.path: batches.statistics for batches in self._batches}

    def drain(self) -> None:
        """No more requests are expected: what waits for company goes at once."""
        for batches in self._batches:
            batches.drain()

    @property
    def silent_for(self) -> float:
        """Seconds for which user code has kept a thread to itself; 0 where none is kept."""
        return self._invocation.silent_for if self._invocation is not None else 0.0

    @property
    def ready(self) -> bool:
        """Whether the Executor answers: it was constructed, warmed up, is not being closed, its probe has not failed too
        often, and none of its threads has been kept by one call for longer than `SILENCE_SECONDS`, unless that may take
        as long as it likes."""
        invocation, checkup = self._invocation, self._checkup
        return (
            invocation is not None
            and checkup is not None
            and checkup.ready
            and not invocation.closing
            and invocation.alive
            and (self._options.stuck_after is None or invocation.silent_for < SILENCE_SECONDS)
        )

    @property
    def alive(self) -> bool:
        """False once the Executor has shown that it will not answer again: it is to be replaced."""
        return self._checkup is None or self._checkup.alive

    @property
    def troubles(self) -> Mapping[str, str]:
        """See `Serving.troubles`."""
        return {} if self.alive else {self.name: "it is being replaced"}

    async def dry_run(self, context: Context) -> None:
        """Run the Executor's probe; where it has none, see whether its thread answers.

        Raises:
            ExecutorFailed: the probe failed.
            DeadlineExceeded: there was no answer in time.
            Unavailable: the Executor is not ready, or is being closed.
        """
        invocation = self._running()
        if self._checkup is None or invocation.closing or not self._checkup.alive:
            reason = self._checkup.reason if self._checkup is not None else ""
            raise Unavailable(f"{self.name} does not answer{f': {reason}' if reason else '.'}", executor=self.name)
        await self._checkup.run_probe(context)

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """See `thalweg.message.Handler`."""
        invocation = self._running()
        procedure = self._procedure(request)
        if request.inflow is not None and (procedure is None or not procedure.endpoint.reads_stream):
            async for body in request.payloads():
                async with aclosing(self.handle(replace(request, body=body, inflow=None), context)) as responses:
                    async for response in responses:
                        yield response
            return
        if procedure is None:
            if request.endpoint == DRY_RUN_ENDPOINT:
                await self.dry_run(context)
            if (request.accept or request.content_type) == request.content_type:
                yield Response(request.body, request.content_type, request.parameters)
                return
            procedure = self._conversion
        async with aclosing(answers(invocation, procedure, request, context)) as responses:
            async for response in responses:
                yield response

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `thalweg.message.UnaryHandler`."""
        invocation = self._running()
        procedure = self._procedure(request)
        return None if procedure is None else submit(invocation, procedure, request, context, reply)

    def _procedure(self, request: Request) -> Procedure | None:
        """What answers `request`; None where it passes as it is."""
        if self._passes or (request.target and not _matches(request.target, self.name)):
            return None
        procedure = self._procedures.get(request.endpoint)
        if procedure is None and request.endpoint != DRY_RUN_ENDPOINT:
            procedure = self._default
            if procedure is None:
                raise self._unknown(request.endpoint)
        return procedure

    def _unknown(self, path: str) -> EndpointNotFound:
        known = [endpoint.path for endpoint in self.description.endpoints]
        return EndpointNotFound(
            f"{self.name} has no endpoint {path}; there are: {', '.join(known) or 'none'}.",
            details=[{"known": known}],
            executor=self.name,
        )

    def _running(self) -> Invocation:
        if self._invocation is None:
            raise Unavailable(f"{self.name} has not been started.", executor=self.name)
        return self._invocation

    async def close(self) -> None:
        """End: what waits in batches is answered, the synchronous call that runs may finish, what else waits gets
        `Unavailable`, coroutines are cancelled and iterators closed; then the Executor's own `close` runs. What that
        raises is logged. Idempotent; waits for as long as user code takes, so put a timeout around it where that
        matters."""
        invocation, executor = self._invocation, self._executor
        if invocation is None or executor is None or self._closing:
            return
        self._closing = True
        if self._checkup is not None:
            await self._checkup.stop()
        if self._snapshots is not None:
            await self._snapshots.close()
        for batches in self._batches:
            await batches.close()
        try:
            await invocation.close(executor.close)
        except Exception:
            log.exception("%s could not be closed cleanly", self.name)


class _Resignation:
    """An exception of those that end the worker, on its way to the I/O loop."""

    def __init__(self, worker: Worker, reason: str) -> None:
        self._worker = worker
        self._reason = reason

    def deliver(self) -> None:
        self._worker._give_up(self._reason, False)


def _alone(bound: BoundEndpoint, lock: WriteLock) -> BoundEndpoint:
    """`bound`, running with `lock` where it writes."""
    endpoint = bound.endpoint
    return BoundEndpoint(endpoint, exclusive(bound.method, lock)) if endpoint.writes else bound


@lru_cache(maxsize=256)
def _matches(target: str, name: str) -> bool:
    if len(target) > LONGEST_TARGET:
        raise MalformedRequest(f"The target has {len(target)} characters; at most {LONGEST_TARGET} are taken.")
    try:
        return re.fullmatch(target, name) is not None
    except re.error as error:
        raise MalformedRequest(f"The target {target!r} is no regular expression: {error}.") from None
