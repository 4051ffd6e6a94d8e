"""What the channel says where something is wrong with the connection; the conformance suite holds the rest."""

import asyncio
from pathlib import Path

import pytest
import trustme

from tests.transport.websocket.conftest import Open
from thalweg.config import ClientTlsOptions, Limits, TlsOptions, WebSocketOptions
from thalweg.errors import ConfigurationError, ThalwegError, Unavailable
from thalweg.message import Context, Request
from thalweg.transport import registry


async def test_an_http_server_is_reached_at_its_path(serve: Open) -> None:
    async with serve(address="http://127.0.0.1:0") as address:
        channel = registry.channel(address.replace("http", "ws") + "/ws")
        await channel.connect()
        answers = [answer async for answer in channel.handle(Request("/echo", (b"[]",)), Context())]
        assert [bytes(b"".join(answer.body)) for answer in answers] == [b"[]"]
        await channel.close()


@pytest.mark.parametrize("path", ["", "/elsewhere"])
async def test_a_path_where_nobody_is_says_so(serve: Open, path: str) -> None:
    async with serve(address="http://127.0.0.1:0") as address:
        channel = registry.channel(address.replace("http", "ws") + path)
        with pytest.raises(ThalwegError) as failed:
            await channel.connect()
        assert not isinstance(failed.value, ConfigurationError)
        await channel.close()


async def test_a_refusal_comes_as_what_it_is(serve: Open) -> None:
    async with serve(websocket=WebSocketOptions(max_connections=1)) as address:
        first, second = registry.channel(address), registry.channel(address)
        await first.connect()
        with pytest.raises(Unavailable, match="1 connections, as many as are taken") as refused:
            await second.connect()
        assert refused.value.retry_after == 1
        await first.close()
        await second.close()


async def test_who_listens_and_speaks_something_else_is_told_apart() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"220 mail ready\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    channel = registry.channel(f"ws://{host}:{port}")
    with pytest.raises(Unavailable, match="does not speak WebSocket"):
        await channel.connect()
    await channel.close()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("address", ["ws://", "ws://h:port", "ws://h:99999"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address of a WebSocket server"):
        registry.channel(address, Limits())


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_encrypted_connections_are_made_to_who_is_trusted(serve: Open, tmp_path: Path, scheme: str) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    tls = TlsOptions(certfile=tmp_path / "server.pem")
    async with serve(address=f"{scheme}://127.0.0.1:0", tls=tls) as served:
        assert served.startswith(f"{scheme}s://")
        address = served if scheme == "ws" else served.replace("https", "wss") + "/ws"
        trusting = registry.channel(address, tls=ClientTlsOptions(ca=tmp_path / "ca.pem"))
        await trusting.connect()
        answers = [answer async for answer in trusting.handle(Request("/echo", (bytes(1 << 20),)), Context())]
        assert [answer.size for answer in answers] == [1 << 20]
        await trusting.close()
        other = registry.channel(address)
        with pytest.raises(Unavailable, match="certificate verify failed"):
            await other.connect()
        await other.close()
