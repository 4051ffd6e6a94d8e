"""A service without an Executor: it reads and writes documents itself."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from thalweg.client.portal import Portal
from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.errors import ExecutorFailed
from thalweg.message import COLUMNS, Context, Request, Response
from thalweg.transport import registry
from thalweg.transport.contract import Server, Serving


class Service:
    """`/echo` gives documents back, `/stream` gives each three times, `/fail` fails from the third document on, `/hold`
    waits for ever."""

    def __init__(self) -> None:
        self.seen: list[tuple[Request, Context]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.is_ready = True

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.seen.append((request, context))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            documents = columns.decode(request.body, AnyDoc)
            if request.endpoint == "/hold":
                await asyncio.get_running_loop().create_future()
            elif request.endpoint == "/fail" and any(document.n >= 2 for document in documents):
                raise ExecutorFailed("it broke", executor="enc")
            for number in range(3 if request.endpoint == "/stream" else 1):
                if number:
                    for document in documents:
                        document.item = number
                yield self.answer(documents, request)
        finally:
            self.under_way -= 1

    def answer(self, documents: DocList[AnyDoc], request: Request) -> Response:
        return Response(columns.encode(documents), COLUMNS, request.parameters)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def server(service: Service, tmp_path: Path) -> Iterator[Server]:
    """Runs on the portal's loop, so that blocking and asynchronous tests can use it alike."""
    made = registry.server(f"unix://{tmp_path}/s", Serving(service, ready=lambda: service.is_ready))
    Portal.shared().run(made.start())
    yield made
    Portal.shared().run(made.stop())
