"""A running gRPC server, and the channel of gRPC's own library to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from grpc import aio

from thalweg.testing.conformance.subject import Answering, Settings, echo
from thalweg.transport.contract import Server, Serving
from thalweg.transport.grpc import server

ServeType = Callable[..., Awaitable[tuple[Server, aio.Channel]]]


@pytest.fixture
async def serve() -> AsyncIterator[ServeType]:
    """Start a server, of an echo unless another is given, and open a plain gRPC channel to it."""
    async with AsyncExitStack() as stack:

        async def start(serving: Serving | None = None) -> tuple[Server, aio.Channel]:
            served = server("grpc://127.0.0.1:0", serving or Settings().serving(Answering(echo)))
            await served.start()
            stack.push_async_callback(served.stop)
            plain = aio.insecure_channel(served.address.removeprefix("grpc://"))
            await stack.enter_async_context(plain)
            return served, plain

        yield start
