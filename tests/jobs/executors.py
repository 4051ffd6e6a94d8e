"""Executors whose answers tell what they were asked."""

import os
import signal
from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from thalweg import Executor, requests
from thalweg.docs import AnyDoc, BaseDoc, DocList
from thalweg.docs.typing import NdArray


class Text(BaseDoc):
    text: str


class Vector(BaseDoc):
    text: str
    vector: NdArray[4]


class Encoder(Executor):
    @requests(on="/encode")
    def encode(self, docs: DocList[Text], parameters: dict) -> DocList[Vector]:
        factor = parameters.get("factor", 1)
        return DocList[Vector](
            [Vector(id=doc.id, text=doc.text, vector=np.full(4, factor * len(doc.text), np.float32)) for doc in docs]
        )

    @requests(on="/strict")
    def strict(self, docs: DocList[Text]) -> DocList[Text]:
        if any(doc.text == "bad" for doc in docs):
            raise ValueError("a bad one")
        return docs

    @requests(on="/even")
    def even(self, docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([doc for doc in docs if int(doc.id) % 2 == 0])

    @requests(on="/words")
    def words(self, docs: DocList[Text]) -> Iterator[Text]:
        for doc in docs:
            for word in doc.text.split():
                yield Text(text=word)

    @requests(on="/echo")
    def echo(self, docs: DocList[AnyDoc]) -> DocList[AnyDoc]:
        return docs

    @requests(on="/deadly")
    def deadly(self, docs: DocList[Text]) -> DocList[Text]:
        if any(doc.text == "bad" for doc in docs):
            os.kill(os.getpid(), signal.SIGKILL)
        return docs


class Renamed(Text):
    text: Annotated[str, Field(serialization_alias="words")]


class Spoken(Text):
    """What is written of it has another name than the field."""

    loud: Annotated[bool, Field(serialization_alias="shouted")] = True


class Speaker(Executor):
    """Gives documents whose JSON is not what their columns say."""

    @requests(on="/renamed")
    def renamed(self, docs: DocList[Text]) -> DocList[Renamed]:
        return DocList[Renamed]([Renamed(id=doc.id, text=doc.text) for doc in docs])

    @requests(on="/spoken")
    def spoken(self, docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([Spoken(id=doc.id, text=doc.text) for doc in docs])

    @requests(on="/halves")
    def halves(self, docs: DocList[Text]) -> DocList[Vector]:
        numbers = (np.full(4, np.nan if doc.id == "7" else 0.1, np.float32) for doc in docs)
        return DocList[Vector](
            [Vector(id=doc.id, text=doc.text, vector=row) for doc, row in zip(docs, numbers, strict=True)]
        )
