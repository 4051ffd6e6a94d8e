"""Options: frozen models that Python, YAML, the command line and exporters all read."""

from thalweg.config.access import AccessOptions
from thalweg.config.autoscale import AutoscaleOptions
from thalweg.config.batching import BatchingOptions
from thalweg.config.client import ChannelOptions, HedgePolicy, RetryPolicy
from thalweg.config.concurrency import AdaptiveConcurrency, EndpointLimits
from thalweg.config.connections import ConnectionOptions, CorsOptions, GraphqlOptions, WebSocketOptions
from thalweg.config.encryption import ClientTlsOptions, TlsOptions
from thalweg.config.health import ProbeOptions
from thalweg.config.limits import Limits
from thalweg.config.nodes import NodeOptions
from thalweg.config.options import Compression, Options
from thalweg.config.runnables import DeploymentOptions, FlowOptions
from thalweg.config.servers import BalancerOptions, GatewayOptions, Protocol

__all__ = [
    "AccessOptions",
    "AdaptiveConcurrency",
    "AutoscaleOptions",
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
