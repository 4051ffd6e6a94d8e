"""Callbacks, errors, and what a client gives back, as a program for Jina has them."""

import asyncio

from docarray import BaseDoc, DocList
from jina import Client, Deployment, Executor, requests
from jina.excepts import BadServer


class Text(BaseDoc):
    text: str = ""


class Picky(Executor):
    @requests(on=["/first", "/second"])
    def both(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            if doc.text == "bad":
                raise ValueError("a bad text")
            doc.text += "+"
        return docs

    @requests
    def default(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text="default")])


def say(*words):
    """What is compared: Jina prints much else."""
    print(">", *words, flush=True)


def texts(*words):
    return DocList[Text]([Text(text=word) for word in words])


def done(response):
    say("done", [doc.text for doc in response.docs])


def failed(response):
    say("failed", response.status.exception.name, response.status.exception.args)


def always(response):
    say("always", response.status.code)


async def asynchronously(port):
    client = Client(port=port, asyncio=True)
    async for part in client.post("/first", texts("a", "b", "c"), request_size=2, return_type=DocList[Text]):
        say("part", [doc.text for doc in part])
    try:
        async for part in client.post("/first", texts("bad"), return_type=DocList[Text]):
            say("no error", [doc.text for doc in part])
    except BadServer as error:
        say("async", type(error).__name__)


if __name__ == "__main__":
    deployment = Deployment(name="picky", uses=Picky)
    with deployment:
        client = Client(port=deployment.port)
        for endpoint in ["/first", "/second", "/third", "/"]:
            say(endpoint, [doc.text for doc in client.post(endpoint, texts("a"), return_type=DocList[Text])])
        given = client.post(
            "/first", texts("a"), on_done=done, on_error=failed, on_always=always, return_type=DocList[Text]
        )
        say("given", given is None)
        client.post("/first", texts("bad"), on_done=done, on_error=failed, on_always=always, return_type=DocList[Text])
        given = client.post("/first", texts("a", "b"), on_always=always, request_size=1, return_type=DocList[Text])
        say("given", given is None)
        try:
            client.post("/first", texts("bad"), return_type=DocList[Text])
        except BadServer as error:
            say("raised", type(error).__name__)
        client.post("/first", texts("a", "bad", "c"), request_size=1, on_always=always, on_error=failed)
        responses = client.post(
            "/first", texts("a", "b"), request_size=1, return_responses=True, return_type=DocList[Text]
        )
        say("responses", sorted(doc.text for response in responses for doc in response.docs))
        say("nothing", len(client.post("/first", DocList[Text]([]), return_type=DocList[Text])))
        asyncio.run(asynchronously(deployment.port))
