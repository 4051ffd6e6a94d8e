"""Where something listens, and what it offers to callers there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from thalweg.config.access import AccessOptions
from thalweg.config.concurrency import HIGHEST_PRIORITY, Priority
from thalweg.config.connections import ConnectionOptions, CorsOptions, GraphqlOptions, WebSocketOptions
from thalweg.config.encryption import TlsOptions
from thalweg.config.limits import Limits
from thalweg.config.options import Compression, compression_by_name
from thalweg.config.supervision import LogLevelOptions

Protocol = Literal["grpc", "http", "websocket"]
PROVIDER_PORT = 8080
"""Where clouds look for a model's container."""


class ServerOptions(LogLevelOptions):
    """Where a Gateway or a Deployment listens."""

    protocol: tuple[Protocol, ...] = Field(
        ("grpc",), min_length=1, description="One or several of grpc, http, websocket."
    )
    port: tuple[Annotated[int, Field(ge=0, le=65535)], ...] = Field(
        (), description="One port for each protocol; 0 or none lets the system choose."
    )
    host: str = Field("0.0.0.0", description="Address to listen on.")
    limits: Limits = Field(Limits(), description="What the server takes on at once.")
    timeout: float | None = Field(None, gt=0, description="Seconds that a request may take where it names no deadline.")
    title: str = Field("", description="Title of the OpenAPI page; the name of the service where it is empty.")
    description: str = Field("", description="Description of the OpenAPI page.")
    version: str = Field("", description="Version of the service on the OpenAPI page; Thalweg's own where it is empty.")
    cors: bool | CorsOptions = Field(False, description="Whether pages of other origins may call over http, and which.")
    root_path: str = Field("", description="Path below which a proxy shows the HTTP server, and which it takes away.")
    tls: TlsOptions | None = Field(None, description="Certificate to encrypt with; plain text where there is none.")
    connections: ConnectionOptions = Field(ConnectionOptions(), description="How long HTTP connections are kept.")
    websocket: WebSocketOptions = Field(WebSocketOptions(), description="WebSocket connections, by websocket or http.")
    graphql: bool | GraphqlOptions = Field(False, description="Whether the endpoints answer GraphQL too, over http.")
    compression: Compression | None = Field(
        None, description="How gRPC packs answers; not at all where it is not given."
    )
    grpc_server_options: tuple[tuple[str, int | str], ...] = Field(
        (), description="Options of gRPC's own server, by name; they win over Thalweg's."
    )
    caller_priority: Priority | None = Field(
        HIGHEST_PRIORITY,
        description="The highest priority that a caller may claim; null: what callers say does not count.",
    )
    caller_share: bool = Field(
        True, description="Whether callers may name the key by which waiting requests take turns."
    )
    access: AccessOptions | None = Field(
        None, description="Who may call, and how often; everybody where it is not given."
    )
    middleware: tuple[Any, ...] = Field(
        (), description="Callables that take a handler and give one: objects or 'package.module:name', outermost first."
    )
    apps: dict[str, Any] = Field(
        {}, description="URL prefix -> an ASGI application shown there over http; '/' gets what nothing else answers."
    )
    routes: bool = Field(True, description="Whether the endpoints have routes over http; else only the apps answer.")
    provider: Literal["none", "sagemaker", "azure"] = Field(
        "none", description="A cloud that asks at /ping and /invocations: it is served over http, at port 8080."
    )
    provider_endpoint: str = Field("", description="The endpoint that invocations mean, where there are several.")
    drain_seconds: float = Field(10.0, ge=0, description="How long requests under way may take to end at a stop.")
    log_format: Literal["text", "json"] | None = Field(
        None, description="How the log is printed: text or json; THALWEG_LOG_FORMAT where it is not given."
    )
    pages: dict[str, Path] = Field(
        {}, description="URL path -> a file to show there over http, or a folder whose files are shown below it."
    )

    @model_validator(mode="before")
    @classmethod
    def _as_the_provider_wants(cls, values: Any) -> Any:
        if isinstance(values, dict) and str(values.get("provider", "none")).lower() != "none":
            provider = str(values["provider"]).lower()
            return {"port": (PROVIDER_PORT,), **values, "provider": provider, "protocol": ("http",)}
        return values

    @field_validator("pages", "apps")
    @classmethod
    def _pages_at_paths(cls, value: dict[str, Any]) -> dict[str, Any]:
        for path in value:
            if not path.startswith("/"):
                raise ValueError(f"{path!r} is no URL path: it begins with '/'")
        return value

    @field_validator("compression", mode="before")
    @classmethod
    def _compression_by_name(cls, value: Any) -> Any:
        return compression_by_name(value)

    @field_validator("grpc_server_options", mode="before")
    @classmethod
    def _options_of_a_mapping(cls, value: Any) -> Any:
        return tuple(value.items()) if isinstance(value, Mapping) else value or ()

    @field_validator("root_path")
    @classmethod
    def _root_path_of_a_url(cls, value: str) -> str:
        if value and not value.startswith("/"):
            raise ValueError(f"{value!r} is no URL path: it begins with '/'")
        return value.rstrip("/")

    @field_validator("middleware", mode="before")
    @classmethod
    def _one_or_many_handlers(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, (list, tuple)) else (value,)

    @field_validator("protocol", "port", mode="before")
    @classmethod
    def _one_listener_or_many(cls, value: Any) -> Any:
        several = (value,) if isinstance(value, (str, int)) else value
        if not isinstance(several, (list, tuple)):
            return several
        return tuple(one.lower() if isinstance(one, str) and not one.isdigit() else one for one in several)

    @field_validator("host", mode="before")
    @classmethod
    def _one_host(cls, value: Any) -> Any:
        return value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value

    @model_validator(mode="after")
    def _one_port_for_each_protocol(self) -> Self:
        if len(set(self.protocol)) != len(self.protocol):
            raise ValueError(f"protocol names one twice: {list(self.protocol)}")
        if self.port and len(self.port) != len(self.protocol):
            raise ValueError(
                f"{len(self.protocol)} protocols ({', '.join(self.protocol)}) need as many ports, not {len(self.port)}"
            )
        if self.graphql is not False and not {"http", "websocket"} & set(self.protocol):
            raise ValueError("graphql comes over http: add that to protocol")
        return self


class BalancerOptions(ServerOptions):
    """A server that stands in front of replicas."""

    retries: int = Field(2, ge=0, description="Further attempts, on other replicas, of a request that got no answer.")
    replica_wait: float = Field(
        10.0, ge=0, description="Seconds that a request waits for a replica to come back before it is answered 503."
    )


class GatewayOptions(BalancerOptions):
    """The Gateway of a Flow."""

    uses: Any = Field(None, description="A class derived from Gateway, 'package.module:Class' or 'file.py:Class'.")
    uses_with: dict[str, Any] = Field({}, description="Keyword arguments of its constructor.")
