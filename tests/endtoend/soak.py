"""A Flow that is changed in every way, again and again, while callers over every protocol never stop asking: `make soak`, or

    python -m tests.endtoend.soak --seconds 3600

Ends with an error where a single request failed, or where processes or memory are left.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable

import psutil

from tests.endtoend.callers import Callers
from tests.endtoend.versions import Cold, Marks, Ranks, Scores, Unready
from thalweg import Flow
from thalweg.errors import ConfigurationError

GROWTH = 1.3
"""How much more memory the Gateway may take in the end than after the first changes."""


def changes(flow: Flow, chance: random.Random) -> dict[str, Callable[[], object]]:
    """Whatever can become of the Flow, by name. Each leaves it with Executors `first` and `second`."""

    def mark() -> dict[str, str]:
        return {"mark": chance.choice("abcdefgh")}

    def canary() -> None:
        update = flow.update(executor="second", uses_with=mark(), canary=0.2)
        chance.choice((update.promote, update.abort))()

    def broken() -> None:
        try:
            flow.update(executor="first", uses=chance.choice((Unready, Cold)), warmup={"/do": {"text": ""}})
        except ConfigurationError:
            return
        raise AssertionError("what cannot start was taken")

    def documents() -> None:
        before = flow.options
        flow.update(Flow().add(uses=Scores, name="first").add(uses=Ranks, name="second"))
        flow.update(Flow.of(before))

    def graph() -> None:
        flow.update(Flow().add(uses=Marks, name="first").add(uses=Marks, name="third"))
        flow.update(Flow().add(uses=Marks, name="first").add(uses=Marks, name="second", replicas=2))

    return {
        "options": lambda: flow.update(executor="first", uses_with=mark()),
        "one after the other": lambda: flow.update(executor="second", uses_with=mark(), surge=1),
        "scale": lambda: flow.scale("second", chance.randint(1, 3)),
        "reload": flow.reload,
        "canary": canary,
        "broken": broken,
        "documents": documents,
        "graph": graph,
    }


def soak(seconds: float, seed: int) -> bool:
    """Returns whether nothing was lost."""
    chance = random.Random(seed)
    sound = True
    with (
        Flow(protocol=["grpc", "http", "websocket"])
        .add(uses=Marks, name="first")
        .add(uses=Marks, name="second", replicas=2) as flow
    ):
        gateway = psutil.Process(flow.pids["gateway"])
        possible = changes(flow, chance)
        with Callers(flow.addresses) as callers:
            until, count, memory = time.monotonic() + seconds, 0, 0
            while time.monotonic() < until:
                name = chance.choice(sorted(possible))
                possible[name]()
                count += 1
                memory = memory or (gateway.memory_info().rss if count >= len(possible) else 0)
                if callers.errors:
                    break
        grown = gateway.memory_info().rss / memory if memory else 1.0
        left = {title.partition("/")[0] for title in flow.pids} - {"gateway", "first", "second"}
        sound = not callers.errors and grown <= GROWTH and not left
        print(
            f"{'ok    ' if sound else 'BROKEN'} {count} changes, {sum(callers.answered.values())} requests, "
            f"{len(callers.errors)} failed, memory of the Gateway x {grown:.2f}{', left: ' if left else ''}{', '.join(left)}"
        )
        for error in callers.errors[:10]:
            print("      ", error)
    return sound


def main() -> None:
    """Read the command line and soak."""
    parser = argparse.ArgumentParser(description="A Flow that is changed in every way, under load.")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long, all in all")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    sys.exit(0 if soak(given.seconds, given.seed) else 1)


if __name__ == "__main__":
    main()
