"""From a place to what an engine is told; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from thalweg.config.gpus import GpuRequest, gpu_request
from thalweg.errors import ConfigurationError
from thalweg.service.placement import ContainerPlace

ENTRYPOINT = ("thalweg", "executor", "--uses", "config.yml")
"""What runs in an image that does not say so itself."""


def settings(
    place: ContainerPlace, folder: str, control: str, title: str, own_entrypoint: Sequence[str] | None
) -> dict[str, Any]:
    """Arguments of `docker.containers.create`, without the image and the name.

    Args:
        folder: of this machine; it is in the container under the same path.
        control: environment variable and path of the socket where the worker is waited for, `NAME=path`.
        title: as in logs, `enc/0`.
        own_entrypoint: that of the image.

    Raises:
        ConfigurationError: `docker_kwargs` holds what makes no sense.
    """
    given = dict(place.arguments)
    volumes = [f"{folder}:{folder}:rw", *place.volumes, *_binds(given.pop("volumes", None))]
    variable, _, path = control.partition("=")
    environment = {
        "PYTHONUNBUFFERED": "1",
        **_variables(given.pop("environment", None)),
        **place.variables,
        variable: path,
    }
    found: dict[str, Any] = {
        "init": True,
        "volumes": volumes,
        "environment": environment,
        "labels": {**_labels(given.pop("labels", None)), "thalweg": title},
        "auto_remove": True,
        "detach": True,
    }
    entrypoint = place.entrypoint or (None if own_entrypoint else ENTRYPOINT)
    if entrypoint:
        found["entrypoint"] = list(entrypoint)
    if place.user:
        found["user"] = place.user
    if place.gpus is not None:
        found["device_requests"] = [device_request(gpu_request(place.gpus))]
    if place.networks:
        found["network"] = place.networks[0]
    if "network_mode" in given:
        found.pop("network", None)
    return {**found, **given}


def device_request(request: GpuRequest) -> dict[str, Any]:
    """`request` in the words of the engine's interface (`DeviceRequest` there)."""
    return {
        "Driver": request.driver,
        "Count": request.count,
        "DeviceIDs": list(request.devices),
        "Capabilities": [list(request.capabilities)],
        "Options": {},
    }


def unknown_argument(text: str, known: Sequence[str]) -> ConfigurationError:
    """What to say where Docker's library does not know an argument."""
    close = get_close_matches(text, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return ConfigurationError(f"docker_kwargs: docker.containers.run takes no argument {text!r}{hint}")


def _binds(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{source}:{how['bind']}:{how.get('mode', 'rw')}" for source, how in value.items()]
    return [value] if isinstance(value, str) else list(value or ())


def _variables(value: Any) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {str(name): str(text) for name, text in value.items()}
    return dict(line.partition("=")[::2] for line in ([value] if isinstance(value, str) else value or ()))


def _labels(value: Any) -> dict[str, str]:
    return dict(value) if isinstance(value, Mapping) else dict.fromkeys(value or (), "")
