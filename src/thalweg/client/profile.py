"""Where the time of a request goes, as far as the service tells.

What is measured is the dry run: a request without documents that goes through the Gateway to every Executor, all at once,
and through the probe of those that have one. A service says how long it took in a `server-timing` header
(https://www.w3.org/TR/server-timing/), `gateway` for all of it and each Executor by its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

from thalweg.message import JSON, Context, Request
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.transport.contract import Channel

WHOLE = "gateway"
TIMING = "server-timing"


@dataclass(frozen=True, slots=True)
class Profile:
    """Milliseconds, each the median of all rounds. What a service does not tell is not there: `network` is then all that is
    seen from here."""

    round_trip: float
    network: float
    gateway: float | None = None
    executors: dict[str, float] = field(default_factory=dict)

    def show(self) -> None:
        """Print it as a table."""
        from rich.console import Console
        from rich.table import Table

        table = Table("where", "ms", "share", title="A dry run")
        told = [("network and service" if self.gateway is None else "network", self.network)]
        if self.gateway is not None:
            told.append(("gateway", self.gateway))
        told += sorted(self.executors.items())
        for name, spent in [*told, ("round trip", self.round_trip)]:
            table.add_row(name, f"{spent:.3f}", f"{spent / self.round_trip:.0%}")
        Console().print(table)


async def profile(channel: Channel, rounds: int, timeout: float) -> Profile:
    """What `rounds` dry runs over `channel` take, one after the other; the first one is not counted.

    Raises:
        ThalwegError: one of them failed.
    """
    trips: list[float] = []
    told: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        began = perf_counter()
        header = await _dry_run(channel, timeout)
        if number:
            trips.append((perf_counter() - began) * 1e3)
            for name, milliseconds in _timings(header):
                told.setdefault(name, []).append(milliseconds)
    spent = {name: median(values) for name, values in told.items()}
    whole, trip = spent.pop(WHOLE, None), median(trips)
    if whole is None:
        return Profile(trip, trip)
    # Executors work side by side: the slowest one is what the Gateway waits for.
    return Profile(trip, max(0.0, trip - whole), max(0.0, whole - max(spent.values(), default=0.0)), spent)


async def _dry_run(channel: Channel, timeout: float) -> str:
    header = ""
    answers: Any = channel.handle(Request(DRY_RUN_ENDPOINT, (b'{"data": []}',), JSON), Context.with_timeout(timeout))
    async for response in answers:
        header = response.headers.get(TIMING, "")
    return header


def _timings(header: str) -> list[tuple[str, float]]:
    """The names and milliseconds of a `server-timing` header; what has no duration is left out."""
    found = []
    for metric in header.split(","):
        name, *attributes = (part.strip() for part in metric.split(";"))
        for attribute in attributes:
            key, _, value = attribute.partition("=")
            if key == "dur" and value.replace(".", "", 1).isdigit():
                found.append((name, float(value)))
    return found
