"""The short way, on channels that have one (`UnaryHandler`); the others pass these checks without doing anything."""

from __future__ import annotations

import asyncio

from thalweg.errors import ExecutorFailed, PeerLost, ThalwegError, Unavailable
from thalweg.message import Context, Pending, Request, Response, UnaryHandler
from thalweg.testing.conformance.deadlines import Endless
from thalweg.testing.conformance.failures import fail_with
from thalweg.testing.conformance.subject import (
    MANY,
    ONE,
    PATIENCE_SECONDS,
    Answering,
    Subject,
    check,
    content,
    echo,
    only,
)
from thalweg.transport.contract import Channel


class Outcome:
    """A reply that may be waited for, and that minds being called twice."""

    def __init__(self) -> None:
        self._settled: asyncio.Future[Response | ThalwegError] = asyncio.get_running_loop().create_future()

    @property
    def known(self) -> bool:
        return self._settled.done()

    def answer(self, response: Response) -> None:
        self._settled.set_result(response)

    def fail(self, error: ThalwegError) -> None:
        self._settled.set_result(error)

    async def wait(self) -> Response | ThalwegError:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._settled


def _submit(channel: Channel, request: Request, outcome: Outcome, context: Context | None = None) -> Pending | None:
    """Submit, where the channel can; None where it cannot or will not."""
    if not isinstance(channel, UnaryHandler):
        return None
    pending = channel.submit(request, context or Context(), outcome)
    assert not outcome.known, "the reply was called before submit had returned"
    return pending


@check()
async def submitted_requests_get_their_own_answers(subject: Subject) -> None:
    async with subject.serve(Answering(echo)) as (_, channel):
        outcomes = [Outcome() for _ in range(200)]
        for number, outcome in enumerate(outcomes):
            request = Request(ONE, (b"[%d]" % number,), parameters={"n": number})
            if _submit(channel, request, outcome) is None:
                return
        answers = [await outcome.wait() for outcome in outcomes]
    for number, answer in enumerate(answers):
        assert isinstance(answer, Response)
        assert (content(answer), answer.parameters) == ([b"[%d]" % number], {"n": number})


@check()
async def a_submitted_request_that_is_large_gets_its_answer_or_needs_the_long_way(subject: Subject) -> None:
    async with subject.serve(Answering(echo)) as (_, channel):
        body = bytes(range(256)) * (1 << 13)
        outcome = Outcome()
        if _submit(channel, Request(ONE, (b"[]", body)), outcome) is None:
            return
        answer = await outcome.wait()
    assert isinstance(answer, Response)
    assert content(answer) == [b"[]", body]


@check()
async def a_submitted_request_fails_as_it_was_raised(subject: Subject) -> None:
    error = ExecutorFailed("größe", executor="enc", details=[{"loc": ["data"]}])
    async with subject.serve(Answering(fail_with(error))) as (_, channel):
        outcome = Outcome()
        if _submit(channel, Request(ONE, (b"{}",)), outcome, Context(request_id="feed" * 8)) is None:
            return
        got = await outcome.wait()
    assert isinstance(got, ExecutorFailed)
    assert (got.message, got.executor, got.details) == ("größe", "enc", [{"loc": ["data"]}])
    assert got.request_id == "feed" * 8


@check()
async def cancelling_a_submitted_request_cancels_the_handler(subject: Subject) -> None:
    endless = Endless()
    async with subject.serve(endless) as (_, channel):
        outcome = Outcome()
        pending = _submit(channel, Request(ONE, (b"{}",)), outcome)
        if pending is None:
            return
        await endless.wait_started()
        pending.cancel()
        pending.cancel()
        await endless.wait_ended()
        await channel.ready()  # so that whatever the server said of the request has been read
    assert not outcome.known, "the reply of a cancelled request was called"


@check()
async def a_submitted_request_on_a_connection_that_closes_is_lost(subject: Subject) -> None:
    endless = Endless()
    async with subject.serve(endless) as (_, channel):
        outcome = Outcome()
        if _submit(channel, Request(ONE, (b"{}",)), outcome) is None:
            return
        await endless.wait_started()
        await channel.close()
        assert type(await outcome.wait()) is PeerLost
        try:
            _submit(channel, Request(ONE, (b"{}",)), Outcome())
        except Unavailable:
            return
    raise AssertionError("A closed channel took a request.")


@check()
async def submitted_requests_and_streams_share_a_channel(subject: Subject) -> None:
    async with subject.serve(Answering(echo)) as (_, channel):
        outcomes = [Outcome() for _ in range(50)]
        for outcome in outcomes:
            if _submit(channel, Request(ONE, (b"[]",)), outcome) is None:
                return
        answers = await asyncio.gather(*(only(channel, Request(MANY, (b"[%d]" % n,))) for n in range(50)))
        assert [content(answer) for answer in answers] == [[b"[%d]" % n] for n in range(50)]
        for outcome in outcomes:
            assert isinstance(await outcome.wait(), Response)
