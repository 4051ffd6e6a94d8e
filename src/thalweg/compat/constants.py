"""Numbers and words that programs written for Jina ask it for."""

from __future__ import annotations

import socket
from pathlib import Path

__default_host__ = "0.0.0.0"
__docker_host__ = "host.docker.internal"
__default_executor__ = "BaseExecutor"
__default_gateway__ = "BaseGateway"
__default_http_gateway__ = "HTTPGateway"
__default_composite_gateway__ = "CompositeGateway"
__default_websocket_gateway__ = "WebSocketGateway"
__default_grpc_gateway__ = "GRPCGateway"
__default_endpoint__ = "/default"
__dry_run_endpoint__ = "_jina_dry_run_"
__default_port_monitoring__ = 9090
__default_reducer__ = "/reduce"
__ready_msg__ = "ready and listening"
__stop_msg__ = "terminated"
__cache_path__ = str(Path.home() / ".cache" / "thalweg")


def random_port() -> int:
    """A port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def random_ports(number: int) -> list[int]:
    """Several, each another."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
