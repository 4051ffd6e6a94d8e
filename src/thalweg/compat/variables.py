"""Jina's variables of the environment: those that have a counterpart become it, the others are told."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import NamedTuple

PREFIX = "JINA_"
HOST = "JINA_DEFAULT_HOST"
LEVELS = {"SUCCESS": "INFO"}
"""Levels of Jina's log, in the words of Python's where they differ."""
SILENT = "CRITICAL"

NEEDLESS = frozenset(
    (
        "JINA_EARLY_STOP",
        "JINA_FULL_CLI",
        "JINA_GRPC_RECV_BYTES",
        "JINA_GRPC_SEND_BYTES",
        "JINA_OPTOUT_TELEMETRY",
        "JINA_VCS_VERSION",
    )
)
"""What they ask for is so anyway, or is asked for by nobody: there is no telemetry, and the first failure ends a start."""

WITHOUT_EFFECT = {
    "JINA_AUTH_TOKEN": "there is no hub to log in to",
    "JINA_DEFAULT_TIMEOUT_CTRL": "say drain_seconds for an Executor or a Flow",
    "JINA_DEPLOYMENT_NAME": "an Executor's name is that in its Flow",
    "JINA_DISABLE_UVLOOP": "uvloop runs wherever it is installed",
    "JINA_GATEWAY_IMAGE": "there is no export to Kubernetes or Compose",
    "JINA_HUBBLE_REGISTRY": "there is no hub to load from",
    "JINA_HUB_NO_IMAGE_REBUILD": "there is no hub to load from",
    "JINA_K8S_ACCESS_MODES": "there is no export to Kubernetes",
    "JINA_K8S_STORAGE_CAPACITY": "there is no export to Kubernetes",
    "JINA_K8S_STORAGE_CLASS_NAME": "there is no export to Kubernetes",
    "JINA_MP_START_METHOD": "processes come from a fork server, in one way everywhere",
    "JINA_RANDOM_PORT_MAX": "the system chooses free ports; say port where it matters",
    "JINA_RANDOM_PORT_MIN": "the system chooses free ports; say port where it matters",
    "JINA_STREAMER_ARGS": "a Gateway of one's own is given its streamer",
}
"""Variables that Jina reads and nothing here does, and why or what to do."""


class AdoptedVariables(NamedTuple):
    """What Jina's variables mean here."""

    ours: dict[str, str]
    """Variables of Thalweg's."""
    told: list[str]
    """What has no effect, a sentence each."""


def adopted_variables(environment: Mapping[str, str]) -> AdoptedVariables:
    """What those of Jina in `environment` mean. What it says of Thalweg's own comes first."""
    found: dict[str, str] = {}
    told = [f"{name} has no effect: {why}" for name, why in WITHOUT_EFFECT.items() if name in environment]
    form = environment.get("JINA_LOG_CONFIG", "")
    if form.upper() == "QUIET":
        found["THALWEG_LOG_LEVEL"] = SILENT
    elif form == "json":
        found["THALWEG_LOG_FORMAT"] = "json"
    elif form not in ("", "default", "plain"):
        told.append(f"JINA_LOG_CONFIG={form} has no effect: handlers of the log are those of Python's logging")
    level = environment.get("JINA_LOG_LEVEL", "").upper()
    if level:
        found.setdefault("THALWEG_LOG_LEVEL", LEVELS.get(level, level))
    if "JINA_LOG_NO_COLOR" in environment:
        found["NO_COLOR"] = "1"
    return AdoptedVariables({name: value for name, value in found.items() if name not in environment}, told)


def adopt_variables() -> None:
    """Have those of this process's environment mean here what they mean to Jina; warn of those that mean nothing."""
    adopted = adopted_variables(os.environ)
    os.environ.update(adopted.ours)
    for message in adopted.told:
        warnings.warn(message, UserWarning, stacklevel=3)


def default_host() -> dict[str, str]:
    """The argument of whatever listens and says no host, where the environment says one."""
    host = os.environ.get(HOST, "")
    return {"host": host} if host else {}
