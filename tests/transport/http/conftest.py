from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from thalweg.config import WebSocketOptions
from thalweg.errors import InternalError
from thalweg.message import Context, EndpointDescription, Pending, Reply, Request, Response, ServiceDescription
from thalweg.transport.contract import Serving
from thalweg.transport.dispatch import dispatch
from thalweg.transport.http.listener import HttpServer

Respond = Callable[[Request, Context], AsyncGenerator[Response, None]]

DESCRIPTION = ServiceDescription(
    "rivers",
    (
        EndpointDescription("/echo", description="Gives back what came."),
        EndpointDescription("/deep/er", description="Has two segments."),
        EndpointDescription("/count", description="Counts.", streaming=True),
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


class ShortRecorder(Recorder):
    """The same with the short way for requests that have one answer."""

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending:
        async def work() -> None:
            given: list[Response] = []
            error = await dispatch(self, request, context, given.append)
            if error is None and len(given) != 1:
                error = InternalError("Not one answer.")
            if error is None:
                reply.answer(given[0])
            else:
                reply.fail(error)

        return asyncio.get_running_loop().create_task(work())


@dataclass
class Site:
    """A started server, what it asks, and a client without manners of its own."""

    server: HttpServer
    handler: Recorder
    client: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return self.server.address

    async def post(self, path: str, body: bytes = b"{}", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer; `_` in a header's name stands for `-`."""
        return await self.ask("POST", path, body, **headers)

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        lines = {"content-type": "application/json"} if method == "POST" else {}
        lines["accept-encoding"] = "identity"
        sent = BytesIO(body) if len(body) > 1 << 20 else body  # aiohttp warns of large ones
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.request(method, self.url + path, data=sent, headers=lines) as response:
            return (
                response.status,
                {name.lower(): value for name, value in response.headers.items()},
                await response.read(),
            )

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A bare connection."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            yield reader, writer
        finally:
            writer.close()


@pytest.fixture(params=["long", "short"])
async def serve(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Start a server around an async generator function; keyword arguments are those of `Serving`."""
    caplog.set_level("INFO")
    async with AsyncExitStack() as stack:

        async def start(respond: Respond = echo, **serving: Any) -> Site:
            handler = (ShortRecorder if request.param == "short" else Recorder)(respond)
            serving.setdefault("describe", lambda: DESCRIPTION)
            serving.setdefault("websocket", WebSocketOptions(path=""))
            server = HttpServer("http://127.0.0.1:0", Serving(handler, **serving))
            await server.start()
            stack.push_async_callback(server.stop)
            client = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
            return Site(server, handler, client)

        yield start
    odd = [record.getMessage() for record in caplog.get_records("call") if "ASGI" in record.getMessage()]
    assert not odd, "uvicorn found something odd about an answer"
