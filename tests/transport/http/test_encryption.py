"""TLS, and callers that have to show a certificate of their own."""

import asyncio
import contextlib
import gc
import socket
import ssl
import threading
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from thalweg.config import ClientTlsOptions, Limits, TlsOptions
from thalweg.errors import ConfigurationError, DeadlineExceeded, PeerLost, Unavailable
from thalweg.message import (
    ARROW,
    JSON,
    Context,
    EndpointDescription,
    Pending,
    Reply,
    Request,
    Response,
    ServiceDescription,
)
from thalweg.testing.leaks import no_leaks
from thalweg.transport.contract import Serving
from thalweg.transport.http.client import HttpChannel
from thalweg.transport.http.listener import HttpServer

DESCRIPTION = ServiceDescription("echoes", (EndpointDescription("/echo"),))


class Echo:
    """Gives back what came."""

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response(request.body, request.content_type)


class ShortEcho(Echo):
    """The same with the short way."""

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending:
        async def answer() -> None:
            reply.answer(Response(request.body, request.content_type))

        return asyncio.get_running_loop().create_task(answer())


class Papers:
    """An authority, a server's certificate and a client's."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self.server = folder / "server.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(self.server))
        self.client = folder / "client.pem"
        authority.issue_cert("me@example.org").private_key_and_cert_chain_pem.write_to_path(str(self.client))


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("papers"))


@asynccontextmanager
async def served(tls: TlsOptions, handler: Callable[[], Echo] = ShortEcho) -> AsyncIterator[str]:
    server = HttpServer("http://127.0.0.1:0", Serving(handler(), tls=tls, describe=lambda: DESCRIPTION))
    await server.start()
    try:
        yield server.address
    finally:
        await server.stop()


async def ask(address: str, tls: ClientTlsOptions | None, body: bytes = b"{}", content_type: str = JSON) -> bytes:
    channel = HttpChannel(address, Limits(), tls)
    try:
        request = Request("/echo", (body,), content_type)
        (answer,) = [one async for one in channel.handle(request, Context.with_timeout(10))]
        return b"".join(answer.body)
    finally:
        await channel.close()


@pytest.mark.parametrize("handler", [Echo, ShortEcho])
async def test_a_server_with_a_certificate_speaks_https(papers: Papers, handler: Callable[[], Echo]) -> None:
    async with no_leaks(), served(TlsOptions(certfile=papers.server), handler) as address:
        assert address.startswith("https://")
        trusting = ClientTlsOptions(ca=papers.ca)
        assert await ask(address, trusting) == b"{}"
        large = bytes(1 << 20)
        assert await ask(address, trusting, large) == large
        assert await ask(address, trusting, large, ARROW) == large


async def test_a_client_does_not_trust_a_certificate_of_nobody_unless_told_so(papers: Papers) -> None:
    async with served(TlsOptions(certfile=papers.server)) as address:
        with pytest.raises(Unavailable, match="certificate"):
            await ask(address, None)
        assert await ask(address, ClientTlsOptions(verify=False)) == b"{}"


async def test_only_callers_with_a_certificate_are_let_in_where_one_is_asked_for(papers: Papers) -> None:
    async with served(TlsOptions(certfile=papers.server, client_ca=papers.ca)) as address:
        with pytest.raises((Unavailable, PeerLost)):
            await ask(address, ClientTlsOptions(ca=papers.ca))
        assert await ask(address, ClientTlsOptions(ca=papers.ca, certfile=papers.client)) == b"{}"


@pytest.mark.parametrize("begun", [False, True], ids=["before the answer", "in the middle of it"])
def test_nothing_stays_open_where_the_server_does_not_say_goodbye(papers: Papers, begun: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.server)
    connections = contextlib.ExitStack()

    def serve(listener: socket.socket) -> None:
        for _ in range(2):  # the connection that only watches, and that of the request
            connection = connections.enter_context(context.wrap_socket(listener.accept()[0], server_side=True))
        connection.recv(1 << 16)
        if begun:
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{")

    async def give_up(port: int) -> None:
        channel = HttpChannel(f"https://127.0.0.1:{port}", Limits(), ClientTlsOptions(ca=papers.ca))
        await channel.connect()
        with pytest.raises(DeadlineExceeded):
            await anext(channel.handle(Request("/echo", (b"{}",)), Context.with_timeout(0.5)))
        await channel.close()

    gc.collect()
    with socket.create_server(("127.0.0.1", 0)) as listener, connections:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.run(give_up(listener.getsockname()[1]))
            gc.collect()
        server.join()
    assert [str(one.message) for one in caught] == []


async def test_plain_text_to_an_encrypted_port_is_cut_off(papers: Papers) -> None:
    async with served(TlsOptions(certfile=papers.server)) as address:
        host, _, port = address.removeprefix("https://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionError):
                assert not await reader.read()
        writer.close()


async def test_old_versions_of_tls_are_refused(papers: Papers) -> None:
    async with served(TlsOptions(certfile=papers.server)) as address:
        context = ssl.create_default_context(cafile=papers.ca)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        host, _, port = address.removeprefix("https://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=context)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.2"
        writer.close()
        await writer.wait_closed()


def test_files_that_cannot_be_used_are_named_before_anything_starts(papers: Papers, tmp_path: Path) -> None:
    for certfile in (tmp_path / "missing.pem", papers.ca):
        with pytest.raises(ConfigurationError, match=certfile.name):
            HttpServer("http://127.0.0.1:0", Serving(Echo(), tls=TlsOptions(certfile=certfile)))
    with pytest.raises(ConfigurationError, match=r"missing\.pem"):
        HttpChannel("https://x", Limits(), ClientTlsOptions(ca=tmp_path / "missing.pem"))


def test_an_address_and_its_options_belong_together() -> None:
    with pytest.raises(ConfigurationError, match="certificate"):
        HttpServer("https://127.0.0.1:0", Serving(Echo()))
    with pytest.raises(ConfigurationError, match="not encrypted"):
        HttpChannel("http://x", Limits(), ClientTlsOptions())
