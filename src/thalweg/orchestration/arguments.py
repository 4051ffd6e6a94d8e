"""The keyword arguments of `Flow` and `Deployment`, for type checkers and editors. The options they become say more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, TypedDict

from thalweg.config import Limits, Protocol


class ServerArguments(TypedDict, total=False):
    """See `thalweg.config.GatewayOptions`."""

    protocol: Protocol | Sequence[Protocol]
    port: int | Sequence[int]
    host: str
    limits: Limits | Mapping[str, int]
    timeout: float | None
    title: str
    drain_seconds: float
    pages: Mapping[str, str | PathLike[str]]
    retries: int
    replica_wait: float


class WorkerArguments(TypedDict, total=False):
    """See `thalweg.config.NodeOptions`."""

    uses_with: Mapping[str, Any]
    uses_metas: Mapping[str, Any]
    uses_requests: Mapping[str, str]
    workspace: str | None
    py_modules: str | Sequence[str]
    replicas: int
    env: Mapping[str, str]
    queue: Limits | Mapping[str, int]


class DeploymentArguments(WorkerArguments, ServerArguments, total=False):
    """See `thalweg.config.DeploymentOptions`."""
