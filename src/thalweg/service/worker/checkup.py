"""Probes and warm-up of one Executor: how they are called, and the task that follows its health."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

import msgspec
from pydantic import BaseModel

from thalweg.config.health import ProbeOptions
from thalweg.config.workers import WorkerOptions
from thalweg.errors import DeadlineExceeded, ExecutorFailed, ThalwegError
from thalweg.executor.endpoint import MethodKind
from thalweg.executor.executor import Executor
from thalweg.executor.hooks import probe_of, warmups_of
from thalweg.executor.invocation import Invocation
from thalweg.executor.procedure import Procedure
from thalweg.message import Context, Request
from thalweg.message.description import DEFAULT_ENDPOINT
from thalweg.service.worker.health import Ask, Replace, WorkerHealth, WorkerState

log = logging.getLogger("thalweg.worker")

LOOK_SECONDS = 1.0
"""How often health is looked at, at least; more often where a probe or a limit is shorter."""

Resign = Callable[[str, bool], None]
"""Told once, with the reason and whether user code keeps its thread, that the worker is to be replaced."""


class ProbeCall:
    """Something without arguments that is called where the Executor's methods of its kind run."""

    def __init__(self, function: Callable[[], Any], asynchronous: bool) -> None:
        self._function = function
        self._asynchronous = asynchronous

    async def run(self, invocation: Invocation, timeout: float | None, began: Callable[[float], None] | None) -> Any:
        """What it gives. An asynchronous one is cancelled after `timeout` seconds, which raises `TimeoutError`; of a
        synchronous one `began` is told, on the event loop, when its turn has come."""
        if self._asynchronous:
            async with asyncio.timeout(timeout):
                return await invocation.coroutines.do(_awaited(self._function))
        loop = asyncio.get_running_loop()

        def run() -> Any:
            if began is not None:
                loop.call_soon_threadsafe(began, monotonic())
            return self._function()

        return await invocation.compute.do(run)


async def _awaited(function: Callable[[], Awaitable[Any]]) -> Any:
    return await function()


class Checkup:
    """Whether the Executor of one worker still answers. Made once it was constructed; used on the I/O loop."""

    def __init__(
        self,
        executor: Executor,
        invocation: Invocation,
        procedures: Mapping[str, Procedure],
        options: WorkerOptions,
        resign: Resign | None,
    ) -> None:
        self._name = executor.metas.name
        self._executor = executor
        self._invocation = invocation
        self._procedures = procedures
        self._options = options
        self._resign = resign
        self._terms = probe_terms(type(executor), options)
        self._probe = self._probe_call()
        self._health = WorkerHealth(self._terms, options.stuck_after, monotonic())
        self._looking: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        return self._health.state is WorkerState.READY

    @property
    def alive(self) -> bool:
        return self._health.state is not WorkerState.LOST

    @property
    def reason(self) -> str:
        """Why it is not ready."""
        return self._health.reason

    async def warm_up(self) -> None:
        """ProbeCall what is decorated with `@warmup`, then send the examples of the options. What they raise comes out."""
        for hook in warmups_of(type(self._executor)):
            await _method(self._executor, hook.method).run(self._invocation, None, None)
        for path, documents in self._options.warmup.items():
            procedure = self._procedure(path)
            request = example(path, documents if isinstance(documents, list) else [documents], {})
            try:
                await _answering(procedure, request, None).run(self._invocation, None, None)
            except ThalwegError as error:
                raise error from error.__context__  # what user code raised, with its traceback

    async def run_probe(self, context: Context) -> None:
        """One run of the probe, or where there is none a call of nothing on the compute thread: does it answer?

        Raises:
            ExecutorFailed: it does not; the cause is named.
            DeadlineExceeded: not in time.
        """
        remaining = context.remaining()
        if self._terms is not None:
            remaining = self._terms.timeout if remaining is None else min(remaining, self._terms.timeout)
        call = self._probe or ProbeCall(_nothing, asynchronous=False)
        try:
            async with asyncio.timeout(remaining):
                found = await call.run(self._invocation, None, None)
        except TimeoutError:
            raise DeadlineExceeded(
                f"{self._name} did not answer its probe within {remaining:g} s.", executor=self._name
            ) from None
        except ThalwegError as error:
            raise error.with_traceback(None) from None
        except Exception as error:
            raise self._failed(f"{type(error).__name__}: {error}", type(error).__name__) from None
        if found is False:
            raise self._failed("it returned False", "")

    def _failed(self, why: str, cause: str) -> ExecutorFailed:
        return ExecutorFailed(f"The probe of {self._name} failed: {why}", executor=self._name, cause=cause)

    def start(self) -> None:
        """Follow its health from now on."""
        self._looking = asyncio.get_running_loop().create_task(self._look(), name=f"health of {self._name}")

    async def stop(self) -> None:
        tasks = [task for task in (self._looking, self._asking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> None:
        stuck_after, terms = self._options.stuck_after, self._terms
        pause = min(LOOK_SECONDS, (stuck_after or LOOK_SECONDS) / 4)
        if terms is not None:
            pause = min(pause, terms.interval, terms.timeout / 2)
        while self._health.state is not WorkerState.LOST:
            await asyncio.sleep(pause)
            for action in self._health.look(monotonic(), self._invocation.silent_for):
                self._do(action)

    def _do(self, action: Ask | Replace) -> None:
        if isinstance(action, Replace):
            log.error("%s does not answer any more: %s", self._name, action.reason)
            if self._resign is not None:
                self._resign(action.reason, action.stuck)
        else:
            self._asking = asyncio.get_running_loop().create_task(self._ask(), name=f"probe of {self._name}")

    async def _ask(self) -> None:
        assert self._probe is not None
        assert self._terms is not None
        why = ""
        try:
            found = await self._probe.run(self._invocation, self._terms.timeout, self._health.began)
            why = "it returned False" if found is False else ""
        except TimeoutError as error:
            why = str(error) or f"it did not end within {self._terms.timeout:g} seconds"
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        was_ready = self.ready
        if not why:
            self._health.passed(monotonic())
            if not was_ready and self.ready:
                log.warning("%s is ready again", self._name)
            return
        for action in self._health.failed(monotonic(), why):
            self._do(action)
        level = logging.WARNING if self._health.failures <= self._terms.failures else logging.DEBUG
        log.log(level, "%s: its probe failed: %s", self._name, why)
        if was_ready and not self.ready:
            log.warning("%s is not ready: %s", self._name, self.reason)

    def _probe_call(self) -> ProbeCall | None:
        terms = self._terms
        if terms is None:
            return None
        if not terms.on:
            hook = probe_of(type(self._executor))
            assert hook is not None
            return _method(self._executor, hook.method)
        procedure = self._procedure(terms.on)
        documents = [] if terms.document is None else [terms.document]
        return _answering(procedure, example(terms.on, documents, terms.parameters), terms.timeout)

    def _procedure(self, path: str) -> Procedure:
        return self._procedures.get(path) or self._procedures[DEFAULT_ENDPOINT]


def probe_terms(cls: type, options: WorkerOptions) -> ProbeOptions | None:
    """How the Executor is asked whether it answers: what its decorator says, with the options on top; None for not at all.
    Where the options give numbers only and there is no method to call, nothing is asked."""
    hook = probe_of(cls)
    given = options.probe
    if given is None:
        return None if hook is None else hook.probe
    if given.on:
        return given
    if hook is None:
        return None
    return hook.probe.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})


def example(path: str, documents: list[Any], parameters: dict[str, Any]) -> Request:
    """A request with `documents`, which are mappings or documents."""
    plain = [doc.model_dump(mode="json") if isinstance(doc, BaseModel) else doc for doc in documents]
    return Request(path, (msgspec.json.encode({"data": plain, "parameters": parameters}),))


def _method(executor: Executor, name: str) -> ProbeCall:
    method = getattr(executor, name)
    return ProbeCall(method, inspect.iscoroutinefunction(inspect.unwrap(method)))


def _answering(procedure: Procedure, request: Request, timeout: float | None) -> ProbeCall:
    """A call of an endpoint; of one that streams, as far as its first item."""
    kind = procedure.endpoint.kind

    def plain() -> None:
        procedure.answer(request, Context.with_timeout(timeout))

    def first() -> None:
        items = procedure.items(request, Context.with_timeout(timeout))
        next(items, None)
        items.close()

    async def later() -> None:
        await procedure.answer_async(request, Context.with_timeout(timeout))

    async def first_later() -> None:
        items = procedure.items_async(request, Context.with_timeout(timeout))
        await anext(items, None)
        await items.aclose()

    calls: dict[MethodKind, Callable[[], Any]] = {
        MethodKind.PLAIN: plain,
        MethodKind.ITERATOR: first,
        MethodKind.ASYNC: later,
        MethodKind.ASYNC_ITERATOR: first_later,
    }
    return ProbeCall(calls[kind], procedure.endpoint.asynchronous)


def _nothing() -> None:
    return None
