"""The ways to start a process, one for each place that there is."""

from __future__ import annotations

from pathlib import Path

from thalweg.orchestration.launchers.environment.launcher import EnvironmentLauncher
from thalweg.orchestration.launchers.forkserver import ForkServer
from thalweg.orchestration.launchers.inline import InlineLauncher
from thalweg.orchestration.launchers.process import Process
from thalweg.service.control import Spec, WorkerSpec
from thalweg.service.placement import ContainerPlace


class Launchers:
    """Those of one session, whose private directory is `directory`. Used on one event loop."""

    def __init__(self, server: ForkServer, directory: Path) -> None:
        self._server = server
        self._environments = EnvironmentLauncher(server)
        self._directory = directory
        self._inline = InlineLauncher()

    async def launch(self, spec: Spec, output: int) -> Process:
        """See `Launch`. Goes by the place that `spec` names."""
        if spec.inline:
            return await self._inline.launch(spec, output)
        if not isinstance(spec, WorkerSpec) or spec.place is None:
            return await self._server.launch(spec, output)
        if isinstance(spec.place, ContainerPlace):
            from thalweg.orchestration.launchers.docker.launcher import DockerLauncher

            return await DockerLauncher(self._directory).launch(spec, output)
        return await self._environments.launch(spec, output)
