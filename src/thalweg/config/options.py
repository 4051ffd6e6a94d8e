"""The options of everything that can be started. One model a concern; units stand in the names or the descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Protocol = Literal["grpc", "http"]
MIB = 1 << 20


class Options(BaseModel):
    """A value: frozen, compared by content, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Limits(Options):
    """What one server takes on at once. Past a limit the answer is 429 or 413, never a longer queue."""

    max_message_bytes: int = Field(128 * MIB, gt=0, description="Largest request or answer, in bytes.")
    max_inflight: int = Field(2048, gt=0, description="Requests that are accepted and not yet answered.")
    max_inflight_bytes: int = Field(512 * MIB, gt=0, description="Payload bytes of those requests together.")
    stream_window: int = Field(16, gt=0, description="Items of one stream that may be under way, unread.")


class ServerOptions(Options):
    """Where a Gateway or a Deployment listens."""

    protocol: tuple[Protocol, ...] = Field(("grpc",), min_length=1, description="One or several of grpc, http.")
    port: tuple[Annotated[int, Field(ge=0, le=65535)], ...] = Field(
        (), description="One port for each protocol; 0 or none lets the system choose."
    )
    host: str = Field("0.0.0.0", description="Address to listen on.")
    limits: Limits = Field(Limits(), description="What the server takes on at once.")
    timeout: float | None = Field(None, gt=0, description="Seconds that a request may take where it names no deadline.")
    title: str = Field("", description="Title of the OpenAPI page; the name of the service where it is empty.")
    drain_seconds: float = Field(10.0, ge=0, description="How long requests under way may take to end at a stop.")
    pages: dict[str, Path] = Field(
        {}, description="URL path -> a file to show there over http, or a folder whose files are shown below it."
    )

    @field_validator("pages")
    @classmethod
    def _pages_at_paths(cls, value: dict[str, Path]) -> dict[str, Path]:
        for path in value:
            if not path.startswith("/"):
                raise ValueError(f"{path!r} is no URL path: it begins with '/'")
        return value

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
        return self


class GatewayOptions(ServerOptions):
    """The Gateway of a Flow."""

    retries: int = Field(2, ge=0, description="Further attempts, on other replicas, of a request that got no answer.")
    replica_wait: float = Field(
        10.0, ge=0, description="Seconds that a request waits for a replica to come back before it is answered 503."
    )


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
    replicas: int = Field(1, ge=1, description="Processes that run this Executor side by side.")
    env: dict[str, str] = Field({}, description="Environment variables of the worker processes.")
    queue: Limits = Field(Limits(), description="What each replica takes on at once.")


class NodeOptions(WorkerOptions):
    """One Executor of a Flow. `needs` None means: the Executor added before it."""

    needs: tuple[str, ...] | None = Field(None, description="Names of the Executors whose output this one reads.")

    @field_validator("needs", mode="before")
    @classmethod
    def _one_or_many_needs(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class DeploymentOptions(WorkerOptions, GatewayOptions):
    """One Executor served alone."""


class FlowOptions(Options):
    """A Gateway and the Executors behind it."""

    name: str = "flow"
    gateway: GatewayOptions = GatewayOptions()
    executors: tuple[NodeOptions, ...] = ()
