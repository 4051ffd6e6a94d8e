"""The WebSocket server: an HTTP server whose connections become WebSockets wherever they ask for it."""

from __future__ import annotations

from thalweg.errors import ConfigurationError
from thalweg.transport.contract import Serving
from thalweg.transport.http.listener import HttpServer

SCHEME = "ws://"


class WebSocketServer(HttpServer):
    """Listens at `ws://host:port`."""

    everywhere = True

    def __init__(self, address: str, serving: Serving) -> None:
        if not address.startswith(SCHEME):
            raise ConfigurationError(
                f"{address!r} is no address to listen at; write ws://HOST:PORT, with port 0 for any."
            )
        super().__init__("http" + address[2:], serving)

    @property
    def address(self) -> str:
        return "ws" + super().address.removeprefix("http")
