"""How much one server takes on at once, in requests and in bytes."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from thalweg.config import Limits
from thalweg.errors import Overloaded, PayloadTooLarge, ThalwegError
from thalweg.message.throughput import Throughput

RETRY_AFTER_SECONDS = 1.0
"""When to return to a server that does not answer any more: another one may do so by then."""


class Admission:
    """Counts what was let in. `admit` and `release` come in pairs with the same size; neither waits. `now` is in seconds
    and never jumps."""

    __slots__ = ("_limits", "_now", "_throughput", "ended", "inflight", "inflight_bytes")

    def __init__(self, limits: Limits, now: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._now = now
        self._throughput = Throughput()
        self.inflight = 0
        self.inflight_bytes = 0
        self.ended = 0
        """Requests that were released."""

    def admit(self, size: int) -> None:
        """Let a request of `size` payload bytes in.

        Raises:
            PayloadTooLarge: it could never be let in.
            Overloaded: not now; says when, by what is under way and how fast it has been released of late.
        """
        limits = self._limits
        if size > limits.max_message_bytes:
            raise PayloadTooLarge(f"The request has {size} bytes; at most {limits.max_message_bytes} are taken.")
        if self.inflight >= limits.max_inflight:
            raise self._overloaded(f"{self.inflight} requests are under way, as many as are taken at once.")
        if self.inflight and self.inflight_bytes + size > limits.max_inflight_bytes:
            raise self._overloaded(
                f"{self.inflight_bytes} bytes of requests are under way; {size} more would exceed "
                f"{limits.max_inflight_bytes}."
            )
        self.inflight += 1
        self.inflight_bytes += size

    def grow(self, size: int, larger: int) -> None:
        """A request that was let in with `size` bytes turns out to have `larger`; release it with that.

        Raises as `admit` does, and then nothing has changed.
        """
        self.inflight -= 1
        self.inflight_bytes -= size
        try:
            self.admit(larger)
        except ThalwegError:
            self.inflight += 1
            self.inflight_bytes += size
            raise

    def release(self, size: int) -> None:
        self.inflight -= 1
        self.inflight_bytes -= size
        self.ended += 1

    def _overloaded(self, message: str) -> Overloaded:
        after = self._throughput.retry_after(self.inflight, self.ended, self._now())
        return Overloaded(message, retry_after=after)
