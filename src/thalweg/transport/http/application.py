"""The ASGI application of the server: endpoints by `POST`, and by `GET` what the server says of itself."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Coroutine
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from thalweg import __version__
from thalweg.errors import EndpointNotFound, ThalwegError, Unavailable
from thalweg.message import Context, EndpointDescription, Request, Response, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT, DRY_RUN_ENDPOINT
from thalweg.transport.admission import RETRY_AFTER_SECONDS, Admission
from thalweg.transport.contract import AsgiApp, Receive, Scope, Send, Serving
from thalweg.transport.dispatch import dispatch
from thalweg.transport.http.addressing import POST
from thalweg.transport.http.cors import Cors
from thalweg.transport.http.exchange import Exchange
from thalweg.transport.http.failures import MethodNotAllowed
from thalweg.transport.http.mount import Lifespan, below
from thalweg.transport.http.openapi import openapi
from thalweg.transport.http.pages import Page, docs_asset, docs_page, find_file, read_page

READ = ("GET", "HEAD")
DRY_RUN_SECONDS = 30.0
LIBRARIES = ("pydantic", "msgspec", "numpy", "uvicorn")
"""Whose versions are told beside our own."""


class Application:
    """Answers every HTTP request of one server. The `Site` of its exchanges."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.admission = Admission(serving.limits)
        self.draining = False
        self.date_line = b""
        self.cors = Cors(serving.cors) if serving.cors is not None else None
        self._apps = {path.rstrip("/") or "/": app for path, app in serving.apps.items()}
        self.lifespans: dict[str, Lifespan] = {}
        self._prefixes = sorted((path for path in self._apps if path != "/"), key=len, reverse=True)
        self._working: set[object] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._described: ServiceDescription | None = None
        self._endpoints: dict[str, EndpointDescription] = {}
        self._plain: dict[str, EndpointDescription] = {}
        self._fallback: EndpointDescription | None = None
        self._probes: dict[str, Callable[[], Page]] = {"/healthz": self._health, "/readyz": self._readiness}
        self._views: dict[str, Callable[[], Page | Awaitable[Page]]] = dict(self._probes)
        if serving.routes:
            self._views |= {
                "/": self._overview,
                "/docs": self._docs,
                "/dry_run": self._dry_run,
                "/openapi.json": self._openapi,
                "/status": self._status,
            }

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        if scope["type"] == "websocket":
            return self._websocket(scope, receive, send)
        return Exchange(self, scope, receive, send).run()

    async def begin(self) -> None:
        """Start the applications. Raises `ConfigurationError` where one does not; then none is left running."""
        try:
            for prefix, app in self._apps.items():
                lifespan = self.lifespans[prefix] = Lifespan(prefix, app)
                await lifespan.start()
        except BaseException:
            await self.end()
            raise

    async def end(self) -> None:
        """End the applications, the last first."""
        while self.lifespans:
            await self.lifespans.popitem()[1].stop()

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket of an application; there are no others here."""
        found = self.app(scope["path"])
        if found is None:
            await receive()
            await send({"type": "websocket.close"})
            return
        prefix, app = found
        await app(below(scope, prefix, self.serving.root_path, self.lifespans[prefix].state), receive, send)

    def entered(self, work: object) -> None:
        self._working.add(work)
        self._idle.clear()

    def left(self, work: object) -> None:
        self._working.discard(work)
        if not self._working:
            self._idle.set()

    async def idle(self) -> None:
        """Return when nothing that has `entered` is under way."""
        await self._idle.wait()

    def _look(self) -> None:
        """Take in what the service describes, where that has changed."""
        described = self.serving.describe()
        if described is self._described:
            return
        self._described = described
        self._endpoints = {endpoint.path: endpoint for endpoint in described.endpoints} if self.serving.routes else {}
        self._plain = {
            path: found for path, found in self._endpoints.items() if _plain(found) and not self._below(path)
        }
        fallback = self._endpoints.get(DEFAULT_ENDPOINT)
        self._fallback = fallback if fallback is not None and _plain(fallback) else None
        self._plain.pop(DEFAULT_ENDPOINT, None)

    def plain(self, path: str) -> EndpointDescription | None:
        """See `Site`."""
        if self.serving.describe() is not self._described:
            self._look()
        found = self._plain.get(path)
        if found is None and self._fallback is not None and path not in self._endpoints and path != POST:
            return None if self._below(path) else self._fallback
        return found

    def endpoint(self, path: str) -> EndpointDescription | None:
        """The description of what answers at `path`; None where the service does not tell what it answers.

        Raises:
            EndpointNotFound: nothing does.
            MethodNotAllowed: there is only something to read.
        """
        self._look()
        found = self._endpoints.get(path) or self._endpoints.get(DEFAULT_ENDPOINT)
        if found is not None or (not self._endpoints and self.serving.routes):
            return found
        if path in self._views:
            raise MethodNotAllowed(f"{path} is there to be read.", allow=READ)
        raise self._unknown(path)

    def posted(self, path: str) -> EndpointDescription | None:
        """See `Site`."""
        if path == POST and self.serving.routes:
            self._look()
            return self._endpoints.get(POST)
        return self.endpoint(path)

    def streams(self, path: str) -> bool:
        """See `Site`."""
        self._look()
        found = self._endpoints.get(path)
        return found is not None and found.streaming and path not in self.serving.pages

    def app(self, path: str) -> tuple[str, AsgiApp] | None:
        """See `Site`."""
        if not self._apps:
            return None
        prefix = self._below(path)
        if not prefix and "/" in self._apps and not self._answers(path):
            prefix = "/"
        return (prefix, self._apps[prefix]) if prefix else None

    @property
    def apps(self) -> dict[str, AsgiApp]:
        """The applications beside the endpoints, by the prefix that each stands at."""
        return self._apps

    def _below(self, path: str) -> str:
        """The prefix of an application that `path` is at or below; empty where it is below none."""
        for prefix in self._prefixes:
            if path == prefix or path.startswith(f"{prefix}/"):
                return prefix
        return ""

    def _answers(self, path: str) -> bool:
        """Whether anything but an application answers at `path`. At the root the application does."""
        self._look()
        if path == "/":
            return "/" in self.serving.pages
        if path in self._views or path in self._endpoints or find_file(self.serving.pages, path) is not None:
            return True
        return self.serving.routes and (path == POST or docs_asset(path) is not None)

    async def page(self, method: str, path: str) -> Page:
        """What is shown at `path`.

        Raises:
            EndpointNotFound: nothing is.
            MethodNotAllowed: something else can be done there.
        """
        file = find_file(self.serving.pages, path)
        view = self._views.get(path)
        if file is None and view is None and self.serving.routes:
            file = docs_asset(path)
        if file is None and view is None:
            self.endpoint(path)
            raise MethodNotAllowed(f"{path} is an endpoint: it answers POST.", allow=("POST",))
        if method not in READ:
            raise MethodNotAllowed(f"{path} is there to be read.", allow=READ)
        if file is not None:
            return await asyncio.to_thread(read_page, file)
        assert view is not None
        page = view()
        return page if isinstance(page, Page) else await page

    def _unknown(self, path: str) -> EndpointNotFound:
        known = ", ".join(sorted(self._endpoints))
        return EndpointNotFound(
            f"There is no endpoint {path}; there are: {known}.",
            details=[{"endpoint": endpoint} for endpoint in sorted(self._endpoints)],
        )

    def _title(self) -> str:
        return self.serving.title or self.serving.describe().name

    def _overview(self) -> Page:
        endpoints = {
            endpoint.path: {"description": endpoint.description, "streaming": endpoint.streaming}
            for endpoint in self.serving.describe().endpoints
        }
        links = {
            "docs": "/docs",
            "openapi": "/openapi.json",
            "health": "/healthz",
            "readiness": "/readyz",
            "status": "/status",
        }
        return _json({"service": self._title(), "endpoints": endpoints, "links": links})

    def _health(self) -> Page:
        if self.serving.alive():
            return _json({"status": "alive"})
        raise Unavailable("The service will not answer again, and is being replaced.", retry_after=RETRY_AFTER_SECONDS)

    def _readiness(self) -> Page:
        if self.draining:
            raise Unavailable("The server is stopping.", retry_after=RETRY_AFTER_SECONDS)
        troubles = dict(self.serving.troubles())
        if self.serving.ready():
            return _json({"status": "degraded", "troubles": troubles} if troubles else {"status": "ready"})
        listed = "; ".join(f"{name}: {trouble}" for name, trouble in troubles.items())
        reason = f"The service is not ready: {listed}." if troubles else "The service is not ready yet."
        details = [{"name": name, "trouble": trouble} for name, trouble in troubles.items()]
        raise Unavailable(reason, retry_after=RETRY_AFTER_SECONDS, details=details)

    def _openapi(self) -> Page:
        return _json(openapi(self.serving.describe(), self._title(), self.serving))

    def _status(self) -> Page:
        """Whether it is ready, and the versions of what answers; also in the places where Jina has them."""
        versions = {"thalweg": __version__, "python": platform.python_version()}
        versions |= {name: found for name in LIBRARIES if (found := _version(name))}
        ready = not self.draining and self.serving.ready()
        status = "ready" if ready else "not ready"
        return _json({"status": status, "versions": versions, "jina": {"jina": __version__, **versions}, "envs": {}})

    async def _dry_run(self) -> Page:
        """A request without documents through all that answers, and how that went; 200 either way, as Jina has it."""
        given: list[Response] = []
        request, context = Request(DRY_RUN_ENDPOINT), Context.with_timeout(DRY_RUN_SECONDS)
        error = await dispatch(self.serving.handler, request, context, given.append)
        if error is not None:
            return _json(_dry_failure(error))
        timing = given[0].headers.get("server-timing") if given else None
        return _json({"code": 0, "description": "", "exception": None} | ({"timing": timing} if timing else {}))

    async def _docs(self) -> Page:
        return docs_page(self._title())


def _plain(endpoint: EndpointDescription) -> bool:
    return not endpoint.streaming and endpoint.envelope


def _dry_failure(error: ThalwegError) -> dict[str, Any]:
    exception = {
        "name": error.cause or type(error).__name__,
        "args": [error.message],
        "stacks": [],
        "executor": error.executor,
    }
    return {"code": 1, "description": error.message, "exception": exception}


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _json(content: object) -> Page:
    return Page("application/json", msgspec.json.encode(content))
