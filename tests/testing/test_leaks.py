"""What is left behind is named; what was there before, or is gone in the end, is not."""

import asyncio
import os
import socket

import pytest

from thalweg.testing import Leak, descriptors, eventually, no_leaks

SOON = 0.05


async def test_a_task_left_behind_is_a_leak() -> None:
    with pytest.raises(Leak, match="left_alone"):
        async with no_leaks(SOON):
            task = asyncio.create_task(asyncio.Event().wait(), name="left_alone")
    task.cancel()


async def test_a_socket_left_behind_is_a_leak() -> None:
    with pytest.raises(Leak, match="descriptor"):
        async with no_leaks(SOON):
            left = socket.socket()
    left.close()


async def test_what_was_there_before_is_no_leak() -> None:
    task = asyncio.create_task(asyncio.Event().wait())
    with socket.socket():
        async with no_leaks(SOON):
            pass
    task.cancel()


async def test_what_is_just_ending_has_time_to_end() -> None:
    async def end_soon() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async with no_leaks():
        ending = asyncio.create_task(end_soon())
    assert ending.done()


async def test_an_error_in_the_block_is_not_hidden_by_its_leaks() -> None:
    tasks: list[asyncio.Task[object]] = []

    async def leak_and_fail() -> None:
        async with no_leaks(SOON):
            tasks.append(asyncio.create_task(asyncio.Event().wait()))
            raise KeyError("the real one")

    with pytest.raises(KeyError):
        await leak_and_fail()
    tasks[0].cancel()


def test_descriptors_name_what_is_open() -> None:
    reader, writer = os.pipe()
    try:
        found = descriptors()
        assert {reader, writer} <= found.keys()
    finally:
        os.close(reader)
        os.close(writer)
    assert not {reader, writer} & descriptors().keys()


async def test_eventually_returns_when_the_condition_holds() -> None:
    seen: list[int] = []
    await eventually(lambda: seen.append(1) or len(seen) == 3)  # type: ignore[func-returns-value]
    assert len(seen) == 3


async def test_eventually_gives_up() -> None:
    def never() -> bool:
        return False

    with pytest.raises(TimeoutError, match=r"never did not hold within 0\.01"):
        await eventually(never, 0.01)
