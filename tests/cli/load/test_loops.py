"""Against a driver whose answers come when the test says: what is measured is known."""

import asyncio
from itertools import islice
from time import perf_counter

import pytest

from thalweg.cli.load.drivers import Shot
from thalweg.cli.load.histogram import bucket
from thalweg.cli.load.loops import ClosedLoop, OpenLoop, gaps


class Station:
    """Answers one request at a time, each after `seconds`; stands still once for `stall` seconds."""

    def __init__(self, seconds: float, stall_at: int = -1, stall: float = 0.0) -> None:
        self.seconds, self.stall_at, self.stall = seconds, stall_at, stall
        self.sent = 0
        self.most = 0
        self._queue: asyncio.Queue[Shot] = asyncio.Queue()
        self.many = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._worker = asyncio.create_task(self._work())

    def send(self, shot: Shot) -> None:
        self._queue.put_nowait(shot)
        self.most = max(self.most, self._queue.qsize())
        if self.most >= 49:
            self.many.set()

    async def _work(self) -> None:
        while True:
            shot = await self._queue.get()
            shot.sent = perf_counter()
            await asyncio.sleep(self.stall if self.sent == self.stall_at else self.seconds)
            self.sent += 1
            shot.done("refused" if self.sent % 10 == 0 and self.stall_at < 0 else "")

    async def close(self) -> None:
        assert self._worker is not None
        self._worker.cancel()


async def test_a_closed_loop_keeps_so_many_under_way_and_counts_what_fails() -> None:
    station = Station(0.0005)
    await station.open()
    found = await ClosedLoop(station, 5).run(60, requests=100)
    await station.close()
    assert (found.latency.count, dict(found.failures)) == (90, {"refused": 10})
    assert station.most <= 5
    assert sum(found.per_second.values()) == 100
    assert found.latency.counts == found.service.counts


async def test_a_closed_loop_ends_when_the_time_is_over() -> None:
    station = Station(0.001)
    await station.open()
    found = await ClosedLoop(station, 2).run(0.2)
    await station.close()
    assert 0.2 <= found.end - found.begin < 5
    assert found.latency.count + found.failures.total() == station.sent


async def test_an_open_loop_lets_a_stall_count_for_all_who_would_have_met_it() -> None:
    station = Station(0.0, stall_at=20, stall=0.5)
    await station.open()
    found = await OpenLoop(station, rate=200).run(60, requests=200)
    await station.close()
    late = sum(number for key, number in found.latency.counts.items() if key > bucket(100_000))
    assert found.latency.count == 200
    assert late >= 60  # half a second at 200 a second, less those that waited for less than a tenth of one
    assert found.service.percentile(50) < 100_000
    assert sum(n for key, n in found.service.counts.items() if key > bucket(400_000)) == 1


async def test_an_open_loop_sends_at_its_rate_whether_answers_come_or_not() -> None:
    station = Station(10)
    await station.open()
    sending = asyncio.create_task(OpenLoop(station, rate=1000).run(60, requests=50))
    async with asyncio.timeout(60):
        await station.many.wait()
    sending.cancel()
    await station.close()


def test_gaps_are_even_or_random_with_the_same_mean() -> None:
    assert list(islice(gaps(50, False, 0), 3)) == [0.02, 0.02, 0.02]
    random = list(islice(gaps(50, True, 1), 20_000))
    assert sum(random) / len(random) == pytest.approx(0.02, rel=0.05)
    assert random[:5] == list(islice(gaps(50, True, 1), 5))
    assert random[:5] != list(islice(gaps(50, True, 2), 5))
