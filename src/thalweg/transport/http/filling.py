"""A large body on its way from the socket to where it stays, without a copy in between."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable


class Filling(asyncio.BufferedProtocol):
    """Has a connection until `room` is full, and gives it back to `owner` then. Whatever else happens to the connection
    meanwhile, `owner` is told."""

    def __init__(
        self, owner: asyncio.Protocol, transport: asyncio.Transport, room: memoryview, heard: Callable[[int], None]
    ) -> None:
        """`heard` is told how many bytes have come, each time; the last time `owner` has the connection already."""
        self._owner = owner
        self._transport = transport
        self._room = room
        self._heard = heard
        transport.set_protocol(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self._room = self._room[nbytes:]
        if not self._room:
            self._transport.set_protocol(self._owner)
        self._heard(nbytes)

    def eof_received(self) -> bool | None:
        return self._owner.eof_received()

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.connection_lost(exc)


def room_for(size: int) -> memoryview:
    """Memory for so many bytes, which the system gives when they come and takes back when nobody looks at them any more:
    an array of Python's would be filled with zeros before."""
    return memoryview(mmap.mmap(-1, size))
