"""Executors and Flows from YAML with modules beside them, and a Deployment that blocks, as a program for Jina has them."""

import os
import tempfile
import threading
from pathlib import Path

from docarray import BaseDoc, DocList
from jina import Client, Deployment, Executor, Flow


class Text(BaseDoc):
    text: str = ""


MODULE = """
from docarray import BaseDoc, DocList
from jina import Executor, requests

from words import WORD


class Text(BaseDoc):
    text: str = ""


class Marked(Executor):
    def __init__(self, mark="", **kwargs):
        super().__init__(**kwargs)
        self.mark = mark

    @requests(on="/mark")
    def run(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text += self.mark + WORD + self.metas.name
        return docs

    def other(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text="other")])
"""
EXECUTOR = """
jtype: Marked
with:
  mark: ${{ ENV.THE_MARK }}
metas:
  name: marked
py_modules:
  - words.py
  - marked.py
requests:
  /other: other
"""
FLOW = """
jtype: Flow
version: "1"
with:
  protocol: grpc
executors:
  - name: first
    uses: config.yml
  - name: second
    uses: config.yml
    uses_with:
      mark: "?"
    uses_requests:
      /mark: other
"""


def say(*words):
    """What is compared: Jina prints much else."""
    print(">", *words, flush=True)


def texts(*words):
    return DocList[Text]([Text(text=word) for word in words])


if __name__ == "__main__":
    os.environ["THE_MARK"] = "!"
    with tempfile.TemporaryDirectory() as folder:
        for name, content in [
            ("words.py", 'WORD = " and "\n'),
            ("marked.py", MODULE),
            ("config.yml", EXECUTOR),
            ("flow.yml", FLOW),
        ]:
            (Path(folder) / name).write_text(content)
        executor = Executor.load_config(str(Path(folder) / "config.yml"))
        say(
            type(executor).__name__,
            executor.mark,
            executor.metas.name,
            sorted(path for path in executor.requests if path[0] == "/"),
        )
        flow = Flow.load_config(str(Path(folder) / "flow.yml"))
        with flow:
            say([doc.text for doc in flow.post("/mark", texts("a"), return_type=DocList[Text])])
        deployment = Deployment(uses=str(Path(folder) / "config.yml"), uses_with={"mark": "#"})
        stop = threading.Event()
        blocked = threading.Thread(target=lambda: deployment.block(stop_event=stop))
        with deployment:
            blocked.start()
            client = Client(port=deployment.port)
            say(
                client.is_flow_ready(),
                [doc.text for doc in client.post("/mark", texts("a"), return_type=DocList[Text])],
            )
            stop.set()
            blocked.join()
            say("over", blocked.is_alive())
