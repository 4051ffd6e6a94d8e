"""Whether a piece of code leaves anything behind: tasks, sockets, files."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any

POLL_SECONDS = 0.002
GARBAGE_SECONDS = 0.1
"""When what is still there may be waiting for the garbage collector."""
OF_LIBRARIES = ("/dev/null", "anon_inode:")
"""What event loops and native libraries open for themselves when they first need it, and keep; it is nobody's leak."""
DESCRIPTOR_FOLDERS = ("/proc/self/fd", "/dev/fd")


class Leak(AssertionError):
    """Something was left behind; the message lists it."""


def descriptors() -> dict[int, str]:
    """Open file descriptors of this process, and what each is as far as the system tells."""
    folder = next(folder for folder in DESCRIPTOR_FOLDERS if os.path.isdir(folder))
    found = {}
    for name in os.listdir(folder):
        try:
            found[int(name)] = os.readlink(f"{folder}/{name}")
        except OSError:  # the descriptor of the listing itself, closed by now, or a system without links
            if folder == "/dev/fd" and _is_open(int(name)):
                found[int(name)] = "open"
    return found


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@asynccontextmanager
async def no_leaks(seconds: float = 30.0) -> AsyncIterator[None]:
    """Raise `Leak` if the block leaves behind a task of this loop or an open file descriptor of this process.

    What is closing when the block ends has `seconds` to be gone; garbage that waits for its collector is collected. A block
    that raises is not looked at.
    """
    tasks = asyncio.all_tasks()
    before = set(descriptors().items())
    yield
    left: list[str] = []

    def nothing_left() -> bool:
        left[:] = [f"task {task!r}" for task in asyncio.all_tasks() - tasks]
        left.extend(
            f"descriptor {number}: {target}"
            for number, target in set(descriptors().items()) - before
            if not target.startswith(OF_LIBRARIES)
        )
        return not left

    try:
        with suppress(TimeoutError):
            await eventually(nothing_left, min(seconds, GARBAGE_SECONDS))
        if left:
            gc.collect()
            await eventually(nothing_left, seconds)
    except TimeoutError:
        raise Leak("Left behind:\n" + "\n".join(f"  {one}" for one in left)) from None


async def eventually(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Return as soon as `condition()` holds; raise `TimeoutError` where it does not within `seconds`."""
    until = monotonic() + seconds
    while not condition():
        if monotonic() > until:
            raise TimeoutError(f"{getattr(condition, '__name__', condition)} did not hold within {seconds} seconds.")
        await asyncio.sleep(POLL_SECONDS)
