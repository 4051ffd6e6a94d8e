"""Applications beside the endpoints: FastAPI, Starlette, and bare ones."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from thalweg.config import Limits
from thalweg.errors import ConfigurationError
from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT
from thalweg.testing.leaks import eventually, no_leaks
from thalweg.transport.contract import Serving
from thalweg.transport.http.listener import HttpServer


def shop(events: list[str]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        events.append("begin")
        yield {"colour": "blue"}
        events.append("end")

    app = FastAPI(lifespan=lifespan)

    @app.get("/items/{number}")
    async def read(number: int, request: Request) -> dict[str, object]:
        return {
            "number": number,
            "colour": request.state.colour,
            "url": str(request.url_for("read", number=7).path),
            "root_path": request.scope["root_path"],
        }

    @app.post("/echo")
    async def echo(request: Request) -> dict[str, int]:
        return {"size": len(await request.body())}

    @app.get("/slow")
    async def slow() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one "
            await asyncio.sleep(0.01)
            yield b"two"

        return StreamingResponse(parts())

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a bug")

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.send_text((await socket.receive_text()).upper())

    return app


async def test_an_application_answers_below_its_prefix_and_the_endpoints_elsewhere(serve) -> None:
    events: list[str] = []
    async with no_leaks():
        site = await serve(apps={"/shop": shop(events)}, root_path="/api")
        assert events == ["begin"]
        status, _, body = await site.ask("GET", "/shop/items/3")
        assert (status, json.loads(body)) == (
            200,
            {"number": 3, "colour": "blue", "url": "/api/shop/items/7", "root_path": "/api/shop"},
        )
        assert (await site.ask("GET", "/shop/slow"))[2] == b"one two"
        assert json.loads((await site.post("/shop/echo", bytes(1000)))[2]) == {"size": 1000}
        assert (await site.post("/echo", b"{}"))[0] == 200
        assert (await site.ask("GET", "/shop/docs"))[0] == 200
        assert (await site.ask("GET", "/shopping"))[0] == 404
        assert (await site.ask("GET", "/shop/nothing"))[0] == 404
        await site.client.close()
        await site.server.stop()
    assert events == ["begin", "end"]


async def test_one_at_the_root_gets_what_nothing_else_answers(serve) -> None:
    async def where(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.method} {request.url.path} {request.scope['root_path']!r}")

    app = Starlette(routes=[Route("/{rest:path}", where, methods=["GET", "POST"])])
    site = await serve(apps={"/": app})
    assert (await site.ask("GET", "/"))[2] == b"GET / ''"
    assert (await site.post("/else/where"))[2] == b"POST /else/where ''"
    assert (await site.post("/echo", b"{}"))[2] == b"{}"
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs", "/status"):
        assert not (await site.ask("GET", path))[2].startswith(b"GET")


async def test_without_routes_only_applications_and_probes_answer(serve) -> None:
    app = Starlette(routes=[Route("/{rest:path}", lambda request: PlainTextResponse("app"), methods=["GET", "POST"])])
    site = await serve(apps={"/": app}, routes=False)
    for path in ("/echo", "/post", "/count"):
        assert (await site.post(path))[2] == b"app"
    for path in ("/openapi.json", "/docs", "/status", "/count"):
        assert (await site.ask("GET", path))[2] == b"app"
    assert json.loads((await site.ask("GET", "/readyz"))[2]) == {"status": "ready"}
    site = await serve(routes=False)
    assert (await site.post("/echo"))[0] == 404
    assert (await site.ask("GET", "/openapi.json"))[0] == 404


async def test_a_default_endpoint_does_not_answer_below_a_prefix(serve) -> None:
    described = ServiceDescription("s", (EndpointDescription(DEFAULT_ENDPOINT),))
    site = await serve(apps={"/shop": shop([])}, describe=lambda: described)
    assert json.loads((await site.post("/shop/echo", b"{}"))[2]) == {"size": 2}
    assert (await site.post("/other", b"{}"))[2] == b"{}"


async def test_an_application_that_fails_is_an_error_like_any_other(serve) -> None:
    site = await serve(apps={"/shop": shop([])})
    status, _, body = await site.ask("GET", "/shop/broken")
    assert status == 500
    assert b"a bug" not in body
    assert (await site.post("/echo", b"{}"))[0] == 200


async def test_bodies_of_applications_are_bounded_too(serve) -> None:
    site = await serve(apps={"/shop": shop([])}, limits=Limits(max_message_bytes=1000))
    status, _, _ = await site.post("/shop/echo", bytes(5000))
    assert status == 413


async def test_an_application_may_have_websockets(serve) -> None:
    site = await serve(apps={"/shop": shop([])})
    async with site.client.ws_connect(f"{site.url}/shop/talk") as socket:
        await socket.send_str("hello")
        assert await socket.receive_str() == "HELLO"
        stopping = asyncio.create_task(site.server.stop(5))
        message = await socket.receive()
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        await stopping
    await eventually(lambda: not site.server._connections)


async def test_a_websocket_elsewhere_is_refused(serve) -> None:
    site = await serve(apps={"/shop": shop([])})
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.client.ws_connect(f"{site.url}/nowhere")
    assert refused.value.status == 403


async def test_an_application_that_does_not_start_keeps_the_server_from_starting() -> None:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        raise RuntimeError("no database")
        yield

    events: list[str] = []
    apps = {"/shop": shop(events), "/bad": Starlette(lifespan=lifespan)}

    class Nobody:
        def handle(self, request: object, context: object) -> None: ...

    server = HttpServer("http://127.0.0.1:0", Serving(Nobody(), apps=apps))  # type: ignore[arg-type]
    async with no_leaks():
        with pytest.raises(ConfigurationError, match="no database"):
            await server.start()
    assert events == ["begin", "end"]


async def test_an_application_without_a_lifespan_does_without(serve) -> None:
    async def bare(scope, receive, send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"bare"})

    site = await serve(apps={"/bare/": bare})
    assert (await site.ask("GET", "/bare"))[2] == b"bare"
    assert (await site.ask("GET", "/bare/x"))[2] == b"bare"
