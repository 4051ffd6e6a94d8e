"""The main of a child process: a worker or a gateway, from its spec to its end.

The child obeys the one that started it, over the channel it inherited, and lives no longer than that one: when the
channel ends, it ends at once. SIGTERM drains it as an order to stop does; a second signal ends it at once. Ctrl-C in a
terminal is not for it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import faulthandler
import gc
import io
import os
import resource
import signal
import socket
import sys
import threading
import types
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from thalweg.errors import ThalwegError
from thalweg.service.control import OWNER, PULSE_SECONDS, Failed, Go, Ready, Sick, Spec, Stop, WorkerSpec, receive
from thalweg.service.journal import keep_journal
from thalweg.service.role import GatewayRole, Link, Role, WorkerRole
from thalweg.service.traceback import user_traceback

if TYPE_CHECKING:
    from thalweg.executor.loading import Reference

PRELOADED = (
    "cloudpickle",
    "numpy",
    "pydantic",
    "uvloop",
    "thalweg.docs",
    "thalweg.executor.loading",
    "thalweg.service.flow.handler",
    "thalweg.service.worker.worker",
    "thalweg.transport.local",
)
"""What every child needs, imported once before any is forked. Light, without threads, and never a user's."""

SWITCH_SECONDS = 0.001
"""How long a busy thread keeps the interpreter. User code computes in one; the default of 5 ms makes every frame wait."""

COLLECT_AFTER = 10_000
"""Objects that may be made before the youngest are looked through: with Python's 700, every few requests pay for it."""


STUCK_SECONDS = 1.0
"""How long a worker has whose user code keeps its thread: for the answers of those that can still be answered."""

STUCK_DRAIN_SECONDS = 0.2

OPEN_FILES = 1 << 16
"""How many files and connections a process may have open at once, where the system lets it."""


def preload() -> None:
    """Import what every child needs."""
    for name in PRELOADED:
        import_module(name)


def main(channel: socket.socket, own: Reference | None = None) -> int:
    """Be the process whose spec comes first on `channel`; with an Executor of its `own`, in surroundings of its own. Returns
    the exit code."""
    signal.signal(signal.SIGINT, _not_for_us)
    sys.setswitchinterval(SWITCH_SECONDS)
    sys.modules["__main__"] = types.ModuleType("__main__")  # user code that starts processes must not find ours
    try:
        spec: Spec = receive(channel, Spec)
        _name(spec)
        _allow_many_connections()
        link = Link(channel)
        role = _role(spec, own)
        if own is None:
            spec.surroundings.apply()
            os.environ[OWNER] = str(os.getpid())
        _speak(spec)
        if isinstance(spec, WorkerSpec) and spec.processors is not None:
            os.sched_setaffinity(0, spec.processors)
        return _run(role, link, spec)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return 1


def _name(spec: Spec) -> None:
    """Let `ps` and `top` show who this is, and user code find no command line of ours."""
    sys.argv[:] = [""]
    title = f"{spec.name}/{spec.replica}" if isinstance(spec, WorkerSpec) else "gateway"
    with contextlib.suppress(OSError), open("/proc/self/comm", "wb") as name:  # there is none outside of Linux
        name.write(title.encode()[:15])


def _speak(spec: Spec) -> None:
    """Lines that are printed come out at once, records of logging among them, and a crash in C leaves a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # there is none where it was closed
            stream.reconfigure(line_buffering=True)
    faulthandler.enable()
    keep_journal(spec.log_level)


def _allow_many_connections() -> None:
    """Most systems give a process 1024 open files until it asks for more, and each connection is one."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _not_for_us(_signal: int, _frame: object) -> None:
    """A handler, where SIG_IGN would be inherited by the programs that user code runs."""


def _role(spec: Spec, own: Reference | None) -> Role:
    return WorkerRole(spec, own) if isinstance(spec, WorkerSpec) else GatewayRole(spec)


def _run(role: Role, link: Link, spec: Spec) -> int:
    try:
        role.load(link)
    except Exception as error:
        link.send(failure(f"{role.title} could not be loaded", error))
        return 1
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Life(role, link, spec.drain_seconds).live())


def failure(what: str, error: BaseException) -> Failed:
    """What the parent is told of `error`: without the frames that are not the user's."""
    cause = error.__cause__ if isinstance(error, ThalwegError) and error.__cause__ is not None else error
    if isinstance(error, ThalwegError) and cause is error:
        return Failed(f"{what}: {error}")
    return Failed(f"{what}: {type(cause).__name__}: {cause}", user_traceback(cause))


class Life:
    """The phases of a process, driven by orders and signals."""

    def __init__(self, role: Role, link: Link, drain_seconds: float) -> None:
        self._role = role
        self._link = link
        self._drain_seconds = drain_seconds
        self._ready = False
        self._sick = False
        self._stuck = False
        role.resign = self._on_sick

    async def live(self) -> int:
        loop = asyncio.get_running_loop()
        self._go: asyncio.Future[Go] = loop.create_future()
        self._stop: asyncio.Future[Stop] = loop.create_future()
        loop.add_signal_handler(signal.SIGTERM, self._on_stop, Stop(self._drain_seconds))
        loop.add_reader(self._link.fileno(), self._on_orders)
        try:
            return await self._phases()
        finally:
            loop.remove_reader(self._link.fileno())
            loop.remove_signal_handler(signal.SIGTERM)

    async def _phases(self) -> int:
        go = await self._go
        try:
            addresses = await self._role.start(go, self._link)
        except Exception as error:
            self._link.send(failure(f"{self._role.title} could not be started", error))
            return 1
        gc.collect()
        gc.freeze()  # what is loaded now stays; no collection needs to walk through it again
        gc.set_threshold(COLLECT_AFTER, 20, 50)
        self._ready = True
        self._link.send(Ready(addresses))
        self._pulse(asyncio.get_running_loop())
        stop = await self._stop
        stopping = asyncio.ensure_future(self._role.stop(stop.drain_seconds))
        if not (await asyncio.wait([stopping], timeout=STUCK_SECONDS if self._stuck else None))[0]:
            _end(1)  # the thread of user code never comes back, and so cannot be waited for
        await stopping
        return 1 if self._sick else 0

    def _pulse(self, loop: asyncio.AbstractEventLoop) -> None:
        self._link.pulse(self._role.vitals())
        loop.call_later(PULSE_SECONDS, self._pulse, loop)

    def _on_sick(self, reason: str, stuck: bool) -> None:
        """User code will not answer again: tell it, answer what can be answered, and end."""
        if self._sick:
            return
        self._sick = True
        self._stuck = stuck
        self._link.send(Sick(reason, stuck))
        if not self._stop.done():
            self._stop.set_result(Stop(STUCK_DRAIN_SECONDS if stuck else self._drain_seconds))

    def _on_orders(self) -> None:
        try:
            orders = self._link.orders()
        except EOFError:
            _end(1)
        for order in orders:
            if isinstance(order, Stop):
                self._on_stop(order)
            elif not isinstance(order, Go):
                self._role.obey(order, self._link)
            elif not self._go.done():
                self._go.set_result(order)

    def _on_stop(self, stop: Stop) -> None:
        """Before it is ready nothing is under way, and a constructor cannot be interrupted: end at once."""
        if not self._ready or self._stop.done():
            _end(128 + signal.SIGTERM if self._ready else 0)
        self._stop.set_result(stop)


def end(code: int) -> NoReturn:
    """End as an interpreter does, with threads joined and exit functions run, but without taking modules apart first."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    _end(code)


def _end(code: int) -> NoReturn:
    """End now. Output that was printed still comes out."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more, or user code closed it
                stream.flush()
    os._exit(code)
