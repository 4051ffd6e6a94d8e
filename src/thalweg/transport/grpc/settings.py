"""Addresses, and what gRPC is told about connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

import grpc

from thalweg.config import ChannelOptions, Compression, Limits
from thalweg.errors import ConfigurationError

SCHEME = "grpc://"
SECURE_SCHEME = "grpcs://"
COMPRESSIONS = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}
KEEPALIVE_MILLISECONDS = 20_000
"""A peer from whom nothing was heard for so long is asked whether it is there, so that a dead network is noticed."""
KEEPALIVE_ANSWER_MILLISECONDS = 10_000
FREQUENT_PING_MILLISECONDS = 5_000
"""How often a peer may ask without being sent away. Jina's ask a little more often than every ten seconds."""
MESSAGE_ALLOWANCE = 1 << 20
"""Bytes that a message may have on top of the largest payload."""

Options: TypeAlias = Sequence[tuple[str, int | str]]


def target(address: str) -> str:
    """`host:port` of `grpc://host:port` or `grpcs://host:port`. Raises `ConfigurationError`."""
    parts = urlsplit(address)
    try:
        usable = bool(parts.hostname) and parts.port is not None and parts.path in ("", "/") and not parts.query
    except ValueError:
        usable = False
    if not address.startswith((SCHEME, SECURE_SCHEME)) or not usable:
        raise ConfigurationError(f"{address!r} is no gRPC address; one looks like grpc://localhost:50051.")
    return parts.netloc


def compression(name: Compression | None) -> grpc.Compression | None:
    """gRPC's number for a way to pack messages."""
    return None if name is None else COMPRESSIONS[name]


def _connection(limits: Limits) -> dict[str, int | str]:
    largest = limits.max_message_bytes + MESSAGE_ALLOWANCE
    return {
        "grpc.max_receive_message_length": largest,
        "grpc.max_send_message_length": largest,
        "grpc.keepalive_time_ms": KEEPALIVE_MILLISECONDS,
        "grpc.keepalive_timeout_ms": KEEPALIVE_ANSWER_MILLISECONDS,
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.max_pings_without_data": 0,
    }


def server_options(limits: Limits, given: Options = ()) -> Options:
    """The options of a server; `given` win."""
    return _together(
        _connection(limits),
        {
            "grpc.so_reuseport": 0,  # two servers on one port are a mistake, not a way to share it
            "grpc.http2.min_ping_interval_without_data_ms": FREQUENT_PING_MILLISECONDS,
        },
        given,
    )


def channel_options(limits: Limits, options: ChannelOptions | None = None) -> Options:
    """The options of a channel; those that `options` names win."""
    proxy = options is not None and options.proxy
    return _together(
        _connection(limits),
        {
            # A pool of its own: a new channel connects at once, whatever another one is backing off from.
            "grpc.use_local_subchannel_pool": 1,
            # Services name the peers that they mean; a proxy for web pages, set in the environment, is not on that way.
            "grpc.enable_http_proxy": int(proxy),
        },
        () if options is None else options.grpc_channel_options,
    )


def _together(connection: dict[str, int | str], own: dict[str, int | str], given: Options) -> Options:
    return tuple({**connection, **own, **dict(given)}.items())
