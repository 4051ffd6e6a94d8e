"""The short way for requests with one answer, over a real connection."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from thalweg.config import Limits
from thalweg.errors import (
    DeadlineExceeded,
    EndpointNotFound,
    ExecutorFailed,
    InternalError,
    Overloaded,
    PayloadTooLarge,
    PeerLost,
    ThalwegError,
    Unavailable,
    WrongReturnType,
)
from thalweg.message import Context, Pending, Reply, Request, Response, UnaryHandler
from thalweg.testing.leaks import eventually, no_leaks
from thalweg.testing.reply import AwaitedReply
from thalweg.transport import registry
from thalweg.transport.contract import Channel, Serving

BIG = b"z" * 1_000_000


class Short:
    """Answers by `submit`; each endpoint is one way in which that may go."""

    def __init__(self) -> None:
        self.pending: list[Call] = []
        self.handled = 0

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        if request.endpoint == "/unknown":
            raise EndpointNotFound("no such thing")
        if request.endpoint == "/defect":
            raise ZeroDivisionError("secret")
        if request.endpoint == "/long":
            return None
        call = Call(request, context, reply)
        self.pending.append(call)
        if request.endpoint != "/hold":
            asyncio.get_running_loop().call_soon(call.end)
        return call

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self.handled += 1
        if request.endpoint == "/unsendable":
            yield Response(parameters={"a": object()})
        yield Response((b"by the long way",))


class Call:
    def __init__(self, request: Request, context: Context, reply: Reply) -> None:
        self.request = request
        self.context = context
        self.reply = reply
        self.cancelled = asyncio.Event()

    def end(self) -> None:
        if self.request.endpoint == "/fail":
            self.reply.fail(ExecutorFailed("it broke", executor="enc"))
        elif self.request.endpoint == "/unsendable":
            self.reply.answer(Response(self.request.body, parameters={"a": object()}))
        elif self.request.endpoint == "/big":
            self.reply.answer(Response((BIG,)))
        else:
            self.reply.answer(Response(self.request.body))

    def cancel(self) -> None:
        self.cancelled.set()


@asynccontextmanager
async def served(
    folder: Path, limits: Limits | None = None
) -> AsyncIterator[tuple[Short, Channel, Callable[..., object]]]:
    handler = Short()
    async with no_leaks():
        server = registry.server(f"unix://{folder}/s", Serving(handler, limits=limits or Limits()))
        await server.start()
        channel = registry.channel(server.address)
        await channel.connect()
        try:
            yield handler, channel, server.stop
        finally:
            await channel.close()
            await server.stop()


async def ask(channel: Channel, endpoint: str, body: bytes = b"x", timeout: float | None = None) -> bytes:
    async for response in channel.handle(Request(endpoint, (body,)), Context.with_timeout(timeout)):
        return b"".join(map(bytes, response.body))
    raise AssertionError("no answer")


def submit(channel: Channel, endpoint: str, body: bytes = b"x") -> tuple[AwaitedReply, Pending]:
    assert isinstance(channel, UnaryHandler)
    answer = AwaitedReply()
    pending = channel.submit(Request(endpoint, (body,)), Context(), answer)
    assert pending is not None
    return answer, pending


async def held(handler: Short) -> Call:
    await eventually(lambda: bool(handler.pending))
    return handler.pending[-1]


async def test_both_ends_by_the_short_way(tmp_path: Path):
    async with served(tmp_path) as (handler, channel, _):
        answer, _pending = submit(channel, "/echo", b"hello")
        assert (await answer.future).body == (b"hello",)
        assert handler.handled == 0


async def test_a_reader_by_the_long_way_gets_what_was_submitted(tmp_path: Path):
    async with served(tmp_path) as (handler, channel, _):
        assert await ask(channel, "/echo", b"hello") == b"hello"
        assert handler.handled == 0


async def test_a_handler_that_declines_is_asked_by_the_long_way(tmp_path: Path):
    async with served(tmp_path) as (handler, channel, _):
        answer, _pending = submit(channel, "/long")
        assert (await answer.future).body == (b"by the long way",)
        assert handler.handled == 1


async def test_large_answers_come_whole_both_ways(tmp_path: Path):
    async with served(tmp_path) as (_, channel, _stop):
        answer, _pending = submit(channel, "/big")
        assert b"".join(map(bytes, (await answer.future).body)) == BIG
        assert await ask(channel, "/big") == BIG


async def test_large_requests_need_the_long_way(tmp_path: Path):
    async with served(tmp_path) as (_, channel, _stop):
        assert isinstance(channel, UnaryHandler)
        assert channel.submit(Request("/echo", (BIG,)), Context(), AwaitedReply()) is None
        assert await ask(channel, "/echo", BIG) == BIG


@pytest.mark.parametrize(
    "endpoint,error,words",
    [
        ("/fail", ExecutorFailed, "it broke"),
        ("/unknown", EndpointNotFound, "no such thing"),
        ("/defect", InternalError, "log"),
        ("/unsendable", WrongReturnType, "parameters of the answer"),
    ],
)
async def test_errors_arrive_as_they_were_raised(tmp_path: Path, endpoint: str, error: type[ThalwegError], words: str):
    async with served(tmp_path) as (_, channel, _stop):
        answer, _pending = submit(channel, endpoint)
        with pytest.raises(error, match=words) as caught:
            await answer.future
        assert "secret" not in str(caught.value)
        with pytest.raises(error, match=words):
            await ask(channel, endpoint)


async def test_an_answer_over_the_limit_is_an_error(tmp_path: Path):
    async with served(tmp_path, Limits(max_message_bytes=1000)) as (_, channel, _stop):
        answer, _pending = submit(channel, "/big")
        with pytest.raises(PayloadTooLarge):
            await answer.future


async def test_cancelling_reaches_the_handler_and_the_reply_stays_silent(tmp_path: Path):
    async with served(tmp_path) as (handler, channel, _):
        answer, pending = submit(channel, "/hold")
        call = await held(handler)
        pending.cancel()
        pending.cancel()
        async with asyncio.timeout(60):
            await call.cancelled.wait()
        assert call.context.cancelled
        assert not answer.future.done()
        assert await ask(channel, "/echo", b"next") == b"next"


async def test_the_deadline_holds_for_a_submitted_request(tmp_path: Path):
    async with served(tmp_path) as (handler, channel, _):
        with pytest.raises(DeadlineExceeded):
            await ask(channel, "/hold", timeout=0.05)
        call = await held(handler)
        async with asyncio.timeout(60):
            await call.cancelled.wait()


async def test_a_caller_that_goes_away_calls_its_requests_off(tmp_path: Path):
    async with served(tmp_path) as (handler, channel, _):
        answer, _pending = submit(channel, "/hold")
        call = await held(handler)
        await channel.close()
        async with asyncio.timeout(60):
            await call.cancelled.wait()
        with pytest.raises(PeerLost):
            await answer.future


async def test_a_server_that_stops_says_so_to_whoever_waits(tmp_path: Path):
    async with served(tmp_path) as (handler, channel, stop):
        answer, _pending = submit(channel, "/hold")
        call = await held(handler)
        await stop(0.0)  # type: ignore[misc]
        assert call.cancelled.is_set()
        with pytest.raises(Unavailable):
            await answer.future


async def test_a_server_that_drains_lets_a_submitted_request_end(tmp_path: Path):
    async with served(tmp_path) as (handler, channel, stop):
        answer, _pending = submit(channel, "/hold")
        call = await held(handler)
        stopping = asyncio.ensure_future(stop(5.0))  # type: ignore[arg-type]
        with pytest.raises(Unavailable):
            await ask_until_refused(channel)
        call.end()
        assert (await answer.future).body == (b"x",)
        await stopping


async def ask_until_refused(channel: Channel) -> None:
    async with asyncio.timeout(60):
        while True:
            await ask(channel, "/echo")


@pytest.mark.parametrize("endpoint", ["/long", "/hold"])
async def test_a_request_that_is_called_off_in_the_same_breath_takes_up_no_room(tmp_path: Path, endpoint: str):
    async with served(tmp_path, Limits(max_inflight=4)) as (_, channel, _stop):
        for _ in range(5):
            answers = [submit(channel, endpoint) for _ in range(3)]
            for _answer, pending in answers:
                pending.cancel()
            assert await ask_until_admitted(channel) == b"next"


async def ask_until_admitted(channel: Channel) -> bytes:
    """A task that was cancelled takes one more turn of the server's loop to end."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await ask(channel, "/echo", b"next")
            except Overloaded:
                continue
