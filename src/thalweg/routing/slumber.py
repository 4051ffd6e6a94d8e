"""An Executor that has no replica because nobody asks it: what becomes of a request that does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from thalweg.errors import Unavailable


class Slumber:
    """Holds requests until a replica is there, and has one started. Used on one event loop.

    Args:
        wake: called when the first of several requests begins to wait.
        asleep: whether there is no replica just now.
    """

    def __init__(self, name: str, wake: Callable[[], None], asleep: bool) -> None:
        self._name = name
        self._wake = wake
        self._held: set[asyncio.Future[None]] = set()
        self._refused = False
        self.asleep = asleep
        """Whether there is no replica, on purpose."""

    @property
    def sound(self) -> bool:
        """Whether it is asleep, and nothing speaks against its being woken."""
        return self.asleep and not self._refused

    def settle(self, staffed: bool) -> None:
        """There are replicas now, or none any more."""
        self.asleep = not staffed
        self._refused = False

    def refuse(self, reason: str, retry_after: float) -> None:
        """No replica could be started: whoever waits for one waits no longer."""
        self._refused = self.asleep
        for held in self._held:
            if not held.done():
                held.set_exception(Unavailable(reason, executor=self._name, retry_after=retry_after))

    async def awake(self, some: asyncio.Event) -> None:
        """Return when `some` is set. Raises `Unavailable` where no replica could be started."""
        refused = asyncio.get_running_loop().create_future()
        self._held.add(refused)
        if len(self._held) == 1:
            self._wake()
        there = asyncio.ensure_future(some.wait())
        try:
            await asyncio.wait([refused, there], return_when=asyncio.FIRST_COMPLETED)
            if refused.done() and not there.done():
                refused.result()
        finally:
            self._held.discard(refused)
            if refused.done():
                refused.exception()
            refused.cancel()
            there.cancel()
