"""A Flow, a Deployment and a client, as a program for Jina has them."""

from docarray import BaseDoc, DocList
from jina import Client, Deployment, Executor, Flow, dynamic_batching, requests
from jina.excepts import BadServer, RuntimeFailToStart


class Text(BaseDoc):
    text: str = ""


class Upper(Executor):
    def __init__(self, mark: str = "", **kwargs):
        super().__init__(**kwargs)
        self.mark = mark

    @requests(on="/say")
    def upper(self, docs: DocList[Text], parameters: dict, **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text = doc.text.upper() + self.mark + str(parameters.get("end", ""))
        return docs

    @requests(on="/fail")
    def fail(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        raise ValueError("asked to fail")


class Exclaim(Executor):
    @requests
    async def exclaim(self, docs: DocList[Text], docs_matrix=None, **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text=f"{doc.text}!") for doc in docs])


class Batched(Executor):
    @dynamic_batching(preferred_batch_size=4, timeout=50)
    @requests(on="/batch")
    def batch(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text += " batched"
        return docs


class Broken(Executor):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        raise RuntimeError("no model")


def say(*words):
    """What is compared: Jina prints much else."""
    print(">", *words, flush=True)


def texts(*words):
    return DocList[Text]([Text(text=word) for word in words])


if __name__ == "__main__":
    flow = Flow().add(name="upper", uses=Upper, uses_with={"mark": "~"}).add(name="exclaim", uses=Exclaim)
    with flow:
        docs = flow.post("/say", texts("a", "b"), parameters={"end": "."}, return_type=DocList[Text])
        say([doc.text for doc in docs])
        docs = flow.post("/say", texts("x"), parameters={"upper__end": "one"}, return_type=DocList[Text])
        say(docs[0].text)
        seen = []
        nothing = flow.post("/say", texts("c"), on_done=lambda response: seen.append(response.docs[0].id != ""))
        say(nothing is None, seen)
        try:
            flow.post("/fail", texts("d"), return_type=DocList[Text])
        except BadServer:
            say("BadServer")
        failed = []
        flow.post("/fail", texts("e"), on_error=lambda response: failed.append(response.status.description))
        say(len(failed), "asked to fail" in failed[0])
        client = Client(port=flow.port)
        say(client.is_flow_ready())
        docs = client.post("/say", texts(*"fghij"), request_size=2, results_in_order=True, return_type=DocList[Text])
        say([doc.text for doc in docs])
    try:
        Client(port=flow.port).post("/say", texts("k"))
    except ConnectionError:
        say("ConnectionError")

    with Deployment(uses=Batched) as deployment:
        docs = deployment.post("/batch", texts("a", "b"), return_type=DocList[Text])
        say([doc.text for doc in docs])

    try:
        with Flow().add(uses=Broken):
            pass
    except RuntimeFailToStart:
        say("RuntimeFailToStart")
