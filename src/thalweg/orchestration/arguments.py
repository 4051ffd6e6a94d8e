"""The keyword arguments of `Flow` and `Deployment`, for type checkers and editors. The options they become say more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypedDict

from thalweg.config import (
    AccessOptions,
    AutoscaleOptions,
    BatchingOptions,
    ClientTlsOptions,
    Compression,
    ConnectionOptions,
    CorsOptions,
    EndpointLimits,
    GraphqlOptions,
    Limits,
    ProbeOptions,
    Protocol,
    TlsOptions,
    WebSocketOptions,
)


class ServerArguments(TypedDict, total=False):
    """See `thalweg.config.BalancerOptions`."""

    protocol: Protocol | Sequence[Protocol]
    port: int | Sequence[int]
    host: str
    limits: Limits | Mapping[str, Any]
    timeout: float | None
    title: str
    description: str
    version: str
    cors: bool | CorsOptions | Mapping[str, Any]
    root_path: str
    tls: TlsOptions | Mapping[str, Any] | None
    connections: ConnectionOptions | Mapping[str, Any]
    websocket: WebSocketOptions | Mapping[str, Any]
    compression: Compression | None
    grpc_server_options: Mapping[str, int | str] | Sequence[tuple[str, int | str]]
    graphql: bool | GraphqlOptions | Mapping[str, Any]
    caller_priority: int | None
    caller_share: bool
    access: AccessOptions | Mapping[str, Any] | None
    middleware: Any
    apps: Mapping[str, Any]
    routes: bool
    provider: str
    provider_endpoint: str
    drain_seconds: float
    log_format: Literal["text", "json"] | None
    log_level: str | None
    pages: Mapping[str, str | PathLike[str]]
    retries: int
    replica_wait: float


class GatewayArguments(ServerArguments, total=False):
    """See `thalweg.config.GatewayOptions`."""

    uses: Any
    uses_with: Mapping[str, Any]


class DefaultArguments(TypedDict, total=False):
    """What may be said to a Flow for all its Executors. See `thalweg.config.NodeOptions`."""

    uses_metas: Mapping[str, Any]
    uses_requests: Mapping[str, str]
    uses_dynamic_batching: Mapping[str, BatchingOptions | Mapping[str, Any]]
    workspace: str | None
    py_modules: str | Sequence[str]
    replicas: int
    autoscale: AutoscaleOptions | Mapping[str, Any] | None
    shards: int
    polling: str | Mapping[str, str] | None
    shard_key: str | Callable[[Any], Any]
    uses_before: Any
    uses_after: Any
    env: Mapping[str, str]
    queue: Limits | Mapping[str, Any]
    queue_limits: Mapping[str, EndpointLimits | Mapping[str, int]]
    allow_concurrent: bool | int
    max_concurrency: Mapping[str, int]
    devices: str | Sequence[int | str] | None
    probe: ProbeOptions | Mapping[str, Any] | None
    stuck_after: float | None
    max_requests: int | None
    memory_limit: int | str | None
    warmup: Mapping[str, Any]
    exit_on_exceptions: str | Sequence[str]
    log_level: str | None
    quiet_error: bool
    development: bool
    placement: Literal["process", "inline"]
    reload: bool | Literal["functions"]
    install_requirements: bool
    requirements: str | Sequence[str]
    volumes: str | Sequence[str]
    gpus: str | int | None
    entrypoint: str | Sequence[str]
    networks: str | Sequence[str]
    pull: Literal["missing", "always", "never"]
    user: str | int
    docker_kwargs: Mapping[str, Any]
    disable_auto_volume: bool


class WorkerArguments(DefaultArguments, total=False):
    """See `thalweg.config.NodeOptions`."""

    uses_with: Mapping[str, Any]
    reduce: bool


class NodeArguments(WorkerArguments, total=False):
    """See `thalweg.config.NodeOptions`."""

    when: Mapping[str, Any]
    otherwise: Literal["drop", "skip"]
    floating: bool
    inspects: bool
    reduce: bool
    external: bool
    host: str | Sequence[str]
    port: int | str | Sequence[int]
    tls: bool | ClientTlsOptions | Mapping[str, Any]
    grpc_metadata: Mapping[str, str]
    grpc_channel_options: Mapping[str, int | str] | Sequence[tuple[str, int | str]]
    compression: Compression | None
    timeout_ready: float


class FlowArguments(ServerArguments, DefaultArguments, total=False):
    """What a Flow, its Gateway, and all its Executors are told."""


class DeploymentArguments(WorkerArguments, ServerArguments, total=False):
    """See `thalweg.config.DeploymentOptions`."""

    include_gateway: bool | None


class UpdateArguments(TypedDict, total=False):
    """See `thalweg.config.rollout.UpdateOptions`."""

    surge: int | None
    canary: float | None
    settle: float
    drain_seconds: float | None


class ExecutorUpdate(NodeArguments, UpdateArguments, total=False):
    """What `Flow.update` takes for one Executor."""
