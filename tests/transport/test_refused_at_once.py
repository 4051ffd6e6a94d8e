"""A request that is refused before anything is done for it is not under way."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from thalweg.config import Limits
from thalweg.errors import EndpointNotFound
from thalweg.message import Context, Pending, Reply, Request, Response
from thalweg.testing.conformance import Subject
from thalweg.testing.conformance.subject import ONE, Settings, only

LONG_SECONDS = 3600.0


class Refusing:
    """Knows no endpoint, and says so the short way."""

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise EndpointNotFound("There is none.")
        yield

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        raise EndpointNotFound("There is none.")


@pytest.mark.parametrize(
    "subject",
    [
        Subject("thalweg.transport.local", "unix://{folder}/socket"),
        Subject("thalweg.transport.grpc", "grpc://127.0.0.1:0"),
        Subject("thalweg.transport.websocket", "ws://127.0.0.1:0"),
        Subject("thalweg.transport.http", "http://127.0.0.1:0"),
    ],
    ids=lambda subject: subject.module.rpartition(".")[2],
)
async def test_a_server_that_stops_does_not_wait_for_it(subject: Subject) -> None:
    with subject.fresh_address() as address:
        server = subject.transport.server(address, Settings().serving(Refusing()))
        await server.start()
        channel = subject.transport.channel(server.address, Limits())
        await channel.connect()
        try:
            with pytest.raises(EndpointNotFound):
                await only(channel, Request(ONE))
            async with asyncio.timeout(60):
                await server.stop(LONG_SECONDS)
        finally:
            await channel.close()
