"""Starts workers in virtual environments of their own, through the fork server: each is a new interpreter."""

from __future__ import annotations

import asyncio
import os
import sysconfig
import threading
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from thalweg.errors import ThalwegError
from thalweg.orchestration.launchers.environment.cache import Environment, environment
from thalweg.orchestration.launchers.forkserver import ForkServer, import_path
from thalweg.orchestration.launchers.process import Process
from thalweg.orchestration.launchers.protocol import Interpreter
from thalweg.service.control import Surroundings, WorkerSpec
from thalweg.service.placement import EnvironmentPlace

SITES = ("site-packages", "dist-packages")
"""How folders of installed libraries are called."""

INSTALLING = "installing its requirements"


class EnvironmentLauncher:
    """Used on one event loop."""

    def __init__(self, server: ForkServer) -> None:
        self._server = server

    async def launch(self, spec: WorkerSpec, output: int) -> Process:
        """See `Launch`. Its `place` is an `EnvironmentPlace`."""
        assert isinstance(spec.place, EnvironmentPlace)
        return _Start(self._server, spec, spec.place, output).begin()


class _Start:
    """The way to one process: its environment is made meanwhile."""

    def __init__(self, server: ForkServer, spec: WorkerSpec, place: EnvironmentPlace, output: int) -> None:
        self._server = server
        self._spec = spec
        self._place = place
        self._output = output
        self._given_up = threading.Event()
        self._process = Process(self._give_up)
        self._loop = asyncio.get_running_loop()

    def begin(self) -> Process:
        self._task = self._loop.create_task(self._start(), name=f"make ready {self._spec.name}")
        return self._process

    def _give_up(self, number: int) -> None:
        """It is not to run any more."""
        self._given_up.set()
        self._task.cancel()
        os.close(self._output)
        self._process.has_exited(-number)

    async def _start(self) -> None:
        try:
            found = await asyncio.to_thread(
                environment, self._place.lines, self._place.files, self._given_up, self._has_begun
            )
        except ThalwegError as error:
            self._fail(f"its requirements cannot be installed: {error}")
            return
        except OSError as error:
            self._fail(f"its environment cannot be made: {error}")
            return
        self._process.exited.add_done_callback(lambda _: found.leave())
        interpreter = Interpreter(str(found.python), os.pathsep.join(layered(import_path(), found.path)))
        try:
            await self._server.launch(_inside(self._spec, found), self._output, interpreter, self._process)
        except OSError as error:
            self._process.has_failed(f"{self._title}: {error}")

    def _has_begun(self) -> None:
        """Called on another thread."""
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            self._loop.call_soon_threadsafe(self._process.has_advanced, INSTALLING, None)

    @property
    def _title(self) -> str:
        return f"Executor {self._spec.name!r} could not be started"

    def _fail(self, why: str) -> None:
        if not self._process.exited.done():
            os.close(self._output)
            self._process.has_failed(f"{self._title}: {why}")


def layered(path: Sequence[str], own: Sequence[str]) -> list[str]:
    """`path` with the libraries of an environment before those of the one below it, and after all that is the user's own."""
    below = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    first = next(
        (at for at, entry in enumerate(path) if entry in below or os.path.basename(entry) in SITES),
        len(path),
    )
    return [*path[:first], *own, *path[first:]]


def _inside(spec: WorkerSpec, found: Environment) -> WorkerSpec:
    """`spec` for a process in the environment `found`."""
    here = spec.surroundings
    path = layered([os.fsdecode(entry) for entry in here.path], found.path)
    programs = os.fsencode(found.python.parent)
    variables = {
        **here.environment,
        b"VIRTUAL_ENV": os.fsencode(found.folder),
        b"PATH": os.pathsep.encode().join(part for part in (programs, here.environment.get(b"PATH", b"")) if part),
    }
    surroundings = Surroundings([os.fsencode(entry) for entry in path], here.directory, variables)
    return replace(spec, surroundings=surroundings, place=None)
