"""Where a client calls: the parts of an address, from wherever they were given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from thalweg.config import ClientTlsOptions
from thalweg.config.load import parse_options
from thalweg.errors import ConfigurationError

PROTOCOLS = {"grpc": ("grpc", "grpcs"), "http": ("http", "https"), "websocket": ("ws", "wss")}
"""Protocol -> the scheme of its URLs in plain text, and encrypted."""
SCHEMES = {scheme: (protocol, secure) for protocol, pair in PROTOCOLS.items() for secure, scheme in enumerate(pair)} | {
    "websocket": ("websocket", 0),
    "websockets": ("websocket", 1),
}
WHOLE = ("unix", "inprocess")
"""Schemes of addresses that have no parts."""
THIS_MACHINE = "127.0.0.1"
ANYWHERE = ("", "0.0.0.0")
"""Hosts that a server listens on and nobody can call; here they mean this machine."""

Tls = bool | ClientTlsOptions | Mapping[str, Any] | None


class Destination(NamedTuple):
    """Where to call, as one URL, and whom to trust there."""

    address: str
    tls: ClientTlsOptions | None


def destination(host: str | None, port: int | str | None, protocol: Any, tls: Tls) -> Destination:
    """The place that the arguments of a client name together.

    Raises:
        ConfigurationError: a part is given twice, or is none.
    """
    scheme, separator, rest = (host or "").partition("://")
    if separator and scheme in WHOLE:
        _once("port", port is not None, host)
        _once("protocol", protocol is not None, host)
        if tls:
            raise ConfigurationError(f"{host!r} is on this machine and never encrypted; leave out tls.")
        return Destination(str(host), None)
    trust = _trust(tls)
    if separator:
        _once("protocol", protocol is not None, host)
        if scheme.lower() not in SCHEMES:
            known = ", ".join(f"{name}://" for name in (*SCHEMES, *WHOLE))
            raise ConfigurationError(f"{host!r} is no address: it must begin with one of {known}.")
        name, secure = SCHEMES[scheme.lower()]
        _once("tls", bool(secure) and isinstance(tls, bool), host)
    else:
        name, secure, rest = _protocol(protocol), 0, host or ""
    encrypted = bool(secure) or (tls is not None and tls is not False)
    return Destination(f"{PROTOCOLS[name][encrypted]}://{_located(rest, port, host, encrypted)}", trust)


def _once(part: str, again: bool, host: str | None) -> None:
    if again:
        raise ConfigurationError(f"The {part} is given twice: in {host!r}, and by itself.")


def _protocol(given: Any) -> str:
    name = str(getattr(given, "name", given) or "grpc").lower()
    if name not in PROTOCOLS:
        raise ConfigurationError(f"There is no protocol {given!r}; there are {', '.join(PROTOCOLS)}.")
    return name


def _trust(tls: Tls) -> ClientTlsOptions | None:
    if tls is None or isinstance(tls, bool):
        return None
    return tls if isinstance(tls, ClientTlsOptions) else parse_options(ClientTlsOptions, dict(tls), "Client(tls=...)")


def _located(rest: str, port: int | str | None, host: str | None, encrypted: bool) -> str:
    """`host:port` and the path behind it, if any."""
    try:
        parts = urlsplit(f"//{rest}")
        found = parts.port
        given = None if port is None else int(port)
    except ValueError as error:
        raise ConfigurationError(f"There is no such port ({error}).") from None
    if parts.username or parts.query or parts.fragment:
        raise ConfigurationError(f"{host!r} is no address: it is made of a protocol, a host, a port and a path.")
    _once("port", found is not None and given is not None, host)
    number = found if found is not None else given if given is not None else 443 if encrypted else 80
    if not 0 < number < 65536:
        raise ConfigurationError(f"There is no port {number}; ports are 1 to 65535.")
    name = parts.hostname or ""
    name = THIS_MACHINE if name in ANYWHERE else f"[{name}]" if ":" in name else name
    return f"{name}:{number}{parts.path.rstrip('/')}"
