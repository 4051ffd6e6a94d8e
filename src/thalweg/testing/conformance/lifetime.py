"""Beginning, ending, and ending badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from thalweg.errors import PeerLost, Unavailable
from thalweg.message import Context, Request, Response
from thalweg.testing.conformance.deadlines import Endless
from thalweg.testing.conformance.failures import caught
from thalweg.testing.conformance.peer import ITEMS_BEFORE_SILENCE, peer
from thalweg.testing.conformance.pressure import Holding
from thalweg.testing.conformance.subject import (
    MANY,
    ONE,
    PATIENCE_SECONDS,
    Answering,
    Settings,
    Subject,
    check,
    content,
    echo,
    only,
)
from thalweg.testing.leaks import eventually
from thalweg.transport.contract import Channel

BODY = (b"[]",)


@asynccontextmanager
async def _channel(subject: Subject, address: str) -> AsyncIterator[Channel]:
    channel = subject.transport.channel(address, Settings().channel_limits)
    try:
        yield channel
    finally:
        await channel.close()


@check()
async def connecting_to_nobody_is_unavailable(subject: Subject) -> None:
    async with subject.serve(Answering(echo)) as (server, _):
        await server.stop()
        async with _channel(subject, server.address) as channel, asyncio.timeout(PATIENCE_SECONDS):
            try:
                await channel.connect()
            except Unavailable as error:
                message = error.message
            else:
                raise AssertionError("connect() found somebody where nobody is.")
            assert server.address in message
            assert not channel.connected
            assert isinstance(await caught(channel, Request(ONE, BODY)), Unavailable)


@check()
async def connecting_and_closing_may_be_repeated(subject: Subject) -> None:
    async with subject.serve(Answering(echo)) as (server, channel):
        await channel.connect()
        await channel.connect()
        assert channel.connected
        assert content(await only(channel, Request(ONE, BODY))) == list(BODY)
        await channel.close()
        await channel.close()
        assert not channel.connected
        async with asyncio.timeout(PATIENCE_SECONDS):
            await channel.closed()
        assert isinstance(await caught(channel, Request(ONE, BODY)), Unavailable)
        await server.stop()
        await server.stop()


@check()
async def a_channel_asks_whether_its_server_is_ready(subject: Subject) -> None:
    ready = False
    settings = Settings(ready=lambda: ready)
    async with subject.serve(Answering(echo), settings) as (_, channel), asyncio.timeout(PATIENCE_SECONDS):
        assert await channel.ready() is False
        ready = True
        assert await channel.ready() is True
        await channel.close()
        try:
            await channel.ready()
        except Unavailable:
            return
    raise AssertionError("A closed channel cannot know whether its server is ready.")


@check()
async def an_address_that_is_taken_is_an_error_and_its_owner_does_not_mind(subject: Subject) -> None:
    async with subject.serve(Answering(echo)) as (server, channel):
        second = subject.transport.server(server.address, Settings().serving(Answering(echo)))
        try:
            await second.start()
        except OSError:
            pass
        else:
            await second.stop()
            raise AssertionError(f"Two servers have the same address, {server.address}.")
        await second.stop()
        assert content(await only(channel, Request(ONE, BODY))) == list(BODY)


@check()
async def a_channel_hears_that_its_server_stopped_and_connects_to_the_next_one(subject: Subject) -> None:
    async with subject.serve(Answering(echo)) as (server, channel), asyncio.timeout(PATIENCE_SECONDS):
        await only(channel, Request(ONE, BODY))
        lost = asyncio.create_task(channel.closed())
        await server.stop()
        await lost
        await eventually(lambda: not channel.connected)
        assert isinstance(await caught(channel, Request(ONE, BODY)), Unavailable)
        successor = subject.transport.server(server.address, Settings().serving(Answering(echo)))
        await successor.start()
        await channel.connect()
        assert content(await only(channel, Request(ONE, BODY))) == list(BODY)
        await channel.close()
        await successor.stop()


async def _refused(channel: Channel) -> None:
    """Return when new requests are answered with `Unavailable`."""
    while True:
        try:
            await only(channel, Request(ONE, BODY, parameters={"now": True}))
        except Unavailable:
            return


@check()
async def draining_answers_what_is_under_way_and_refuses_what_is_new(subject: Subject) -> None:
    holding = Holding()
    async with subject.serve(holding) as (server, channel), asyncio.timeout(PATIENCE_SECONDS):
        held = [asyncio.create_task(only(channel, Request(ONE, (b"[%d]" % n,)))) for n in range(5)]
        for _ in held:
            await holding.started.acquire()
        stopping = asyncio.create_task(server.stop(PATIENCE_SECONDS))
        await _refused(channel)
        await channel.closed()
        assert not channel.connected
        assert not stopping.done()
        holding.release.set()
        assert [content(await one) for one in held] == [[b"[%d]" % n] for n in range(5)]
        await stopping


@check()
async def a_channel_goes_on_to_the_next_server_while_the_last_one_drains(subject: Subject) -> None:
    holding = Holding()
    async with subject.serve(holding) as (server, channel), asyncio.timeout(PATIENCE_SECONDS):
        held = asyncio.create_task(only(channel, Request(ONE, (b"[1]",))))
        await holding.started.acquire()
        stopping = asyncio.create_task(server.stop(PATIENCE_SECONDS))
        await _refused(channel)
        successor = subject.transport.server(server.address, Settings().serving(Answering(echo)))
        try:
            await successor.start()
        except OSError:
            holding.release.set()  # a server may keep its address until it has answered all
            await stopping
            await successor.start()
        await channel.connect()
        assert content(await only(channel, Request(ONE, (b"[2]",)))) == [b"[2]"]
        holding.release.set()
        assert content(await held) == [b"[1]"]
        await stopping
        assert content(await only(channel, Request(ONE, (b"[3]",)))) == [b"[3]"]
        await channel.close()
        await successor.stop()


@check()
async def draining_ends_a_stream_that_is_being_read(subject: Subject) -> None:
    async def count(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        for number in range(100):
            yield Response((b"%d" % number,))

    async with subject.serve(Answering(count)) as (server, channel), asyncio.timeout(PATIENCE_SECONDS):
        stopping, got = None, 0
        async for _ in channel.handle(Request(MANY, BODY), Context()):
            stopping = stopping or asyncio.create_task(server.stop(PATIENCE_SECONDS))
            got += 1
        assert got == 100
        assert stopping is not None
        await stopping


@check()
async def what_outlasts_the_drain_is_cancelled(subject: Subject) -> None:
    endless = Endless()
    async with subject.serve(endless) as (server, channel), asyncio.timeout(PATIENCE_SECONDS):
        waiting = asyncio.create_task(caught(channel, Request(ONE, BODY)))
        await endless.wait_started()
        await server.stop(0.05)
        assert isinstance(await waiting, Unavailable)
        await endless.wait_ended()


@check()
async def a_second_stop_shortens_the_first(subject: Subject) -> None:
    holding = Holding()
    async with subject.serve(holding) as (server, channel), asyncio.timeout(PATIENCE_SECONDS):
        waiting = asyncio.create_task(caught(channel, Request(ONE, BODY)))
        await holding.started.acquire()
        patient = asyncio.create_task(server.stop(1000))
        await _refused(channel)
        await server.stop()
        await patient
        assert isinstance(await waiting, Unavailable)


@check(separate=True)
async def a_killed_server_is_a_lost_peer(subject: Subject) -> None:
    with subject.fresh_address() as address:
        async with peer(subject, "serve", address) as server, _channel(subject, server.line) as channel:
            await channel.connect()
            waiting = [
                asyncio.create_task(caught(channel, Request(ONE, BODY, parameters={"wait": True}))) for _ in range(10)
            ]
            await only(channel, Request(ONE, BODY))
            lost = asyncio.create_task(channel.closed())
            await server.kill()
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert {type(await one) for one in waiting} == {PeerLost}
                await lost
            assert not channel.connected


@check(separate=True)
async def a_server_killed_in_mid_stream_is_a_lost_peer(subject: Subject) -> None:
    got = []
    with subject.fresh_address() as address:
        async with peer(subject, "serve", address) as server, _channel(subject, server.line) as channel:
            await channel.connect()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    async for item in channel.handle(Request(MANY, BODY), Context()):
                        got.append(content(item))
                        if len(got) == ITEMS_BEFORE_SILENCE:
                            await server.kill()
            except PeerLost:
                pass
            else:
                raise AssertionError("A stream that was cut off looks complete.")
    assert got == [[b"%d" % number] for number in range(ITEMS_BEFORE_SILENCE)]


@check(separate=True)
async def a_channel_connects_again_where_a_killed_server_was(subject: Subject) -> None:
    with subject.fresh_address() as address:
        async with peer(subject, "serve", address) as server, _channel(subject, server.line) as channel:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await channel.connect()
                await only(channel, Request(ONE, BODY))
                await server.kill()
                await channel.closed()
                async with peer(subject, "serve", server.line):
                    await channel.connect()
                    assert content(await only(channel, Request(ONE, BODY))) == list(BODY)


@check(separate=True)
async def a_killed_caller_is_no_longer_worked_for(subject: Subject) -> None:
    endless = Endless()
    seen: list[Context] = []

    async def stream(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        seen.append(context)
        yield Response((b"{}",))
        async for answer in endless.handle(request, context):
            yield answer

    async with subject.serve(Answering(stream)) as (server, _), peer(subject, "call", server.address) as caller:
        await endless.wait_started()
        await caller.kill()
        await endless.wait_ended()
    assert len(seen) == 1
