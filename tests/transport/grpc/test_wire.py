"""Frames in messages: what is written by hand is what protobuf writes, and many small writes are one message."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.message import Buffer
from thalweg.message.proto.gateway import CallRequest, Frames
from thalweg.transport.grpc.wire import (
    HIGH_WATER_BYTES,
    LONG_BYTES,
    MESSAGE_BYTES,
    StreamWire,
    pack_frames,
    unpack_frames,
)

PATIENCE = 60.0


@given(st.lists(st.binary(max_size=200)))
def test_messages_are_as_protobuf_writes_them(parts: list[bytes]) -> None:
    packed = pack_frames(parts)
    assert Frames.FromString(packed).data == b"".join(parts)
    assert unpack_frames(packed) == b"".join(parts)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, LONG_BYTES - 1, LONG_BYTES, 2_097_151, 2_097_152])
def test_lengths_of_any_number_of_digits(size: int) -> None:
    packed = pack_frames([bytes(size)])
    assert len(Frames.FromString(packed).data) == size
    assert unpack_frames(packed) == bytes(size)


def test_other_ways_to_write_the_same_are_read() -> None:
    unknown_field = CallRequest(target="x").SerializeToString()
    assert unpack_frames(Frames(data=b"abc").SerializeToString() + unknown_field) == b"abc"
    assert unpack_frames(unknown_field + Frames(data=b"abc").SerializeToString()) == b"abc"
    assert unpack_frames(b"") == b""


@pytest.mark.parametrize("junk", [b"\x0a", b"\x0a\xff\xff\xff\xff\xff\xff", b"\x0a\x05abc", b"junk"])
def test_what_is_no_message_is_an_error(junk: bytes) -> None:
    with pytest.raises(Exception, match="parsing"):
        unpack_frames(junk)


class Pipe:
    """A stream whose far end is the test."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.let = asyncio.Semaphore(0)
        self.incoming: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read(self) -> object:
        return await self.incoming.get()

    async def write(self, message: list[Buffer], /) -> None:
        self.written.append(b"".join(message))
        await self.let.acquire()


class Session:
    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.reasons: list[BaseException | None] = []

    def receive(self, data: bytes) -> None:
        self.received.append(data)

    def lost(self, reason: BaseException | None = None) -> None:
        self.reasons.append(reason)


async def test_what_waits_goes_in_one_message() -> None:
    pipe, session = Pipe(), Session()
    wire = StreamWire(pipe)
    running = asyncio.create_task(wire.run(session))
    for number in range(100):
        wire.write([b"%02d" % number, b"."])
    pipe.let.release()
    pipe.let.release()
    wire.close()
    await asyncio.wait_for(running, PATIENCE)
    assert pipe.written == [b"".join(b"%02d." % number for number in range(100))]
    assert session.reasons == [None]


async def test_long_messages_are_split_and_nothing_is_lost() -> None:
    pipe = Pipe()
    wire = StreamWire(pipe)
    parts = [bytes([number]) * 100_000 for number in range(20)]
    for part in parts:
        wire.write([part])
    for _ in parts:
        pipe.let.release()
    wire.close()
    await asyncio.wait_for(wire.run(Session()), PATIENCE)
    assert b"".join(pipe.written) == b"".join(parts)
    assert len(pipe.written) > 1
    assert max(map(len, pipe.written)) < MESSAGE_BYTES + 100_000


async def test_a_wire_that_nobody_empties_is_full_until_somebody_does() -> None:
    pipe = Pipe()
    wire = StreamWire(pipe)
    running = asyncio.create_task(wire.run(Session()))
    wire.write([bytes(HIGH_WATER_BYTES)])
    assert not wire.full
    wire.write([b"x"])
    assert wire.full
    waiting = asyncio.create_task(wire.room())
    for _ in range(3):
        pipe.let.release()
    await asyncio.wait_for(waiting, PATIENCE)
    assert not wire.full
    wire.abort()
    await asyncio.wait_for(running, PATIENCE)


async def test_an_aborted_wire_sends_nothing_and_keeps_nobody_waiting() -> None:
    pipe, session = Pipe(), Session()
    wire = StreamWire(pipe)
    wire.write([bytes(HIGH_WATER_BYTES + 1)])
    waiting = asyncio.create_task(wire.room())
    await asyncio.sleep(0)
    wire.abort()
    await asyncio.wait_for(waiting, PATIENCE)
    await asyncio.wait_for(wire.run(session), PATIENCE)
    assert session.reasons == [None]
    wire.write([b"late"])
    assert not pipe.written


async def test_the_session_receives_in_order_and_hears_of_the_end() -> None:
    pipe, session = Pipe(), Session()
    for data in (b"a", b"b", None):
        pipe.incoming.put_nowait(data)
    wire = StreamWire(pipe)
    await asyncio.wait_for(wire.run(session), PATIENCE)
    assert (session.received, session.reasons) == ([b"a", b"b"], [None])
    assert wire.gone.is_set()


async def test_a_peer_that_does_not_read_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thalweg.transport.grpc.wire.FLUSH_SECONDS", 0.05)
    wire = StreamWire(Pipe())
    running = asyncio.create_task(wire.run(Session()))
    wire.write([b"never taken"])
    await asyncio.sleep(0)
    await asyncio.wait_for(wire.end(), PATIENCE)
    await asyncio.wait_for(running, PATIENCE)


async def test_a_call_that_is_cancelled_twice_still_tells_its_session() -> None:
    release, reading, cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Stubborn(Pipe):
        async def read(self) -> object:
            reading.set()
            try:
                return await super().read()
            except asyncio.CancelledError:
                cancelled.set()
                await release.wait()
                raise

    session = Session()
    wire = StreamWire(Stubborn())
    running = asyncio.create_task(wire.run(session))
    await asyncio.wait_for(reading.wait(), PATIENCE)
    wire.abort()
    await asyncio.wait_for(cancelled.wait(), PATIENCE)
    running.cancel()
    await asyncio.wait_for(wire.gone.wait(), PATIENCE)
    assert session.reasons == [None]
    release.set()
    await asyncio.wait([running])
    assert running.cancelled()


class Silent:
    """A stream whose peer says much and reads nothing."""

    def __init__(self) -> None:
        self.heard = 0

    async def read(self) -> object:
        await asyncio.sleep(0)
        self.heard += 1
        return b"x"

    async def write(self, message: object, /) -> None:
        await asyncio.Event().wait()


class Talkative:
    """A session that answers whatever comes."""

    def __init__(self, wire: StreamWire) -> None:
        self.wire = wire

    def receive(self, data: bytes) -> None:
        self.wire.write([bytes(HIGH_WATER_BYTES // 8)])

    def lost(self, reason: BaseException | None = None) -> None:
        """It ends."""


async def test_a_peer_that_does_not_read_is_not_read_from() -> None:
    stream = Silent()
    wire = StreamWire(stream, holds_back=True)
    running = asyncio.ensure_future(wire.run(Talkative(wire)))
    for _ in range(100):
        await asyncio.sleep(0)
    assert stream.heard <= 20
    wire.abort()
    await running
