"""A pool that has no replica on purpose."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.routing.test_pool import Replica, by_handle
from thalweg.config import GatewayOptions
from thalweg.errors import DeadlineExceeded, Unavailable
from thalweg.message import Context, Request
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.message.vitals import Demand
from thalweg.routing import ReplicaPool
from thalweg.routing.replica import Replica as At
from thalweg.testing.leaks import eventually, no_leaks


class Bell:
    def __init__(self) -> None:
        self.rung = 0

    def __call__(self) -> None:
        self.rung += 1


async def sleeping(replica_wait: float = 0.0) -> tuple[ReplicaPool, Bell]:
    made, bell = ReplicaPool("enc", [], GatewayOptions(replica_wait=replica_wait)), Bell()
    made.let_sleep(bell)
    await made.start()
    return made, bell


async def test_requests_are_held_until_a_replica_is_there_and_one_bell_is_enough(tmp_path: Path):
    async with no_leaks():
        made, bell = await sleeping()
        replica = Replica("a", tmp_path)
        calls = [asyncio.ensure_future(by_handle(made)) for _ in range(5)]
        await eventually(lambda: made.demand == Demand(outstanding=5, arrived=5))
        assert (bell.rung, made.asleep, made.ready) == (1, True, True)
        await replica.start()
        await made.join([At(replica.address)])
        made.settle([At(replica.address)])
        assert await asyncio.gather(*calls) == ["a"] * 5
        assert made.demand == Demand(outstanding=0, arrived=5, answered=5)
        assert not made.asleep
        await made.close()
        await replica.stop()


async def test_who_waits_for_one_that_cannot_be_started_is_told_and_the_next_one_asks_again():
    async with no_leaks():
        made, bell = await sleeping()
        for turn in range(2):
            held = asyncio.ensure_future(by_handle(made))
            await eventually(lambda turn=turn: bell.rung == turn + 1)
            made.refuse("It is broken.", 7.0)
            with pytest.raises(Unavailable, match="It is broken") as told:
                await held
            assert (told.value.executor, told.value.retry_after) == ("enc", 7.0)
            assert not made.ready, "it sleeps, and cannot be woken"
        await made.close()


async def test_a_deadline_holds():
    async with no_leaks():
        made, _ = await sleeping(replica_wait=60.0)
        with pytest.raises(DeadlineExceeded):
            await by_handle(made, timeout=0.02)
        assert made.demand == Demand()
        await made.close()


async def test_when_the_last_one_goes_it_sleeps_and_is_sound(tmp_path: Path):
    async with no_leaks():
        replica, bell = Replica("a", tmp_path), Bell()
        await replica.start()
        made = ReplicaPool("enc", [At(replica.address)], GatewayOptions())
        made.let_sleep(bell)
        await made.start()
        await made.connected()
        assert not made.asleep
        made.settle([])
        await made.vacated()
        assert (made.asleep, made.ready) == (True, True)
        await made.close()
        await replica.stop()


async def test_one_that_dies_is_not_asleep(tmp_path: Path):
    async with no_leaks():
        replica, bell = Replica("a", tmp_path), Bell()
        await replica.start()
        made = ReplicaPool("enc", [At(replica.address)], GatewayOptions(replica_wait=0.02))
        made.let_sleep(bell)
        await made.start()
        await made.connected()
        await replica.stop()
        await eventually(lambda: not made.ready)
        with pytest.raises(Unavailable, match="starting again"):
            await by_handle(made)
        assert (made.asleep, bell.rung) == (False, 0)
        await made.close()


async def test_a_dry_run_is_no_work(tmp_path: Path):
    async with no_leaks():
        replica = Replica("a", tmp_path)
        await replica.start()
        made = ReplicaPool("enc", [At(replica.address)], GatewayOptions())
        made.let_sleep(Bell())
        await made.start()
        await made.connected()
        async for _ in made.handle(Request(DRY_RUN_ENDPOINT, (b"",)), Context()):
            pass
        assert made.demand is not None
        assert made.demand.arrived == 0
        await made.close()
        await replica.stop()
