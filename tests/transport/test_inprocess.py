"""What only the transport within a process does: references, names, and two loops. The rest is conformance."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import pytest

from thalweg.config import Limits
from thalweg.errors import DeadlineExceeded, ExecutorFailed, PeerLost, Unavailable
from thalweg.message import Context, Handler, Request, Response
from thalweg.testing import eventually
from thalweg.testing.conformance.subject import Answering
from thalweg.transport.contract import Channel, Serving
from thalweg.transport.inprocess import channel, server

PATIENCE = 60.0


class Recorder:
    """Answers with its requests, and keeps both."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.responses: list[Response] = []

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.requests.append(request)
        self.responses.append(Response(request.body))
        yield self.responses[-1]


async def collected(answers: AsyncGenerator[Response, None]) -> list[Response]:
    return [answer async for answer in answers]


async def test_requests_and_answers_pass_by_reference() -> None:
    recorder = Recorder()
    served = server("inprocess://by-reference", Serving(recorder))
    await served.start()
    request = Request("/x", (bytearray(b"body"),))
    (answer,) = await collected(channel("inprocess://by-reference", Limits()).handle(request, Context()))
    await served.stop()
    assert recorder.requests[0] is request
    assert recorder.responses[0] is answer
    assert answer.body[0] is request.body[0]


async def test_a_server_without_a_name_makes_one_up() -> None:
    first, second = (server("inprocess://", Serving(Recorder())) for _ in range(2))
    await first.start()
    await second.start()
    assert first.address != second.address
    await first.stop()
    await second.stop()


async def test_a_channel_may_be_made_before_its_server() -> None:
    early = channel("inprocess://later", Limits())
    with pytest.raises(Unavailable, match="inprocess://later"):
        await early.connect()
    served = server("inprocess://later", Serving(Recorder()))
    await served.start()
    await early.connect()
    assert len(await collected(early.handle(Request("/x"), Context()))) == 1
    await early.close()
    await served.stop()


async def test_an_error_does_not_bring_the_frames_of_the_handler() -> None:
    async def fail(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise ExecutorFailed("broken")
        yield

    served = server("inprocess://", Serving(Answering(fail)))
    await served.start()
    with pytest.raises(ExecutorFailed) as caught:
        await collected(channel(served.address, Limits()).handle(Request("/x"), Context()))
    await served.stop()
    assert "fail" not in [entry.name for entry in caught.traceback]


class Thread:
    """A server on an event loop of another thread."""

    def __init__(self, handler: Handler) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.server = server("inprocess://", Serving(handler, limits=Limits(stream_window=3)))
        self.call(self.server.start)

    def call(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(function(), self.loop).result(PATIENCE)

    def end(self) -> None:
        self.call(self.server.stop)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


async def count(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    for number in range(request.parameters["items"]):
        yield Response((b"%d" % number,))


async def test_a_server_may_be_on_the_loop_of_another_thread() -> None:
    thread = Thread(Answering(count))
    try:
        far: Channel = channel(thread.server.address, Limits())
        await far.connect()
        answers = await collected(far.handle(Request("/x", parameters={"items": 200}), Context()))
        assert [answer.body for answer in answers] == [(b"%d" % number,) for number in range(200)]
        await far.close()
    finally:
        await asyncio.to_thread(thread.end)


async def test_cancelling_reaches_the_other_thread() -> None:
    ended = threading.Event()
    started = threading.Event()

    async def endless(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        started.set()
        try:
            await asyncio.Event().wait()
            yield Response()
        finally:
            ended.set()

    thread = Thread(Answering(endless))
    try:
        far = channel(thread.server.address, Limits())
        waiting = asyncio.create_task(collected(far.handle(Request("/x"), Context())))
        await eventually(started.is_set)
        waiting.cancel()
        await eventually(ended.is_set)
        with pytest.raises(DeadlineExceeded):
            await collected(far.handle(Request("/x"), Context.with_timeout(0.05)))
        started.clear()
        waiting = asyncio.create_task(collected(far.handle(Request("/x"), Context())))
        await eventually(started.is_set)
        lost = asyncio.create_task(far.closed())
        thread.call(thread.server.stop)
        with pytest.raises(PeerLost):
            await waiting
        await lost
        assert not far.connected
    finally:
        await asyncio.to_thread(thread.end)


async def test_a_server_whose_loop_ended_is_nobody() -> None:
    def serve_and_end() -> str:
        async def start() -> str:
            served = server("inprocess://orphan", Serving(Recorder()))
            await served.start()
            return served.address

        return asyncio.run(start())

    address = await asyncio.to_thread(serve_and_end)
    with pytest.raises(Unavailable):
        await channel(address, Limits()).connect()
    successor = server(address, Serving(Recorder()))
    await successor.start()
    await successor.stop()
