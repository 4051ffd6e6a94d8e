"""A Flow with branches over HTTP, as a program for Jina has one."""

import requests as http
from docarray import BaseDoc, DocList
from jina import Client, Executor, Flow, requests


class Text(BaseDoc):
    text: str = ""
    tags: dict = {}


class Start(Executor):
    @requests(on="/go")
    def start(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text += " start"
        return docs


class Left(Executor):
    @requests(on="/go")
    def left(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.tags["left"] = True
        return docs


class Right(Executor):
    @requests(on=["/go", "/right"])
    def right(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.tags["right"] = True
        return docs


class Join(Executor):
    @requests(on="/go")
    def join(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text=f"{docs[0].text} {len(docs)} {bool(docs[0].tags)}")])

    @requests(on="/right")
    def last(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text=f"{len(docs)} {sorted(docs[0].tags)}")])


def say(*words):
    """What is compared: Jina prints much else."""
    print(">", *words, flush=True)


if __name__ == "__main__":
    flow = (
        Flow(protocol="http")
        .add(name="start", uses=Start)
        .add(name="left", uses=Left, needs="start")
        .add(name="right", uses=Right, needs="start")
        .add(name="join", uses=Join, needs=["left", "right"])
    )
    with flow:
        url = f"http://localhost:{flow.port}"
        answer = http.post(f"{url}/go", json={"data": [{"id": "a", "text": "a"}]})
        say(answer.status_code, answer.json()["data"][0]["text"])
        answer = http.post(
            f"{url}/go",
            json={"data": {"id": "a", "text": "a"}, "parameters": {"k": 1}, "header": {"request_id": "mine"}},
        )
        say(
            answer.status_code,
            answer.json()["data"][0]["text"],
            answer.json()["header"]["request_id"],
            answer.json()["parameters"]["k"] == 1,
        )
        say(http.post(f"{url}/nowhere", json={"data": []}).status_code)
        say(
            http.get(f"{url}/dry_run").status_code,
            http.get(f"{url}/docs").status_code,
            http.get(f"{url}/openapi.json").status_code,
        )
        docs = Client(host=url).post("/go", Text(text="b"), return_type=DocList[Text])
        say([doc.text for doc in docs])
    reduced = (
        Flow()
        .add(name="left", uses=Left)
        .add(name="right", uses=Right, needs="gateway")
        .add(name="join", uses=Join, needs=["left", "right"])
    )
    with reduced:
        docs = reduced.post("/right", DocList[Text]([Text(id="a", text="a")]), return_type=DocList[Text])
        say([doc.text for doc in docs])
