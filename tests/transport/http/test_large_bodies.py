"""Bodies that are read to where they stay."""

import asyncio

import pytest

from thalweg.config import ConnectionOptions
from thalweg.message import ARROW
from thalweg.testing.leaks import eventually
from thalweg.transport.http.submission import LARGE_BODY

SILENCE_SECONDS = round(ConnectionOptions().silence_seconds)
SIZE = 2 * LARGE_BODY + 12_345
BODY = (bytes(range(256)) * (SIZE // 256 + 1))[:SIZE]
HEAD = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: %b\r\naccept: %b\r\ncontent-length: %d\r\n\r\n" % (
    ARROW.encode(),
    ARROW.encode(),
    SIZE,
)
SMALL = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


async def answered(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    size = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    return await reader.readexactly(int(size.partition(b":")[2]))


@pytest.mark.parametrize("step", [1 << 30, 100_000, 7_001])
async def test_a_large_body_arrives_as_it_was_sent_however_it_is_split(serve, step: int) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        for _ in range(3):
            data = HEAD + BODY
            for start in range(0, len(data), step):
                writer.write(data[start : start + step])
                await writer.drain()
            assert await answered(reader) == BODY
    assert site.server._application.admission.inflight_bytes == 0


async def test_what_follows_a_large_body_is_a_request_of_its_own(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(HEAD + BODY + SMALL + HEAD + BODY + SMALL)
        assert [await answered(reader) for _ in range(4)] == [BODY, b"{}", BODY, b"{}"]


async def test_a_caller_who_leaves_within_a_large_body_leaves_nothing(serve) -> None:
    site = await serve()
    async with site.wire() as (_, writer):
        writer.write(HEAD + BODY[:1000])
        await eventually(lambda: site.server._application.admission.inflight == 1)
    await eventually(lambda: not site.server._connections)
    assert site.server._application.admission.inflight_bytes == 0
    assert site.handler.requests == []


async def test_a_large_body_that_stops_coming_is_given_up_and_one_that_is_slow_is_not(serve) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(HEAD)
        for number in range(3):
            writer.write(BODY[:1000])
            await writer.drain()
            await eventually(lambda: [one.phase for one in site.server._connections] == ["reading"])
            (connection,) = site.server._connections
            await eventually(lambda connection=connection: connection._quiet < SILENCE_SECONDS - 10)
            for _ in range(SILENCE_SECONDS - 10 if number < 2 else SILENCE_SECONDS):
                for one in list(site.server._connections):
                    one.sweep()
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    await eventually(lambda: site.server._application.admission.inflight == 0)
    assert site.handler.requests == []
