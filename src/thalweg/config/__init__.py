"""Options: frozen models that Python, YAML, the command line and exporters all read."""

from thalweg.config.options import (
    DeploymentOptions,
    FlowOptions,
    GatewayOptions,
    Limits,
    NodeOptions,
    Options,
    Protocol,
)

__all__ = ["DeploymentOptions", "FlowOptions", "GatewayOptions", "Limits", "NodeOptions", "Options", "Protocol"]
