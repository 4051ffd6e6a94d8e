"""The opening handshake on the server's side: who may come in, and which conversation is held."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from thalweg.errors import PermissionDenied, ThalwegError, Unavailable
from thalweg.message import Context
from thalweg.message.status import http_status, to_failure
from thalweg.transport.admission import RETRY_AFTER_SECONDS
from thalweg.transport.contract import Serving
from thalweg.transport.http.failures import encode_failure
from thalweg.transport.http.headers import Metadata
from thalweg.transport.websocket.connection import WebSocketConnection
from thalweg.transport.websocket.frames import SUBPROTOCOL as FRAMES
from thalweg.transport.websocket.frames import FramesDialogue
from thalweg.transport.websocket.hall import STOPPING, Hall, Resident
from thalweg.transport.websocket.talk import SUBPROTOCOL as TALK
from thalweg.transport.websocket.talk import JsonDialogue

BYTES = "bytes"
JSON_BEFORE = "json"
DRY_RUN = "/dry_run"
"""Where a connection of Jina's asks whether everything works, and nothing else."""
SUBPROTOCOLS = (TALK, FRAMES, BYTES, JSON_BEFORE)
MESSAGE_ALLOWANCE = 1 << 20
"""Bytes that a message may have on top of the largest payload."""


def _chosen(protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first of ours that the caller offers; none where it offers none."""
    if not offered:
        return None
    for name in offered:
        if name in SUBPROTOCOLS:
            return name
    raise NegotiationError(f"none of the sub-protocols is spoken here; there are: {', '.join(SUBPROTOCOLS)}")


class Reception:
    """Makes connections, and hands those whose handshake is done to their conversation."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        options = hall.options
        self._extensions = [ServerPerMessageDeflateFactory()] if options.compression else []
        self._origins = _origins(hall.serving)

    def connection(self) -> WebSocketConnection:
        """A connection that is about to give its handshake."""
        protocol = ServerProtocol(
            subprotocols=[Subprotocol(name) for name in SUBPROTOCOLS],
            select_subprotocol=_chosen,
            extensions=self._extensions,
            max_size=self._hall.serving.limits.max_message_bytes + MESSAGE_ALLOWANCE,
        )
        connection = WebSocketConnection(protocol, self._greet)
        self._hall.enter(connection)
        return connection

    def _greet(self, connection: WebSocketConnection, message: Request | Response | None) -> None:
        if not isinstance(message, Request):  # the connection ended instead
            self._hall.leave(connection)
            return
        protocol = connection.protocol
        assert isinstance(protocol, ServerProtocol)
        refusal = self._refusal(message)
        response = protocol.accept(message) if refusal is None else _refused(protocol, refusal)
        protocol.send_response(response)
        connection.flush()
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            resident = self._resident(connection, protocol, message)
            self._hall.settle(connection, resident)

    def _refusal(self, request: Request) -> ThalwegError | None:
        hall = self._hall
        if hall.draining:
            return Unavailable(STOPPING, retry_after=RETRY_AFTER_SECONDS)
        if hall.complete:
            most = hall.options.max_connections
            return Unavailable(f"There are {most} connections, as many as are taken.", retry_after=RETRY_AFTER_SECONDS)
        origins = request.headers.get_all("Origin")
        if not origins or "*" in self._origins:
            return None
        own = {host.lower() for host in request.headers.get_all("Host")}
        for origin in origins:
            if origin not in self._origins and urlsplit(origin).netloc.lower() not in own:
                return PermissionDenied(
                    f"Pages of {origin} may not connect; the option websocket.origins says which pages may."
                )
        return None

    def _resident(self, connection: WebSocketConnection, protocol: ServerProtocol, request: Request) -> Resident:
        if protocol.subprotocol == FRAMES:
            return FramesDialogue(self._hall, connection)
        pairs = [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in request.headers.raw_items()
            if not name.lower().startswith("sec-websocket-")
        ]
        metadata = Metadata(pairs)
        if protocol.subprotocol in (BYTES, JSON_BEFORE):
            from thalweg.transport.websocket import jina  # loads Google's protobuf, which others do not need

            if protocol.subprotocol == JSON_BEFORE:
                return jina.JinaJsonDialogue(self._hall, connection, metadata)
            asking = urlsplit(request.path).path.rstrip("/") == DRY_RUN
            kind = jina.DryRunDialogue if asking else jina.JinaDialogue
            return kind(self._hall, connection, metadata)
        return JsonDialogue(self._hall, connection, metadata)


def _origins(serving: Serving) -> frozenset[str]:
    """Those besides the server's own whose pages may connect."""
    named = serving.websocket.origins
    if named is not None:
        return frozenset(named)
    return frozenset(serving.cors.origins) if serving.cors is not None else frozenset()


def _refused(protocol: ServerProtocol, error: ThalwegError) -> Response:
    """The answer to a handshake that is refused, with the body that errors have everywhere."""
    body = encode_failure(to_failure(error, Context().request_id))
    response = protocol.reject(HTTPStatus(http_status(error)), body.decode())
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return response
