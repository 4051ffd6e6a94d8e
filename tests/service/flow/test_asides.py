"""Executors that nobody waits for."""

import asyncio
import logging
from collections.abc import AsyncGenerator

import pytest

from thalweg.config import Limits
from thalweg.errors import ExecutorFailed, Overloaded, ThalwegError
from thalweg.message import Context, Pending, Reply, Request, Response
from thalweg.service.flow import asides as module
from thalweg.service.flow.asides import Asides, Overheard
from thalweg.testing.leaks import eventually
from thalweg.testing.reply import AwaitedReply


class Listener:
    """Works when it is let, or raises what it is told to."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.go = asyncio.Event()
        self.errors: list[ThalwegError] = []

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        if self.errors:
            raise self.errors.pop(0)
        await self.go.wait()
        self.heard.append(bytes(request.body[0]))
        yield Response()

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        return None


class Source:
    """Answers at once, by both ways."""

    def __init__(self) -> None:
        self.asked = 0

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.asked += 1
        yield Response((b"1",))
        yield Response((b"2",))

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        self.asked += 1
        asyncio.get_running_loop().call_soon(reply.answer, Response((b"0",)))
        return self

    def cancel(self) -> None:
        """Nothing is under way for long enough."""


async def test_an_answer_does_not_wait_for_who_listens():
    listener, asides, answer = Listener(), Asides(Limits()), AwaitedReply()
    overheard = Overheard(Source(), [("f", listener)], asides)
    assert overheard.submit(Request("/e"), Context(), answer) is not None
    assert (await answer.future).body == (b"0",)
    assert [r.body async for r in overheard.handle(Request("/e"), Context())] == [(b"1",), (b"2",)]
    assert listener.heard == []
    listener.go.set()
    await asides.drain(10.0)
    assert sorted(listener.heard) == [b"0", b"1", b"2"]


async def test_who_would_add_to_too_much_waits_for_room_and_nothing_is_lost():
    listener, source, asides = Listener(), Source(), Asides(Limits(max_inflight=2))
    overheard = Overheard(source, [("f", listener)], asides)
    assert [r.body async for r in overheard.handle(Request("/e"), Context())] == [(b"1",), (b"2",)]
    assert overheard.submit(Request("/e"), Context(), AwaitedReply()) is None
    later = asyncio.ensure_future(anext(overheard.handle(Request("/e"), Context())))
    for _ in range(10):
        await asyncio.sleep(0)
    assert (source.asked, later.done()) == (1, False)
    listener.go.set()
    assert (await later).body == (b"1",)
    await asides.drain(10.0)
    assert len(listener.heard) == 3


async def test_bytes_count_too():
    asides = Asides(Limits(max_inflight_bytes=5))
    asides.begin("f", Listener(), Request("/e", (b"12345",)), Context())
    assert asides.full
    await asides.drain(0.0)


async def test_who_takes_no_more_for_now_is_asked_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LEAST_PAUSE", 0.001)
    listener, asides = Listener(), Asides(Limits())
    listener.errors = [Overloaded("full", retry_after=0.001), Overloaded("full")]
    listener.go.set()
    asides.begin("f", listener, Request("/e", (b"x",)), Context())
    await asides.drain(10.0)
    assert listener.heard == [b"x"]


async def test_an_error_is_logged_and_hurts_nobody(caplog: pytest.LogCaptureFixture):
    listener, asides = Listener(), Asides(Limits())
    listener.errors = [ExecutorFailed("it broke")]
    with caplog.at_level(logging.ERROR):
        asides.begin("f", listener, Request("/e", (b"x",)), Context(request_id="r1"))
        await asides.drain(10.0)
    assert "request r1: the floating Executor f failed: it broke" in caplog.text


async def test_what_has_not_ended_at_the_end_of_a_drain_is_told(caplog: pytest.LogCaptureFixture):
    asides = Asides(Limits())
    asides.begin("f", Listener(), Request("/e", (b"x",)), Context())
    await asides.drain(0.01)
    assert "1 requests to floating Executors had not ended at the stop, and are lost" in caplog.text
    assert not asides.full


async def test_it_goes_on_where_the_caller_has_left():
    listener, asides, context = Listener(), Asides(Limits()), Context(deadline=0.0)
    asides.begin("f", listener, Request("/e", (b"x",)), context)
    context.cancel()
    listener.go.set()
    await eventually(lambda: listener.heard == [b"x"])
    await asides.drain(10.0)
