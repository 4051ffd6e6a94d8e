"""A session's wire over one bidirectional gRPC stream.

A message costs some 50 µs of Python on each side whatever its size, and a frame of a small request a hundredth of that; so
everything that waits goes into one message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from grpc import aio

from thalweg.message import Buffer
from thalweg.message.proto.gateway import Frames

GREETING = "thalweg-exchange"
"""Initial metadata with which a server takes a stream."""
MESSAGE_BYTES = 512 * 1024
"""From here on a message is long enough; the next one begins."""
LONG_BYTES = 64 * 1024
"""From here on a message is looked at where it is: a copy costs more than the view."""
HIGH_WATER_BYTES = 1 << 20
"""Bytes that may wait for gRPC to take them before senders wait."""
LOW_WATER_BYTES = 256 * 1024
FLUSH_SECONDS = 1.0
"""How long a closing server waits for its peer to read the last answers."""

_TAG = b"\x0a"  # field 1, length-delimited: `Frames.data`


def pack_frames(parts: Sequence[Buffer]) -> bytes:
    """The bytes of a `Frames` message that holds `parts`, joined. Written by hand: its class would copy once more."""
    return b"".join([_TAG, _varint(sum(map(len, parts))), *parts])


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def unpack_frames(message: bytes) -> Buffer:
    """The data of a `Frames` message; of a long one a view. Raises `ValueError` for what is none."""
    if message[:1] == _TAG:
        length = 0
        for start, digit in enumerate(message[1:6], 2):
            length |= (digit & 127) << 7 * (start - 2)
            if digit < 128:
                if start + length == len(message):
                    return message[start:] if length < LONG_BYTES else memoryview(message)[start:]
                break
    return bytes(Frames.FromString(message).data)  # not as we write it, but perhaps as another may


class Stream(Protocol):
    """Either end of a stream, as gRPC offers it."""

    async def read(self) -> object: ...

    async def write(self, message: list[Buffer], /) -> None: ...


class Session(Protocol):
    """Either end of a multiplexed connection."""

    def receive(self, data: Buffer) -> None: ...

    def lost(self, reason: BaseException | None = None) -> None: ...


class StreamWire:
    """Sends what a session writes; hands it what comes. One that `holds_back`, a server's, reads on only when its peer has
    read: refusals and the like are written without waiting, and would else pile up."""

    def __init__(self, stream: Stream, *, holds_back: bool = False) -> None:
        self._stream = stream
        self._holds_back = holds_back
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Buffer] = []
        self._size = 0
        self._writer: asyncio.Future[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._room: list[asyncio.Future[None]] = []
        self._closing = False
        self._aborted = False
        self.full = False
        self.gone = asyncio.Event()

    def write(self, parts: Sequence[Buffer]) -> None:
        if self._closing:
            return
        self._waiting += parts
        self._size += sum(map(len, parts))
        if self._size > HIGH_WATER_BYTES:
            self.full = True
        self._wake()

    async def room(self) -> None:
        if self.full and not self._closing:
            future = self._loop.create_future()
            self._room.append(future)
            await future

    def close(self) -> None:
        self._closing = True
        self._wake()
        self._make_room()

    def abort(self) -> None:
        self._aborted = True
        self.close()
        for task in self._tasks:
            task.cancel()

    def _wake(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def _make_room(self) -> None:
        self.full = False
        waiting, self._room = self._room, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def run(self, session: Session) -> None:
        """Carry until the stream ends or this wire is closed. Whatever the end, the session hears that it is lost."""
        self._tasks = [self._loop.create_task(self._read_all(session)), self._loop.create_task(self._write_all())]
        reason: BaseException | None = None
        try:
            if not self._aborted:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            self.abort()
            outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
            reason = next((outcome for outcome in outcomes if isinstance(outcome, Exception)), None)
        finally:  # without waiting for anything: gRPC may cancel a call once more while it ends
            self.abort()
            session.lost(reason)
            self.gone.set()

    async def end(self) -> None:
        """Close, and do not wait for ever for a peer that does not read."""
        self.close()
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.gone.wait()
        except TimeoutError:
            self.abort()
            await self.gone.wait()

    async def _read_all(self, session: Session) -> None:
        read = self._stream.read
        try:
            while isinstance(data := await read(), (bytes, memoryview)):
                session.receive(data)
                if self.full and self._holds_back:
                    await self.room()
        except aio.AioRpcError as error:
            raise ConnectionError(described(error)) from None

    async def _write_all(self) -> None:
        while True:
            if self._waiting:
                await self._stream.write(self._take())
            elif self._closing:
                return
            else:
                self._writer = self._loop.create_future()
                await self._writer

    def _take(self) -> list[Buffer]:
        """What the next message carries."""
        taken, self._waiting = self._waiting, []
        if self._size > MESSAGE_BYTES:
            size = end = 0
            while size < MESSAGE_BYTES:
                size += len(taken[end])
                end += 1
            taken, self._waiting = taken[:end], taken[end:]
            self._size -= size
        else:
            self._size = 0
        if self.full and self._size <= LOW_WATER_BYTES:
            self._make_room()
        return taken


def described(error: aio.AioRpcError) -> str:
    """What gRPC says of a call that failed, in one line."""
    return f"{error.code().name}: {error.details() or 'no details'}"
