"""Executors and a Gateway that run in the process that starts them: nothing is sent to them, and documents are handed over
as they are. Nothing protects that process from them either."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket

from thalweg.orchestration.launchers.process import Process
from thalweg.service.control import PULSE_SECONDS, Go, Ready, Sick, Spec, Stop, WorkerSpec
from thalweg.service.process import failure
from thalweg.service.role import GatewayRole, Link, Role, WorkerRole

log = logging.getLogger("thalweg.inline")

STUCK_SECONDS = 1.0
"""How long one may take to end whose user code keeps its thread. That thread stays."""


class InlineLauncher:
    """Makes what looks like a process, on the event loop that it is used on."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def launch(self, spec: Spec, output: int) -> Process:
        """See `Launch`. What user code prints goes where this process prints."""
        os.close(output)
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        life = InlineLife(spec, Link(theirs))
        process = Process(life.signal)
        process.connect(ours)
        process.has_pid(os.getpid())
        task = asyncio.get_running_loop().create_task(self._live(life, theirs, process), name=f"inline {spec.title}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return process

    async def _live(self, life: InlineLife, channel: socket.socket, process: Process) -> None:
        status = 1
        try:
            status = await life.live()
        except EOFError:
            log.debug("who started this has let go of it")
        finally:
            channel.close()
            process.has_exited(status)


class InlineLife:
    """The phases of a role in this process. As `thalweg.service.process.Life`, for one that shares its process: it listens
    to no signals, and can be ended only where it lets itself be ended."""

    def __init__(self, spec: Spec, link: Link) -> None:
        loop = asyncio.get_running_loop()
        self._drain_seconds = spec.drain_seconds
        self._link = link
        self._role: Role = WorkerRole(spec) if isinstance(spec, WorkerSpec) else GatewayRole(spec)
        self._role.resign = self._on_sick
        self._go: asyncio.Future[Go] = loop.create_future()
        self._stop: asyncio.Future[Stop] = loop.create_future()
        self._killed = asyncio.Event()
        self._stuck = False
        self._sick = False

    async def live(self) -> int:
        """From its code to its end; the exit status. Raises `EOFError` where nobody holds the other end any more."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._link.fileno(), self._on_orders)
        try:
            return await self._phases()
        finally:
            loop.remove_reader(self._link.fileno())
            del self._role  # models may be large, and others may yet hold on to what stands for this process

    def signal(self, number: int) -> None:
        """What stands for a signal: there is nothing here that could be killed, so it ends as soon as it can."""
        if not self._go.done():
            self._go.set_exception(EOFError())
            self._go.exception()  # nobody else may look at it
        if number == signal.SIGKILL:
            self._killed.set()
        if not self._stop.done():
            self._stop.set_result(Stop(0.0 if number == signal.SIGKILL else self._drain_seconds))

    async def _phases(self) -> int:
        role, link = self._role, self._link
        try:
            await asyncio.get_running_loop().run_in_executor(None, role.load, link)
        except Exception as error:
            link.send(failure(f"{role.title} could not be loaded", error))
            return 1
        go = await self._go
        try:
            addresses = await role.start(go, link)
        except Exception as error:
            link.send(failure(f"{role.title} could not be started", error))
            return 1
        link.send(Ready(addresses))
        pulsing = asyncio.get_running_loop().create_task(self._pulse())
        try:
            stop = await self._stop
        finally:
            pulsing.cancel()
        stopping = asyncio.ensure_future(role.stop(stop.drain_seconds))
        killed = asyncio.ensure_future(self._killed.wait())
        await asyncio.wait(
            [stopping, killed], timeout=STUCK_SECONDS if self._stuck else None, return_when=asyncio.FIRST_COMPLETED
        )
        killed.cancel()
        if stopping.done():
            stopping.result()
            return 1 if self._sick else 0
        log.warning("%s does not end; its thread stays until it does", role.title)
        return 1

    async def _pulse(self) -> None:
        while True:
            self._link.pulse(self._role.vitals())
            await asyncio.sleep(PULSE_SECONDS)

    def _on_sick(self, reason: str, stuck: bool) -> None:
        if not self._sick:
            self._sick, self._stuck = True, stuck
            self._link.send(Sick(reason, stuck))
            if not self._stop.done():
                self._stop.set_result(Stop(0.0 if stuck else self._drain_seconds))

    def _on_orders(self) -> None:
        try:
            orders = self._link.orders()
        except EOFError:
            asyncio.get_running_loop().remove_reader(self._link.fileno())
            self.signal(signal.SIGKILL)
            return
        for order in orders:
            if isinstance(order, Stop):
                if not self._stop.done():
                    self._stop.set_result(order)
            elif not isinstance(order, Go):
                self._role.obey(order, self._link)
            elif not self._go.done():
                self._go.set_result(order)
