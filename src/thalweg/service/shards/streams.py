"""Streams and shards: one shard answers, or all of them at once, their items merged as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from thalweg.errors import ThalwegError
from thalweg.message import Buffer, Inflow, Response
from thalweg.service.steps.flights import in_arrival_order

AHEAD = 16
"""How many payloads one shard may be ahead of the slowest, and how many items ahead of the reader."""


async def merged_streams(streams: Sequence[AsyncGenerator[Response, None]]) -> AsyncGenerator[Response, None]:
    """The items of all `streams`, each as soon as it is there. Where one fails the others go on, and its error is raised
    when they have ended."""
    failures: list[ThalwegError] = []
    sheltered = [_sheltered(stream, failures) for stream in streams]
    async with aclosing(in_arrival_order(sheltered, AHEAD)) as items:
        async for item in items:
            yield item
    if failures:
        raise failures[0]


async def _sheltered(
    stream: AsyncGenerator[Response, None], failures: list[ThalwegError]
) -> AsyncGenerator[Response, None]:
    async with aclosing(stream):
        try:
            async for item in stream:
                yield item
        except ThalwegError as error:
            failures.append(error)


class Tee:
    """The payloads of one inflow for several readers. It is read no further than `AHEAD` payloads before the slowest of
    those that still read."""

    def __init__(self, inflow: Inflow, readers: int) -> None:
        self._inflow = inflow
        self._queues: list[asyncio.Queue[tuple[Buffer, ...] | ThalwegError | None]] = [
            asyncio.Queue(AHEAD) for _ in range(readers)
        ]
        self._open = [True] * readers
        self._pump: asyncio.Task[None] | None = None

    async def reader(self, number: int) -> AsyncGenerator[tuple[Buffer, ...], None]:
        """All payloads, for one of the readers."""
        if self._pump is None:
            self._pump = asyncio.ensure_future(self._read())
        queue = self._queues[number]
        try:
            while (payload := await queue.get()) is not None:
                if isinstance(payload, ThalwegError):
                    raise payload
                yield payload
        finally:
            self._open[number] = False
            while not queue.empty():  # whoever waits for room is let through
                queue.get_nowait()

    async def close(self) -> None:
        """Read nothing more."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    async def _read(self) -> None:
        end: ThalwegError | None = None
        try:
            async for payload in self._inflow:
                await self._give(payload)
                if not any(self._open):
                    return
        except ThalwegError as error:
            end = error
        await self._give(end)

    async def _give(self, payload: tuple[Buffer, ...] | ThalwegError | None) -> None:
        for queue, wanted in zip(self._queues, self._open, strict=True):
            if wanted:
                await queue.put(payload)
