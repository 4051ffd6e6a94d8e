"""Thalweg: one Executor served alone, with dynamic batching."""

from arguments import arguments
from batched_model import BATCH, WAIT_SECONDS, capitals

from thalweg import Deployment, Executor, dynamic_batching, requests
from thalweg.docs import BaseDoc, DocList


class Text(BaseDoc):
    text: str


class Capitals(Executor):
    @requests(on="/encode")
    @dynamic_batching(preferred_batch_size=BATCH, timeout=WAIT_SECONDS * 1000)
    def encode(self, docs: DocList[Text]) -> DocList[Text]:
        for doc, text in zip(docs, capitals([doc.text for doc in docs]), strict=True):
            doc.text = text
        return docs


if __name__ == "__main__":
    with Deployment(uses=Capitals, protocol="http", port=arguments().port) as running:
        running.block()
