"""What every transport is: a server around a handler, and a channel that is one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from thalweg.config import Compression, ConnectionOptions, CorsOptions, Limits, TlsOptions, WebSocketOptions
from thalweg.errors import Unavailable
from thalweg.message import Context, Handler, Request, Response, ServiceDescription
from thalweg.message.snapshot import SnapshotProgress

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI 3 application (https://asgi.readthedocs.io)."""


class Snapshots(Protocol):
    """Takes and restores the state of an Executor. `context` says who asks; all of it raises `Unauthenticated`,
    `PermissionDenied` or `RateLimited` where they may not. Used on the server's event loop; never waits."""

    def take(self, context: Context) -> SnapshotProgress:
        """Begin a snapshot. Raises `Overloaded` while one is taken or restored, and `Unavailable` at the end."""

    def taken(self, snapshot_id: str, context: Context) -> SnapshotProgress:
        """How far one has got."""

    def restore(self, file: str, context: Context) -> SnapshotProgress:
        """Begin to restore the state in `file`. Raises as `take` does, and `ClientError` where it is no snapshot."""

    def restored(self, restore_id: str, context: Context) -> SnapshotProgress:
        """How far that has got."""


def _nothing_known() -> ServiceDescription:
    return ServiceDescription(name="service")


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Serving:
    """What a server serves: the handler, and what it may say of it to those who ask."""

    handler: Handler
    limits: Limits = field(default_factory=Limits)
    timeout: float | None = None
    """Seconds a request may take where it brings no deadline of its own."""
    describe: Callable[[], ServiceDescription] = _nothing_known
    ready: Callable[[], bool] = _always
    alive: Callable[[], bool] = _always
    """False once it will not be ready again, and is to be replaced."""
    troubles: Callable[[], Mapping[str, str]] = dict
    """What is wrong, by name of an Executor or a process: for everybody who asks whether it is ready."""
    title: str = ""
    description: str = ""
    version: str = ""
    cors: CorsOptions | None = None
    root_path: str = ""
    """The path below which a proxy shows the server, and which it takes away."""
    tls: TlsOptions | None = None
    connections: ConnectionOptions = field(default_factory=ConnectionOptions)
    websocket: WebSocketOptions = field(default_factory=WebSocketOptions)
    compression: Compression | None = None
    """How answers are packed over gRPC."""
    grpc_options: Sequence[tuple[str, int | str]] = ()
    """Options of gRPC's own server, which win over ours."""
    apps: Mapping[str, AsgiApp] = field(default_factory=dict)
    """URL prefix -> an ASGI application that answers whatever is asked below it over HTTP; one at "/" gets what nothing
    else answers."""
    routes: bool = True
    """Whether endpoints, and what is told of them, have routes over HTTP beside `apps`; `/healthz` and `/readyz` always
    do."""
    snapshots: Snapshots | None = None
    """Its state, where there is one; of use to transports that speak of it."""
    pages: Mapping[str, Path] = field(default_factory=dict)
    """URL path -> a file, or a folder whose files are shown below that path; of use to transports that show pages."""


class Server(ABC):
    """Listens, and hands each request to its handler. Made and used on one event loop.

    For each request the server makes a `Context`, iterates `handler.handle` in a task of its own, enforces the deadline,
    and cancels that task when the peer calls the request off or goes away. Past its limits it answers `Overloaded` or
    `PayloadTooLarge` without asking the handler. It never buffers more than `Limits.stream_window` items of a stream
    that its peer does not read.
    """

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it listens, as a URL that a channel of the same transport takes. Known once started."""

    @abstractmethod
    async def start(self) -> None:
        """Bind and listen. Raises `OSError` where the address cannot be had; then nothing is left open."""

    @abstractmethod
    async def stop(self, drain_seconds: float = 0.0) -> None:
        """Stop accepting, answer what comes meanwhile with `Unavailable`, let requests under way end, cancel those that
        have not ended after `drain_seconds`, then close every connection. Idempotent; a second call while one is under way
        with a smaller `drain_seconds` shortens it. Leaves no task, socket or file."""


class Channel(ABC):
    """A handler that is somewhere else. Any number of requests may be under way at once.

    `handle` raises what the far handler raised; `PeerLost` when the connection breaks before the answer is complete;
    `Unavailable` when there is no connection and none can be made; `DeadlineExceeded` when the context's deadline passes,
    whether or not the far side says so. Closing or cancelling the iterator tells the far side at once.
    """

    @abstractmethod
    async def connect(self) -> None:
        """Open the connection. Raises `Unavailable` where nobody listens. Idempotent."""

    @abstractmethod
    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]: ...

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether the peer was there when last heard of."""

    async def ready(self) -> bool:
        """Whether the far side says that it is ready to answer (`Serving.ready`). Raises `Unavailable` without a
        connection."""
        return self.connected

    async def describe(self) -> ServiceDescription:
        """What the far side says of itself (`Serving.describe`). Raises `Unavailable` without a connection, and where its
        protocol has no words for that."""
        raise Unavailable("Nobody can be asked here for what is served.")

    @abstractmethod
    async def closed(self) -> None:
        """Return when the connection takes no new requests any more: lost, closed, or the server is shutting down."""

    @abstractmethod
    async def close(self) -> None:
        """Fail what is under way with `PeerLost` and close. Idempotent. Leaves no task, socket or file."""
