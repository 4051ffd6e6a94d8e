"""The other process of a check.

`serve` prints the address once it listens; `call` prints a line once its request is being answered. Both go on until they
are killed or their standard input is closed, which happens at the latest when the process that started them is gone.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from thalweg.config import Limits
from thalweg.message import Context, Request, Response
from thalweg.testing.conformance.subject import MANY, PATIENCE_SECONDS, Answering, Settings, Subject

ITEMS_BEFORE_SILENCE = 3
PROGRAM = f"from {__name__} import main; main()"


async def _respond(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    """Give back what came; on `MANY`, some items and then nothing. With the parameter `wait`, nothing at all."""
    if request.parameters.get("wait"):
        await asyncio.Event().wait()
    if request.endpoint != MANY:
        yield Response(request.body, request.content_type, request.parameters)
        return
    for number in range(ITEMS_BEFORE_SILENCE):
        yield Response((b"%d" % number,))
    await asyncio.Event().wait()


async def _serve(module: str, address: str) -> None:
    server = import_module(module).server(address, Settings().serving(Answering(_respond)))
    await server.start()
    print(server.address, flush=True)
    await _input_closed()
    await server.stop()


async def _call(module: str, address: str) -> None:
    channel = import_module(module).channel(address, Limits())
    await channel.connect()

    async def read() -> None:
        async for _ in channel.handle(Request(MANY, (b"{}",)), Context()):
            print("reading", flush=True)

    reading = asyncio.create_task(read())
    await _input_closed()
    reading.cancel()
    await asyncio.wait([reading])
    await channel.close()


async def _input_closed() -> None:
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), closed.set)
    await closed.wait()


class Peer:
    """A running process of this module."""

    def __init__(self, process: subprocess.Popen[str], line: str) -> None:
        self._process = process
        self.line = line
        """What it printed when it was ready."""

    async def kill(self) -> None:
        """End it with SIGKILL: it closes nothing by itself."""
        self._process.kill()
        await asyncio.to_thread(self._process.wait)


@asynccontextmanager
async def peer(subject: Subject, action: str, address: str) -> AsyncIterator[Peer]:
    """Start a process that does `action` and wait until it is ready; it is gone at the end."""
    process = _start(action, subject.module, address)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = (await asyncio.to_thread(process.stdout.readline)).strip()
        assert line, f"The process that should {action} ended before it was ready."
        yield Peer(process, line)
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)
        process.stdin.close()
        process.stdout.close()


def _start(*arguments: str) -> subprocess.Popen[str]:
    # Not through the event loop: some fork there, with all that native libraries have running in other threads.
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def main() -> None:
    """What the other process runs: `serve` or `call`, the transport's module, the address."""
    action, module, address = sys.argv[1:]
    asyncio.run({"serve": _serve, "call": _call}[action](module, address))
