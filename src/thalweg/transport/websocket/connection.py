"""One connection, either end: the `websockets` library says what the bytes mean, and this writes, reads and waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol as Shape
from typing import TypeAlias, cast

from websockets.exceptions import ConnectionClosedError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import SEND_EOF, Protocol, State

from thalweg.errors import ThalwegError
from thalweg.message import Buffer
from thalweg.message.status import CODES

log = logging.getLogger("thalweg.server")

HIGH_WATER_BYTES = 256 * 1024
"""Bytes that may wait in a socket's buffer before senders wait."""
JOIN_BYTES = 64 * 1024
"""Messages of one turn of the event loop go out together, up to here."""
MOST_UNSENT_BYTES = 32 << 20
"""A peer that does not read and still has so much written for it, by refusals and pongs alone, is let go."""
REASON_BYTES = 123
"""Longest reason of a close frame (RFC 6455, section 5.5)."""
FLUSH_SECONDS = 1.0
"""How long a closing connection waits for its peer to read what was written and to say goodbye."""
OK = 1000
GOING_AWAY = 1001
PING_UNANSWERED = 1011
DEFECT = 1011


class Party(Shape):
    """Whom a connection belongs to. All is called on its event loop."""

    def message(self, data: bytes, text: bool) -> None:
        """A whole message."""

    def lost(self, reason: BaseException | None) -> None:
        """The connection is gone. Called once."""

    def room(self, there_is: bool) -> None:
        """There is no more room for writing, or there is again."""


Greet: TypeAlias = Callable[["WebSocketConnection", Request | Response | None], None]
"""Hears the peer's half of the opening handshake, or None where the connection ended before it had a `Party`."""


class WebSocketConnection(asyncio.Protocol):
    """Joins a socket, the protocol of `websockets` and a `Party`."""

    __slots__ = (
        "_fragments",
        "_fragments_text",
        "_greet",
        "_room",
        "_transport",
        "_turn_taken",
        "_waiting",
        "full",
        "gone",
        "held",
        "loop",
        "on_held",
        "party",
        "paused",
        "protocol",
        "refusal",
        "silence",
    )

    def __init__(self, protocol: Protocol, greet: Greet) -> None:
        self.protocol = protocol
        self.party: Party | None = None
        """Set once the opening handshake is done."""
        self._greet = greet
        self.full = False
        self.paused = False
        self.held = 0
        """Bytes of a message that has begun and is not whole."""
        self.on_held: Callable[[WebSocketConnection, int], None] | None = None
        """Hears by how many bytes that changes."""
        self.silence = 0
        """Seconds for which nothing was heard, as `sweep` counts them."""
        self.refusal: ThalwegError | None = None
        self.gone: asyncio.Future[None] | None = None
        self._fragments: bytearray | None = None
        self._fragments_text = False
        self.loop = asyncio.get_running_loop()
        self._room: list[asyncio.Future[None]] | None = None
        self._transport: asyncio.Transport | None = None
        self._turn_taken = False
        self._waiting = 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by inheritance
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self.flush()

    def data_received(self, data: bytes) -> None:
        self.silence = 0
        protocol = self.protocol
        if protocol.reader.eof:
            return
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                if not self._take(event):
                    break
            else:
                self._greet(self, event)
        self._hold(len(protocol.reader.buffer) + (protocol.current_size or 0))
        self._go_on()

    def _hold(self, held: int) -> None:
        difference, self.held = held - self.held, held
        if difference and self.on_held is not None:
            self.on_held(self, difference)

    def _take(self, frame: Frame) -> bool:
        """One frame; whether to go on with the next."""
        opcode = frame.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if not frame.fin:
                self._fragments, self._fragments_text = bytearray(frame.data), opcode is Opcode.TEXT
                return True
            data, text = frame.data, opcode is Opcode.TEXT
        elif opcode is Opcode.CONT and self._fragments is not None:
            self._fragments += frame.data
            if not frame.fin:
                return True
            data, text, self._fragments = self._fragments, self._fragments_text, None
        else:
            return True  # pings are answered and goodbyes are noted by the protocol
        if self.party is not None:
            try:
                self.party.message(data if isinstance(data, bytes) else bytes(data), text)
            except Exception:
                log.exception("a message could not be taken")
                self.close(DEFECT, "an unexpected error; the server's log has it")
        return self.protocol.state is State.OPEN

    def _go_on(self) -> None:
        """Send what the protocol itself had to say, and end where it says so."""
        if self.protocol.writes:
            self.flush()
        if self.protocol.close_expected():
            self._expect_end()

    def eof_received(self) -> bool:
        if not self.protocol.reader.eof:
            self.protocol.receive_eof()
            self.flush()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._hold(0)
        self.resume_writing()
        if not self.protocol.reader.eof:
            self.protocol.receive_eof()
        if self.gone is not None and not self.gone.done():
            self.gone.set_result(None)
        if self.party is not None:
            self.party.lost(exc or self._farewell())
        else:
            self._greet(self, None)

    def _farewell(self) -> BaseException | None:
        """What the peer said when it closed, where it said that something is wrong."""
        came = self.protocol.close_rcvd
        if came is None or came.code in (OK, GOING_AWAY):
            return None
        return ConnectionClosedError(came, self.protocol.close_sent, self.protocol.close_rcvd_then_sent)

    def pause_writing(self) -> None:
        self.full = True
        if self.party is not None:
            self.party.room(False)

    def resume_writing(self) -> None:
        if self.full:
            self.full = False
            if self.party is not None:
                self.party.room(True)
        waiting, self._room = self._room, None
        for future in waiting or ():
            if not future.done():
                future.set_result(None)

    # What a party calls.

    @property
    def open(self) -> bool:
        return self._transport is not None and self.protocol.state is State.OPEN

    def send(self, data: Buffer, text: bool) -> None:
        """One message. Dropped without an error where the connection is closed."""
        if self.protocol.state is not State.OPEN or self._transport is None:
            return
        if text:
            self.protocol.send_text(data)
        else:
            self.protocol.send_binary(data)
        # The first message of a turn of the event loop goes at once, so that the peer can begin; those that follow in that
        # turn go together at its end: a write costs more than most of the rest of a small message.
        self._waiting += len(data)
        if not self._turn_taken:
            self._turn_taken = True
            self.loop.call_soon(self._end_turn)
            self.flush()
        elif self._waiting > JOIN_BYTES:
            self.flush()

    def _end_turn(self) -> None:
        self._turn_taken = False
        self.flush()

    def flush(self) -> None:
        """Hand the socket what there is to send."""
        self._waiting = 0
        writes = self.protocol.data_to_send()
        transport = self._transport
        if not writes or transport is None or transport.is_closing():
            return
        ends = writes[-1] == SEND_EOF
        if ends:
            writes.pop()
        if writes:
            transport.write(writes[0] if len(writes) == 1 else b"".join(writes))
        if ends:
            transport.close()  # TLS has no half of an end
        elif self.full and transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            transport.abort()

    async def room(self) -> None:
        """Return when there was room for writing, or the connection is gone."""
        # Once and not until `full` is false, so that who waited has a turn even where others have filled it again.
        if self.full and self._transport is not None:
            future = self.loop.create_future()
            if self._room is None:
                self._room = []
            self._room.append(future)
            await future

    def pause(self, paused: bool) -> None:
        """Stop reading what the peer sends, or go on."""
        if paused is self.paused or self._transport is None or self._transport.is_closing():
            return
        self.paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def refuse(self, error: ThalwegError) -> None:
        """Close because of `error`, and say so."""
        self.refusal = error
        self.close(CODES[error.status].websocket, error.message)

    def close(self, code: int = OK, reason: str = "") -> None:
        """Say goodbye; the peer says it too, and then the connection ends. Idempotent."""
        self.pause(False)
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(code, cut(reason))
            self.flush()
            self._expect_end()
        elif self.protocol.state is State.CONNECTING:
            self.abort()

    def _expect_end(self) -> None:
        if self._transport is not None and self.gone is None:
            self.gone = self.loop.create_future()
            self.loop.call_later(FLUSH_SECONDS, self.abort)

    async def end(self, code: int = OK, reason: str = "") -> None:
        """Close, and return when the connection is gone; a peer that does not answer is not waited for."""
        self.close(code, reason)
        if self._transport is not None:
            self._expect_end()
            assert self.gone is not None
            await asyncio.wait([self.gone])

    def abort(self) -> None:
        """End without a word. Idempotent."""
        if self._transport is not None:
            self._transport.abort()

    def sweep(self, ping_seconds: float, patience_seconds: float) -> None:
        """Called once a second: ask a silent peer whether it is there, and end where it does not say so."""
        if self.paused or self.protocol.state is not State.OPEN:
            return
        self.silence += 1
        if self.silence == max(1, round(ping_seconds)):
            self.protocol.send_ping(b"")
            self.flush()
        elif self.silence > ping_seconds + patience_seconds:
            self.close(PING_UNANSWERED, "no pong came")
            self.abort()


def cut(reason: str) -> str:
    """As much of `reason` as a close frame has room for."""
    return reason.encode()[:REASON_BYTES].decode(errors="ignore")
