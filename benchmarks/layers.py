"""From sampled call stacks to the part of a request's work that each belongs to. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

OTHER = "everything else"

# The first rule that matches decides; frames are looked at from the innermost one outwards, so that the time of the
# standard library and of dependencies goes to the part of Thalweg that called them.
RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("user code", ("services/thalweg_flow.py",)),
    ("HTTP: parse and answer", ("thalweg/transport/http/",)),
    ("gRPC", ("thalweg/transport/grpc/",)),
    (
        "frames between processes",
        ("thalweg/transport/local.py", "thalweg/transport/multiplex/", "thalweg/message/framing.py"),
    ),
    ("dispatch, admission and context", ("thalweg/transport/", "thalweg/message/")),
    ("routing to a replica", ("thalweg/routing/",)),
    ("the way through the graph", ("thalweg/graph/", "thalweg/service/gateway.py")),
    ("documents: decode, validate, encode", ("thalweg/docs/", "thalweg/executor/payload.py", "pydantic/")),
    (
        "calling the endpoint, compute thread",
        ("thalweg/executor/", "thalweg/service/worker.py", "threading.py", "queue.py"),
    ),
    ("process main and the rest of Thalweg", ("thalweg/",)),
    ("event loop: poll, socket reads and writes in C", ("asyncio/", "uvloop/", "selectors.py")),
)


@dataclass(frozen=True)
class Stack:
    """Frames from the outermost to the innermost one, as `function (file:line)`."""

    frames: tuple[str, ...]
    samples: int


def read_stacks(text: str) -> list[Stack]:
    """The stacks in the collapsed format that py-spy and others write: frames with `;` between, a blank, a count."""
    found = []
    for line in text.splitlines():
        frames, _, samples = line.rpartition(" ")
        if frames and samples.isdigit():
            found.append(Stack(tuple(frames.split(";")), int(samples)))
    return found


def layer(frames: Iterable[str]) -> str:
    """What part of the work a stack belongs to."""
    for frame in reversed(tuple(frames)):
        for name, patterns in RULES:
            if any(pattern in frame for pattern in patterns):
                return name
    return OTHER


def by_layer(stacks: Iterable[Stack]) -> Counter[str]:
    """Samples of each layer."""
    counted: Counter[str] = Counter()
    for stack in stacks:
        counted[layer(stack.frames)] += stack.samples
    return counted


def by_line(stacks: Iterable[Stack]) -> Counter[str]:
    """Samples of each innermost line of ours: what Thalweg's line itself spent and what it called elsewhere."""
    counted: Counter[str] = Counter()
    for stack in stacks:
        ours = [frame for frame in stack.frames if "thalweg/" in frame or "thalweg_flow.py" in frame]
        counted[_short(ours[-1]) if ours else OTHER] += stack.samples
    return counted


def _short(frame: str) -> str:
    function, _, place = frame.partition(" (")
    for root in ("src/", "benchmarks/", "site-packages/"):
        place = place.rpartition(root)[2]
    return f"{place.rstrip(')')} {function}"


def shares(counted: Mapping[str, int], whole: float) -> list[tuple[str, float]]:
    """`whole` divided among the keys by their counts, largest first."""
    total = sum(counted.values())
    if not total:
        return []
    return [(name, whole * count / total) for name, count in sorted(counted.items(), key=lambda one: -one[1])]
