"""Gateways, applications and middleware as users write them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from thalweg import Executor, Gateway, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import InvalidDocument, ThalwegError
from thalweg.message import Context, Handler, Response
from thalweg.message import Request as Message


class Text(BaseDoc):
    text: str = ""


class Upper(Executor):
    @requests(on="/say")
    def upper(self, docs: DocList[Text], headers: dict[str, str], **kwargs: Any) -> DocList[Text]:
        return DocList[Text](Text(text=doc.text.upper() + headers.get("x-end", "")) for doc in docs)

    @requests(on="/count")
    async def count(self, doc: Text, parameters: dict[str, Any]) -> AsyncIterator[Text]:
        for number in range(parameters["to"]):
            yield Text(text=f"{doc.text}{number}")


class Exclaim(Executor):
    @requests(on="/say")
    def exclaim(self, docs: DocList[Text], **kwargs: Any) -> DocList[Text]:
        if any("FAIL" in doc.text for doc in docs):
            raise ValueError("asked to fail")
        return DocList[Text](Text(text=f"{doc.text}!") for doc in docs)


class Front(Gateway):
    """Shows an application that calls the Flow."""

    def __init__(self, greeting: str = "hello", **options: Any) -> None:
        super().__init__(**options)
        self.greeting = greeting
        self.events: list[str] = []

    async def start(self) -> None:
        self.events.append(f"started {self.name}")

    @property
    def app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
            self.events.append("application up")
            yield

        api = FastAPI(lifespan=lifespan)

        @api.get("/ask")
        async def ask(text: str, request: Request) -> dict[str, Any]:
            docs = await self.streamer.post(
                "/say", Text(text=text), return_type=DocList[Text], headers={"x-end": request.headers.get("x-end", "")}
            )
            return {"greeting": self.greeting, "said": [doc.text for doc in docs], "events": self.events}

        @api.get("/alone")
        async def alone(text: str) -> list[str]:
            docs = await self.executor["exclaim"].post("/say", Text(text=text), return_type=DocList[Text])
            return [doc.text for doc in docs]

        @api.get("/many")
        async def many(number: int) -> dict[str, Any]:
            docs = [Text(text="fail" if index == 3 else str(index)) for index in range(number)]
            said, failed = [], []
            async for part, error in self.streamer.stream(
                docs, 1, exec_endpoint="/say", results_in_order=True, return_type=Text
            ):
                said += [doc.text for doc in part]
                failed += [] if error is None else [error.code]
            return {"said": said, "failed": failed}

        @api.get("/strict")
        async def strict() -> list[str]:
            texts: list[str] = []
            try:
                async for part in self.streamer.stream_docs([Text(text="fail")], exec_endpoint="/say"):
                    texts += [doc.text for doc in part]
            except ThalwegError as error:
                texts.append(error.code)
            return texts

        @api.get("/counting")
        async def counting(to: int) -> StreamingResponse:
            async def lines() -> AsyncGenerator[str, None]:
                async for doc in self.streamer.stream_doc(
                    Text(text="n"), exec_endpoint="/count", parameters={"to": to}, return_type=Text
                ):
                    yield f"{doc.text}\n"

            return StreamingResponse(lines())

        return api


class OnlyFront(Front):
    routes = False


class Telegraph(Gateway):
    """Listens itself: a line in, a line out."""

    async def serve(self) -> None:
        port = int(self.addresses[0].rpartition(":")[2])

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                (doc,) = await self.streamer.post("/say", Text(text=line.decode().strip()), return_type=DocList[Text])
                writer.write(f"{doc.text}\n".encode())
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", port)
        async with server:
            await server.serve_forever()


class Unfit:
    """No Gateway at all."""


class Silent(Gateway):
    """Says it listens itself, and does not."""

    async def serve(self) -> None:
        return


other = FastAPI()


@other.get("/hello")
async def hello(request: Request) -> dict[str, str]:
    return {"root": request.scope["root_path"], "path": request.scope["path"]}


class Censor:
    """Middleware: refuses documents that hold a word."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def handle(self, request: Message, context: Context) -> AsyncGenerator[Response, None]:
        if b"secret" in b"".join(request.body):
            raise InvalidDocument("That word is not said here.")
        context.answer_headers["x-censored"] = "no"
        async for response in self._handler.handle(request, context):
            response.headers = {**response.headers, "x-censored": "no"}
            yield response
