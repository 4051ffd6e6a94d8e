"""Requests at a steady rate, whatever becomes of those before: an open-loop load, and what came of it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic

from tests.faults.service import Item, expected
from thalweg import AsyncClient
from thalweg.docs import DocList
from thalweg.errors import ThalwegError

PATIENCE_SECONDS = 30.0
"""How long after its deadline a request may still end before it counts as hanging."""


@dataclass
class Outcome:
    """What came of a load. Latencies are in seconds."""

    sent: int = 0
    answered: set[int] = field(default_factory=set)
    wrong: int = 0
    hung: int = 0
    strange: Counter[str] = field(default_factory=Counter)
    """Exceptions that are none of Thalweg's."""
    errors: Counter[str] = field(default_factory=Counter)
    """Typed errors, by their code."""
    latencies: list[float] = field(default_factory=list)

    def percentile(self, part: float) -> float:
        """The latency that `part` of the answered requests stayed below."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0

    def line(self) -> str:
        """All of it in one line."""
        errors = ", ".join(f"{code} {count}" for code, count in self.errors.most_common()) or "none"
        return (
            f"{self.sent} sent, {len(self.answered)} answered, errors: {errors}; wrong {self.wrong}, hung {self.hung}, "
            f"strange {dict(self.strange) or 'none'}; p50 {self.percentile(0.5) * 1000:.1f} ms, "
            f"p99 {self.percentile(0.99) * 1000:.1f} ms"
        )


class Load:
    """Sends numbers to `/keep`, `rate` each second, over a few clients."""

    def __init__(
        self,
        addresses: list[str],
        *,
        rate: float,
        timeout: float = 10.0,
        start: int = 0,
        attempts: int = 1,
        seed: int = 7,
    ) -> None:
        self._addresses = addresses
        self._rate = rate
        self._timeout = timeout
        self._number = start
        self._attempts = attempts
        self._random = random.Random(seed)
        self.outcome = Outcome()

    async def run(self, seconds: float) -> Outcome:
        """Load for `seconds`, and wait for every request to end."""
        clients = [AsyncClient(address) for address in self._addresses]
        until, due = monotonic() + seconds, monotonic()
        under_way: set[asyncio.Task[None]] = set()
        try:
            while due < until:
                await asyncio.sleep(max(0.0, due - monotonic()))
                task = asyncio.ensure_future(self._one(clients[self._number % len(clients)], self._number))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                self._number += 1
                due += self._random.expovariate(self._rate)
            await asyncio.gather(*under_way)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            await asyncio.gather(*(client.close() for client in clients))
        return self.outcome

    async def _one(self, client: AsyncClient, number: int) -> None:
        outcome, begun = self.outcome, monotonic()
        outcome.sent += 1
        try:
            async with asyncio.timeout(self._timeout + PATIENCE_SECONDS):
                docs = await client.post(
                    "/keep",
                    DocList[Item]([Item(number=number)]),
                    return_type=DocList[Item],
                    timeout=self._timeout,
                    max_attempts=self._attempts,
                    initial_backoff=0.05,
                )
        except ThalwegError as error:
            outcome.errors[error.code] += 1
            return
        except TimeoutError:
            outcome.hung += 1
            return
        except Exception as error:
            outcome.strange[type(error).__name__] += 1
            return
        outcome.latencies.append(monotonic() - begun)
        if [(doc.number, doc.result) for doc in docs] == [(number, expected(number))]:
            outcome.answered.add(number)
        else:
            outcome.wrong += 1
