"""A service under load and under every fault, for as long as you like: `make soak`, or

    python -m tests.faults.soak --seconds 3600

Prints what came of each, and ends with an error where something that was acknowledged is lost, an answer is wrong, a
request hangs past its deadline, or memory grows.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.faults.load import Load
from tests.faults.trial import all_faults, overload, subject

GROWTH = 1.15
"""How much more memory the second half of a quiet load may take than the first."""
SERVICE_SECONDS = 0.005


async def soak(seconds: float, rate: float) -> bool:
    """Returns whether everything that is promised was kept."""
    sound = True
    with subject() as tested:
        for result in await all_faults(tested, seconds / 12, rate):
            sound = sound and result.sound
            print(("ok    " if result.sound else "BROKEN"), result.line(), flush=True)
    with subject(replicas=1, seconds=SERVICE_SECONDS) as tested:
        heavy, recovered = await overload(tested, capacity=1 / SERVICE_SECONDS, seconds=seconds / 12)
        fine = not (heavy.wrong or heavy.hung or heavy.strange) and recovered <= 5.0
        print(
            ("ok    " if fine else "BROKEN"),
            f"twice the load: {heavy.line()}; normal after {recovered:.1f} s",
            flush=True,
        )
        sound = sound and fine
    with subject() as tested:
        addresses = list(tested.addresses.values())
        sizes: list[int] = []
        number = 0
        for _ in range(4):
            outcome = await Load(addresses, rate=rate, start=number).run(seconds / 12)
            number += outcome.sent
            sizes.append(tested.memory())
            quiet = len(outcome.answered) == outcome.sent
            sound = sound and quiet
            print(
                ("ok    " if quiet else "BROKEN"), f"steady load: {outcome.line()}; {sizes[-1] >> 20} MiB", flush=True
            )
        flat = sizes[-1] <= sizes[0] * GROWTH
        print(
            ("ok    " if flat else "BROKEN"), f"memory: {', '.join(str(size >> 20) for size in sizes)} MiB", flush=True
        )
    return sound and flat


def main() -> None:
    """Read the command line and soak."""
    parser = argparse.ArgumentParser(description="A service under load and under every fault.")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long, all in all")
    parser.add_argument("--rate", type=float, default=150.0, help="requests a second")
    given = parser.parse_args()
    sys.exit(0 if asyncio.run(soak(given.seconds, given.rate)) else 1)


if __name__ == "__main__":
    main()
