"""Serve an Executor of Jina's: alone (`executor PORT`), or in a Flow (`flow GRPC_PORT HTTP_PORT`)."""

import sys
import threading

import numpy
from docarray import DocList
from jina import Deployment, Executor, Flow, requests

from documents import Flat


class Encoder(Executor):
    @requests(on="/encode")
    def encode(self, docs: DocList[Flat], parameters: dict, **kwargs) -> DocList[Flat]:
        for doc in docs:
            doc.vector = numpy.ones(3, dtype="float32") * len(doc.text)
            doc.tags = [f"{name}={value!r}" for name, value in sorted(parameters.items())]
        return docs

    @requests(on="/fail")
    def fail(self, docs: DocList[Flat], **kwargs) -> DocList[Flat]:
        raise ValueError("boom")

    @requests(on="/report")
    def report(self, docs: DocList[Flat], **kwargs):
        return {"count": len(docs)}

    @requests(on="/letters")
    async def letters(self, doc: Flat, **kwargs) -> Flat:
        for letter in doc.text:
            yield Flat(text=letter)


if __name__ == "__main__":
    kind, *ports = sys.argv[1:]
    if kind == "executor":
        served = Deployment(uses=Encoder, name="theirs", port=int(ports[0]), include_gateway=False)
    else:
        served = Flow(protocol=["grpc", "http"], port=[int(port) for port in ports]).add(uses=Encoder, name="theirs")
    with served:
        print("ready", flush=True)
        threading.Event().wait()
