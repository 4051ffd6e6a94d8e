"""A Flow and its Executors in YAML, with everything that Jina's has."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from docarray import BaseDoc, DocList
from jina import Deployment, Executor, Flow, requests


class Text(BaseDoc):
    text: str = ""


class Registered(Executor):
    def __init__(self, end: str = "", **kwargs):
        super().__init__(**kwargs)
        self.end = end

    @requests(on="/say")
    def say(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text += self.end
        return docs


MODULE = """
from docarray import BaseDoc, DocList
from jina import Executor, requests


class Text(BaseDoc):
    text: str = ""


class Marker(Executor):
    def __init__(self, mark="?", times=1, **kwargs):
        super().__init__(**kwargs)
        self.mark = mark * times

    @requests(on="/mark")
    def put(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text += f"{self.mark}{self.metas.name}"
        return docs
"""
EXECUTOR = """
jtype: Marker
with:
  mark: "-"
  times: 2
metas:
  name: marked
  py_modules:
    - marker.py
requests:
  /say: put
"""
FLOW = """
jtype: Flow
version: '1'
with:
  timeout_send: 20000
executors:
  - name: first
    uses: Registered
    uses_with:
      end: ${{ ENV.ENDING }}
  - name: second
    uses: executor.yml
    uses_with:
      mark: ${{ CONTEXT.mark }}
  - name: third
    uses: Registered
    uses_with:
      end: ${{root.executors[1].name}}
    needs: second
"""
DEPLOYMENT = """
!Deployment
with:
  name: alone
  uses: executor.yml
  uses_with: {mark: $ENDING}
"""


def say(*words):
    print(">", *words, flush=True)


if __name__ == "__main__":
    os.environ["ENDING"] = "+"
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.path.insert(0, folder)
        Path("marker.py").write_text(MODULE)
        Path("executor.yml").write_text(EXECUTOR)
        Path("flow.yml").write_text(FLOW)
        Path("deployment.yml").write_text(DEPLOYMENT)
        with Flow.load_config("flow.yml", context={"mark": "*"}) as flow:
            docs = flow.post("/say", DocList[Text]([Text(text="a")]), return_type=DocList[Text])
            say(docs[0].text)
        with Deployment.load_config("deployment.yml") as deployment:
            docs = deployment.post("/say", DocList[Text]([Text(text="b")]), return_type=DocList[Text])
            say(docs[0].text)
        made = Executor.load_config("executor.yml", uses_with={"mark": "="})
        say(type(made).__name__, made.mark, made.metas.name)
        os.chdir("/")
