"""How much one server takes on at once, in requests and in bytes."""

from __future__ import annotations

from thalweg.config import Limits
from thalweg.errors import Overloaded, PayloadTooLarge, ThalwegError

RETRY_AFTER_SECONDS = 1.0


class Admission:
    """Counts what was let in. `admit` and `release` come in pairs with the same size; neither waits."""

    __slots__ = ("_limits", "inflight", "inflight_bytes")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.inflight = 0
        self.inflight_bytes = 0

    def admit(self, size: int) -> None:
        """Let a request of `size` payload bytes in.

        Raises:
            PayloadTooLarge: it could never be let in.
            Overloaded: not now.
        """
        limits = self._limits
        if size > limits.max_message_bytes:
            raise PayloadTooLarge(f"The request has {size} bytes; at most {limits.max_message_bytes} are taken.")
        if self.inflight >= limits.max_inflight:
            raise Overloaded(
                f"{self.inflight} requests are under way, as many as are taken at once.",
                retry_after=RETRY_AFTER_SECONDS,
            )
        if self.inflight and self.inflight_bytes + size > limits.max_inflight_bytes:
            raise Overloaded(
                f"{self.inflight_bytes} bytes of requests are under way; {size} more would exceed "
                f"{limits.max_inflight_bytes}.",
                retry_after=RETRY_AFTER_SECONDS,
            )
        self.inflight += 1
        self.inflight_bytes += size

    def grow(self, size: int, larger: int) -> None:
        """A request that was let in with `size` bytes turns out to have `larger`; release it with that.

        Raises as `admit` does, and then nothing has changed.
        """
        self.release(size)
        try:
            self.admit(larger)
        except ThalwegError:
            self.inflight += 1
            self.inflight_bytes += size
            raise

    def release(self, size: int) -> None:
        self.inflight -= 1
        self.inflight_bytes -= size
