"""How far a producer may run ahead of its reader."""

from __future__ import annotations

import asyncio


class Credit:
    """Items that may still be sent. Used on one event loop, and waited for by one task at a time."""

    __slots__ = ("_waiter", "left")

    def __init__(self, left: int = 0) -> None:
        self.left = left
        self._waiter: asyncio.Future[None] | None = None

    def grant(self, items: int) -> None:
        self.left += items
        if self._waiter is not None and self.left > 0 and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self) -> None:
        """Use one up, as soon as there is one."""
        while self.left <= 0:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self.left -= 1
