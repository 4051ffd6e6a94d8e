"""What a transport gives a session to write on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from thalweg.message import Buffer


class Wire(Protocol):
    """An ordered, reliable way to the peer. All methods are called on the event loop of the connection.

    The transport in turn calls the session: `receive(data)` for bytes that came, split anywhere, and `lost(reason)` once
    when the connection is gone, whoever ended it.
    """

    def write(self, parts: Sequence[Buffer]) -> None:
        """Take `parts` for sending, in order and whole; never waits. Dropped without an error on a closed wire. The wire
        may keep references: the caller leaves the buffers alone."""

    @property
    def full(self) -> bool:
        """Whether more is waiting to be sent than is healthy."""

    async def room(self) -> None:
        """Return when `full` is false, or when the wire is closed."""

    def close(self) -> None:
        """Send what was taken, then close. Idempotent."""

    def abort(self) -> None:
        """Close at once. Idempotent."""
