"""Something that runs: what `Flow` and `Deployment` hold between `start` and `close`."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from time import monotonic, time
from types import FrameType

from thalweg.client.portal import Portal
from thalweg.errors import Unavailable
from thalweg.orchestration.blueprint import Blueprint
from thalweg.orchestration.change.changeover import Amendment, Changed
from thalweg.orchestration.change.reloading import RunningCode, Watcher
from thalweg.orchestration.control.desk import ControlDesk
from thalweg.orchestration.control.questions import Identity, ProcessStatus, ServiceStatus
from thalweg.orchestration.directory import Directory, sweep
from thalweg.orchestration.launchers.dispatch import Launchers
from thalweg.orchestration.launchers.forkserver import ForkServer
from thalweg.orchestration.logs.form import LogFormat
from thalweg.orchestration.logs.history import History
from thalweg.orchestration.logs.stream import LogStream
from thalweg.orchestration.member import Means, News, Phase, Tell
from thalweg.orchestration.scaling import ASLEEP, IDLE
from thalweg.orchestration.supervisor import Supervisor
from thalweg.service.control import GATEWAY, Troubles
from thalweg.transport.registry import is_local

Design = Callable[[Directory], Blueprint]
POLL_SECONDS = 0.002
LOG_SECONDS = 10.0
"""How long the end waits for somebody to take the last lines of the log."""
STOPPING = (signal.SIGINT, signal.SIGTERM)


class Session:
    """Processes, their directory and their fork server, for any thread to start and stop.

    Made by `Session.start`. It is closed at the end of the interpreter at the latest. In a process that was forked from
    this one, `close` does nothing: what runs is not that one's.
    """

    reload_with: Callable[[], str] | None = None
    """What replaces all processes on request through the control socket, on a thread of its own; says what it did."""
    update_with: Callable[[str], str] | None = None
    """The same with YAML that describes what it is to be."""

    def __init__(
        self, drain_seconds: float, name: str = "", kind: str = "flow", log_format: LogFormat = "text"
    ) -> None:
        self.name = name
        self.kind = kind
        self._log = LogStream(log_format)
        self._since = 0.0
        self._looping: dict[str, str] = {}
        self._telling: set[asyncio.Future[bool]] = set()
        self._drain_seconds = drain_seconds
        self._portal = Portal.shared()
        self._server = ForkServer.shared()
        self._directory = Directory()
        self._desk = ControlDesk(self._directory.path, self)
        self._owner = os.getpid()
        self._lock = threading.RLock()
        self._ending: Future[None] | None = None
        self._ended = threading.Event()
        self._cut_short = 0
        self._supervisor: Supervisor | None = None
        self._watcher: Watcher | None = None
        self.addresses: list[str] = []

    @classmethod
    def start(
        cls,
        design: Design,
        drain_seconds: float,
        tell: Tell | None = None,
        *,
        name: str = "",
        kind: str = "flow",
        log_format: LogFormat = "text",
    ) -> Session:
        """Start what `design` draws up, and return when all of it is ready. `name` and `kind` are what `thalweg ps` says.

        The fork server loads while `design` still looks at what there is to run. `tell` is called with news of each
        process, on another thread.
        """
        session = cls(drain_seconds, name, kind, log_format)
        try:
            session._portal.run(session._prepare())
            sweep()
            blueprint = design(session._directory)
            session.addresses = session._portal.run(session._begin(blueprint, tell or _nobody))
        except BaseException:
            session._portal.run(session._clean_up())
            raise
        atexit.register(session.close)
        return session

    async def _prepare(self) -> None:
        self._server.keep(self._directory.path)
        await self._desk.open()

    async def _begin(self, blueprint: Blueprint, tell: Tell) -> list[str]:
        launchers = Launchers(self._server, self._directory.path)
        self._supervisor = Supervisor(blueprint, Means(launchers.launch, self._listening(tell), self._log))
        addresses = await self._supervisor.start()
        self._since = time()
        return addresses

    def _listening(self, tell: Tell) -> Tell:
        """`tell`, and have the Gateway know which processes are in a crash loop."""

        def hear(news: News) -> None:
            tell(news)
            supervisor = self._supervisor
            if supervisor is None or supervisor.gateway is None:
                return
            looping = {member.title: member.trouble for member in supervisor.workers if member.looping}
            if looping != self._looping or (looping and news.name == GATEWAY and news.phase is Phase.READY):
                self._looping = looping
                telling = asyncio.ensure_future(supervisor.gateway.order(Troubles(looping)))
                self._telling.add(telling)
                telling.add_done_callback(self._telling.discard)

        return hear

    async def _end(self, drain_seconds: float) -> None:
        try:
            if self._watcher is not None:
                await self._watcher.stop()
            if self._supervisor is not None:
                await self._supervisor.stop(drain_seconds)
        finally:
            await self._clean_up()

    async def _clean_up(self) -> None:
        await self._desk.close()
        self._directory.close()
        self._log.close()
        await self._server.forget(self._directory.path)
        until = monotonic() + LOG_SECONDS
        while not self._log.ended:  # no thread waits for it: at the end of the interpreter none can be had
            if monotonic() > until:
                break
            await asyncio.sleep(POLL_SECONDS)

    async def _kill(self) -> None:
        if self._supervisor is not None:
            await self._supervisor.kill()

    @property
    def history(self) -> History:
        """The last of the log."""
        return self._log.history

    def address(self, name: str) -> str:
        """The address of the socket `name` in the private directory."""
        return self._directory.address(name)

    @property
    def running(self) -> bool:
        return self._ending is None

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run now, by name and number of the replica."""
        members = [] if self._supervisor is None else self._supervisor.members
        return {member.title: member.pid for member in members if member.pid is not None}

    def status(self) -> ServiceStatus:
        """How everything is; for the event loop of the portal."""
        members = [] if self._supervisor is None else self._supervisor.members
        asleep = [] if self._supervisor is None else self._supervisor.scaling.asleep
        processes = (
            *(member.status() for member in members),
            *(ProcessStatus(name, title=name, phase=ASLEEP, reason=IDLE) for name in asleep),
        )
        public = tuple(address for address in self.addresses if not is_local(address))
        answering = {process.node for process in processes if process.phase in (Phase.READY, ASLEEP)}
        return ServiceStatus(
            Identity(self.name, self.kind, self._owner, self._since, public),
            self._since > 0 and answering >= {process.node for process in processes},
            processes,
        )

    async def stop(self, at_once: bool) -> None:
        """What `close` does, for the event loop of the portal."""
        ending = asyncio.wrap_future(self._begin_ending())
        if at_once:
            await self._kill()
        await ending

    async def reload(self) -> str:
        if self.reload_with is None:
            raise Unavailable(f"{self.name!r} cannot be reloaded.")
        return await asyncio.to_thread(self.reload_with)

    async def update(self, yaml: str) -> str:
        if self.update_with is None:
            raise Unavailable(f"{self.name!r} cannot be updated.")
        return await asyncio.to_thread(self.update_with, yaml)

    # change --------------------------------------------------------------------------------------------------------------

    def draw(self, design: Design) -> Blueprint:
        """What `design` draws up for this session."""
        return design(self._directory)

    def change(self, change: Amendment) -> Changed:
        """Make what runs into something else; see `Supervisor.change`. With a canary it returns once that has its share.
        An interrupt (Ctrl-C) while it waits takes the change back, and is raised."""
        work = self._supervised.test if change.canary is not None else self._supervised.change
        return self._portal.run(work(change))

    def watch_code(self, renew: Callable[[Sequence[str], bool], object], description: str) -> None:
        """Have what runs take over what is edited, where its options say so; see `change.reloading`."""
        code = RunningCode(self._supervised, renew, description)
        if code.watched().executors:
            self._portal.run(self._watch(code))

    async def _watch(self, code: RunningCode) -> None:
        self._watcher = Watcher(code)

    def promote(self) -> Changed:
        """See `Supervisor.promote`."""
        return self._portal.run(self._supervised.promote())

    def abort(self) -> None:
        """See `Supervisor.abort`."""
        self._portal.run(self._supervised.abort())

    @property
    def _supervised(self) -> Supervisor:
        if self._supervisor is None or not self.running:
            raise Unavailable(f"{self.name!r} does not run.")
        return self._supervisor

    def close(self) -> None:
        """Drain and stop everything, and return when nothing is left. Idempotent.

        An interrupt (Ctrl-C) while it waits stops everything at once, and is raised.
        """
        if os.getpid() != self._owner:
            return
        ending = self._begin_ending()
        try:
            ending.result()
        except (KeyboardInterrupt, SystemExit):
            self._portal.submit(self._kill())
            ending.result()
            raise

    def _begin_ending(self) -> Future[None]:
        with self._lock:
            if self._ending is None:
                self._ending = self._portal.submit(self._end(self._drain_seconds))
                self._ending.add_done_callback(lambda _: self._ended.set())
                atexit.unregister(self.close)
            return self._ending

    def block(self) -> int:
        """Wait until it was stopped: by SIGINT or SIGTERM, where this is the main thread, or by `close` from another one.

        The first signal drains and stops everything, a second one stops it at once; returns the number of that one, 0 where
        none came.
        """
        with self._signals():
            self._ended.wait()
        self._begin_ending().result()
        return self._cut_short

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in STOPPING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._ending is None:
            self._begin_ending()
        else:
            self._cut_short = self._cut_short or number
            self._portal.submit(self._kill())


def _nobody(_news: News) -> None:
    """Where nobody wants to hear of progress."""
