"""Endpoints that write, and a state that is kept."""

import tempfile
from pathlib import Path

from docarray import BaseDoc, DocList
from jina import Deployment, Executor, requests
from jina.serve.executors.decorators import write


class Text(BaseDoc):
    text: str = ""


class Store(Executor):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.words = []

    @write
    @requests(on="/add")
    def add(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        self.words += [doc.text for doc in docs]
        return docs

    @requests(on="/add_later")
    @write
    async def add_later(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        self.words += [doc.text for doc in docs]
        return docs

    @requests(on="/words")
    def read(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text=" ".join(self.words))])

    def snapshot(self, snapshot_file: str):
        Path(snapshot_file).write_text(" ".join(self.words))

    def restore(self, snapshot_file: str):
        self.words = Path(snapshot_file).read_text().split()


def say(*words):
    print(">", *words, flush=True)


if __name__ == "__main__":
    with Deployment(uses=Store) as deployment:
        for path, word in (("/add", "one"), ("/add_later", "two")):
            deployment.post(path, DocList[Text]([Text(text=word)]), return_type=DocList[Text])
        (found,) = deployment.post("/words", DocList[Text]([Text()]), return_type=DocList[Text])
        say(found.text)
    with tempfile.TemporaryDirectory() as folder:
        first, second = Store(), Store()
        first.words = ["kept"]
        first.snapshot(f"{folder}/state.bin")
        second.restore(f"{folder}/state.bin")
        say(second.words)

    class Plain(Executor):
        pass

    try:
        Plain().snapshot("state.bin")
    except Exception as error:
        say(f"a plain Executor has none: {isinstance(error, Exception)}")
