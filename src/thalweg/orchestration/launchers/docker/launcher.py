"""Starts workers in containers.

A folder of the private directory is mounted into the container under its own path. In it this side listens at one Unix
socket, where the worker calls and is told what to be; the worker listens at another, for requests. So a container needs no
port and no network. What crosses is data: neither side reads a pickle of the other's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

import msgspec
from msgspec.structs import replace

from thalweg.errors import ConfigurationError, ThalwegError
from thalweg.orchestration.launchers.docker.engine import engine_socket
from thalweg.orchestration.launchers.docker.life import LOGGER, OUT_OF_MEMORY, ContainerLife, ContainerOrder, Ending
from thalweg.orchestration.launchers.docker.settings import settings
from thalweg.orchestration.launchers.process import Process
from thalweg.orchestration.launchers.remains import note
from thalweg.service.container import CONTROL
from thalweg.service.control import LENGTH, WIRE, Hello, Surroundings, WorkerSpec
from thalweg.service.placement import ContainerPlace

log = logging.getLogger(LOGGER)

LONGEST_HELLO = 4096
HELLO_SECONDS = 10.0
"""How long one that has called may take to say who it is."""
CONTROL_SOCKET = "control.sock"
WORKER_SOCKET = "worker.sock"
ELSEWHERE = Surroundings([], b"", {})


NUMBERS = count()
"""Of the containers of this process."""


class DockerLauncher:
    """Containers of one session. Used on one event loop."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def launch(self, spec: WorkerSpec, output: int) -> Process:
        """See `Launch`. Its `place` is a `ContainerPlace`; the first of its addresses says where the folder is that is
        mounted."""
        try:
            return self._begun(spec, output)
        except ThalwegError as error:
            os.close(output)
            process = Process(lambda _: None)
            process.has_failed(f"Executor {spec.name!r} could not be started in a container: {error}")
            return process
        except BaseException:
            os.close(output)
            raise

    def _begun(self, spec: WorkerSpec, output: int) -> Process:
        place = spec.place
        assert isinstance(place, ContainerPlace)
        engine = engine_socket(os.environ)
        folder = self._folder(spec)
        listener = _listener(folder / CONTROL_SOCKET)
        title = f"{spec.name}/{spec.replica}"
        name = f"{self._directory.name}-{re.sub(r'[^A-Za-z0-9_.-]', '-', spec.name)}-{spec.replica}-{next(NUMBERS)}"
        control = f"{CONTROL}={folder}/{CONTROL_SOCKET}"
        order = ContainerOrder(
            engine,
            place.image,
            place.pull,
            name,
            lambda entrypoint: settings(place, str(folder), control, title, entrypoint),
            tuple(place.networks[1:]),
            output,
        )
        return Start(spec, place, listener, folder, note(str(self._directory), engine, name)).begin(order)

    def _folder(self, spec: WorkerSpec) -> Path:
        """The folder that is mounted: any user may be in the container, and nobody else comes through the one above."""
        path = Path(spec.addresses[0].removeprefix("unix://"))
        folder = path.with_suffix("") if path.parent == self._directory else path.parent
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
        return folder


class Start:
    """One container, from the wait for its call to its end."""

    def __init__(
        self, spec: WorkerSpec, place: ContainerPlace, listener: socket.socket, folder: Path, noted: str
    ) -> None:
        self._spec = spec
        self._place = place
        self._folder = folder
        self._noted = noted
        self._loop = asyncio.get_running_loop()
        self.process = Process(self._signal)
        self._refusal = ""
        self._listener = listener

    def begin(self, order: ContainerOrder) -> Process:
        self._life = ContainerLife(
            order,
            self._call(self._has_started),
            self._call(self._has_ended),
            self._call(self.process.has_advanced),
        )
        self._life.start()
        self._greeting = self._loop.create_task(self._greet(), name=f"greet {order.name}")
        return self.process

    def _call(self, what: Callable[..., None]) -> Callable[..., None]:
        """`what`, for another thread to call."""

        def call(*arguments: object) -> None:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                self._loop.call_soon_threadsafe(partial(what, *arguments))

        return call

    def _signal(self, number: int) -> None:
        if not self._life.signal(number):
            self._has_ended(Ending(-number))

    async def _greet(self) -> None:
        """Wait for the call, look who it is, and say what to be."""
        channel, _ = await self._loop.sock_accept(self._listener)
        self._listener.close()
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = await _hello(self._loop, channel)
        except (TimeoutError, OSError, EOFError, msgspec.MsgspecError) as error:
            channel.close()
            self._refuse(f"what runs in it is not this Thalweg's `thalweg executor`: {error or 'it says nothing'}")
            return
        except BaseException:
            channel.close()
            raise
        if hello.wire != WIRE:
            channel.close()
            self._refuse(_misfit(hello))
            return
        self.process.connect(channel)
        await self.process.send(self._told())

    def _told(self) -> WorkerSpec:
        """The spec as the container needs it."""
        socket_path = f"unix://{self._folder / WORKER_SOCKET}"
        return replace(self._spec, surroundings=ELSEWHERE, addresses=[socket_path], place=None)

    def _refuse(self, why: str) -> None:
        self._refusal = why
        self.process.kill()

    @property
    def _title(self) -> str:
        return f"Executor {self._spec.name!r} could not be started in a container of {self._place.image!r}"

    def _has_started(self, pid: int) -> None:
        if pid and not self.process.pid.done():
            self.process.has_pid(pid)

    def _has_ended(self, ending: Ending) -> None:
        if self.process.exited.done():
            return
        self._greeting.cancel()
        self._listener.close()
        with suppress(OSError):
            os.unlink(self._noted)
        shutil.rmtree(self._folder, ignore_errors=True)
        if ending.out_of_memory:
            log.warning("%s/%d: %s", self._spec.name, self._spec.replica, OUT_OF_MEMORY)
        failure = self._refusal or ending.failure
        if failure:
            self.process.has_failed(f"{self._title}: {failure.rstrip('.')}.")
        elif not self.process.connected and ending.out_of_memory:
            self.process.has_failed(f"{self._title}: {OUT_OF_MEMORY}.")
        elif not self.process.connected and ending.status >= 0:
            words = f". It said:\n{ending.last_words}" if ending.last_words else " without a word."
            self.process.has_failed(f"{self._title}: it ended with exit code {ending.status}{words}")
        else:
            self.process.has_exited(ending.status)


def _misfit(hello: Hello) -> str:
    from thalweg import __version__

    newer = "this side" if hello.wire > WIRE else "the image"
    return (
        f"there is Thalweg {hello.thalweg} in the image, here is {__version__}, and they do not understand each other "
        f"(they speak versions {hello.wire} and {WIRE}). Bring {newer} up to date"
    )


def _listener(path: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(1)
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"{path} cannot be listened at: {error.strerror or error}.") from None
    return listener


async def _hello(loop: asyncio.AbstractEventLoop, channel: socket.socket) -> Hello:
    channel.setblocking(False)
    (length,) = LENGTH.unpack(await _exactly(loop, channel, LENGTH.size))
    if length > LONGEST_HELLO:
        raise msgspec.ValidationError("it says what nobody understands")
    found: Hello = msgspec.msgpack.decode(await _exactly(loop, channel, length), type=Hello)
    return found


async def _exactly(loop: asyncio.AbstractEventLoop, channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = await loop.sock_recv(channel, size - len(data))
        if not part:
            raise EOFError("it hung up")
        data += part
    return data
