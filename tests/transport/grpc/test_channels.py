"""Encryption, packing, and what is told to gRPC's own channels and servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import trustme
from grpc import aio
from pydantic import SecretStr

from thalweg.config import ChannelOptions, ClientTlsOptions, Limits, TlsOptions
from thalweg.config.nodes import NodeOptions
from thalweg.config.servers import ServerOptions
from thalweg.errors import ConfigurationError, Unavailable
from thalweg.message import Context, EndpointDescription, Request, Response, ServiceDescription
from thalweg.transport.contract import Server, Serving
from thalweg.transport.grpc import channel, server
from thalweg.transport.grpc.settings import channel_options, server_options

BODY = (b'{"data":[]}',)


class Echo:
    """Gives back what came, and keeps the headers that came with it."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, str]] = []

    async def handle(self, request: Request, context: Context) -> AsyncIterator[Response]:
        self.metadata.append(dict(context.metadata))
        yield Response(request.body, request.content_type)


class Files:
    """PEM files of an authority, a server and a client."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self.pairs = {}
        for name in ("127.0.0.1", "client"):
            issued = authority.issue_cert(name)
            self.pairs[name] = (folder / f"{name}.pem", folder / f"{name}.key")
            issued.cert_chain_pems[0].write_to_path(str(self.pairs[name][0]))
            issued.private_key_pem.write_to_path(str(self.pairs[name][1]))

    def server(self, **more: object) -> TlsOptions:
        certificate, key = self.pairs["127.0.0.1"]
        return TlsOptions.model_validate({"certfile": certificate, "keyfile": key, **more})

    def client(self) -> ClientTlsOptions:
        certificate, key = self.pairs["client"]
        return ClientTlsOptions(ca=self.ca, certfile=certificate, keyfile=key)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("certificates"))


async def begun(serving: Serving) -> Server:
    served = server("grpc://127.0.0.1:0", serving)
    await served.start()
    return served


async def answered(
    address: str, tls: ClientTlsOptions | None = None, options: ChannelOptions | None = None
) -> Response:
    made = channel(address, Limits(), tls, options)
    try:
        await made.connect()
        return await anext(made.handle(Request("/x", BODY), Context.with_timeout(10)))
    finally:
        await made.close()


async def test_a_server_with_a_certificate_is_called_encrypted(files: Files) -> None:
    served = await begun(Serving(Echo(), tls=files.server()))
    try:
        assert served.address.startswith("grpcs://")
        assert (await answered(served.address, ClientTlsOptions(ca=files.ca))).body == BODY
        with pytest.raises(Unavailable):
            await answered(served.address)  # of an authority that nobody knows
        with pytest.raises(Unavailable):
            await answered(served.address.replace("grpcs", "grpc"))
    finally:
        await served.stop()


async def test_only_callers_with_a_certificate_are_let_in_where_that_is_asked_for(files: Files) -> None:
    served = await begun(Serving(Echo(), tls=files.server(client_ca=files.ca)))
    try:
        assert (await answered(served.address, files.client())).body == BODY
        with pytest.raises(Unavailable):
            await answered(served.address, ClientTlsOptions(ca=files.ca))
    finally:
        await served.stop()


@pytest.mark.parametrize(
    "tls,why",
    [
        (ClientTlsOptions(verify=False), "verifies every server"),
        (ClientTlsOptions(ca=Path("nowhere.pem")), "nowhere.pem cannot be read"),
    ],
    ids=["verify", "missing"],
)
def test_what_grpc_cannot_do_with_certificates_is_said_at_once(tls: ClientTlsOptions, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        channel("grpcs://127.0.0.1:1", Limits(), tls)


async def test_a_locked_key_is_refused_before_the_server_listens(files: Files) -> None:
    with pytest.raises(ConfigurationError, match="locked"):
        await begun(Serving(Echo(), tls=files.server(password=SecretStr("open"))))


@pytest.mark.parametrize("name", ["gzip", "deflate"])
async def test_messages_are_packed_both_ways(name: str) -> None:
    options = ServerOptions.model_validate({"compression": name.title()})
    served = await begun(Serving(Echo(), compression=options.compression))
    try:
        packed = ChannelOptions.model_validate({"compression": name})
        assert (await answered(served.address, options=packed)).body == BODY
        async with aio.insecure_channel(served.address.removeprefix("grpc://")) as plain:
            call = plain.unary_unary("/jina.JinaInfoRPC/_status")(b"")
            await call
            assert dict(await call.initial_metadata()).get("grpc-encoding", name) == name
    finally:
        await served.stop()


async def test_headers_of_a_channel_go_with_every_request_and_stay_out_of_the_callers() -> None:
    echo = Echo()
    served = await begun(Serving(echo))
    options = ChannelOptions.model_validate({"metadata": {"authorization": "Bearer mine"}})
    made = channel(served.address, Limits(), None, options)
    try:
        await made.connect()
        context = Context.with_timeout(10, metadata={"authorization": "theirs", "x-more": "1"})
        async for _ in made.handle(Request("/x", BODY), context):
            pass
        assert echo.metadata == [{"authorization": "Bearer mine", "x-more": "1"}]
        assert context.metadata == {"authorization": "theirs", "x-more": "1"}
    finally:
        await made.close()
        await served.stop()


async def test_a_service_says_of_itself_what_it_answers() -> None:
    description = ServiceDescription("enc", (EndpointDescription("/x", {"title": "Text"}, streaming=True),))
    served = await begun(Serving(Echo(), describe=lambda: description))
    made = channel(served.address, Limits())
    try:
        await made.connect()
        assert await made.describe() == description  # type: ignore[attr-defined]
    finally:
        await made.close()
        await served.stop()


def test_given_options_of_grpc_win_over_ours() -> None:
    given = ChannelOptions.model_validate({"grpc_channel_options": {"grpc.keepalive_time_ms": 5}})
    assert dict(channel_options(Limits(), given))["grpc.keepalive_time_ms"] == 5
    listed = ServerOptions.model_validate({"grpc_server_options": [("grpc.keepalive_time_ms", 6)]})
    assert dict(server_options(Limits(), listed.grpc_server_options))["grpc.keepalive_time_ms"] == 6


async def test_a_message_limit_given_to_the_server_counts() -> None:
    served = await begun(Serving(Echo(), grpc_options=(("grpc.max_receive_message_length", 1000),)))
    try:
        async with aio.insecure_channel(served.address.removeprefix("grpc://")) as plain:
            with pytest.raises(aio.AioRpcError) as caught:
                await plain.unary_unary("/jina.JinaSingleDataRequestRPC/process_single_data")(b"\0" * 2000)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    finally:
        await served.stop()


@pytest.mark.parametrize(
    "given,urls",
    [
        ({"host": "enc:50051"}, ["grpc://enc:50051"]),
        ({"host": "enc", "port": 50051}, ["grpc://enc:50051"]),
        ({"port": 50051}, ["grpc://localhost:50051"]),
        ({"host": "grpcs://enc:443"}, ["grpcs://enc:443"]),
        ({"host": "enc:443", "tls": True}, ["grpcs://enc:443"]),
        ({"host": "a:1, grpcs://b:2"}, ["grpc://a:1", "grpcs://b:2"]),
        ({"host": ["a", "b"], "port": 7}, ["grpc://a:7", "grpc://b:7"]),
        ({"host": ["a", "b"], "port": [7, 8]}, ["grpc://a:7", "grpc://b:8"]),
        ({"host": "a", "port": "7,8"}, ["grpc://a:7", "grpc://a:8"]),
        ({"host": "[::1]:7"}, ["grpc://[::1]:7"]),
    ],
    ids=str,
)
def test_where_an_external_executor_is(given: dict[str, object], urls: list[str]) -> None:
    assert NodeOptions.model_validate({"external": True, **given}).addresses == urls


@pytest.mark.parametrize(
    "given,why",
    [
        ({"external": True}, "needs a host or a port"),
        ({"external": True, "host": "a"}, "has no port"),
        ({"external": True, "host": "a:1", "port": 2}, "port of its own"),
        ({"external": True, "host": "http://a:1"}, "called over gRPC"),
        ({"external": True, "host": "a,b,c", "port": [1, 2]}, "3 hosts and 2 ports"),
        ({"external": True, "host": "a:1", "uses": "x.py:Y"}, "leave out uses"),
        ({"host": "a:1"}, "with external=True only"),
    ],
    ids=str,
)
def test_an_external_executor_that_makes_no_sense_is_refused(given: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        NodeOptions.model_validate(given)
