"""`thalweg.frames`: the multiplexed session of other transports, its bytes in binary messages."""

from __future__ import annotations

from collections.abc import Sequence

from thalweg.errors import UnsupportedContent
from thalweg.message import Buffer
from thalweg.transport.multiplex.client import ClientSession
from thalweg.transport.multiplex.server import ServerSession
from thalweg.transport.websocket.connection import WebSocketConnection
from thalweg.transport.websocket.hall import Hall

SUBPROTOCOL = "thalweg.frames"
MESSAGE_BYTES = 256 * 1024
"""What waits in one turn of the event loop goes out as one message, up to here."""
LARGEST_MESSAGE_BYTES = 1 << 20
"""Longest message that is taken; none of ours is nearly as long."""


class MessageWire:
    """The `Wire` of a session."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection
        self._waiting: list[Buffer] = []
        self._size = 0
        self._turn_taken = False

    @property
    def full(self) -> bool:
        return self._connection.full

    def write(self, parts: Sequence[Buffer]) -> None:
        connection = self._connection
        if not connection.open:
            return
        if not self._turn_taken:
            self._turn_taken = True
            connection.loop.call_soon(self._end_turn)
            connection.send(b"".join(parts), text=False)
            return
        self._waiting += parts
        self._size += sum(map(len, parts))
        if self._size > MESSAGE_BYTES:
            self._flush()

    def _end_turn(self) -> None:
        self._turn_taken = False
        self._flush()

    def _flush(self) -> None:
        if self._waiting:
            parts, self._waiting, self._size = self._waiting, [], 0
            self._connection.send(b"".join(parts), text=False)

    async def room(self) -> None:
        await self._connection.room()

    def close(self) -> None:
        self._flush()
        self._connection.close()

    def abort(self) -> None:
        self._connection.abort()


class SessionParty:
    """The `Party` of a connection that carries a session, at either end."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self.connection = connection
        self.wire = MessageWire(connection)
        self.session: ServerSession | ClientSession | None = None
        connection.protocol.max_message_size = LARGEST_MESSAGE_BYTES
        connection.party = self

    def message(self, data: bytes, text: bool) -> None:
        if text:
            self.connection.refuse(UnsupportedContent(f"{SUBPROTOCOL} has binary messages only."))
        elif self.session is not None:
            self.session.receive(data)

    def lost(self, reason: BaseException | None) -> None:
        if self.session is not None:
            self.session.lost(reason)

    def room(self, there_is: bool) -> None:
        """The session asks its wire."""


class FramesDialogue(SessionParty):
    """A server's end."""

    def __init__(self, hall: Hall, connection: WebSocketConnection) -> None:
        super().__init__(connection)
        self._hall = hall
        self.session = hall.sessions.open(self.wire)

    # The sessions of a server are drained, called off and waited for together, by `Sessions`.

    busy = False

    def drain(self) -> None:
        """See above."""

    def call_off(self) -> None:
        """See above."""

    def lost(self, reason: BaseException | None) -> None:
        super().lost(reason)
        self._hall.leave(self.connection)
