"""What the WebSocket connections of one server share, and how they end together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Protocol

from thalweg.config import WebSocketOptions
from thalweg.errors import Overloaded
from thalweg.message import UnaryHandler
from thalweg.transport.contract import Serving
from thalweg.transport.multiplex.server import Sessions
from thalweg.transport.websocket.connection import GOING_AWAY, WebSocketConnection

STOPPING = "The server is shutting down."
SWEEP_SECONDS = 1.0
SMALL_MESSAGE_BYTES = 64 * 1024
"""So much of an unfinished message every connection may keep the server holding."""


class Resident(Protocol):
    """A conversation on one connection."""

    connection: WebSocketConnection

    @property
    def busy(self) -> bool: ...

    def drain(self) -> None:
        """Take no new requests."""

    def call_off(self) -> None:
        """Answer what is under way with `Unavailable`."""


class Waiting(Protocol):
    """A connection of which nothing is known yet."""

    def abort(self) -> None: ...


class Hall:
    """One for each server. `residents` are its connections, with the conversation of those whose handshake is done."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.options: WebSocketOptions = serving.websocket
        self.sessions = Sessions(serving)
        self.admission = self.sessions.admission
        self.submit = serving.handler.submit if isinstance(serving.handler, UnaryHandler) else None
        self.draining = False
        self.residents: dict[WebSocketConnection, Resident | None] = {}
        self.waiting: set[Waiting] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = 0
        self._idle = asyncio.Event()
        self._tick: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        self._sweep()

    @property
    def complete(self) -> bool:
        """Whether there are more connections than are taken at once."""
        return len(self.residents) > self.options.max_connections

    def enter(self, connection: WebSocketConnection) -> None:
        """A connection whose handshake has begun."""
        connection.on_held = self._held_more
        self.residents[connection] = None

    def settle(self, connection: WebSocketConnection, resident: Resident) -> None:
        """Its handshake is done."""
        self.residents[connection] = resident
        if self.draining:
            resident.drain()

    def leave(self, connection: WebSocketConnection) -> None:
        self.residents.pop(connection, None)
        self.note_idle()

    def run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """`work` as a task that the end of the server waits for."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ran)
        return task

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.note_idle()

    def note_idle(self) -> None:
        if self.draining and not self._tasks and not any(one and one.busy for one in self.residents.values()):
            self._idle.set()

    def _held_more(self, connection: WebSocketConnection, difference: int) -> None:
        """Let nobody begin messages that all together take more than requests may."""
        self._held += difference
        if connection.held > SMALL_MESSAGE_BYTES and self._held > self.serving.limits.max_inflight_bytes:
            connection.refuse(Overloaded("Unfinished messages take as many bytes as requests may."))

    def _sweep(self) -> None:
        options = self.options
        for connection in list(self.residents):
            connection.sweep(options.ping_seconds, options.pong_seconds)
        self._tick = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def turn_away(self) -> None:
        """Close the connections of which nothing is known: until then they may still speak, and be told that it ends."""
        for waiting in list(self.waiting):
            waiting.abort()

    async def stop(self, drain_seconds: float) -> None:
        """Let what is under way end, for `drain_seconds` at most; call the rest off, and say goodbye to everybody."""
        if not self.draining:
            self.draining = True
            self.sessions.drain()
            for resident in list(self.residents.values()):
                if resident is not None:
                    resident.drain()
        self.note_idle()
        # Every call of `stop` has a timer of its own, so the shortest patience wins.
        timer = self._loop.call_later(drain_seconds, self._call_off)
        try:
            await asyncio.gather(self.sessions.finished(drain_seconds), self._idle.wait())
        finally:
            timer.cancel()
        await self.sessions.close()
        if self._tick is not None:
            self._tick.cancel()
        await asyncio.gather(*(connection.end(GOING_AWAY, STOPPING) for connection in list(self.residents)))

    def _call_off(self) -> None:
        for resident in list(self.residents.values()):
            if resident is not None:
                resident.call_off()
        for task in self._tasks:
            task.cancel()
