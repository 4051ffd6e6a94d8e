"""Thalweg: a Flow of one or two Executors, or one Executor served alone."""

import os

from arguments import arguments

from thalweg import Deployment, Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray


class Text(BaseDoc):
    text: str


class Embedded(Text):
    embedding: NdArray[384]


class Capitals(Executor):
    @requests(on="/encode")
    def encode(self, docs: DocList[Text]) -> DocList[Text]:
        for doc in docs:
            doc.text = doc.text.upper()
        return docs

    @requests(on="/vectors")
    def vectors(self, docs: DocList[Embedded]) -> DocList[Embedded]:
        for doc in docs:
            doc.text = doc.text.upper()
        return docs

    @requests(on="/process")
    def process(self, docs: DocList[Text]) -> DocList[Text]:
        """The worker says who it is, so that its memory can be looked at."""
        for doc in docs:
            doc.text = str(os.getpid())
        return docs


class Exclamation(Executor):
    @requests(on="/encode")
    def encode(self, docs: DocList[Text]) -> DocList[Text]:
        for doc in docs:
            doc.text += "!"
        return docs

    @requests(on="/vectors")
    def vectors(self, docs: DocList[Embedded]) -> DocList[Embedded]:
        for doc in docs:
            doc.text += "!"
        return docs

    @requests(on="/process")
    def process(self, docs: DocList[Text]) -> DocList[Text]:
        return docs


def service(topology: str, protocol: str, port: int) -> Flow | Deployment:
    if topology == "alone":
        return Deployment(uses=Capitals, protocol=protocol, port=port)
    flow = Flow(protocol=protocol, port=port).add(uses=Capitals, name="capitals")
    return flow.add(uses=Exclamation, name="exclamation") if topology == "two" else flow


if __name__ == "__main__":
    given = arguments()
    with service(given.topology, given.protocol, given.port) as running:
        running.block()
