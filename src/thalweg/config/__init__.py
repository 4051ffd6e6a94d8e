"""Options: frozen models that Python, YAML, the command line and exporters all read."""

from thalweg.config.access import AccessOptions
from thalweg.config.client import ChannelOptions, HedgePolicy, RetryPolicy
from thalweg.config.health import ProbeOptions
from thalweg.config.options import (
    BalancerOptions,
    ClientTlsOptions,
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
    "BalancerOptions",
    "ChannelOptions",
    "ClientTlsOptions",
    "ConnectionOptions",
    "CorsOptions",
    "DeploymentOptions",
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
