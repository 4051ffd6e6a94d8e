"""Many requests under way at once, their answers in order or as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Trip(Protocol[T_co]):
    """A request that is under way once this is made."""

    def answers(self) -> AsyncGenerator[T_co, None]:
        """Read once, when its turn has come."""

    async def call_off(self) -> None:
        """Let go of all that is held for it. Idempotent, and without effect on one that has ended."""


async def at_hand(batches: Iterable[S], start: Callable[[S], Trip[T]], most: int) -> AsyncGenerator[T, None]:
    """As `in_order`, of batches that nobody has to wait for: no task feeds it, and no queue stands between."""
    line: deque[Trip[T]] = deque()
    following = iter(batches)
    fed = True
    try:
        while True:
            while fed and len(line) < most:
                batch = next(following, None)
                if batch is None:
                    fed = False
                else:
                    line.append(start(batch))
            if not line:
                return
            async for answer in line[0].answers():
                yield answer
            line.popleft()
    finally:
        await asyncio.gather(*(trip.call_off() for trip in line))


async def in_order(
    batches: AsyncGenerator[S, None], start: Callable[[S], AsyncGenerator[T, None]], most: int
) -> AsyncGenerator[T, None]:
    """Start a request for each batch, at most `most` at once, and give their answers in the order of the batches.

    The first item of each answer is fetched ahead; the further items of a stream are asked for when their turn comes, so
    that what is kept stays bounded. The first error, of a request or of `batches`, ends it: the other requests are called
    off and gone before it is raised.
    """
    flights: asyncio.Queue[TaskTrip[T] | BaseException | None] = asyncio.Queue()
    room = asyncio.Semaphore(most)
    feeder = asyncio.ensure_future(_feed(batches, start, flights, room))
    current: TaskTrip[T] | None = None
    try:
        while True:
            arrived = await flights.get()
            if arrived is None:
                return
            if isinstance(arrived, BaseException):
                raise arrived
            current = arrived
            async for response in current.answers():
                yield response
            current = None
            room.release()
    finally:
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)
        await _call_off(current, flights)


class TaskTrip(Generic[T]):
    """A request whose first answer a task of its own waits for. Is a `Trip`."""

    __slots__ = ("_answer", "_first")

    def __init__(self, answer: AsyncGenerator[T, None]) -> None:
        self._answer = answer
        self._first = asyncio.ensure_future(anext(answer, None))

    async def answers(self) -> AsyncGenerator[T, None]:
        """See `Trip`."""
        first = await self._first
        if first is not None:
            yield first
            async for response in self._answer:
                yield response

    async def call_off(self) -> None:
        """See `Trip`."""
        self._first.cancel()
        await asyncio.gather(self._first, return_exceptions=True)
        await self._answer.aclose()


async def _feed(
    batches: AsyncGenerator[S, None],
    start: Callable[[S], AsyncGenerator[T, None]],
    flights: asyncio.Queue[TaskTrip[T] | BaseException | None],
    room: asyncio.Semaphore,
) -> None:
    try:
        async with aclosing(batches):
            await room.acquire()  # before the batch is read: nothing is read that cannot be sent
            async for batch in batches:
                flights.put_nowait(TaskTrip(start(batch)))
                await room.acquire()
    except Exception as error:
        flights.put_nowait(error)
    else:
        flights.put_nowait(None)


async def _call_off(current: TaskTrip[T] | None, flights: asyncio.Queue[TaskTrip[T] | BaseException | None]) -> None:
    under_way = [current]
    while not flights.empty():
        flight = flights.get_nowait()
        if isinstance(flight, TaskTrip):
            under_way.append(flight)
    await asyncio.gather(*(flight.call_off() for flight in under_way if flight is not None))


async def unordered(
    batches: AsyncGenerator[S, None], start: Callable[[S], AsyncGenerator[T, None]], most: int
) -> AsyncGenerator[T, None]:
    """Like `in_order`, with each item as soon as it is there: a slow request holds no other one up."""
    arrivals = _Arrivals[T](most)
    feeder = asyncio.ensure_future(arrivals.feed(batches, start))
    try:
        while True:
            arrived = await arrivals.items.get()
            if arrived is None:
                return
            if isinstance(arrived, _Failure):
                raise arrived.error
            yield arrived
    finally:
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)


class _Failure:
    """An error on its way to the reader."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Arrivals(Generic[T]):
    """Requests that put their items where the reader takes them from; each has one item at most that waits for room."""

    def __init__(self, most: int) -> None:
        self.items: asyncio.Queue[T | _Failure | None] = asyncio.Queue(most)
        self._room = asyncio.Semaphore(most)

    async def feed(self, batches: AsyncGenerator[S, None], start: Callable[[S], AsyncGenerator[T, None]]) -> None:
        under_way: set[asyncio.Task[None]] = set()
        try:
            async with aclosing(batches):
                await self._room.acquire()
                async for batch in batches:
                    task = asyncio.ensure_future(self._carry(start(batch)))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                    await self._room.acquire()
            if under_way:
                await asyncio.wait(under_way)
        except Exception as error:
            await self.items.put(_Failure(error))
        else:
            await self.items.put(None)
        finally:
            for task in list(under_way):
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _carry(self, answer: AsyncGenerator[T, None]) -> None:
        try:
            async with aclosing(answer):
                async for item in answer:
                    await self.items.put(item)
        except Exception as error:
            await self.items.put(_Failure(error))
        finally:
            self._room.release()
