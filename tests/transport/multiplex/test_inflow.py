"""Peers that send more than they were given credit for, or what makes no sense."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from thalweg.config import ConnectionOptions, Limits
from thalweg.message import Context, Request, Response
from thalweg.transport import registry
from thalweg.transport.contract import Serving
from thalweg.transport.multiplex.frames import (
    HEAD,
    LENGTH,
    TOTAL,
    Kind,
    RequestHead,
    frame,
    hello_frame,
    read_failure,
    request_message,
    response_message,
)

WINDOW = 4


class Deaf:
    """Reads its inflow when it is told to."""

    def __init__(self) -> None:
        self.listen = asyncio.Event()

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        await self.listen.wait()
        async for body in request.payloads():
            yield Response(body)


class Stranger:
    """A peer that writes frames by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def write(self, kind: int, body: bytes = b"", stream: int = 1) -> None:
        self.writer.write(frame(kind, stream, body))

    async def read(self) -> tuple[int, bytes]:
        """Kind and body of the next frame."""
        async with asyncio.timeout(60):
            length, kind, _ = HEAD.unpack(await self._reader.readexactly(HEAD.size))
            return kind, await self._reader.readexactly(length)

    async def ended(self) -> bool:
        async with asyncio.timeout(60):
            return await self._reader.read() == b""


async def stranger(path: Path) -> Stranger:
    """One that has begun a request with an inflow."""
    made = Stranger(*await asyncio.open_unix_connection(str(path)))
    made.writer.write(hello_frame())
    head = RequestHead("/chat", "application/json", [], inflow=True)
    made.write(Kind.REQUEST, b"".join(request_message(Request("/chat"), head)))
    kind, body = await made.read()
    assert (kind, LENGTH.unpack(body)[0]) == (Kind.CREDIT, WINDOW)
    return made


def payload(text: bytes) -> bytes:
    return b"".join(response_message(Response((text,))))


@pytest.fixture
async def deaf(tmp_path: Path) -> AsyncGenerator[Deaf, None]:
    handler = Deaf()
    server = registry.server(f"unix://{tmp_path}/s", Serving(handler, limits=Limits(stream_window=WINDOW)))
    await server.start()
    yield handler
    await server.stop()


async def test_payloads_are_read_and_answered(deaf: Deaf, tmp_path: Path) -> None:
    peer = await stranger(tmp_path / "s")
    deaf.listen.set()
    peer.write(Kind.ITEM, payload(b"a"))
    assert (await peer.read())[0] == Kind.ITEM
    peer.write(Kind.END)
    assert (await peer.read())[0] == Kind.END
    peer.writer.close()


@pytest.mark.parametrize("kind, body", [(Kind.ITEM, payload(b"a")), (Kind.MORE, TOTAL.pack(8))])
async def test_more_than_the_credit_ends_the_connection(deaf: Deaf, tmp_path: Path, kind: int, body: bytes) -> None:
    peer = await stranger(tmp_path / "s")
    for _ in range(WINDOW):
        peer.write(Kind.ITEM, payload(b"a"))
    peer.write(kind, body)
    found, said = await peer.read()
    assert found == Kind.ERROR
    assert "credit" in read_failure(said).message
    await peer.ended()
    peer.writer.close()


@pytest.mark.parametrize(
    "frames, message",
    [
        ([(Kind.ITEM, b"\xff" * 7)], "head"),
        ([(Kind.MORE, TOTAL.pack(1 << 60))], "at most"),
        ([(Kind.MORE, TOTAL.pack(100)), (Kind.END, b"")], "not complete"),
    ],
)
async def test_a_payload_that_makes_no_sense_ends_its_stream_alone(
    deaf: Deaf, tmp_path: Path, frames: list[tuple[int, bytes]], message: str
) -> None:
    peer = await stranger(tmp_path / "s")
    for kind, body in frames:
        peer.write(kind, body)
    deaf.listen.set()
    found, said = await peer.read()
    assert found == Kind.ERROR
    assert message in read_failure(said).message
    peer.write(Kind.READY, stream=2)
    assert await peer.read() == (Kind.READY, b"\1")
    peer.writer.close()


async def test_what_is_announced_and_does_not_come_is_given_up(tmp_path: Path) -> None:
    options = ConnectionOptions(silence_seconds=0.05)
    limits = Limits(max_message_bytes=1000, max_inflight_bytes=1000)
    server = registry.server(f"unix://{tmp_path}/s", Serving(Deaf(), limits=limits, connections=options))
    await server.start()
    peer = Stranger(*await asyncio.open_unix_connection(str(tmp_path / "s")))
    peer.writer.write(hello_frame())
    for _ in range(2):  # the second has room again
        peer.write(Kind.BEGIN, TOTAL.pack(1000))
        peer.write(Kind.CHUNK, b"x")
        kind, said = await peer.read()
        assert kind == Kind.ERROR
        assert "No further chunk" in read_failure(said).message
    peer.writer.close()
    await server.stop()


async def test_what_comes_for_a_stream_that_has_ended_is_passed_over(deaf: Deaf, tmp_path: Path) -> None:
    peer = await stranger(tmp_path / "s")
    for kind, body in ((Kind.ITEM, payload(b"a")), (Kind.MORE, TOTAL.pack(8)), (Kind.CHUNK, b"x"), (Kind.END, b"")):
        peer.write(kind, body, stream=77)
    peer.write(Kind.READY, stream=2)
    assert await peer.read() == (Kind.READY, b"\1")
    peer.writer.close()
