"""The options of everything that can be started. One model a concern; units stand in the names or the descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from thalweg.config.access import AccessOptions
from thalweg.config.batching import BatchingOptions
from thalweg.config.concurrency import HIGHEST_PRIORITY, AdaptiveConcurrency, AllowConcurrent, EndpointLimits, Priority
from thalweg.config.health import ProbeOptions

Protocol = Literal["grpc", "http", "websocket"]
Compression = Literal["gzip", "deflate"]
MIB = 1 << 20
PROVIDER_PORT = 8080
"""Where clouds look for a model's container."""


class Options(BaseModel):
    """A value: frozen, compared by content, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def compression_by_name(value: Any) -> Any:
    """A way to pack messages under any name that gRPC's users know it by: `Gzip`, `NoCompression`, a number of gRPC's."""
    name = str(getattr(value, "name", value) or "").lower()
    return None if name in ("", "none", "nocompression") else name


class Limits(Options):
    """What one server takes on at once. Past a limit the answer is 429 or 413, never a longer queue."""

    max_message_bytes: int = Field(128 * MIB, gt=0, description="Largest request or answer, in bytes.")
    max_inflight: int = Field(2048, gt=0, description="Requests that are accepted and not yet answered.")
    max_inflight_bytes: int = Field(512 * MIB, gt=0, description="Payload bytes of those requests together.")
    stream_window: int = Field(64, gt=0, description="Items of one stream that may be under way, unread.")
    adaptive_concurrency: AdaptiveConcurrency | None = Field(
        None, description="Finds how many requests may be under way so that they are answered in time."
    )


class TlsOptions(Options):
    """The certificate of a server, and whose certificates it wants to see."""

    certfile: Path = Field(
        description="PEM file of the certificate, followed by those between it and a known authority."
    )
    keyfile: Path | None = Field(
        None, description="PEM file of its private key; the certfile's own where there is none."
    )
    password: SecretStr | None = Field(None, description="Opens the key file.")
    client_ca: Path | None = Field(
        None, description="PEM file of authorities. Only callers with a certificate of one of them are let in."
    )


class ClientTlsOptions(Options):
    """Whom a client trusts, and how it says who it is."""

    ca: Path | None = Field(None, description="PEM file of the authorities to trust; the system's where there is none.")
    certfile: Path | None = Field(None, description="PEM file of the client's own certificate.")
    keyfile: Path | None = Field(
        None, description="PEM file of its private key; the certfile's own where there is none."
    )
    password: SecretStr | None = Field(None, description="Opens the key file.")
    verify: bool = Field(True, description="Whether the server must prove who it is. Switch it off in tests only.")

    @model_validator(mode="after")
    def _key_of_a_certificate(self) -> Self:
        if self.certfile is None and self.keyfile is not None:
            raise ValueError("a keyfile belongs to a certfile; name that too")
        return self


class CorsOptions(Options):
    """Pages of which other origins may call, and what they may send and read."""

    origins: tuple[str, ...] = Field(("*",), description="Origins such as https://example.org; '*' is every one.")
    methods: tuple[str, ...] = Field(("GET", "POST"), description="Methods that they may use.")
    headers: tuple[str, ...] = Field(
        ("*",), description="Request headers that they may send; '*' is whatever they ask for."
    )
    expose: tuple[str, ...] = Field(("*",), description="Headers of answers that they may read.")
    credentials: bool = Field(False, description="Whether they may send cookies and authorization of their own.")
    max_age: int = Field(600, ge=0, description="Seconds for which a browser may remember what it was told.")

    @field_validator("origins", "methods", "headers", "expose", mode="before")
    @classmethod
    def _one_or_many_names(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class ConnectionOptions(Options):
    """How long, and how much, a server has to do with one HTTP connection."""

    idle_seconds: float = Field(75.0, gt=0, description="How long it may rest between two requests.")
    silence_seconds: float = Field(
        30.0, gt=0, description="How long a head may take, a body may pause, and an answer may wait for its reader."
    )
    ping_seconds: float = Field(15.0, gt=0, description="How long a stream of events is silent before it says so.")
    max_requests: int | None = Field(None, gt=0, description="Requests after which it is closed.")
    max_connections: int = Field(20_000, gt=0, description="Connections at once; further ones are answered 503.")
    compress_bytes: int | None = Field(
        16 * 1024, ge=0, description="JSON answers from so many bytes on are compressed for who reads it; None: never."
    )
    max_head_bytes: int = Field(64 * 1024, ge=1024, description="Largest request line and headers together.")


class WebSocketOptions(Options):
    """How a server deals with WebSocket connections."""

    path: str = Field(
        "/ws", description="Where an http server takes them; nowhere if empty. A websocket server: everywhere."
    )
    origins: tuple[str, ...] | None = Field(
        None,
        description="Origins whose pages may connect; '*' is every one. None: the server's own, and those of cors.",
    )
    ping_seconds: float = Field(20.0, gt=0, description="How long a peer may be silent before it is asked for a sign.")
    pong_seconds: float = Field(20.0, gt=0, description="How long it may take to give one before the connection ends.")
    max_connections: int = Field(20_000, gt=0, description="Connections at once; further ones are answered 503.")
    compression: bool = Field(
        False, description="Whether messages may be compressed; costs time, and memory when idle."
    )

    @field_validator("origins", mode="before")
    @classmethod
    def _one_or_many_origins(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("path")
    @classmethod
    def _path_of_a_url(cls, value: str) -> str:
        if value and not value.startswith("/"):
            raise ValueError(f"{value!r} is no URL path: it begins with '/'")
        return value


class GraphqlOptions(Options):
    """GraphQL beside the routes of an http server."""

    path: str = Field("/graphql", pattern="^/.+[^/]$", description="Where it is; the page for people is there too.")
    introspection: bool = Field(True, description="Whether callers may ask for the schema.")
    page: bool = Field(True, description="Whether a browser is shown a page to write queries on.")
    max_bytes: int = Field(1 << 20, gt=0, description="Longest query, its variables included.")
    max_tokens: int = Field(10_000, gt=0, description="Words and signs of a query.")
    max_depth: int = Field(16, gt=0, description="How deep selections may be nested.")
    max_fields: int = Field(2_000, gt=0, description="Fields that a query may ask for, fragments counted where used.")
    max_calls: int = Field(16, gt=0, description="Calls of endpoints in one query.")


class ServerOptions(Options):
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
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, (str, int)) else value

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


class ExecutorOptions(Options):
    """Which user code, made with what."""

    uses: Any = Field(None, description="A class, a function, 'package.module:Class', 'file.py:Class', or YAML.")
    uses_with: dict[str, Any] = Field({}, description="Keyword arguments of the constructor.")
    uses_metas: dict[str, Any] = Field({}, description="Overrides of `metas`: name, description, workspace.")
    uses_requests: dict[str, str] = Field({}, description="Endpoint -> method name, in place of the decorators'.")
    workspace: str | None = Field(None, description="Folder below which the Executor may keep its files.")
    py_modules: tuple[str, ...] = Field((), description="Files or modules to import before `uses` is looked up.")

    @field_validator("py_modules", mode="before")
    @classmethod
    def _one_module_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class WorkerOptions(ExecutorOptions):
    """Replicas of one Executor and what each of them is given."""

    name: str = Field("", description="Name in the topology, in errors and in logs.")
    uses_dynamic_batching: dict[str, BatchingOptions] = Field(
        {}, description="Endpoint or method -> how its requests are joined, over what @dynamic_batching says."
    )
    replicas: int = Field(1, ge=1, description="Processes that run this Executor side by side.")
    env: dict[str, str] = Field({}, description="Environment variables of the worker processes.")
    queue: Limits = Field(Limits(), description="What each replica takes on at once.")
    queue_limits: dict[str, EndpointLimits] = Field(
        {}, description="Endpoint -> what of it each replica takes on at once."
    )
    allow_concurrent: AllowConcurrent = Field(
        False, description="Whether synchronous methods run side by side in threads; a number says in how many."
    )
    max_concurrency: dict[str, Annotated[int, Field(gt=0)]] = Field(
        {}, description="Endpoint -> how many of its requests a replica works on at once, over what @requests says."
    )
    devices: str | tuple[int | str, ...] | None = Field(
        None, description="Devices that the replicas take in turns: RR, RR0:3, RR[1,3], 0,1, cpu:0-3; see the guide."
    )
    probe: ProbeOptions | None = Field(None, description="What each replica asks itself, and how often.")
    stuck_after: float | None = Field(
        600.0,
        gt=0,
        description="Seconds that one call may keep a thread before the replica is replaced; null: for ever.",
    )
    warmup: dict[str, Any] = Field(
        {}, description="Endpoint -> a document, or a list of them, that is sent there before the replica is ready."
    )
    exit_on_exceptions: tuple[str, ...] = Field(
        (), description="Names of classes of exceptions after which a replica answers, ends, and is started again."
    )
    quiet_error: bool = Field(False, description="Log exceptions of user code in one line, without their traceback.")
    development: bool = Field(
        False, description="Send the traceback of user code to callers. THALWEG_DEVELOPMENT=1 does so everywhere."
    )

    @field_validator("exit_on_exceptions", mode="before")
    @classmethod
    def _one_exception_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("warmup")
    @classmethod
    def _documents_to_warm_up_with(cls, value: dict[str, Any]) -> dict[str, Any]:
        for path, documents in value.items():
            each = documents if isinstance(documents, list) else [documents]
            if not all(isinstance(document, (dict, BaseModel)) for document in each):
                raise ValueError(f"what {path} is warmed up with must be a document, a mapping, or a list of them")
        return value


def addresses(hosts: Sequence[str], ports: Sequence[int], encrypted: bool) -> list[str]:
    """URLs of gRPC for hosts that may name a scheme and a port themselves.

    Raises:
        ValueError: a host is none, or hosts and ports do not match.
    """
    hosts = hosts or ("localhost",)
    if len(hosts) == 1 and len(ports) > 1:
        hosts = tuple(hosts) * len(ports)
    if len(ports) > 1 and len(ports) != len(hosts):
        raise ValueError(f"{len(hosts)} hosts and {len(ports)} ports: give one port for all, or one for each")
    found = []
    for index, host in enumerate(hosts):
        scheme, separator, place = host.partition("://")
        if not separator:
            scheme, place = "grpcs" if encrypted else "grpc", host
        if scheme not in ("grpc", "grpcs"):
            raise ValueError(f"{host!r}: an external Executor is called over gRPC, by grpc:// or grpcs://")
        if encrypted:
            scheme = "grpcs"
        parts = urlsplit(f"//{place}")
        if not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"{host!r} names no host")
        if parts.port is not None and ports:
            raise ValueError(f"{host!r} has a port of its own; leave out port, or take it out of host")
        if parts.port is None and not ports:
            raise ValueError(f"{host!r} has no port; write it as {host}:50051, or give port")
        port = parts.port if parts.port is not None else ports[index % len(ports)]
        name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        found.append(f"{scheme}://{name}:{port}")
    return found


class NodeOptions(WorkerOptions):
    """One Executor of a Flow. `needs` None means: the Executor added before it."""

    needs: tuple[str, ...] | None = Field(None, description="Names of the Executors whose output this one reads.")

    external: bool = Field(False, description="Whether it runs somewhere else already, and is only called.")
    host: tuple[str, ...] = Field(
        (),
        description="Where an external one listens: names, host:port, or URLs with grpc:// or grpcs://; several replicas.",
    )
    port: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(
        (), description="Ports of the hosts that name none: one for all, or one for each."
    )
    tls: bool | ClientTlsOptions = Field(
        False, description="Whether an external one is called encrypted, and whom to trust."
    )
    grpc_metadata: tuple[tuple[str, str], ...] = Field(
        (), description="Headers that go with every request to an external one, such as a token."
    )
    grpc_channel_options: tuple[tuple[str, int | str], ...] = Field(
        (), description="Options of gRPC's own channel to an external one, by name; they win over Thalweg's."
    )
    compression: Compression | None = Field(None, description="How requests to an external one are packed.")
    timeout_ready: float = Field(
        60.0, gt=0, description="Seconds that an external one may take to be there at a start."
    )

    @field_validator("needs", mode="before")
    @classmethod
    def _one_or_many_needs(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("host", mode="before")
    @classmethod
    def _one_or_many_hosts(cls, value: Any) -> Any:
        listed = [value] if isinstance(value, str) else value
        return tuple(part.strip() for one in listed for part in str(one).split(",")) if listed else ()

    @field_validator("port", mode="before")
    @classmethod
    def _one_or_many_ports(cls, value: Any) -> Any:
        return (
            tuple(value.split(",")) if isinstance(value, str) else (value,) if isinstance(value, int) else value or ()
        )

    @field_validator("compression", mode="before")
    @classmethod
    def _compression_by_name(cls, value: Any) -> Any:
        return compression_by_name(value)

    @field_validator("grpc_metadata", "grpc_channel_options", mode="before")
    @classmethod
    def _pairs_of_a_mapping(cls, value: Any) -> Any:
        return tuple(value.items()) if isinstance(value, Mapping) else value or ()

    @model_validator(mode="after")
    def _only_an_external_one_is_somewhere(self) -> Self:
        elsewhere = ("host", "port", "tls", "grpc_metadata", "grpc_channel_options", "compression")
        given = [name for name in elsewhere if getattr(self, name)]
        if given and not self.external:
            raise ValueError(f"{', '.join(given)}: of use with external=True only; the Flow itself starts all others")
        if self.external:
            if not self.host and not self.port:
                raise ValueError("an external Executor needs a host or a port, such as host='grpc://encoder:50051'")
            if self.uses is not None:
                raise ValueError("an external Executor is not started here; leave out uses")
            addresses(self.host, self.port, bool(self.tls))
        return self

    @property
    def addresses(self) -> list[str]:
        """The URLs of an external one's replicas."""
        return addresses(self.host, self.port, bool(self.tls))

    @property
    def trust(self) -> ClientTlsOptions | None:
        """Whom to trust where an external one is called encrypted; None is whom the system trusts."""
        return self.tls if isinstance(self.tls, ClientTlsOptions) else None


class DeploymentOptions(WorkerOptions, BalancerOptions):
    """One Executor served alone."""


class FlowOptions(Options):
    """A Gateway and the Executors behind it."""

    name: str = "flow"
    gateway: GatewayOptions = GatewayOptions()
    executors: tuple[NodeOptions, ...] = ()
