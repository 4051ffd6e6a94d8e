"""One trial: a service, a load, a fault; and whether what was promised was kept."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import psutil

from tests.faults.faults import Fault, every_fault
from tests.faults.load import Load, Outcome
from tests.faults.service import Ledger, kept
from thalweg import AsyncClient, Flow

PROTOCOLS = ("http", "grpc", "websocket")
RECOVERY_SECONDS = 60.0
"""After which a service counts as one that does not recover."""


@dataclass
class Subject:
    """A Flow that runs, and the folder of its ledgers."""

    flow: Flow
    folder: Path
    processes: int

    @property
    def addresses(self) -> dict[str, str]:
        return dict(zip(PROTOCOLS, self.flow.addresses, strict=True))

    async def ready(self) -> None:
        """Return when it answers and every replica lives: what was killed before has come back."""
        client = AsyncClient(self.flow.addresses[0])
        try:
            async with asyncio.timeout(60):
                while len(self.flow.pids) < self.processes or not await client.is_ready():  # noqa: ASYNC110  no event tells
                    await asyncio.sleep(0.1)
        finally:
            await client.close()

    def memory(self) -> int:
        """Bytes that its processes hold together, as far as they live now."""
        total = 0
        for pid in self.flow.pids.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += psutil.Process(pid).memory_info().rss
        return total


@contextlib.contextmanager
def subject(*, replicas: int = 3, seconds: float = 0.0, retries: int = 4) -> Iterator[Subject]:
    """A Flow of one Executor with replicas, which listens on every protocol."""
    with tempfile.TemporaryDirectory(prefix="thalweg-faults-") as folder:
        flow = Flow(protocol=PROTOCOLS, host="127.0.0.1", retries=retries)
        flow.add(uses=Ledger, name="ledger", replicas=replicas, uses_with={"folder": folder, "seconds": seconds})
        with flow:
            yield Subject(flow, Path(folder), replicas + 1)


@dataclass
class Result:
    """What came of a trial."""

    fault: str
    outcome: Outcome
    lost: set[int]
    """Numbers that were answered and that no replica has written down."""

    @property
    def sound(self) -> bool:
        """Whether nothing that was acknowledged is lost, nothing was wrong and nothing hung."""
        outcome = self.outcome
        return not (self.lost or outcome.wrong or outcome.hung or outcome.strange)

    def line(self) -> str:
        return f"{self.fault}: lost {len(self.lost)}; {self.outcome.line()}"


async def under(fault: Fault, name: str, tested: Subject, load: Load, seconds: float) -> Result:
    """Load `tested` for `seconds` while `fault` works on it."""
    trouble = asyncio.ensure_future(fault())
    try:
        outcome = await load.run(seconds)
    finally:
        trouble.cancel()
        (ended,) = await asyncio.gather(trouble, return_exceptions=True)
    if not isinstance(ended, asyncio.CancelledError):
        raise RuntimeError(f"The fault {name!r} ended by itself: {ended!r}")
    return Result(name, outcome, outcome.answered - kept(tested.folder))


async def all_faults(tested: Subject, seconds: float, rate: float) -> list[Result]:
    """Each fault for `seconds`, one after the other, and all that do not kill at once at the end."""
    results: list[Result] = []
    number = 0
    for name, fault in every_fault(tested.flow, tested.addresses).items():
        await tested.ready()
        load = Load(list(tested.addresses.values()), rate=rate, start=number, attempts=5)
        results.append(await under(fault, name, tested, load, seconds))
        number += results[-1].outcome.sent
    return results


async def overload(tested: Subject, *, capacity: float, seconds: float) -> tuple[Outcome, float]:
    """Twice what can be done for `seconds`, then half of it. Returns what came of the former, and after how many seconds
    two began in which every request was answered, or `RECOVERY_SECONDS` at the least where none ever did."""
    addresses = list(tested.addresses.values())
    heavy = await Load(addresses, rate=2 * capacity, timeout=2.0).run(seconds)
    after = monotonic()
    number = heavy.sent
    while True:
        recovered = monotonic() - after
        light = await Load(addresses, rate=capacity / 2, timeout=2.0, start=number).run(2.0)
        number += light.sent
        if len(light.answered) == light.sent or recovered >= RECOVERY_SECONDS:
            return heavy, recovered
