"""What conversations in requests and answers have in common, whatever their messages look like."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from time import monotonic

from thalweg.errors import EndpointNotFound, MalformedRequest, ThalwegError, Unavailable
from thalweg.message import Context, EndpointDescription, Request
from thalweg.transport.admission import RETRY_AFTER_SECONDS
from thalweg.transport.http.headers import Metadata, parsed_request_id
from thalweg.transport.multiplex.answers import STOPPED
from thalweg.transport.precedence import checked_priority, precedence
from thalweg.transport.websocket.connection import GOING_AWAY, WebSocketConnection
from thalweg.transport.websocket.exchange import MessageExchange, Voice
from thalweg.transport.websocket.hall import STOPPING, Hall


class Dialogue(ABC):
    """Requests and answers in whole messages. A sub-protocol says in `message` what they are."""

    text = True
    """Whether its messages are text."""

    def __init__(self, hall: Hall, connection: WebSocketConnection, metadata: Metadata) -> None:
        self.hall = hall
        self.connection = connection
        self.metadata = metadata
        self.works: dict[bytes, MessageExchange] = {}
        connection.party = self

    @property
    def busy(self) -> bool:
        return bool(self.works)

    def say(self, message: bytes) -> Awaitable[None] | None:
        """See `Line`."""
        self.connection.send(message, self.text)
        return self.connection.room() if self.connection.full else None

    def settled(self, key: bytes, error: ThalwegError | None) -> None:
        """See `Line`."""
        del self.works[key]
        if self.hall.draining and not self.works:
            self.connection.close(GOING_AWAY, STOPPING)
            self.hall.note_idle()

    def open(self, key: bytes, voice: Voice, request: Request, context: Context) -> MessageExchange:
        """Let a request in. Raises `ThalwegError`."""
        if key in self.works:
            raise MalformedRequest(f"The id {key.decode()} belongs to a request that is under way.")
        if self.hall.draining:
            raise Unavailable(STOPPING, retry_after=RETRY_AFTER_SECONDS)
        self.hall.admission.admit(request.size)
        exchange = self.works[key] = MessageExchange(self, key, voice, request, context)
        return exchange

    def context(self, request_id: str, timeout: float | None, headers: Mapping[str, str], priority: int = 0) -> Context:
        """What is known of a request besides its content."""
        if timeout is None:
            timeout = self.hall.serving.timeout
        metadata: Mapping[str, str] = self.metadata
        if headers:
            metadata = {**metadata, **{name.lower(): value for name, value in headers.items()}}
        own, share = precedence({name.lower(): value for name, value in headers.items()})
        return Context(
            deadline=None if timeout is None else monotonic() + timeout,
            metadata=metadata,
            request_id=parsed_request_id(request_id.encode()),
            priority=checked_priority(priority or own),
            share=share,
        )

    def endpoint(self, path: str) -> EndpointDescription | None:
        """The description of what answers at `path`; None where nothing is known. Raises `EndpointNotFound`."""
        service = self.hall.serving.describe()
        if not service.endpoints:
            return None
        found = service.find(path)
        if found is None:
            known = sorted(one.path for one in service.endpoints)
            raise EndpointNotFound(
                f"There is no endpoint {path}; there are: {', '.join(known)}.",
                details=[{"endpoint": one} for one in known],
            )
        return found

    def drain(self) -> None:
        """Take no new requests; close where nothing is under way."""
        if not self.works:
            self.connection.close(GOING_AWAY, STOPPING)

    def call_off(self) -> None:
        for exchange in list(self.works.values()):
            exchange.call_off(Unavailable(STOPPED))

    @abstractmethod
    def message(self, data: bytes, text: bool) -> None:
        """Whatever the caller says."""

    def lost(self, reason: BaseException | None) -> None:
        """Nobody waits for any of its requests."""
        for exchange in list(self.works.values()):
            exchange.call_off(None)
        self.hall.leave(self.connection)

    def room(self, there_is: bool) -> None:
        """A peer that does not read is not read from."""
        self.connection.pause(not there_is)
