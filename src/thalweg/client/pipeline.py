"""Many requests under way at once, their answers in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeAlias

from thalweg.client.exchange import Batch
from thalweg.message import Response

Start: TypeAlias = Callable[[Batch], AsyncGenerator[Response, None]]


async def in_order(batches: AsyncGenerator[Batch, None], start: Start, most: int) -> AsyncGenerator[Response, None]:
    """Start a request for each batch, at most `most` at once, and give their answers in the order of the batches.

    The first item of each answer is fetched ahead; the further items of a stream are asked for when their turn comes, so
    that what is kept stays bounded. The first error, of a request or of `batches`, ends it: the other requests are called
    off and gone before it is raised.
    """
    flights: asyncio.Queue[_Flight | BaseException | None] = asyncio.Queue()
    room = asyncio.Semaphore(most)
    feeder = asyncio.ensure_future(_feed(batches, start, flights, room))
    current: _Flight | None = None
    try:
        while True:
            arrived = await flights.get()
            if arrived is None:
                return
            if isinstance(arrived, BaseException):
                raise arrived
            current = arrived
            first = await current.first
            if first is not None:
                yield first
                async for response in current.answer:
                    yield response
            current = None
            room.release()
    finally:
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)
        await _call_off(current, flights)


class _Flight:
    """A request that is under way."""

    __slots__ = ("answer", "first")

    def __init__(self, answer: AsyncGenerator[Response, None]) -> None:
        self.answer = answer
        self.first = asyncio.ensure_future(anext(answer, None))

    async def call_off(self) -> None:
        self.first.cancel()
        await asyncio.gather(self.first, return_exceptions=True)
        await self.answer.aclose()


async def _feed(
    batches: AsyncGenerator[Batch, None],
    start: Start,
    flights: asyncio.Queue[_Flight | BaseException | None],
    room: asyncio.Semaphore,
) -> None:
    try:
        async with aclosing(batches):
            await room.acquire()  # before the batch is read: nothing is read that cannot be sent
            async for batch in batches:
                flights.put_nowait(_Flight(start(batch)))
                await room.acquire()
    except Exception as error:
        flights.put_nowait(error)
    else:
        flights.put_nowait(None)


async def _call_off(current: _Flight | None, flights: asyncio.Queue[_Flight | BaseException | None]) -> None:
    under_way = [current]
    while not flights.empty():
        flight = flights.get_nowait()
        if isinstance(flight, _Flight):
            under_way.append(flight)
    await asyncio.gather(*(flight.call_off() for flight in under_way if flight is not None))
