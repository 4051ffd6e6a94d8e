"""The Executor of the tests, as ours."""

from collections.abc import Iterator

import numpy as np
from pydantic import Field

from thalweg import Executor, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray


class Part(BaseDoc):
    name: str = ""


class Text(BaseDoc):
    text: str = ""
    score: float = 0.0
    part: Part = Part(name="whole")
    spare: Part | None = None
    parts: DocList[Part] = DocList[Part]()
    vector: NdArray | None = None
    tags: list[str] = Field(default_factory=list)


class Encoder(Executor):
    @requests(on="/encode")
    def encode(self, docs: DocList[Text], parameters: dict) -> DocList[Text]:  # type: ignore[type-arg]
        for doc in docs:
            doc.vector = np.ones(3, dtype=np.float32) * len(doc.text)
            doc.tags = [f"{name}={value!r}" for name, value in sorted(parameters.items())]
            doc.parts = DocList[Part]([Part(name=letter) for letter in doc.text[:2]])
            doc.score = 0.5
        return docs

    @requests(on="/fail")
    def fail(self, docs: DocList[Text]) -> DocList[Text]:
        raise ValueError("boom")

    @requests(on="/report")
    def report(self, docs: DocList[Text]) -> dict:  # type: ignore[type-arg]
        return {"count": len(docs)}

    @requests(on="/letters")
    def letters(self, doc: Text) -> Iterator[Text]:
        for letter in doc.text:
            yield Text(text=letter)
