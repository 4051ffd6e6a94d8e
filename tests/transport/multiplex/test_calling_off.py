"""What the server's end says of requests that are called off: nothing to who did, and what is wrong to who did not."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from thalweg.message import JSON, Buffer, Context, Request, Response
from thalweg.testing.leaks import eventually
from thalweg.transport.contract import Serving
from thalweg.transport.multiplex.frames import (
    FrameReader,
    Kind,
    RequestHead,
    frame,
    hello_frame,
    request_message,
)
from thalweg.transport.multiplex.server import Sessions


class Endless:
    """Gives one item and no end."""

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        yield Response((b"item",))
        await asyncio.Event().wait()


class Noted:
    """A wire that keeps the kinds of the frames that were written, and their streams."""

    full = False

    def __init__(self) -> None:
        self.said: list[tuple[int, int]] = []
        self._reader = FrameReader(lambda kind, stream, _: self.said.append((kind, stream)))

    def write(self, parts: Sequence[Buffer]) -> None:
        self._reader.feed(b"".join(map(bytes, parts)))

    async def room(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


def request(stream: int) -> bytes:
    parts = request_message(Request("/endless"), RequestHead("/endless", JSON, []))
    return frame(Kind.REQUEST, stream, b"".join(map(bytes, parts)))


async def test_who_called_a_request_off_is_not_told_of_its_end() -> None:
    wire = Noted()
    sessions = Sessions(Serving(Endless()))
    session = sessions.open(wire)
    session.receive(hello_frame() + request(1) + request(2))
    await eventually(lambda: wire.said == [(Kind.ITEM, 1), (Kind.ITEM, 2)])
    session.receive(frame(Kind.CANCEL, 1))
    await sessions.close()
    assert wire.said[2:] == [(Kind.ERROR, 2)]


async def test_the_number_of_a_request_that_was_called_off_may_be_used_again() -> None:
    wire = Noted()
    sessions = Sessions(Serving(Endless()))
    session = sessions.open(wire)
    session.receive(hello_frame() + request(1))
    await eventually(lambda: wire.said == [(Kind.ITEM, 1)])
    session.receive(frame(Kind.CANCEL, 1))
    await eventually(lambda: not session.busy)
    session.receive(request(1))
    await eventually(lambda: wire.said == [(Kind.ITEM, 1), (Kind.ITEM, 1)])
    await sessions.close()
    assert wire.said[2:] == [(Kind.ERROR, 1)]
