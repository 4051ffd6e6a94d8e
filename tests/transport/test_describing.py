"""A channel says what is served at its other end, or that nobody can be asked."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from thalweg.errors import Unavailable
from thalweg.message import Context, EndpointDescription, Request, Response, ServiceDescription
from thalweg.transport import registry
from thalweg.transport.contract import Serving

SERVED = ServiceDescription("served", (EndpointDescription("/a", {"title": "x" * 1_000_000}, plain=True),))


class Silent:
    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response()


@pytest.mark.parametrize("address", ["unix://{}/a.sock", "grpc://127.0.0.1:0", "ws://127.0.0.1:0"])
async def test_a_description_of_any_size_comes_whole(tmp_path: Path, address: str) -> None:
    server = registry.server(address.format(tmp_path), Serving(Silent(), describe=lambda: SERVED))
    await server.start()
    channel = registry.channel(server.address)
    try:
        await channel.connect()
        assert await channel.describe() == SERVED
        assert await channel.ready()
    finally:
        await channel.close()
        await server.stop()


async def test_who_is_not_there_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await registry.channel(f"unix://{tmp_path}/nobody.sock").describe()


async def test_where_a_protocol_has_no_words_for_it_that_is_said() -> None:
    with pytest.raises(Unavailable, match="Nobody can be asked"):
        await registry.channel("http://127.0.0.1:1").describe()
