"""Who is measured, and with which settings."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environments import Environment
from benchmarks.processes import Service

SERVICES = Path(__file__).resolve().parent / "services"


@dataclass(frozen=True)
class Contestant:
    """One framework with one set of settings."""

    name: str
    environment: str
    service: str
    settings: str
    """What a reader of the table has to know, in one line."""
    enveloped: bool = False
    """Whether its requests hold their documents in a `data` list."""
    batch: int = 1
    stop_signal: signal.Signals = signal.SIGTERM
    variables: Mapping[str, str] = field(default_factory=dict)

    def serve(self, environment: Environment, topology: str, protocol: str, port: int) -> Service:
        """The service, not started yet."""
        command = [environment.python, "-P", str(SERVICES / self.service)]
        command += ["--topology", topology, "--protocol", protocol, "--port", str(port), "--batch", str(self.batch)]
        return Service(command, folder=SERVICES, stop_signal=self.stop_signal, variables=self.variables)


THALWEG = Contestant(
    "thalweg", "thalweg", "thalweg_flow.py", "gateway and one worker process an Executor; defaults", enveloped=True
)
JINA = Contestant(
    "jina",
    "jina",
    "jina_flow.py",
    "Flow: gateway and one process an Executor; defaults",
    enveloped=True,
    stop_signal=signal.SIGINT,
)
MOSEC = Contestant(
    "mosec", "mosec", "mosec_server.py", "Rust server, one worker process a stage, msgspec types, no batching"
)
MOSEC_BATCHING = Contestant(
    "mosec-batching", "mosec", "mosec_server.py", "the same with dynamic batching: 32 requests or 1 ms", batch=32
)
LITSERVE = Contestant(
    "litserve",
    "litserve",
    "litserve_server.py",
    "one API process, one worker, fast queue",
    stop_signal=signal.SIGINT,
)
BENTOML = Contestant("bentoml", "bentoml", "bentoml_service.py", "one service with one worker, which is one process")
RAY = Contestant(
    "ray",
    "ray",
    "ray_deployment.py",
    "proxy and one replica, throughput-optimized mode",
    variables={"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"},
)
FASTAPI = Contestant(
    "fastapi", "fastapi", "fastapi_application.py", "uvicorn, uvloop, httptools, async def, one process"
)

CONTESTANTS = {one.name: one for one in (THALWEG, MOSEC, MOSEC_BATCHING, JINA, LITSERVE, BENTOML, RAY, FASTAPI)}
