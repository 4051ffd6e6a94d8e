"""The worker: the handler that runs one Executor."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import cached_property, lru_cache

from thalweg.config.options import WorkerOptions
from thalweg.errors import EndpointNotFound, MalformedRequest, Unavailable
from thalweg.executor.calls import answers, submit
from thalweg.executor.description import describe
from thalweg.executor.executor import Executor
from thalweg.executor.invocation import Invocation
from thalweg.executor.loading import Passthrough
from thalweg.executor.procedure import Procedure
from thalweg.executor.source import ExecutorSource
from thalweg.message import Context, Pending, Reply, Request, Response, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT

log = logging.getLogger("thalweg.worker")

SILENCE_SECONDS = 60.0
"""How long user code may keep its thread before the worker says that it is not ready for more."""

LONGEST_TARGET = 256
"""Characters of a `target`. It is a regular expression, and matching one takes time."""


class Worker:
    """Runs one replica of an Executor. Made, started, used and closed on one event loop, where user code never runs.

    * An endpoint that has no method goes to `/default`; without one, `EndpointNotFound` lists those that there are.
    * A request whose `target` does not match the whole name comes back as it went in.
    * Parameters are those of the header with those of the body on top; `<name>__<key>` is seen as `<key>`, and keys for
      others are not seen. The answer carries them as they came, and under `__results__` what an endpoint returned as a
      dict. In JSON they are in the body, beside the documents, else in the header.
    * Past `options.queue.max_inflight` requests the answer is `Overloaded`. What waits is dropped when it is called off
      or its deadline passes; a running coroutine is cancelled, and an iterator is closed on its own thread.
    * Errors carry the Executor's name and the request's id.
    """

    def __init__(self, source: ExecutorSource, options: WorkerOptions, *, replica: int = 0) -> None:
        self._source = source
        self._options = options
        self._replica = replica
        self.name = source.name(options)
        self._passes = source.executor is Passthrough
        self._conversion = Procedure(self.name, DEFAULT_ENDPOINT, Passthrough().requests[DEFAULT_ENDPOINT])
        self._procedures: dict[str, Procedure] = {}
        self._default: Procedure | None = None
        self._invocation: Invocation | None = None
        self._executor: Executor | None = None

    @cached_property
    def description(self) -> ServiceDescription:
        """What it answers; known before it is started. Raises what `describe` raises."""
        return describe(self._source, self._options)

    async def start(self) -> None:
        """Construct the Executor, on the thread that will also run its methods. What its constructor raises comes out
        unchanged; then nothing is left running."""
        invocation = Invocation(self.name, self._options.queue.max_inflight)
        try:
            executor = await invocation.construct(lambda: self._source.create(self._options, self._replica))
        except BaseException:
            await invocation.compute.stop()
            raise
        self._procedures = {path: Procedure(self.name, path, bound) for path, bound in executor.requests.items()}
        self._default = self._procedures.get(DEFAULT_ENDPOINT)
        self._executor = executor
        self._invocation = invocation

    @property
    def executor(self) -> Executor:
        """The running Executor."""
        if self._executor is None:
            raise Unavailable(f"{self.name} has not been started.", executor=self.name)
        return self._executor

    @property
    def inflight(self) -> int:
        """Requests that were accepted and are not answered yet."""
        return self._invocation.inflight if self._invocation is not None else 0

    @property
    def silent_for(self) -> float:
        """Seconds for which user code has kept a thread to itself; 0 where none is kept."""
        return self._invocation.silent_for if self._invocation is not None else 0.0

    @property
    def ready(self) -> bool:
        """Whether the Executor answers: it was constructed, is not being closed, and none of its threads has been kept
        by one call for longer than `SILENCE_SECONDS`."""
        invocation = self._invocation
        return (
            invocation is not None
            and not invocation.closing
            and invocation.alive
            and invocation.silent_for < SILENCE_SECONDS
        )

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """See `thalweg.message.Handler`."""
        invocation = self._running()
        procedure = self._procedure(request)
        if procedure is None:
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
        procedure = self._procedures.get(request.endpoint) or self._default
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
        """End: the synchronous call that runs may finish, what waits gets `Unavailable`, coroutines are cancelled and
        iterators closed; then the Executor's own `close` runs. What that raises is logged. Idempotent; waits for as long
        as user code takes, so put a timeout around it where that matters."""
        invocation, executor = self._invocation, self._executor
        if invocation is None or executor is None or invocation.closing:
            return
        try:
            await invocation.close(executor.close)
        except Exception:
            log.exception("%s could not be closed cleanly", self.name)


@lru_cache(maxsize=256)
def _matches(target: str, name: str) -> bool:
    if len(target) > LONGEST_TARGET:
        raise MalformedRequest(f"The target has {len(target)} characters; at most {LONGEST_TARGET} are taken.")
    try:
        return re.fullmatch(target, name) is not None
    except re.error as error:
        raise MalformedRequest(f"The target {target!r} is no regular expression: {error}.") from None
