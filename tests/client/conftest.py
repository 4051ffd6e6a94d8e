"""A service without an Executor: it reads and writes documents itself."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from thalweg.client.portal import Portal
from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs import columns
from thalweg.docs.codecs.content import decode_content
from thalweg.errors import ExecutorFailed, PeerLost, ThalwegError
from thalweg.message import COLUMNS, Context, Request, Response
from thalweg.transport import registry
from thalweg.transport.contract import Server, Serving


class Service:
    """`/echo` gives documents back, `/stream` gives each three times, `/fail` fails from the third document on, `/hold`
    waits for ever, `/hold-first` does so where the first document's `n` is 0, `/break` fails after its first item. What is
    in `failures` is raised first, one for each request."""

    def __init__(self) -> None:
        self.seen: list[tuple[Request, Context]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.is_ready = True
        self.failures: deque[ThalwegError] = deque()
        self.release = asyncio.Event()

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.seen.append((request, context))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            documents = decode_content(request.content_type, request.body, AnyDoc)[0]
            if self.failures:
                raise self.failures.popleft()
            if request.endpoint == "/hold" or (request.endpoint == "/hold-first" and documents[0].n == 0):
                await self.release.wait()
            elif request.endpoint == "/fail" and any(document.n >= 2 for document in documents):
                raise ExecutorFailed("it broke", executor="enc")
            for number in range(3 if request.endpoint == "/stream" else 1):
                if number:
                    for document in documents:
                        document.item = number
                yield self.answer(documents, request, context)
                if request.endpoint == "/break":
                    raise PeerLost("it broke in the middle")
        finally:
            self.under_way -= 1

    def answer(self, documents: DocList[AnyDoc], request: Request, context: Context) -> Response:
        return Response(columns.encode(documents), COLUMNS, request.parameters, dict(context.given_answer_headers))


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture(params=["unix", "grpc", "http", "ws"])
def everywhere(request: pytest.FixtureRequest, service: Service, tmp_path: Path) -> Iterator[str]:
    """The address of the service, over each transport in turn."""
    address = {"unix": f"unix://{tmp_path}/s"}.get(request.param, f"{request.param}://127.0.0.1:0")
    made = registry.server(address, Serving(service, ready=lambda: service.is_ready))
    Portal.shared().run(made.start())
    yield made.address
    Portal.shared().run(made.stop())


@pytest.fixture
def server(service: Service, tmp_path: Path) -> Iterator[Server]:
    """Runs on the portal's loop, so that blocking and asynchronous tests can use it alike."""
    made = registry.server(f"unix://{tmp_path}/s", Serving(service, ready=lambda: service.is_ready))
    Portal.shared().run(made.start())
    yield made
    Portal.shared().run(made.stop())
