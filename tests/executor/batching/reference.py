"""The rules of batching in the plainest form: every document by itself in one list, everything looked for from the start.
Slow and obvious, for `Batcher` to be held against."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(eq=False)
class Document:
    request: Hashable
    index: int
    key: Hashable
    cost: float
    arrived: float


class ReferenceBatcher:
    """`decide` gives, for each batch that goes now, why, and which documents (request, index) are in it."""

    def __init__(self, size: float, wait: float, flush_all: bool, slots: int | None) -> None:
        self.size = size
        self.wait = wait
        self.flush_all = flush_all
        self.slots = slots
        self.documents: list[Document] = []
        self.begun: set[Hashable] = set()
        self.running = 0
        self.draining = False

    def arrive(self, request: Hashable, key: Hashable, costs: Sequence[float], now: float) -> None:
        self.documents += [Document(request, index, key, cost, now) for index, cost in enumerate(costs)]

    def withdraw(self, request: Hashable) -> None:
        self.documents = [document for document in self.documents if document.request != request]

    def decide(self, now: float) -> list[tuple[str, list[tuple[Hashable, int]]]]:
        gone = []
        while self.slots is None or self.running <= self.slots:
            for line in self._lines():
                reason = self._reason(line, now)
                if reason:
                    break
            else:
                break
            if self.running == self.slots and reason not in ("full", "flush"):
                break
            taken = self._taken(line)
            self.running += 1
            self.documents = [document for document in self.documents if document not in taken]
            self.begun |= {document.request for document in taken}
            gone.append((reason, [(document.request, document.index) for document in taken]))
        return gone

    def wake(self) -> float | None:
        if not self.documents or (self.slots is not None and self.running >= self.slots):
            return None
        return min(document.arrived for document in self.documents) + self.wait

    def _lines(self) -> list[list[Document]]:
        """The documents of each key, the key with the oldest document first."""
        keys = list(dict.fromkeys(document.key for document in self.documents))
        return [[document for document in self.documents if document.key == key] for key in keys]

    def _reason(self, line: list[Document], now: float) -> str:
        if sum(document.cost for document in line) >= self.size:
            return "flush" if self.flush_all else "full"
        if line[0].request in self.begun:
            return "rest"
        if self.draining and line[0] is self.documents[0]:
            return "shutdown"
        return "timeout" if line[0].arrived + self.wait <= now and line[0] is self.documents[0] else ""

    def _taken(self, line: list[Document]) -> list[Document]:
        if self.flush_all:
            return line
        taken = [line[0]]
        for document in line[1:]:
            if sum(one.cost for one in taken) + document.cost > self.size:
                break
            taken.append(document)
        return taken
