"""What one endpoint takes on: how much of it is accepted, and how much of that runs at once; pure."""

from __future__ import annotations

from typing import Generic, TypeVar

from thalweg.executor.queue import FairQueue

T = TypeVar("T")


class Lane(Generic[T]):
    """Work is accepted by `enter`, ends with `leave`, and may be taken back by `withdraw` while it waits. None stands for
    no limit. Work that waits has its turn as `FairQueue` says."""

    def __init__(
        self, max_concurrency: int | None = None, max_inflight: int | None = None, max_inflight_bytes: int | None = None
    ) -> None:
        self.max_concurrency = max_concurrency
        self.max_inflight = max_inflight
        self.max_inflight_bytes = max_inflight_bytes
        self.inflight = 0
        self.inflight_bytes = 0
        self._running = 0
        self._waiting: FairQueue[T] = FairQueue()

    @property
    def queued(self) -> int:
        """How much of it waits."""
        return len(self._waiting)

    def refusal(self, size: int) -> str:
        """Why work of `size` bytes cannot be accepted now; empty where it can. One piece of work alone always can."""
        if self.max_inflight is not None and self.inflight >= self.max_inflight:
            return f"{self.inflight} requests under way, as many as it takes at once"
        if (
            self.max_inflight_bytes is not None
            and self.inflight
            and self.inflight_bytes + size > self.max_inflight_bytes
        ):
            return (
                f"{self.inflight_bytes} bytes of requests under way; {size} more would exceed {self.max_inflight_bytes}"
            )
        return ""

    def enter(self, work: T, size: int, priority: int, share: str) -> bool:
        """Accept `work`; True where it may begin at once."""
        self.inflight += 1
        self.inflight_bytes += size
        if self.max_concurrency is None or self._running < self.max_concurrency:
            self._running += 1
            return True
        self._waiting.put(work, priority, share)
        return False

    def leave(self, size: int) -> T | None:
        """Work that had begun has ended. Returns what may begin in its place."""
        self.inflight -= 1
        self.inflight_bytes -= size
        following = self._waiting.take()
        if following is None:
            self._running -= 1
        return following

    def withdraw(self, work: T, size: int, priority: int, share: str) -> bool:
        """Take `work` back; False where it has begun."""
        if not self._waiting.remove(work, priority, share):
            return False
        self.inflight -= 1
        self.inflight_bytes -= size
        return True

    def waiting(self) -> list[T]:
        """What has not begun."""
        return list(self._waiting)
