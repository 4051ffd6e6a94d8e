"""What is checked of a launcher, and what a check is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thalweg.client import AsyncClient
from thalweg.config import FlowOptions, NodeOptions
from thalweg.config.load import parse_options
from thalweg.docs import DocList
from thalweg.orchestration.blueprint import flow_blueprint
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.launchers.dispatch import Launchers
from thalweg.orchestration.launchers.forkserver import ForkServer
from thalweg.orchestration.launchers.process import Launch, Process
from thalweg.service.control import Advance, Described, Go, Loading, Pulse, Ready, Report, Starting, Stop, WorkerSpec
from thalweg.testing.leaks import eventually, no_leaks
from thalweg.testing.samples import Said, Speaker

PATIENCE_SECONDS = 60.0
"""How long a check waits for what should come soon: a container on a busy machine takes its time."""
SAMPLES = Speaker.__module__


def shipped(launch: ForkServer, directory: Path) -> Launch:
    """The launchers that Thalweg has."""
    return Launchers(launch, directory).launch


@dataclass(frozen=True)
class LauncherSubject:
    """A launcher to check.

    Args:
        options: the options of a worker that runs the Executor with this name in `thalweg.testing.samples`, such as
            `{"uses": f"thalweg.testing.samples:{name}"}`.
        launch: makes the launcher, from a fork server and a private directory; by default those that Thalweg has.
        server: a fork server for all checks, which takes longer to start than most of them take; used on one event loop.
            By default each check has its own.
    """

    options: Callable[[str], Mapping[str, Any]]
    launch: Callable[[ForkServer, Path], Launch] = shipped
    server: ForkServer | None = None

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        """A place to start processes at; what still lives at the end is killed."""
        server = self.server or ForkServer()
        directory = Directory()
        server.keep(directory.path)
        stage = Stage(self, self.launch(server, directory.path), directory)
        try:
            yield stage
        finally:
            await stage.close()
            directory.close()
            await server.forget(directory.path)


@dataclass
class Stage:
    """Where a check starts processes."""

    subject: LauncherSubject
    launch: Launch
    directory: Directory
    started: list[Started] = field(default_factory=list)

    def spec(self, sample: str, **options: Any) -> WorkerSpec:
        """That of a worker with a sample."""
        given = {"name": "sample", **self.subject.options(sample), **options}
        node = parse_options(NodeOptions, given, "sample")
        return flow_blueprint(FlowOptions(executors=(node,)), self.directory).workers[-1]

    async def start(self, spec: WorkerSpec) -> Started:
        """Launch it, and collect what it prints."""
        read, write = os.pipe()
        started = Started(await self.launch(spec, write), spec, read)
        self.started.append(started)
        return started

    async def ready(self, sample: str = Speaker.__name__, **options: Any) -> Started:
        """One that has become ready."""
        started = await self.start(self.spec(sample, **options))
        await started.become_ready()
        return started

    async def close(self) -> None:
        for one in self.started:
            one.process.kill()
        for one in self.started:
            await one.end()


class Started:
    """A process that was launched, what it reports and what it prints."""

    def __init__(self, process: Process, spec: WorkerSpec, output: int) -> None:
        self.process = process
        self.spec = spec
        self.printed = b""
        self.addresses: list[str] = []
        self._output = output
        self._silent = asyncio.Event()
        os.set_blocking(output, False)
        asyncio.get_running_loop().add_reader(output, self._on_output)

    def _on_output(self) -> None:
        with suppress(BlockingIOError):
            data = os.read(self._output, 1 << 16)
            self.printed += data
            if not data:
                self._stop_reading()

    def _stop_reading(self) -> None:
        asyncio.get_running_loop().remove_reader(self._output)
        os.close(self._output)
        self._silent.set()

    async def report(self) -> Report | None:
        """The next one that is no pulse, and does not only tell how far it is."""
        while True:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await self.process.reports.get()
            if not isinstance(found, Advance | Pulse):
                return found

    async def expect(self, *kinds: type) -> Report:
        """The last of the next reports, which are of these kinds."""
        found: Report | None = None
        for kind in kinds:
            found = await self.report()
            assert isinstance(found, kind), (
                f"{found!r} where {kind.__name__} should be; printed: {self.printed[-2000:]!r}"
            )
        assert found is not None
        return found

    async def become_ready(self) -> None:
        await self.expect(Loading, Described)
        await self.process.send(Go())
        found = await self.expect(Starting, Ready)
        assert isinstance(found, Ready)
        self.addresses = found.addresses

    @asynccontextmanager
    async def called(self) -> AsyncIterator[AsyncClient]:
        """A client of it."""
        async with AsyncClient(self.addresses[0]) as client:
            yield client

    async def said(self, endpoint: str, text: str) -> str:
        """What it answers."""
        async with self.called() as client:
            return await ask(client, endpoint, text)

    async def status(self) -> int:
        """How it ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asyncio.shield(self.process.exited)

    async def stop(self, drain_seconds: float = PATIENCE_SECONDS) -> int:
        await self.process.send(Stop(drain_seconds))
        return await self.status()

    async def silence(self) -> None:
        """Until nobody is left who could print anything."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._silent.wait()

    async def prints(self, text: str) -> None:
        """Until it has printed this."""
        await eventually(lambda: text.encode() in self.printed, PATIENCE_SECONDS)

    async def end(self) -> None:
        await self.status()
        await self.silence()


async def ask(client: AsyncClient, endpoint: str, text: str) -> str:
    """The text of the one document that comes back."""
    found = await client.post(endpoint, Said(text=text), return_type=DocList[Said])
    return found[0].text


@dataclass(frozen=True)
class LauncherCheck:
    """One thing that every launcher does. Await it with a subject; `AssertionError` says what was wrong.

    It has a time limit, and leaves no task, socket or file behind: that is part of every check.
    """

    name: str
    function: Callable[[Stage], Awaitable[None]]
    seconds: float = 3 * PATIENCE_SECONDS

    async def __call__(self, subject: LauncherSubject) -> None:
        async with no_leaks(PATIENCE_SECONDS), asyncio.timeout(self.seconds), subject.stage() as stage:
            await self.function(stage)


LAUNCHER_CHECKS: list[LauncherCheck] = []
"""Every check there is, in the order in which they make sense to read."""


def launcher_check(function: Callable[[Stage], Awaitable[None]]) -> Callable[[Stage], Awaitable[None]]:
    """Add a function to `LAUNCHER_CHECKS`."""
    LAUNCHER_CHECKS.append(LauncherCheck(getattr(function, "__name__", repr(function)), function))
    return function


async def check_launcher(subject: LauncherSubject) -> None:
    """Run every check. Raises an `ExceptionGroup` of what was wrong, each with the name of its check."""
    wrong: list[Exception] = []
    for one in LAUNCHER_CHECKS:
        try:
            await one(subject)
        except Exception as error:
            error.add_note(f"in the check {one.name}")
            wrong.append(error)
    if wrong:
        raise ExceptionGroup("This launcher does not do what one must", wrong)
