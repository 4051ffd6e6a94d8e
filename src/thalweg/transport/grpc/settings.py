"""Addresses, and what gRPC is told about connections."""

from __future__ import annotations

from urllib.parse import urlsplit

from thalweg.config import Limits
from thalweg.errors import ConfigurationError

SCHEME = "grpc://"
KEEPALIVE_MILLISECONDS = 20_000
"""A peer from whom nothing was heard for so long is asked whether it is there, so that a dead network is noticed."""
KEEPALIVE_ANSWER_MILLISECONDS = 10_000
MESSAGE_ALLOWANCE = 1 << 20
"""Bytes that a message may have on top of the largest payload."""


def target(address: str) -> str:
    """`host:port` of `grpc://host:port`. Raises `ConfigurationError`."""
    parts = urlsplit(address)
    try:
        usable = bool(parts.hostname) and parts.port is not None and parts.path in ("", "/") and not parts.query
    except ValueError:
        usable = False
    if not address.startswith(SCHEME) or not usable:
        raise ConfigurationError(f"{address!r} is no gRPC address; one looks like grpc://localhost:50051.")
    return parts.netloc


def _connection(limits: Limits) -> list[tuple[str, int]]:
    largest = limits.max_message_bytes + MESSAGE_ALLOWANCE
    return [
        ("grpc.max_receive_message_length", largest),
        ("grpc.max_send_message_length", largest),
        ("grpc.keepalive_time_ms", KEEPALIVE_MILLISECONDS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_ANSWER_MILLISECONDS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]


def server_options(limits: Limits) -> list[tuple[str, int]]:
    return [
        *_connection(limits),
        ("grpc.so_reuseport", 0),  # two servers on one port are a mistake, not a way to share it
        ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_ANSWER_MILLISECONDS),
    ]


def channel_options(limits: Limits) -> list[tuple[str, int]]:
    return [
        *_connection(limits),
        # A pool of its own: a new channel connects at once, whatever another one is backing off from.
        ("grpc.use_local_subchannel_pool", 1),
        # Services name the peers that they mean; a proxy for web pages, set in the environment, is not on that way.
        ("grpc.enable_http_proxy", 0),
    ]
