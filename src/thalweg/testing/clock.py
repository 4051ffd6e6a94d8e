"""Time that moves only when a test says so."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from selectors import SelectorKey
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualClock:
    """Call it for the time in seconds, as one would call `time.monotonic`."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> float:
        """Move on by `seconds` and return the new time. Time does not go back: raises `ValueError` below zero."""
        if seconds < 0:
            raise ValueError(f"A clock cannot advance by {seconds} seconds.")
        self._now += seconds
        return self._now


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a `VirtualClock`: where every task waits for a timer, the clock jumps to the first of them.

    An hour of back-off takes no time at all, and always comes out the same. Meant for code that waits for timers and for
    other tasks; answers from sockets and threads take real time, which this clock does not know.
    """

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_JumpingSelector(clock))
        self.clock = clock

    def time(self) -> float:
        return self.clock()


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self._clock.advance(timeout)
        return ready


def run(main: Coroutine[Any, Any, T], clock: VirtualClock | None = None) -> T:
    """Run `main` to its end on a `VirtualLoop`, as `asyncio.run` would on a real one."""
    clock = clock or VirtualClock()
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(main)
