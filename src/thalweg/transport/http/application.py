"""The ASGI application of the server: endpoints by `POST`, and by `GET` what the server says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from thalweg.errors import EndpointNotFound, Unavailable
from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT
from thalweg.transport.admission import RETRY_AFTER_SECONDS, Admission
from thalweg.transport.contract import Serving
from thalweg.transport.http.exchange import Exchange, Receive, Scope, Send
from thalweg.transport.http.failures import MethodNotAllowed
from thalweg.transport.http.openapi import openapi
from thalweg.transport.http.pages import Page, docs_asset, docs_page, find_file, read_page

READ = ("GET", "HEAD")


class Application:
    """Answers every HTTP request of one server. The `Site` of its exchanges."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.admission = Admission(serving.limits)
        self.draining = False
        self.date_line = b""
        self._working: set[object] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._described: ServiceDescription | None = None
        self._endpoints: dict[str, EndpointDescription] = {}
        self._views: dict[str, Callable[[], Page | Awaitable[Page]]] = {
            "/": self._overview,
            "/docs": self._docs,
            "/healthz": self._health,
            "/openapi.json": self._openapi,
            "/readyz": self._readiness,
        }

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        return Exchange(self, scope, receive, send).run()

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

    def endpoint(self, path: str) -> EndpointDescription | None:
        """The description of what answers at `path`; None where the service does not tell what it answers.

        Raises:
            EndpointNotFound: nothing does.
            MethodNotAllowed: there is only something to read.
        """
        described = self.serving.describe()
        if described is not self._described:
            self._described = described
            self._endpoints = {endpoint.path: endpoint for endpoint in described.endpoints}
        found = self._endpoints.get(path) or self._endpoints.get(DEFAULT_ENDPOINT)
        if found is not None or not self._endpoints:
            return found
        if path in self._views:
            raise MethodNotAllowed(f"{path} is there to be read.", allow=READ)
        raise self._unknown(path)

    async def page(self, method: str, path: str) -> Page:
        """What is shown at `path`.

        Raises:
            EndpointNotFound: nothing is.
            MethodNotAllowed: something else can be done there.
        """
        file = find_file(self.serving.pages, path)
        view = self._views.get(path)
        if file is None and view is None:
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
        links = {"docs": "/docs", "openapi": "/openapi.json", "health": "/healthz", "readiness": "/readyz"}
        return _json({"service": self._title(), "endpoints": endpoints, "links": links})

    def _health(self) -> Page:
        return _json({"status": "alive"})

    def _readiness(self) -> Page:
        if not self.draining and self.serving.ready():
            return _json({"status": "ready"})
        reason = "The server is stopping." if self.draining else "The service is not ready yet."
        raise Unavailable(reason, retry_after=RETRY_AFTER_SECONDS)

    def _openapi(self) -> Page:
        return _json(openapi(self.serving.describe(), self._title()))

    async def _docs(self) -> Page:
        return docs_page(self._title())


def _json(content: object) -> Page:
    return Page("application/json", msgspec.json.encode(content))
