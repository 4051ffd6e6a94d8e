"""The client's end of Jina's sub-protocol `bytes`: how a service of Jina 3.x is called over WebSocket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator

from thalweg.config import Limits
from thalweg.errors import DeadlineExceeded, MalformedRequest, PayloadTooLarge, PeerLost, ThalwegError, Unavailable
from thalweg.message import Context, Pending, Reply, Request, Response
from thalweg.message.proto.jina import DataRequest
from thalweg.transport.forms import in_form
from thalweg.transport.jina.exchange import message_of, read_answer, write_data_request
from thalweg.transport.websocket.connection import WebSocketConnection

MESSAGE_ALLOWANCE = 1 << 20
"""Bytes that a message may have on top of the largest payload."""


class JinaSession:
    """One connection; a `Handler` for any number of requests at once. Each has one answer, and cannot be called off over
    there. Headers of a request and documents that come in a stream are not in what Jina understands."""

    def __init__(
        self, connection: WebSocketConnection, limits: Limits, peer: str, connections: set[WebSocketConnection]
    ) -> None:
        """It leaves `connections` when it is gone."""
        self.departed = asyncio.Event()
        self._connection = connection
        self._connections = connections
        self._limits = limits
        self._peer = peer
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        connection.protocol.max_message_size = limits.max_message_bytes + MESSAGE_ALLOWANCE
        connection.party = self

    @property
    def accepting(self) -> bool:
        return not self.departed.is_set()

    async def ready(self) -> bool:
        return self.accepting

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """Every request takes the long way."""
        return None

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """See `Channel.handle`."""
        if self.departed.is_set():
            raise Unavailable(f"There is no connection to {self._peer}.")
        context.check()
        if request.inflow is not None:
            raise MalformedRequest(f"{self._peer} is Jina's, and takes no documents while its answers come.")
        name = os.urandom(16).hex()  # of our own: ids of callers may repeat, and an answer is known by nothing else
        message = write_data_request(request, name)
        if len(message) > self._limits.max_message_bytes:
            raise PayloadTooLarge(
                f"The request has {len(message)} bytes; at most {self._limits.max_message_bytes} are sent."
            )
        answered = self._waiting[name] = self._connection.loop.create_future()
        try:
            async with asyncio.timeout(context.remaining()):
                await self._connection.room()
                self._connection.send(message, text=False)
                data = await answered
        except TimeoutError:
            raise DeadlineExceeded("The deadline of the request has passed.") from None
        finally:
            del self._waiting[name]
        response, error = read_answer(data, self._peer)
        if error is not None:
            raise error
        yield in_form(response, request.accept or request.content_type)

    # What the connection calls.

    def message(self, data: bytes, text: bool) -> None:
        try:
            name = message_of(DataRequest, data).header.request_id
        except ThalwegError as error:
            self._connection.refuse(error)
            return
        waiting = self._waiting.get(name)
        if waiting is not None and not waiting.done():
            waiting.set_result(data)

    def lost(self, reason: BaseException | None) -> None:
        self.departed.set()
        self._connections.discard(self._connection)
        told = f": {reason}" if reason is not None and str(reason) else "."
        for waiting in list(self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(PeerLost(f"The connection to {self._peer} was lost{told}"))

    def room(self, there_is: bool) -> None:
        """Who sends asks the connection."""
