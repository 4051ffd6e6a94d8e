"""Virtual time."""

import asyncio
from time import monotonic

import pytest

from thalweg.testing import VirtualClock, run


def test_the_clock_moves_only_when_told() -> None:
    clock = VirtualClock(5.0)
    assert clock() == 5.0
    assert clock.advance(2.5) == 7.5
    assert clock() == 7.5


def test_the_clock_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="-1"):
        VirtualClock().advance(-1)


def test_an_hour_of_sleep_takes_no_time() -> None:
    clock = VirtualClock()
    began = monotonic()
    run(asyncio.sleep(3600), clock)
    assert clock() == pytest.approx(3600)
    assert monotonic() - began < 60


def test_timers_fire_in_their_order_and_at_their_time() -> None:
    clock = VirtualClock(100.0)
    fired: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        fired.append((name, clock()))

    async def main() -> None:
        await asyncio.gather(sleep("late", 30), sleep("early", 10), sleep("middle", 20))

    run(main(), clock)
    assert [name for name, _ in fired] == ["early", "middle", "late"]
    assert [moment for _, moment in fired] == pytest.approx([110, 120, 130])


def test_timeouts_count_in_virtual_time() -> None:
    async def main() -> None:
        async with asyncio.timeout(1000):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run(main())


def test_tasks_that_are_ready_run_before_time_moves() -> None:
    clock = VirtualClock()

    async def main() -> float:
        timer = asyncio.create_task(asyncio.sleep(60))
        for _ in range(1000):
            await asyncio.sleep(0)
        moment = clock()
        await timer
        return moment

    assert run(main(), clock) == 0.0
