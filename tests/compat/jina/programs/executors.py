"""What an Executor may be, have and ask for."""

import asyncio
from dataclasses import dataclass

import numpy as np
from docarray import BaseDoc, DocList
from docarray.documents.legacy import LegacyDocument
from jina import Client, Deployment, Executor, monitor, requests


class Text(BaseDoc):
    text: str = ""


class Asking(Executor):
    @requests(on="/joined")
    def joined(self, docs: DocList[Text], docs_matrix, docs_map, tracing_context, **kwargs) -> DocList[Text]:
        same = docs_matrix is None or [doc.text for doc in docs_matrix[0]] == [doc.text for doc in docs]
        return DocList[Text]([Text(text=f"{same} {len(docs_map or {}) < 2} {tracing_context}")])

    @requests(on="/items")
    async def items(self, doc: Text, parameters: dict, tracing_context=None, **kwargs) -> Text:
        for word in "ab":
            yield Text(text=f"{doc.text}{word}{tracing_context}")

    @requests(on="/untyped")
    def untyped(self, docs, **kwargs):
        for doc in docs:
            doc.text += "!"
            doc.tags["seen"] = True
            doc.tensor = doc.tensor * 2


@dataclass
class Described(Executor):
    amount: int
    word: str = "times"

    @requests(on="/say")
    def say(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text=f"{doc.text} {self.amount} {self.word}") for doc in docs])


class Measured(Executor):
    @monitor(name="measured_seconds", documentation="the time of it")
    def measured(self, text):
        return text[::-1]

    @requests(on="/measure")
    def measure(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        with self.monitor("block_seconds", "the time of the block"):
            found = [self.measured(doc.text) for doc in docs]
        return DocList[Text]([Text(text=f"{text} {self.tracer} {self.meter}") for text in found])


def say(*words):
    print(">", *words, flush=True)


def texts(*words):
    return DocList[Text]([Text(text=word) for word in words])


async def items(port):
    client = Client(port=port, asyncio=True)
    say([doc.text async for doc in client.stream_doc(on="/items", inputs=Text(text="n"), return_type=Text)])


if __name__ == "__main__":
    with Deployment(uses=Asking, uses_requests={"/other": "joined"}) as deployment:
        say(deployment.post("/other", texts("a"), return_type=DocList[Text])[0].text)
        legacy = DocList[LegacyDocument]([LegacyDocument(text="old", tags={"n": "1"}, tensor=np.ones(2))])
        found = deployment.post("/untyped", legacy, return_type=DocList[LegacyDocument])[0]
        say(found.text, sorted(found.tags.items()), found.tensor.tolist())
        asyncio.run(items(deployment.port))

    with Deployment(uses={"jtype": "Described", "with": {"amount": 3}}) as deployment:
        say(deployment.post("/say", texts("b"), return_type=DocList[Text])[0].text)

    with Deployment(uses=Measured) as deployment:
        say(deployment.post("/measure", texts("cd"), return_type=DocList[Text])[0].text)
