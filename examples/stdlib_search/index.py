"""Keeps the vectors of all objects, and finds those nearest to a question."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from documents import Answer, EmbeddedObject, EmbeddedQuestion, Match, Module, SearchParameters, Status, StdlibObject
from fingerprint import fingerprint
from storage import VectorStore
from thalweg import Executor, requests
from thalweg.docs import DocList, DocVec
from thalweg.errors import ClientError


class VectorIndex(Executor):
    """Collects embedded objects at `/index`, makes them searchable at `/commit`, and answers at `/search`.

    What was committed lies in the workspace, under a name that says what it was made of: the next start finds it there,
    and one with another Python or another model does not.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._fingerprint = fingerprint()
        self._folder = Path(self.workspace) / self._fingerprint
        self._collected: dict[str, EmbeddedObject] = {}
        self._store = self._load()

    def _load(self) -> VectorStore | None:
        try:
            return VectorStore.load(self._folder)
        except ValueError as error:
            self.logger.warning("%s It has to be made again.", error)
            return None

    @requests(on="/index")
    def collect(self, docs: DocList[EmbeddedObject]) -> DocList[Module]:
        """Take in objects; one that is there already is replaced. Answers how many came, for each module."""
        self._collected.update((doc.name, doc) for doc in docs)
        counts = Counter(docs.module)
        return DocList[Module](Module(id=name, name=name, objects=count) for name, count in counts.items())

    @requests(on="/commit")
    def commit(self) -> DocList[Status]:
        """Make what was collected searchable, in place of what was searchable before, and write it to disk."""
        if self._collected:
            collected = [self._collected[name] for name in sorted(self._collected)]
            objects = DocList[StdlibObject](_without_embedding(doc) for doc in collected)
            self._store = VectorStore.build(objects, np.stack([doc.embedding for doc in collected]))
            self._store.save(self._folder)
            self._collected = {}
        return self.status()

    @requests(on="/status")
    def status(self) -> DocList[Status]:
        """Whether there is something to search in."""
        objects = len(self._store) if self._store is not None else 0
        return DocList[Status]([Status(ready=objects > 0, objects=objects, fingerprint=self._fingerprint)])

    @requests(on="/search")
    def search(self, docs: DocVec[EmbeddedQuestion], parameters: SearchParameters) -> DocList[Answer]:
        """The objects nearest to each question, the best first."""
        if self._store is None:
            raise ClientError("There is no index yet: send every module to /index, then call /commit.")
        found = self._store.search(np.asarray(docs.embedding), parameters.limit)
        return DocList[Answer](
            Answer(id=doc.id, text=doc.text, matches=DocList[Match](_match(*item) for item in items))
            for doc, items in zip(docs, found, strict=True)
        )


def _without_embedding(doc: EmbeddedObject) -> StdlibObject:
    return StdlibObject(**{name: value for name, value in vars(doc).items() if name != "embedding"})


def _match(found: StdlibObject, score: float) -> Match:
    return Match(
        id=found.name,
        name=found.name,
        kind=found.kind,
        module=found.module,
        signature=found.signature,
        summary=found.summary,
        score=round(score, 4),
    )
