"""A WebSocket server around a handler that remembers, and what a caller does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from thalweg.message import Context, EndpointDescription, Request, Response, ServiceDescription
from thalweg.transport import registry
from thalweg.transport.contract import Serving

Respond = Callable[[Request, Context], AsyncGenerator[Response, None]]

DESCRIPTION = ServiceDescription(
    "rivers",
    (
        EndpointDescription("/echo"),
        EndpointDescription("/bare", envelope=False),
        EndpointDescription("/count", streaming=True),
        EndpointDescription("/chat", streaming=True, reads_stream=True),
    ),
)


async def echo(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    yield Response(request.body, request.content_type, request.parameters)


@dataclass
class Recorder:
    """A handler that remembers what it was asked."""

    respond: Respond = echo
    requests: list[Request] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.requests.append(request)
        self.contexts.append(context)
        return self.respond(request, context)


Open = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture
def serve() -> Open:
    """Serve a handler; gives the address."""

    @asynccontextmanager
    async def opened(handler: Any = None, address: str = "ws://127.0.0.1:0", **settings: Any) -> AsyncIterator[str]:
        handler = Recorder(handler) if callable(handler) else handler or Recorder()
        settings.setdefault("describe", lambda: DESCRIPTION)
        server = registry.server(address, Serving(handler, **settings))
        await server.start()
        try:
            yield server.address
        finally:
            await server.stop()

    return opened


@asynccontextmanager
async def talk(address: str, *protocols: str, **settings: Any) -> AsyncIterator[ClientConnection]:
    named = [Subprotocol(name) for name in protocols] or None
    async with asyncio.timeout(60), connect(address, subprotocols=named, proxy=None, **settings) as talking:
        yield talking


async def say(talking: ClientConnection, **letter: Any) -> None:
    await talking.send(json.dumps(letter))


async def hear(talking: ClientConnection) -> dict[str, Any]:
    heard = json.loads(await talking.recv())
    assert isinstance(heard, dict)
    return heard
