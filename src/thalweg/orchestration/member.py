"""One process that is kept alive: started, followed through its phases, started again when it ends by itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from time import time

from msgspec.structs import replace

from thalweg.errors import StartupFailed
from thalweg.message import ServiceDescription
from thalweg.message.vitals import Vitals
from thalweg.orchestration.control.questions import ProcessStatus
from thalweg.orchestration.control.trend import Trend
from thalweg.orchestration.launchers.process import Launch, Process
from thalweg.orchestration.lifetime import Lifetime
from thalweg.orchestration.logs.stream import LogStream
from thalweg.orchestration.restart import RestartPolicy
from thalweg.orchestration.watch import LONGEST_SILENCE, SHORTEST_SILENCE, Watch
from thalweg.service.control import (
    GATEWAY,
    PULSE_SECONDS,
    Advance,
    Described,
    Failed,
    Go,
    Loading,
    Order,
    Pulse,
    Ready,
    Report,
    Sick,
    Spec,
    Starting,
    Stop,
    Wanted,
    WorkerSpec,
)
from thalweg.service.traceback import with_source

CLOSE_SECONDS = 30.0
"""How long a process may take, after it has drained, to close what user code holds open. Then it is killed."""
EXIT_SECONDS = 5.0
"""How long a process may take to end once it has closed its channel."""


CRASH_LOOP = "crash loop"
"""In place of its phase, for one that has ended again and again and is not ready."""


class Phase(StrEnum):
    """How far a process is."""

    LAUNCHED = "launched"
    LOADING = "loading"
    DESCRIBED = "described"
    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    """It has ended by itself and is started again after a while."""
    STOPPED = "stopped"


@dataclass(frozen=True)
class News:
    """News of one process. `name` is that of the Executor, or `gateway`."""

    name: str
    replica: int
    phase: Phase
    message: str = ""
    """Why it waits to start again, or how far its start is in the words of its own code."""
    shard: int = 0
    done: float | None = None
    """How far its start is, from 0 to 1, where its code says so."""


Tell = Callable[[News], None]


@dataclass(frozen=True)
class Means:
    """What keeping a process alive takes, the same for all of a Flow."""

    launch: Launch
    tell: Tell
    log: LogStream
    replace: Callable[[Member, str], bool] | None = None
    """Puts another process in the place of one, without losing a request, for a reason. False where it cannot."""


class Member:
    """A process and its history. Used on one event loop.

    `described` and `ready` are done once it was so for the first time; `ready` holds its addresses.
    """

    def __init__(self, spec: Spec, means: Means) -> None:
        loop = asyncio.get_running_loop()
        self._spec = spec
        self._means = means
        self._policy = RestartPolicy()
        self._watch = Watch(None)
        self._lifetime = Lifetime(None, None)
        self._retired = ""
        """Why it was told to end, to be started again."""
        self._process: Process | None = None
        self._phase = Phase.LAUNCHED
        self._go: Go | None = None
        self._failure: Failed | None = None
        self._stopping = False
        self._trend = Trend()
        self._reason = ""
        self._ending = ""
        self._launches = 0
        self._ready_since: float | None = None
        self._task: asyncio.Task[None] | None = None
        self.described: asyncio.Future[ServiceDescription] = loop.create_future()
        self.ready: asyncio.Future[list[str]] = loop.create_future()
        self.files: list[str] = []
        """Those with code of the user's own that it has loaded, where they are watched."""
        self.heed: Callable[[Report], None] | None = None
        """Told of every report but pulses and advances; an end that was not asked for is a `Failed`."""
        self.observe: Callable[[Pulse | Wanted], None] | None = None
        """Told what a Gateway is asked."""

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def replica(self) -> int:
        return self._spec.replica if isinstance(self._spec, WorkerSpec) else 0

    @property
    def shard(self) -> int:
        return self._spec.shard if isinstance(self._spec, WorkerSpec) else 0

    @property
    def drain_seconds(self) -> float:
        return self._spec.drain_seconds

    @property
    def title(self) -> str:
        """Name and number, as in logs: `enc/1`."""
        return self._spec.title if isinstance(self._spec, WorkerSpec) else GATEWAY

    @property
    def looping(self) -> bool:
        """Whether it is in a crash loop."""
        return self._policy.looping

    @property
    def trouble(self) -> str:
        """Why it is in a crash loop, in words for everybody: nothing that user code said."""
        return f"crash loop: {self._ending}" if self.looping else ""

    @property
    def pid(self) -> int | None:
        """The id of the process that runs now."""
        process = self._process
        running = process is not None and process.pid.done() and not process.exited.done()
        return process.pid.result() if process is not None and running else None

    @property
    def answers(self) -> bool:
        """Whether it is ready."""
        return self._phase is Phase.READY

    @property
    def vitals(self) -> Vitals:
        """What it has last said of its work."""
        return self._trend.last

    def status(self) -> ProcessStatus:
        """How it is now."""
        vitals, figures = self._trend.last, self._trend.figures()
        return ProcessStatus(
            node=self.name if isinstance(self._spec, WorkerSpec) else GATEWAY,
            replica=self.replica,
            shard=self.shard,
            title=self.title,
            pid=self.pid,
            phase=CRASH_LOOP if self.looping and self._phase is not Phase.READY else self._phase,
            crash_loop=self.looping,
            reason=self._reason,
            restarts=max(0, self._launches - 1),
            ready_since=self._ready_since,
            requests=vitals.requests,
            errors=vitals.errors,
            rate=figures.rate,
            error_rate=figures.error_rate,
            p50_ms=figures.p50,
            p99_ms=figures.p99,
            in_flight=vitals.in_flight,
            queued=vitals.queued,
            batch=figures.batch,
            memory_bytes=vitals.memory_bytes,
        )

    def start(self) -> asyncio.Task[None]:
        """Begin. The task ends when the member was stopped; it raises `StartupFailed` if the process never became ready."""
        self._task = asyncio.get_running_loop().create_task(self._keep(), name=f"keep {self.title}")
        return self._task

    async def release(self, go: Go) -> None:
        """Let it construct and bind, now and after every restart."""
        self._go = go
        if self._phase is Phase.DESCRIBED and self._process is not None:
            await self._process.send(go)

    def revise(self, content: bytes) -> None:
        """What it runs after its next start."""
        self._spec = replace(self._spec, content=content)

    async def order(self, order: Order) -> bool:
        """Order something of it while it runs; False where it does not."""
        if self._phase is not Phase.READY or self._process is None:
            return False
        await self._process.send(order)
        return True

    async def retire(self, reason: str) -> None:
        """Drain and end it, and start it again at once."""
        self._retired = reason
        await self.order(Stop(self._spec.drain_seconds))

    async def stop(self, drain_seconds: float, close_seconds: float | None = None) -> None:
        """Drain and end it; kill it where that takes longer than `drain_seconds` and `close_seconds`, or `CLOSE_SECONDS`,
        together. Idempotent."""
        self._stopping = True
        patience = drain_seconds + (CLOSE_SECONDS if close_seconds is None else close_seconds)
        if self._task is None or self._task.done():
            return
        if self._phase is not Phase.READY or self._process is None:
            self.kill()
        else:
            await self._process.send(Stop(drain_seconds))
        done, _ = await asyncio.wait([self._task], timeout=patience)
        if not done:
            self._warn(f"it did not end within {patience:g} seconds and is killed")
            self.kill()
            await asyncio.wait([self._task])

    def kill(self) -> None:
        """End it at once, without draining."""
        self._stopping = True
        if self._phase is Phase.WAITING and self._task is not None:
            self._task.cancel()
        elif self._process is not None:
            self._process.kill()

    async def _keep(self) -> None:
        while True:
            self._failure = None
            try:
                status = await self._live_once()
            except OSError as error:  # no process or descriptor to be had now; the next time there may be
                if not self.ready.done():
                    raise
                self._failure = Failed(f"it could not be launched: {error}")
                status = 1
            if self._stopping:
                break
            if not self.ready.done():
                raise self._startup_failed(status)
            if self._retired and status == 0:
                self._begin_anew()
            else:
                await self._wait_for_next(status)
        self._enter(Phase.STOPPED)

    async def _live_once(self) -> int:
        """From launch to end; the exit status."""
        self._enter(Phase.LAUNCHED)
        self._launches += 1
        self._process = process = await self._means.launch(self._spec, self._means.log.pipe(self.title))
        if self._stopping:
            process.kill()
        self._watch = Watch(_silence(self._spec))
        self._lifetime = _lifetime(self._spec)
        self._retired = ""
        watching = asyncio.get_running_loop().create_task(self._look_after(process), name=f"watch {self.title}")
        try:
            await self._follow(process)
            return await self._end_of(process)
        finally:
            watching.cancel()

    async def _look_after(self, process: Process) -> None:
        """Kill it where it does not answer any more and does not end by itself."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            if self._policy.look(loop.time()):
                self._means.log.note(self.title, "INFO", "it has recovered from its crash loop")
                self._enter(self._phase)
            if self._watch.look(loop.time()):
                break
        self._warn(f"it is killed: {self._watch.reason}")
        process.kill()

    async def _follow(self, process: Process) -> None:
        while (report := await process.reports.get()) is not None:
            if isinstance(report, Advance):
                self._enter(Phase.STARTING, report.message, report.done)
            else:
                await self._on_report(process, report)
            if self.observe is not None and isinstance(report, Pulse | Wanted):
                self.observe(report)

    async def _on_report(self, process: Process, report: Report) -> None:
        match report:
            case Pulse(vitals):
                self._watch.pulse(asyncio.get_running_loop().time())
                self._trend.add(asyncio.get_running_loop().time(), vitals)
                await self._see_whether_worn(vitals)
            case Sick(reason, stuck):
                patience = EXIT_SECONDS if stuck else self._spec.drain_seconds + CLOSE_SECONDS
                self._watch.resigned(asyncio.get_running_loop().time(), reason, patience)
            case Loading():
                self._enter(Phase.LOADING)
            case Described(description, files):
                self.files = files
                self._enter(Phase.DESCRIBED)
                if not self.described.done():
                    self.described.set_result(description)
                if self._go is not None:
                    await process.send(self._go)
            case Starting():
                self._enter(Phase.STARTING)
            case Ready(addresses):
                self._is_ready(addresses)
            case Failed():
                self._failure = report
                if not self.ready.done():
                    raise self._startup_failed(1)
        if self.heed is not None and not isinstance(report, Pulse):
            self.heed(report)

    def _is_ready(self, addresses: list[str]) -> None:
        now = asyncio.get_running_loop().time()
        self._spec = replace(self._spec, addresses=addresses)
        self._policy.ready(now)
        self._watch.ready(now)
        self._trend.restart(now)
        self._ready_since = time()
        self._enter(Phase.READY)
        if not self.ready.done():
            self.ready.set_result(addresses)

    async def _see_whether_worn(self, vitals: Vitals) -> None:
        """Have it replaced where it has done enough."""
        told = self._lifetime.too_low
        reason = "" if self._stopping else self._lifetime.worn(vitals)
        if self._lifetime.too_low and not told:
            self._warn("it needs more memory than its memory_limit to begin with, and is not replaced for that")
        if not reason:
            return
        if self._means.replace is not None and self._means.replace(self, reason):
            self._means.log.note(self.title, "INFO", f"it is replaced: {reason}")
            return
        await self.retire(reason)

    async def _end_of(self, process: Process) -> int:
        """The status of a process that has closed its channel."""
        done, _ = await asyncio.wait([process.exited], timeout=EXIT_SECONDS)
        if not done:
            process.kill()
        return await process.exited

    def _begin_anew(self) -> None:
        """It has ended as it was told to."""
        self._reason, self._ready_since = self._retired, None
        self._means.log.note(self.title, "INFO", f"it is started again: {self._retired}")
        if self.heed is not None:
            self.heed(Failed(self._retired))

    async def _wait_for_next(self, status: int) -> None:
        loop = asyncio.get_running_loop()
        seconds = max(0.0, self._policy.ended(loop.time()) - loop.time())
        why = self._watch.reason or (_ending(status) if self._failure is None else self._failure.message)
        self._reason = why
        self._ending = _ending(status)
        self._ready_since = None
        traceback = "" if self._failure is None else self._failure.traceback
        details = f"\n{with_source(traceback)}" if traceback else ""
        if self.looping:
            why = f"{why}, again: this is a crash loop"
        self._warn(f"{why}; it is started again in {seconds:.1f} seconds{details}")
        self._enter(Phase.WAITING, why)
        if self.heed is not None:
            self.heed(Failed(why))
        await asyncio.sleep(seconds)

    def _startup_failed(self, status: int) -> StartupFailed:
        failure = self._failure
        if failure is None:
            return StartupFailed(f"{self.title} ended before it was ready: {_ending(status)}.", executor=self.name)
        return StartupFailed(failure.message, traceback=with_source(failure.traceback), executor=self.name)

    def _warn(self, text: str) -> None:
        self._means.log.note(self.title, "WARNING", text)

    def _enter(self, phase: Phase, message: str = "", done: float | None = None) -> None:
        self._phase = phase
        worker = isinstance(self._spec, WorkerSpec)
        shard = self._spec.shard if isinstance(self._spec, WorkerSpec) else 0
        self._means.tell(News(self.name if worker else GATEWAY, self.replica, phase, message, shard, done))


def _silence(spec: Spec) -> float | None:
    """For how long a process may say nothing."""
    if not isinstance(spec, WorkerSpec):
        return LONGEST_SILENCE
    return None if spec.stuck_after is None else max(SHORTEST_SILENCE, min(spec.stuck_after, LONGEST_SILENCE))


def _lifetime(spec: Spec) -> Lifetime:
    return Lifetime(spec.max_requests, spec.memory_limit) if isinstance(spec, WorkerSpec) else Lifetime(None, None)


def _ending(status: int) -> str:
    if status >= 0:
        return f"it ended with exit code {status}"
    name = str(-status)
    with suppress(ValueError):
        name = signal.Signals(-status).name
    return f"it was killed by {name}"
