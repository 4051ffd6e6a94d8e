"""What can be started as a whole."""

from __future__ import annotations

from thalweg.config.nodes import NodeOptions
from thalweg.config.options import Options
from thalweg.config.servers import BalancerOptions, GatewayOptions
from thalweg.config.workers import WorkerOptions


class DeploymentOptions(WorkerOptions, BalancerOptions):
    """One Executor served alone."""


class FlowOptions(Options):
    """A Gateway and the Executors behind it."""

    name: str = "flow"
    gateway: GatewayOptions = GatewayOptions()
    executors: tuple[NodeOptions, ...] = ()
