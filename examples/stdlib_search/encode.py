"""Turns texts into vectors: near each other where they mean the same."""

from __future__ import annotations

from typing import Any

from documents import EmbeddedObject, EmbeddedQuestion, Question, StdlibObject
from minilm import MiniLM
from thalweg import Executor, requests
from thalweg.docs import DocList


class Encoder(Executor):
    """A sentence encoder. `threads` is how many cores it may use, all of them where it is not given."""

    def __init__(self, threads: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._model = MiniLM(threads)

    def close(self) -> None:
        self._model.close()

    @requests(on="/index")
    def encode_objects(self, docs: DocList[StdlibObject]) -> DocList[EmbeddedObject]:
        vectors = self._model.encode(docs.text)
        return DocList[EmbeddedObject](
            EmbeddedObject(**vars(doc), embedding=vector) for doc, vector in zip(docs, vectors, strict=True)
        )

    @requests(on="/search")
    def encode_questions(self, docs: DocList[Question]) -> DocList[EmbeddedQuestion]:
        vectors = self._model.encode(docs.text)
        return DocList[EmbeddedQuestion](
            EmbeddedQuestion(**vars(doc), embedding=vector) for doc, vector in zip(docs, vectors, strict=True)
        )
