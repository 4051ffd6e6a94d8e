"""Which transport an address means. Each is loaded when the first address of its scheme is used."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from thalweg.config import ChannelOptions, ClientTlsOptions, Limits
from thalweg.errors import ConfigurationError
from thalweg.transport.contract import Channel, Server, Serving

TRANSPORTS = {
    "inprocess": "thalweg.transport.inprocess",
    "unix": "thalweg.transport.local",
    "grpc": "thalweg.transport.grpc",
    "grpcs": "thalweg.transport.grpc",
    "http": "thalweg.transport.http",
    "https": "thalweg.transport.http",
    "ws": "thalweg.transport.websocket",
    "wss": "thalweg.transport.websocket",
}

LOCAL = ("inprocess", "unix")
"""Transports that never leave the machine."""

SERVERS = {
    "grpc": "thalweg.transport.grpc.listener",
    "http": "thalweg.transport.http.listener",
    "ws": "thalweg.transport.websocket.listener",
}
"""Where the servers are that bring a heavy library with them."""


class Transport(Protocol):
    """What a transport's module offers."""

    def server(self, address: str, serving: Serving) -> Server: ...

    def channel(
        self,
        address: str,
        limits: Limits,
        tls: ClientTlsOptions | None = None,
        options: ChannelOptions | None = None,
    ) -> Channel: ...


def server(address: str, serving: Serving) -> Server:
    """A server for `address`, such as `http://0.0.0.0:8080`, `grpc://127.0.0.1:0` or `unix:///run/enc.sock`."""
    return _transport(address).server(address, serving)


def channel(
    address: str,
    limits: Limits | None = None,
    tls: ClientTlsOptions | None = None,
    options: ChannelOptions | None = None,
) -> Channel:
    """A channel to `address`; `tls` is of use where that is encrypted, `options` where it leaves the machine."""
    transport, scheme = _transport(address), address.partition("://")[0]
    if options == ChannelOptions():
        options = None
    if scheme in LOCAL and (tls is not None or options is not None):
        what = "never encrypted; leave out tls" if tls is not None else "there is nothing to tell its transport"
        raise ConfigurationError(f"{address!r} is on this machine: {what}.")
    if options is not None:
        return transport.channel(address, limits or Limits(), tls, options)
    return (
        transport.channel(address, limits or Limits())
        if tls is None
        else transport.channel(address, limits or Limits(), tls)
    )


def is_local(address: str) -> bool:
    """Whether only this machine can get there."""
    return address.partition("://")[0] in LOCAL


def load(address: str) -> None:
    """Import all that a server at `address` needs, ahead of the moment when it matters."""
    _transport(address)
    scheme = address.partition("://")[0]
    if scheme in SERVERS:
        import_module(SERVERS[scheme])


def _transport(address: str) -> Transport:
    scheme, separator, _ = address.partition("://")
    module = TRANSPORTS.get(scheme) if separator else None
    if module is None:
        raise ConfigurationError(
            f"{address!r} is no address: it must begin with one of {', '.join(f'{s}://' for s in TRANSPORTS)}."
        )
    return cast(Transport, import_module(module))
