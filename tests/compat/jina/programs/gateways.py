"""A gateway of one's own, with FastAPI and a streamer."""

import json
import urllib.request

from docarray import BaseDoc, DocList
from fastapi import FastAPI
from jina import Executor, Flow, requests
from jina.serve.runtimes.gateway.http.fastapi import FastAPIBaseGateway


class Text(BaseDoc):
    text: str = ""


class First(Executor):
    @requests(on="/say")
    def first(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            if doc.text == "bad":
                raise ValueError("a bad word")
            doc.text += "1"
        return docs


class Second(Executor):
    @requests(on="/say")
    def second(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text += "2"
        return docs


class Front(FastAPIBaseGateway):
    def __init__(self, greeting: str = "hello", **kwargs):
        super().__init__(**kwargs)
        self.greeting = greeting

    @property
    def app(self):
        app = FastAPI()

        @app.get("/both")
        async def both(text: str):
            docs = DocList[Text]([Text(text=text)])
            found = []
            async for part in self.streamer.stream_docs(docs, exec_endpoint="/say", return_type=DocList[Text]):
                found += [doc.text for doc in part]
            return {"greeting": self.greeting, "found": found}

        @app.get("/checked")
        async def checked(text: str):
            docs = DocList[Text]([Text(text=text)])
            async for part, error in self.streamer.stream(docs, exec_endpoint="/say", return_type=DocList[Text]):
                if error is not None:
                    return {"error": error.name}
                return {"found": [doc.text for doc in part]}

        @app.get("/only")
        async def only(text: str):
            docs = DocList[Text]([Text(text=text)])
            found = await self.executor["second"].post(inputs=docs, on="/say", return_type=DocList[Text])
            return [doc.text for doc in found]

        return app


def say(*words):
    print(">", *words, flush=True)


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


if __name__ == "__main__":
    flow = Flow().config_gateway(uses=Front, uses_with={"greeting": "hi"}, protocol="http")
    with flow.add(name="first", uses=First).add(name="second", uses=Second) as running:
        port = running.port
        say(get(port, "/"))
        say(get(port, "/both?text=a"))
        say(get(port, "/checked?text=bad"))
        say(get(port, "/checked?text=b"))
        say(get(port, "/only?text=c"))
