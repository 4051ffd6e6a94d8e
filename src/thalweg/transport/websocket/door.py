"""The first bytes of a connection of an HTTP server say whether it becomes a WebSocket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import cast

from thalweg.transport.websocket.hall import Hall
from thalweg.transport.websocket.reception import Reception

_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:[^\r\n]*\bwebsocket\b", re.IGNORECASE)
_GET = b"GET "
_END = b"\r\n\r\n"


class Doors:
    """Makes the protocols of a server's connections.

    `other` makes the one of a connection that speaks HTTP. At `path` there are WebSockets, at every path where it is
    empty.
    """

    def __init__(self, hall: Hall, path: str, other: Callable[[], asyncio.Protocol]) -> None:
        self.hall = hall
        self.other = other
        self.reception = Reception(hall)
        self.largest = hall.serving.connections.max_head_bytes
        self.patience = hall.serving.connections.silence_seconds
        self._path = path.encode()

    def __call__(self) -> Door:
        return Door(self)

    def leads_in(self, head: bytes) -> bool:
        """Whether `head` asks for a WebSocket."""
        if _UPGRADE.search(head) is None:
            return False
        target = head[len(_GET) : head.find(b" ", len(_GET))]
        return not self._path or target.partition(b"?")[0] == self._path


class Door(asyncio.Protocol):
    """The protocol of a connection of which nothing is known yet. It passes the socket on, with all that came."""

    __slots__ = ("_came", "_doors", "_expiry", "_transport")

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._came = b""
        self._transport: asyncio.Transport | None = None
        self._expiry: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by inheritance
        self._doors.hall.waiting.add(self)
        self._expiry = asyncio.get_running_loop().call_later(self._doors.patience, self.abort)

    def data_received(self, data: bytes) -> None:
        came = self._came = self._came + data if self._came else data
        if came.startswith(_GET) or _GET.startswith(came):
            end = came.find(_END)
            if end < 0 and len(came) <= self._doors.largest:
                return  # to be continued
            if end >= 0 and self._doors.leads_in(came[: end + 2]):
                self._pass(self._doors.reception.connection())
                return
        self._pass(self._doors.other())

    def _pass(self, protocol: asyncio.Protocol) -> None:
        transport = self._leave()
        if transport is None:
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(self._came)
        self._came = b""

    def _leave(self) -> asyncio.Transport | None:
        transport, self._transport = self._transport, None
        self._doors.hall.waiting.discard(self)
        if self._expiry is not None:
            self._expiry.cancel()
        return transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
