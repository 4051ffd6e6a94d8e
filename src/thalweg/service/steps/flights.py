"""Items of a stream under way at once: each goes the rest of its way while the next ones are made, and order is kept."""

from __future__ import annotations

import asyncio
from asyncio import Future, Task
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

from thalweg.errors import ThalwegError
from thalweg.message import Pending, Response
from thalweg.service.steps.relay import under

Output = TypeVar("Output")
Given_co = TypeVar("Given_co", covariant=True)
Source = TypeVar("Source")


class Flight(Protocol[Given_co]):
    """What becomes of one item. It is under way once it is made."""

    def results(self) -> AsyncGenerator[Given_co, None]:
        """Read once, when the turn of the item has come."""

    async def call_off(self) -> None:
        """Have nothing under way any more. Idempotent, and without effect on what has ended."""


class UnaryFlight:
    """One item with one answer, by the short way: the `Reply` of the step that it goes to."""

    __slots__ = ("_error", "_headers", "_pending", "_response", "_waiter")

    def __init__(self, begin: Callable[[UnaryFlight], Pending], headers: Mapping[str, str]) -> None:
        self._headers = headers
        self._response: Response | None = None
        self._error: ThalwegError | None = None
        self._waiter: Future[None] | None = None
        self._pending: Pending | None = None
        try:
            self._pending = begin(self)
        except ThalwegError as error:
            self._error = error

    def answer(self, response: Response) -> None:
        self._response = response
        self._end()

    def fail(self, error: ThalwegError) -> None:
        self._error = error
        self._end()

    def _end(self) -> None:
        self._pending = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def results(self) -> AsyncGenerator[Response, None]:
        if self._response is None and self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._error is not None:
            raise self._error
        assert self._response is not None
        yield under(self._headers, self._response)

    async def call_off(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.cancel()


class StreamFlight(Generic[Output]):
    """One item of which a stream becomes. Its first answer is fetched ahead, the others when its turn has come: so that
    what is kept stays bounded."""

    __slots__ = ("_answers", "_first")

    def __init__(self, answers: AsyncGenerator[Output, None]) -> None:
        self._answers = answers
        self._first: Task[Output | None] = asyncio.ensure_future(anext(answers, None))

    async def results(self) -> AsyncGenerator[Output, None]:
        first = await self._first
        if first is not None:
            yield first
            async for answer in self._answers:
                yield answer

    async def call_off(self) -> None:
        self._first.cancel()
        await asyncio.gather(self._first, return_exceptions=True)
        await self._answers.aclose()


async def in_turn(
    items: AsyncGenerator[Source, None], begin: Callable[[Source], Flight[Output]], most: int
) -> AsyncGenerator[Output, None]:
    """The results of each of `items` in their order, while `most` of them at most are under way.

    The first error, of an item or of `items`, is raised after the results of all items before it; the others are called
    off and gone by then.
    """
    line = _Line(items, begin, most)
    feeding: Task[None] | None = None
    try:
        # The first one in this task: who waits for it does not wait for a turn of another one as well.
        first = await anext(items, None)
        if first is None:
            return
        line.flights.append(begin(first))
        feeding = asyncio.ensure_future(line.feed())
        while (flight := await line.head()) is not None:
            async with aclosing(flight.results()) as results:
                async for result in results:
                    yield result
            line.advance()
    finally:
        if feeding is not None:
            feeding.cancel()
            await asyncio.wait([feeding])
        for flight in line.flights:
            await flight.call_off()
        await items.aclose()


class _Line(Generic[Source, Output]):
    """Flights in the order of their items."""

    def __init__(
        self, items: AsyncGenerator[Source, None], begin: Callable[[Source], Flight[Output]], most: int
    ) -> None:
        self.flights: deque[Flight[Output]] = deque()
        self._items = items
        self._begin = begin
        self._most = most
        self._ended = False
        self._error: Exception | None = None
        self._reader: Future[None] | None = None
        self._feeder: Future[None] | None = None

    async def feed(self) -> None:
        try:
            await self._room()
            async for item in self._items:
                self.flights.append(self._begin(item))
                _wake(self._reader)
                if len(self.flights) >= self._most:
                    await self._room()
        except Exception as error:
            self._error = error
        self._ended = True
        _wake(self._reader)

    async def _room(self) -> None:
        while len(self.flights) >= self._most:
            self._feeder = asyncio.get_running_loop().create_future()
            await self._feeder

    async def head(self) -> Flight[Output] | None:
        """The first of those that are under way, as soon as there is one; None at the end."""
        while not self.flights:
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self.flights[0]

    def advance(self) -> None:
        """The first one has come to its end."""
        self.flights.popleft()
        if len(self.flights) * 2 <= self._most:
            _wake(self._feeder)


def _wake(waiter: Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


async def in_arrival_order(streams: list[AsyncGenerator[Output, None]], most: int) -> AsyncGenerator[Output, None]:
    """The items of all `streams`, each as soon as it is there; no stream is more than `most` items ahead of the reader.
    The first error ends it."""
    arrived: deque[tuple[Output, asyncio.Semaphore]] = deque()
    news = asyncio.Event()

    async def read(stream: AsyncGenerator[Output, None]) -> None:
        room = asyncio.Semaphore(most)
        try:
            async for item in stream:
                arrived.append((item, room))
                news.set()
                await room.acquire()
        finally:
            news.set()

    readers = [asyncio.ensure_future(read(stream)) for stream in streams]
    try:
        while True:
            while arrived:
                item, room = arrived.popleft()
                yield item
                room.release()
            for reader in readers:
                if reader.done():
                    reader.result()
            if all(reader.done() for reader in readers):
                return
            news.clear()
            await news.wait()
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        for stream in streams:
            await stream.aclose()


async def by_position(
    streams: list[AsyncGenerator[Output, None]], nothing: Output
) -> AsyncGenerator[list[Output], None]:
    """The first items of all `streams`, then the second ones, and so on. Of one that has ended its last item stands for
    those that are missing, and `nothing` where it had none."""
    held = [nothing] * len(streams)
    going = list(range(len(streams)))
    try:
        while True:
            fetched = await gathered([anext(streams[index], None) for index in going])
            going = [index for index, item in zip(going, fetched, strict=True) if item is not None]
            if not going:
                return
            for index, item in zip(list(going), [item for item in fetched if item is not None], strict=True):
                held[index] = item
            yield list(held)
    finally:
        for stream in streams:
            await stream.aclose()


async def gathered(calls: Sequence[Awaitable[Output]]) -> list[Output]:
    """All results, or the first error; then the other calls are called off and gone."""
    if len(calls) == 1:
        return [await calls[0]]
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
