"""Who is measured when: round after round, each time in another order. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

CONNECTIONS = {"one-32": 32, "one-1": 1, "two-32": 32, "alone-32": 32}
WORKS = {"grpc-documents": "documents", "grpc-vectors": "vectors"}
IMPORTS = ("import", "import-names", "import-documents")
STARTS = {"start": "grpc", "start-http": "http"}
MEMORY = ("memory", "memory-share", "memory-own", "memory-all")


@dataclass(frozen=True)
class Session:
    """One contestant, started once, and the rows that are measured meanwhile."""

    kind: str
    contestant: str
    rows: tuple[str, ...]
    topology: str = "one"


# Within a group the contestants follow each other closely, so that the machine is in the same mood for all of them.
GROUPS: tuple[tuple[Session, ...], ...] = (
    (
        Session("http", "thalweg", (*MEMORY, "one-32", "one-1")),
        Session("http", "mosec", ("one-32", "one-1")),
        Session("http", "mosec-batching", ("one-32", "one-1")),
        Session("http", "jina", (*MEMORY, "one-32", "one-1")),
        Session("http", "litserve", ("one-32", "one-1")),
        Session("http", "bentoml", ("one-32", "one-1")),
        Session("http", "ray", ("one-32", "one-1")),
    ),
    (
        Session("http", "thalweg", ("two-32",), "two"),
        Session("http", "mosec", ("two-32",), "two"),
        Session("http", "jina", ("two-32",), "two"),
    ),
    (
        Session("http", "thalweg", ("alone-32",), "alone"),
        Session("http", "fastapi", ("alone-32",), "alone"),
    ),
    (
        Session("grpc", "thalweg", tuple(WORKS), "two"),
        Session("grpc", "jina", tuple(WORKS), "two"),
    ),
    (Session("start", "thalweg", tuple(STARTS), "two"), Session("start", "jina", tuple(STARTS), "two")),
    (Session("import", "thalweg", IMPORTS), Session("import", "jina", IMPORTS)),
)


def sessions(
    rounds: int, rows: Collection[str] = (), contestants: Collection[str] = ()
) -> Iterator[tuple[int, Session]]:
    """Each round's sessions. In every further round each group begins with its next contestant.

    Empty `rows` or `contestants` mean all of them.
    """
    for number in range(rounds):
        for group in GROUPS:
            chosen = [_narrowed(one, rows) for one in group if not contestants or one.contestant in contestants]
            chosen = [one for one in chosen if one.rows]
            turn = number % len(chosen) if chosen else 0
            for one in chosen[turn:] + chosen[:turn]:
                yield number, one


def _narrowed(session: Session, rows: Collection[str]) -> Session:
    kept = tuple(row for row in session.rows if not rows or row in rows)
    return Session(session.kind, session.contestant, kept, session.topology)
