"""uvicorn's reader of requests, with the manners of this server."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from thalweg.errors import MalformedRequest
from thalweg.message import Context
from thalweg.message.status import to_failure
from thalweg.transport.http.failures import encode_failure
from thalweg.transport.http.hush import HUSHED


class RequestReader(HttpToolsProtocol):
    """Fields that follow a body are no headers: they come after whoever looks at headers has done so, a proxy in front of
    this server among them (RFC 9110, section 6.5.1). They are counted, and else passed over."""

    def __init__(self, largest_trailer: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.access_log = False
        self.logger: Any = HUSHED
        self._room = self._largest_trailer = largest_trailer
        self._trailing = False

    def on_message_begin(self) -> None:
        self._trailing = False
        self._room = self._largest_trailer
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._trailing:
            super().on_header(name, value)
            return
        self._room -= len(name) + len(value)
        if self._room < 0:
            raise ValueError("the fields after the body are too long")  # which the parser makes its own error of

    def on_headers_complete(self) -> None:
        self._trailing = True
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the body that errors have everywhere; but never in the place of, or within, the answer to a
        request that came before it."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and (cycle.response_started or not cycle.more_body):
            self.transport.close()
            return
        failure = to_failure(MalformedRequest("The bytes are no request of HTTP/1.1."), Context().request_id)
        body = encode_failure(failure)
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()
