"""Says now and then that a silent stream is still there: proxies close what is silent for a minute."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable


class Heartbeat:
    """Calls `beat` whenever `seconds` have passed without a call of `note`."""

    def __init__(self, seconds: float, beat: Callable[[], Awaitable[None]]) -> None:
        self._seconds = seconds
        self._beat = beat
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._look)
        self._beating: asyncio.Task[None] | None = None

    def note(self) -> None:
        """Something was written."""
        self._last = self._loop.time()

    async def stop(self) -> None:
        """No further beat; one that is under way is called off."""
        self._timer.cancel()
        if self._beating is not None and not self._beating.done():
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating

    def _look(self) -> None:
        rest = self._last + self._seconds - self._loop.time()
        if rest <= 0:
            if self._beating is None or self._beating.done():
                self._beating = self._loop.create_task(self._run())
            rest = self._seconds
        self._timer = self._loop.call_later(rest, self._look)

    async def _run(self) -> None:
        await self._beat()
        self.note()
