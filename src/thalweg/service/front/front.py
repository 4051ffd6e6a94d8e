"""What stands between a service and its callers: a guard, and code of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar, cast

from thalweg.access import Guard
from thalweg.config.concurrency import HIGHEST_PRIORITY
from thalweg.config.connections import CorsOptions, GraphqlOptions
from thalweg.config.objects import ObjectReference, object_reference
from thalweg.config.servers import GatewayOptions, ServerOptions
from thalweg.errors import ConfigurationError
from thalweg.message import ServiceDescription, UnaryHandler
from thalweg.service.front.claims import Claims
from thalweg.service.front.middleware import wrapped
from thalweg.service.front.provider import PATHS, Invocations
from thalweg.service.front.throttle import throttled
from thalweg.service.snapshots.access import GuardedSnapshots
from thalweg.transport import graphql
from thalweg.transport.contract import AsgiApp, Serving, Snapshots

Server = TypeVar("Server", bound=ServerOptions)


class Service(UnaryHandler, Protocol):
    """A worker, or a Flow's handler."""

    @property
    def description(self) -> ServiceDescription: ...

    @property
    def ready(self) -> bool: ...

    @property
    def alive(self) -> bool: ...

    @property
    def troubles(self) -> Mapping[str, str]:
        """See `Serving.troubles`."""
        ...


@dataclass(frozen=True)
class Setting:
    """Where a custom Gateway finds itself."""

    name: str
    service: Service
    options: GatewayOptions
    addresses: tuple[str, ...]
    """Where its callers expect it, as URLs; port 0 means any."""
    executors: tuple[str, ...] = ()
    """Names of the Executors of the Flow."""


class Program(Protocol):
    """A custom Gateway, as the process sees it: see `thalweg.Gateway`, which is one."""

    routes: bool
    """Whether the endpoints have routes beside its application."""

    async def open(self, setting: Setting) -> list[str] | None:
        """Begin. Returns where it listens itself, or None where the process is to listen for it."""

    def application(self) -> AsgiApp | None:
        """What is shown over HTTP."""

    async def close(self) -> None:
        """End, and leave nothing open."""


@dataclass(frozen=True)
class Additions:
    """The user's own code in front of a service, in a form that can be sent to another process."""

    apps: Mapping[str, ObjectReference] = field(default_factory=dict)
    middleware: tuple[ObjectReference, ...] = ()
    gateway: ObjectReference | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, options: ServerOptions) -> Additions:
        """Those that `options` name. Imports nothing.

        Raises:
            ConfigurationError: one of them names nothing, or cannot be sent.
        """
        apps = {path: object_reference(app, f"apps[{path!r}]") for path, app in options.apps.items()}
        middleware = tuple(object_reference(one, "middleware") for one in options.middleware)
        if not isinstance(options, GatewayOptions) or options.uses is None:
            return cls(apps, middleware)
        return cls(apps, middleware, object_reference(options.uses, "uses"), options.uses_with)


def without_objects(options: Server) -> Server:
    """`options` without the user's objects, which travel as `Additions`."""
    without: dict[str, Any] = {"apps": {}, "middleware": ()}
    if isinstance(options, GatewayOptions):
        without |= {"uses": None, "uses_with": {}}
    return options.model_copy(update=without)


class Front:
    """The additions, looked up in the process where they work."""

    def __init__(self, additions: Additions) -> None:
        """Raises `ConfigurationError` where one is not found, or is not what it should be."""
        self._apps = {path: _callable(app.resolve(), f"apps[{path!r}]") for path, app in additions.apps.items()}
        self._middleware = [_callable(one.resolve(), "middleware") for one in additions.middleware]
        self._program: Program | None = None
        if additions.gateway is not None:
            made = _callable(additions.gateway.resolve(), "uses")(**additions.arguments)
            if not callable(getattr(made, "open", None)) or not callable(getattr(made, "application", None)):
                raise ConfigurationError(
                    f"uses={additions.gateway.text!r} of the Gateway is no class derived from thalweg.Gateway."
                )
            self._program = made

    async def open(self, setting: Setting) -> list[str] | None:
        """Let a custom Gateway begin. Returns where it listens itself; None where the process is to listen."""
        return None if self._program is None else await self._program.open(setting)

    async def close(self) -> None:
        """End it."""
        if self._program is not None:
            await self._program.close()

    def serving(
        self,
        service: Service,
        options: ServerOptions,
        handler: UnaryHandler | None = None,
        snapshots: Snapshots | None = None,
    ) -> Serving:
        """What servers for everybody serve: `handler` where one stands before the service already."""
        if snapshots is not None and options.access is not None:
            snapshots = GuardedSnapshots(snapshots, Guard(service, options.access))
        apps, routes = dict(self._apps), options.routes
        program = self._program
        if program is not None:
            routes = routes and program.routes
            shown = program.application()
            if shown is not None:
                apps.setdefault("/", shown)
        serving = Serving(
            self._guarded(throttled(handler or service, options.limits), options),
            options.limits,
            timeout=options.timeout,
            describe=lambda: service.description,
            ready=lambda: service.ready,
            alive=lambda: service.alive,
            troubles=lambda: service.troubles,
            title=options.title,
            description=options.description,
            version=options.version,
            cors=(CorsOptions() if options.cors else None) if isinstance(options.cors, bool) else options.cors,
            root_path=options.root_path,
            tls=options.tls,
            connections=options.connections,
            websocket=options.websocket,
            compression=options.compression,
            grpc_options=options.grpc_server_options,
            apps=apps,
            routes=routes,
            snapshots=snapshots,
            pages=options.pages,
        )
        if options.provider != "none":
            invocations = Invocations(serving, options.provider_endpoint)
            serving = replace(serving, apps={**dict.fromkeys(PATHS, invocations), **serving.apps})
        if options.graphql is False:
            return serving
        chosen = GraphqlOptions() if isinstance(options.graphql, bool) else options.graphql
        return replace(serving, apps={chosen.path: graphql.app(serving, chosen), **serving.apps})

    def _guarded(self, handler: UnaryHandler, options: ServerOptions) -> UnaryHandler:
        for wrap in reversed(self._middleware):
            handler = wrapped(wrap, handler)
        if options.access is not None:
            handler = Guard(handler, options.access)
        if options.caller_share and options.caller_priority == HIGHEST_PRIORITY:
            return handler
        return Claims(handler, options.caller_priority, options.caller_share)


def _callable(found: Any, what: str) -> Callable[..., Any]:
    if not callable(found):
        raise ConfigurationError(f"{what} is {found!r}, which cannot be called.")
    return cast(Callable[..., Any], found)
