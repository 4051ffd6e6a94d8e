"""Which replicas are to get requests, from what is known of each; pure."""

from __future__ import annotations

from enum import IntEnum


class Presence(IntEnum):
    """How much of a replica is there."""

    GONE = 0
    CONNECTED = 1
    """There is a connection, but it says that it is not ready, or nothing at all."""
    READY = 2


def eligible(replicas: list[Presence]) -> list[bool]:
    """Those that are ready. Where none is, those with a connection: what is sent there waits at the one place where it
    may be answered yet, and where it is noticed if it is not."""
    wanted = Presence.READY if Presence.READY in replicas else Presence.CONNECTED
    return [presence >= wanted for presence in replicas]
