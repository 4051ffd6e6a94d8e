"""What a process says of its own work, once a second: enough to show all of them, and to decide how many there should be."""

from __future__ import annotations

import msgspec


class Demand(msgspec.Struct, frozen=True):
    """What is asked of one Executor, all its replicas together, as its Gateway counts it."""

    outstanding: int = 0
    """Requests that are under way or wait, also those for which no replica is there."""
    arrived: int = 0
    """Requests that have come since the Gateway was ready."""
    answered: int = 0


class Vitals(msgspec.Struct, frozen=True):
    """Counts since the process was ready, and what is so just now."""

    requests: int = 0
    """Requests that have been answered, errors included."""
    errors: int = 0
    in_flight: int = 0
    """Requests that user code works on."""
    queued: int = 0
    """Requests that wait for user code."""
    latencies: dict[int, int] = {}
    """Bucket -> how many requests took so long, from arrival to answer: bucket n ends at 1.1 ** n microseconds."""
    batches: int = 0
    batched: int = 0
    """Documents in those batches."""
    memory_bytes: int = 0
    """Resident memory of the process."""
    demands: dict[str, Demand] = {}
    """Of a Gateway: by name, of those Executors whose replicas the load decides."""
