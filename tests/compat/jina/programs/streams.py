"""Streaming endpoints, and asynchronous clients."""

import asyncio

from docarray import BaseDoc, DocList
from jina import Client, Deployment, Executor, Flow, requests


class Text(BaseDoc):
    text: str = ""


class Counter(Executor):
    @requests(on="/count")
    async def count(self, doc: Text, **kwargs) -> Text:
        for number in range(3):
            yield Text(text=f"{doc.text}{number}")

    @requests(on="/say")
    async def say(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text=doc.text + "!") for doc in docs])


def say(*words):
    print(">", *words, flush=True)


async def main(port):
    client = Client(port=port, asyncio=True)
    say([doc.text async for doc in client.stream_doc(on="/count", inputs=Text(text="n"), return_type=Text)])
    found = []
    docs = DocList[Text]([Text(text=word) for word in "abc"])
    async for part in client.post("/say", docs, request_size=1, results_in_order=True, return_type=DocList[Text]):
        found += [doc.text for doc in part]
    say(found)
    say(await client.is_flow_ready())


async def through(flow):
    async for part in flow.post("/say", DocList[Text]([Text(text="x")]), return_type=DocList[Text]):
        say([doc.text for doc in part])


if __name__ == "__main__":
    with Deployment(uses=Counter) as deployment:
        asyncio.run(main(deployment.port))
    with Flow(asyncio=True).add(uses=Counter) as flow:
        asyncio.run(through(flow))
