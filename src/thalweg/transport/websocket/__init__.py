"""WebSocket (RFC 6455): any number of requests at once on one connection.

A caller names the sub-protocol that it speaks; without one it speaks `thalweg.json`.

==================  =================================================================================================
`thalweg.json`      text messages of JSON, one or several for a request; see `thalweg.transport.websocket.letters`
`thalweg.frames`    binary messages with the bytes of a multiplexed session (`thalweg.transport.multiplex`), cut anywhere
`bytes`             Jina's: each binary message is a `DataRequestProto`, and so is each answer
`json`              Jina's before DocArray 0.30: text messages of the shape of its HTTP requests
==================  =================================================================================================

A server at `ws://host:port` takes connections at every path, and answers plain HTTP there as well, health above all; an
HTTP server takes them at `WebSocketOptions.path`. What goes wrong with one request is said in a message about that request;
what is wrong with the connection closes it, with the code that `thalweg.message.status.CODES` has for it.
"""

from __future__ import annotations

from thalweg.config import ChannelOptions, ClientTlsOptions, Limits
from thalweg.errors import ConfigurationError
from thalweg.transport.contract import Channel, Server, Serving


def server(address: str, serving: Serving) -> Server:
    """A server at `ws://host:port`; port 0 lets the system choose."""
    from thalweg.transport.websocket.listener import WebSocketServer

    return WebSocketServer(address, serving)


def channel(
    address: str, limits: Limits, tls: ClientTlsOptions | None = None, options: ChannelOptions | None = None
) -> Channel:
    """A channel to `ws://host:port/path` or `wss://host:port/path`. Raises `ConfigurationError` for `options`."""
    if options is not None:
        given = ", ".join(sorted(options.model_fields_set))
        raise ConfigurationError(
            f"A WebSocket connection to {address} goes the direct way, unpacked; leave out {given}."
        )
    from thalweg.transport.websocket.client import WebSocketChannel

    return WebSocketChannel(address, limits, tls)
