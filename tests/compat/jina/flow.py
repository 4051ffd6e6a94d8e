"""A Flow of two Executors behind a Gateway, as a user of Jina and DocArray writes it."""

import sys

import numpy as np
import requests as http
from docarray import BaseDoc, DocList
from docarray.typing import NdArray
from jina import Executor, Flow, requests


class Text(BaseDoc):
    text: str


class Embedded(BaseDoc):
    text: str
    embedding: NdArray[4]


class Encoder(Executor):
    @requests(on="/encode")
    def encode(self, docs: DocList[Text], **kwargs) -> DocList[Embedded]:
        return DocList[Embedded](
            [Embedded(id=doc.id, text=doc.text, embedding=np.full(4, len(doc.text), np.float32)) for doc in docs]
        )


class Marker(Executor):
    @requests(on="/encode")
    def mark(self, docs: DocList[Embedded], **kwargs) -> DocList[Embedded]:
        for doc in docs:
            doc.text = doc.text.upper() + "!"
            doc.embedding = doc.embedding * 2
        return docs


if __name__ == "__main__":
    protocol = sys.argv[1]
    flow = Flow(protocol=protocol).add(uses=Encoder, name="encoder").add(uses=Marker, name="marker")
    with flow:
        texts = DocList[Text]([Text(id="1", text="a"), Text(id="2", text="bc")])
        found = flow.post("/encode", texts, return_type=DocList[Embedded])
        print("found", type(found).__name__, [(doc.id, doc.text, doc.embedding.tolist()) for doc in found])
        if protocol == "http":
            body = {"data": [{"id": "3", "text": "def"}]}
            print("answer", http.post(f"http://localhost:{flow.port}/encode", json=body, timeout=30).json()["data"])
