"""`Gateway`: the class that users derive their own from."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from thalweg.client import AsyncClient
from thalweg.config import GatewayOptions
from thalweg.errors import ConfigurationError
from thalweg.gateway.streamer import ExecutorCalls, Streamer
from thalweg.service.front.front import Setting
from thalweg.transport import registry
from thalweg.transport.contract import AsgiApp, Serving

CONNECT_SECONDS = 0.02
"""Between two looks whether a server of the user's own listens already."""


class Gateway:
    """What stands in front of a Flow, with code of your own in it. Name it in `Flow.config_gateway(uses=...)`.

        class Front(Gateway):
            @property
            def app(self):
                api = FastAPI()

                @api.get("/ask")
                async def ask(text: str):
                    docs = await self.streamer.post("/search", Query(text=text), return_type=Answer)
                    return [doc.text for doc in docs]

                return api

    It is made once, in the Gateway's process, on its event loop. Override what you need:

    * `app`: an ASGI application. It gets what no route of Thalweg answers, or everything where `routes` is False.
    * `start` and `stop`: what comes before the first request and after the last one.
    * `serve`: listen yourself, at `addresses`. Then Thalweg does not.

    Args:
        options: `uses_with` of `Flow.config_gateway`.

    Attributes:
        name: that of the Flow.
        options: those of the Gateway.
        addresses: where callers expect it, as URLs, one for each protocol; ports are numbers that are free.
        streamer: sends documents through the graph.
        executor: each Executor by its name, to call it alone.
        logger: the standard logger `thalweg.gateway`.
    """

    routes: ClassVar[bool] = True
    """Whether endpoints have routes over HTTP, as without a custom Gateway. `/healthz` and `/readyz` always do."""

    name: str
    options: GatewayOptions
    addresses: tuple[str, ...]
    streamer: Streamer
    executor: ExecutorCalls
    logger: logging.Logger

    def __init__(self, **options: Any) -> None:
        if options:
            raise ConfigurationError(f"{type(self).__name__} knows no argument {', '.join(sorted(options))}.")

    @property
    def app(self) -> AsgiApp | None:
        """The ASGI application to show. Asked for once, after `start`."""
        return None

    async def start(self) -> None:
        """Called before anything listens; `streamer` and `executor` work already."""

    async def serve(self) -> None:
        """Listen at `addresses` and answer until the task is cancelled; then stop listening and return or raise."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Called when nothing listens any more."""

    async def open(self, setting: Setting) -> list[str] | None:
        """Begin; called by the process. Returns where it listens, where that is its own business."""
        self.name = setting.name
        self.options = setting.options
        self.addresses = setting.addresses
        self.logger = logging.getLogger("thalweg.gateway")
        self._within = registry.server(
            f"inprocess://gateway-{id(self):x}",
            Serving(setting.service, setting.options.limits, describe=lambda: setting.service.description),
        )
        await self._within.start()
        self._client = AsyncClient(self._within.address, limits=setting.options.limits)
        self.streamer = Streamer(self._client)
        self.executor = ExecutorCalls(self.streamer, setting.executors)
        self._serving: asyncio.Task[None] | None = None
        if type(self).serve is Gateway.serve:
            await self.start()
            return None
        self.addresses = tuple(map(_with_port, setting.addresses))
        await self.start()
        self._serving = asyncio.ensure_future(self.serve())
        await self._listens(self._serving)
        return list(self.addresses)

    def application(self) -> AsgiApp | None:
        """What the process is to show; see `app`."""
        return self.app

    async def close(self) -> None:
        """End; called by the process."""
        if self._serving is not None:
            self._serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._serving
        await self.stop()
        await self._client.close()
        await self._within.stop()

    async def _listens(self, serving: asyncio.Task[None]) -> None:
        """Return when something accepts connections at each address."""
        for address in self.addresses:
            parts = urlsplit(address)
            host = "127.0.0.1" if parts.hostname in (None, "0.0.0.0") else parts.hostname
            while not serving.done():
                try:
                    _, writer = await asyncio.open_connection(host, parts.port)
                except OSError:
                    await asyncio.wait([serving], timeout=CONNECT_SECONDS)
                    continue
                writer.close()
                break
            else:
                await serving
                raise ConfigurationError(f"{type(self).__name__}.serve ended before it listened at {address}.")


def _with_port(address: str) -> str:
    """`address` with a number in place of port 0."""
    parts = urlsplit(address)
    if parts.port:
        return address
    host = parts.hostname or "0.0.0.0"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return urlunsplit((parts.scheme, f"{shown}:{port}", "", "", ""))
