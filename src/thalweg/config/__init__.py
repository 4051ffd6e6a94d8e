"""Options: frozen models that Python, YAML, the command line and exporters all read."""

from thalweg.config.access import AccessOptions
from thalweg.config.health import ProbeOptions
from thalweg.config.options import (
    BalancerOptions,
    ClientTlsOptions,
    ConnectionOptions,
    CorsOptions,
    DeploymentOptions,
    FlowOptions,
    GatewayOptions,
    Limits,
    NodeOptions,
    Options,
    Protocol,
    TlsOptions,
)

__all__ = [
    "AccessOptions",
    "BalancerOptions",
    "ClientTlsOptions",
    "ConnectionOptions",
    "CorsOptions",
    "DeploymentOptions",
    "FlowOptions",
    "GatewayOptions",
    "Limits",
    "NodeOptions",
    "Options",
    "ProbeOptions",
    "Protocol",
    "TlsOptions",
]
