"""The fork server, as seen by the process that uses it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from thalweg.errors import ConfigurationError
from thalweg.orchestration.launchers import program
from thalweg.orchestration.launchers.process import Process
from thalweg.orchestration.launchers.protocol import (
    Command,
    Environment,
    Event,
    Forget,
    Interpreter,
    Keep,
    Kill,
    Spawn,
    Spawned,
)
from thalweg.orchestration.launchers.stragglers import end_stragglers
from thalweg.service.control import CHUNK, Frames, Spec, pack

EARLY = (
    b"PYTHON",
    b"LD_",
    b"DYLD_",
    b"MALLOC_",
    b"GLIBC_",
    b"OMP_",
    b"OPENBLAS_",
    b"GOTO_",
    b"MKL_",
    b"BLIS_",
    b"VECLIB_",
)
"""How the variables begin that an interpreter, the C library or NumPy read once, while they are loaded."""

KILLED = -signal.SIGKILL
PROGRAM = program.__file__
EXIT_SECONDS = 5.0
POLL_SECONDS = 0.002


class Connection:
    """One running fork server and the children it has."""

    def __init__(self, lost: Callable[[Connection], None]) -> None:
        self._lost = lost
        self.environment = dict(os.environb)
        self.processes: dict[int, Process] = {}
        self._frames = Frames(Event)
        self._control, theirs = socket.socketpair()
        with theirs:
            self._server = _start(theirs.fileno())
        asyncio.get_running_loop().add_reader(self._control.fileno(), self._on_readable)

    @property
    def pid(self) -> int:
        return self._server.pid

    def send(self, command: Command, descriptors: tuple[int, ...] = ()) -> None:
        """Send, unless the server has died, which `lost` tells."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._control, [pack(command)], descriptors)

    def _on_readable(self) -> None:
        try:
            data = self._control.recv(CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        for event in self._frames.feed(data):
            self._on_event(event)
        if not data:
            self._on_death()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Spawned):
            self.processes[event.number].has_pid(event.pid)
        else:
            self.processes.pop(event.number).has_exited(event.status)

    def _on_death(self) -> None:
        """The server is gone; the system kills its children, and we what those had started."""
        self._lost(self)
        status = self._status() or KILLED
        lost = [process.pid.result() for process in self.processes.values() if process.pid.done()]
        for process in self.processes.values():
            if process.pid.done():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid.result(), signal.SIGKILL)
            process.has_exited(status)
        end_stragglers(lost)
        self.processes.clear()
        self._disconnect()

    def _status(self) -> int:
        """How the server ended. One that has only closed its socket is ended now."""
        try:
            return self._server.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._server.kill()
            return self._server.wait()

    def _disconnect(self) -> None:
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()

    async def close(self) -> None:
        """End the server; children that still live are killed."""
        self._disconnect()
        until = time.monotonic() + EXIT_SECONDS
        while self._server.poll() is None:  # no thread waits for it: at the end of the interpreter none can be had
            if time.monotonic() > until:
                self._server.kill()
            await asyncio.sleep(POLL_SECONDS)


class ForkServer:
    """Starts processes, from one fork server that is started for the first directory and ends with the last.

    Used on one event loop. A fork server that dies takes its children with it; the next `launch` starts another.
    `ForkServer.shared()` is the one of this process; a forked child gets a new one.
    """

    _shared: ClassVar[tuple[int, ForkServer] | None] = None
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._directories: set[bytes] = set()
        self._numbers = itertools.count()

    @classmethod
    def shared(cls) -> ForkServer:
        with cls._lock:
            if cls._shared is None or cls._shared[0] != os.getpid():
                cls._shared = (os.getpid(), cls())
            return cls._shared[1]

    @property
    def pid(self) -> int | None:
        """The id of the fork server that runs now."""
        return None if self._connection is None else self._connection.pid

    def keep(self, directory: Path) -> None:
        """See to it that `directory` is removed when this process dies. Starts the server, which takes a moment to load,
        and does not wait for it."""
        self._directories.add(os.fsencode(directory))
        self._connected().send(Keep(os.fsencode(directory)))

    async def forget(self, directory: Path) -> None:
        """`directory` is none of ours any more. With the last one the server ends."""
        self._directories.discard(os.fsencode(directory))
        connection = self._connection
        if connection is None:
            return
        connection.send(Forget(os.fsencode(directory)))
        if not self._directories:
            self._connection = None
            await connection.close()

    async def launch(
        self,
        spec: Spec,
        output: int | None = None,
        interpreter: Interpreter | None = None,
        process: Process | None = None,
    ) -> Process:
        """See `Launch`. Without `output` what it prints goes to where it would if this process printed it. `process` is one
        that has waited for this."""
        try:
            return await self._launch(spec, output, interpreter, process)
        finally:
            if output is not None:
                os.close(output)

    async def _launch(
        self, spec: Spec, output: int | None, interpreter: Interpreter | None, process: Process | None
    ) -> Process:
        connection = self._connected()
        environment = spec.surroundings.environment
        afresh = interpreter is not None or _early(environment) != _early(connection.environment)
        process = self._spawn(connection, Spawn(next(self._numbers), afresh, interpreter), output, process)
        if afresh:
            await process.send(environment)
        await process.send(spec)
        return process

    def _spawn(self, connection: Connection, spawn: Spawn, output: int | None, process: Process | None) -> Process:
        def send_signal(number: int) -> None:
            connection.send(Kill(spawn.number, number))

        ours, theirs = socket.socketpair()
        process = process or Process(send_signal)
        process.connect(ours, send_signal)
        connection.processes[spawn.number] = process
        with theirs, open(os.devnull, "wb") as nowhere:
            inherited = [stream if _is_open(stream) else nowhere.fileno() for stream in (1, 2)]
            streams = inherited if output is None else [output, output]
            connection.send(spawn, (theirs.fileno(), *streams))
        return process

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(self._on_loss)
            for directory in self._directories:
                self._connection.send(Keep(directory))
        return self._connection

    def _on_loss(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None


def _start(control: int) -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise ConfigurationError("sys.executable is empty: without a Python interpreter no process can be started.")
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # -W, -X, -O and such, as we have them
    arguments = ["serve", os.pathsep.join(import_path()), str(control), str(os.getpid())]
    return subprocess.Popen(
        [sys.executable, *flags, "-P", PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=None if _is_open(1) else subprocess.DEVNULL,
        stderr=None if _is_open(2) else subprocess.DEVNULL,
        pass_fds=(control,),
        start_new_session=True,
    )


def import_path() -> list[str]:
    """`sys.path` with the script's own folder last: a user's file of the same name must not stand in for a library."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = os.path.dirname(os.path.abspath(script)) if script else None
    entries = [entry for entry in sys.path if isinstance(entry, str) and entry]
    return [entry for entry in entries if entry != folder] + [entry for entry in entries if entry == folder]


def _early(environment: Environment) -> Environment:
    return {name: value for name, value in environment.items() if name.startswith(EARLY)}


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
