"""A process, as seen by the one that has started it, whichever way it was started."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import MsgspecError

from thalweg.orchestration.launchers.protocol import Environment
from thalweg.service.control import CHUNK, LONGEST_REPORT, Advance, Failed, Frames, Order, Report, Spec, pack


class Process:
    """A child: orders go down, reports come up, and some time it ends.

    `reports` yields None once, after the last report. `exited` holds the status as `subprocess.Popen.returncode` does. What
    must be made before the child can run is made meanwhile: it has a channel from `connect` on, and one that never gets that
    far has `failed`.

    Args:
        send_signal: sends a signal to the child and to all that it has started, or gives up what is made for it.
    """

    def __init__(self, send_signal: Callable[[int], None]) -> None:
        loop = asyncio.get_running_loop()
        self._send_signal = send_signal
        self._channel: socket.socket | None = None
        self._closed = False
        self._was_connected = False
        self._sending = asyncio.Lock()
        self._frames = Frames(Report, LONGEST_REPORT)
        self.pid: asyncio.Future[int] = loop.create_future()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.reports: asyncio.Queue[Report | None] = asyncio.Queue()

    def connect(self, channel: socket.socket, send_signal: Callable[[int], None] | None = None) -> None:
        """The child listens at the other end of `channel`, which is the process's own from now on. `send_signal` in place
        of the one before, which was for what had to be made first."""
        if send_signal is not None:
            self._send_signal = send_signal
        if self._closed:
            channel.close()
            return
        channel.setblocking(False)
        self._channel = channel
        self._was_connected = True
        asyncio.get_running_loop().add_reader(channel.fileno(), self._on_readable)

    @property
    def connected(self) -> bool:
        """Whether it has, or had, a channel."""
        return self._was_connected

    async def send(self, message: Spec | Order | Environment) -> None:
        """Send; a child that is gone takes no more orders, which is no error: `exited` tells."""
        loop = asyncio.get_running_loop()
        async with self._sending:
            if self._channel is None:
                return
            try:
                await loop.sock_sendall(self._channel, pack(message))
            except (BrokenPipeError, ConnectionResetError):
                return

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the process and to all it has started."""
        if not self.exited.done():
            self._send_signal(number)

    def _on_readable(self) -> bool:
        """Take in what has come. Returns whether there may be more."""
        if self._channel is None:
            return False
        try:
            data = self._channel.recv(CHUNK)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            self.close()
            return False
        try:
            for report in self._frames.feed(data):
                self.reports.put_nowait(report)
        except MsgspecError as error:
            self.reports.put_nowait(Failed(f"it reports what nobody understands: {error}"))
            self.close()
            self.kill()
            return False
        return True

    def close(self) -> None:
        """Close the channel. Idempotent. A child that still lives ends at once."""
        if self._closed:
            return
        self._closed = True
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            self._channel.close()
            self._channel = None
        self.reports.put_nowait(None)

    def has_pid(self, pid: int) -> None:
        self.pid.set_result(pid)

    def has_advanced(self, message: str, done: float | None) -> None:
        """How far that is what has to be made first: in words, and from 0 to 1 where that is known."""
        if not self._closed:
            self.reports.put_nowait(Advance(message, done))

    def has_exited(self, status: int) -> None:
        while self._on_readable():
            """Its last words may still be under way."""
        self.close()
        if not self.pid.done():
            self.pid.cancel()
        self.exited.set_result(status)

    def has_failed(self, message: str) -> None:
        """It never came to run, or not so far that it could say so itself."""
        if not self._closed:
            self.reports.put_nowait(Failed(message))
        self.has_exited(1)


Launch: TypeAlias = Callable[[Spec, int], Awaitable[Process]]
"""Starts the process that a spec describes, with its standard output and standard error at a descriptor, which it closes in
this process. Returns at once: `Process.reports` tells how it goes on."""
