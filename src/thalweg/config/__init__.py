"""Options: frozen models that Python, YAML, the command line and exporters all read."""

from thalweg.config.access import AccessOptions
from thalweg.config.batching import BatchingOptions
from thalweg.config.client import ChannelOptions, HedgePolicy, RetryPolicy
from thalweg.config.concurrency import AdaptiveConcurrency, EndpointLimits
from thalweg.config.health import ProbeOptions
from thalweg.config.options import (
    BalancerOptions,
    ClientTlsOptions,
    Compression,
    ConnectionOptions,
    CorsOptions,
    DeploymentOptions,
    FlowOptions,
    GatewayOptions,
    GraphqlOptions,
    Limits,
    NodeOptions,
    Options,
    Protocol,
    TlsOptions,
    WebSocketOptions,
)

__all__ = [
    "AccessOptions",
    "AdaptiveConcurrency",
    "BalancerOptions",
    "BatchingOptions",
    "ChannelOptions",
    "ClientTlsOptions",
    "Compression",
    "ConnectionOptions",
    "CorsOptions",
    "DeploymentOptions",
    "EndpointLimits",
    "FlowOptions",
    "GatewayOptions",
    "GraphqlOptions",
    "HedgePolicy",
    "Limits",
    "NodeOptions",
    "Options",
    "ProbeOptions",
    "Protocol",
    "RetryPolicy",
    "TlsOptions",
    "WebSocketOptions",
]
