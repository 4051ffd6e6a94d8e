"""The container engine of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thalweg.errors import ConfigurationError, MissingDependency
from thalweg.orchestration.launchers.remains import engine_status

SYSTEM_SOCKET = "/var/run/docker.sock"
UNIX = "unix://"
LONGEST_EXPLANATION = 500


def engine_socket(environment: Mapping[str, str]) -> str:
    """Path of the socket at which the engine listens: what DOCKER_HOST says, else the usual places.

    Raises:
        ConfigurationError: DOCKER_HOST names an engine of another machine.
    """
    said = environment.get("DOCKER_HOST", "")
    if said and not said.startswith(UNIX):
        raise ConfigurationError(
            f"DOCKER_HOST={said}: containers are started on this machine, by an engine at a Unix socket, such as "
            f"unix://{SYSTEM_SOCKET}. An Executor on another machine is `external=True`."
        )
    if said:
        return said.removeprefix(UNIX)
    usual = [SYSTEM_SOCKET, str(Path.home() / ".docker/run/docker.sock")]
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime:
        usual += [f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"]
    return next((path for path in usual if os.path.exists(path)), SYSTEM_SOCKET)


def connect(path: str) -> Any:
    """A client of the engine at `path`, for one thread. Nothing it does ends by itself for lack of patience.

    Raises:
        MissingDependency: Docker's library is not installed.
        ConfigurationError: no engine answers there.
    """
    try:
        import docker  # type: ignore[import-untyped]
    except ImportError:
        raise MissingDependency("Containers need Docker's library: pip install 'thalweg[docker]'.") from None
    try:
        engine_status(path, "GET", "/_ping")  # the library leaves its socket open where nobody answers
        return docker.DockerClient(base_url=f"{UNIX}{path}", version="auto", timeout=None)
    except (OSError, docker.errors.DockerException) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or engine_words(error)
        raise ConfigurationError(
            f"No container engine answers at {path}: {why}. Start Docker, or say in DOCKER_HOST where it is."
        ) from None


def engine_words(error: Exception) -> str:
    """What an engine or its library says, in short."""
    text = getattr(error, "explanation", None) or str(error)
    return " ".join(str(text).split())[:LONGEST_EXPLANATION].rstrip(".")
