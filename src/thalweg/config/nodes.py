"""One Executor of a Flow: started by it, or running elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from thalweg.config.edges import EdgeOptions
from thalweg.config.encryption import ClientTlsOptions
from thalweg.config.options import Compression, compression_by_name
from thalweg.config.secrets import MaybeSecret
from thalweg.config.workers import WorkerOptions


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


class NodeOptions(WorkerOptions, EdgeOptions):
    """One Executor of a Flow. Without `uses`, and not external, it has no process: the Gateway joins what it reads."""

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
    grpc_metadata: tuple[tuple[str, MaybeSecret], ...] = Field(
        (), description="Headers that go with every request to an external one, such as a token."
    )
    grpc_channel_options: tuple[tuple[str, int | str], ...] = Field(
        (), description="Options of gRPC's own channel to an external one, by name; they win over Thalweg's."
    )
    compression: Compression | None = Field(None, description="How requests to an external one are packed.")
    timeout_ready: float = Field(
        60.0, gt=0, description="Seconds that an external one may take to be there at a start."
    )

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
            if self.shards > 1 or self.uses_before is not None or self.uses_after is not None:
                raise ValueError(
                    "an external Executor has its own shards; leave out shards, uses_before and uses_after"
                )
            if self.autoscale is not None:
                raise ValueError("an external Executor has its own replicas; leave out autoscale")
            addresses(self.host, self.port, bool(self.tls))
        return self

    @property
    def has_process(self) -> bool:
        """Whether something runs for it, here or elsewhere."""
        return self.external or self.uses is not None

    @property
    def addresses(self) -> list[str]:
        """The URLs of an external one's replicas."""
        return addresses(self.host, self.port, bool(self.tls))

    @property
    def trust(self) -> ClientTlsOptions | None:
        """Whom to trust where an external one is called encrypted; None is whom the system trusts."""
        return self.tls if isinstance(self.tls, ClientTlsOptions) else None
