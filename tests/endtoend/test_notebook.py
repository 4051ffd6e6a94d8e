"""A real notebook, run by a real kernel: Executors that cells define are served without a main guard."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = [
    """
    from thalweg import Deployment, Executor, Flow, requests
    from thalweg.docs import BaseDoc, DocList
    """,
    """
    class Text(BaseDoc):
        text: str

    class Loud(Executor):
        def __init__(self, mark: str = "!", **kwargs):
            super().__init__(**kwargs)
            self.mark = mark

        @requests(on="/say")
        def say(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
            for doc in docs:
                doc.text = doc.text.upper() + self.mark
            return docs

        @requests(on="/words")
        async def words(self, doc: Text, **kwargs):
            for word in doc.text.split():
                yield Text(text=word)
    """,
    """
    @requests(on="/say")
    def twice(docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([Text(id=doc.id, text=doc.text * 2) for doc in docs])
    """,
    """
    flow = Flow().add(name="loud", uses=Loud, uses_with={"mark": "?"}, replicas=2).add(name="twice", uses=twice)
    flow
    """,
    """
    with flow:
        print(flow.post("/say", Text(text="hi"), return_type=DocList[Text])[0].text)
    """,
    """
    deployment = Deployment(uses=Loud, protocol="http")
    deployment.start()
    [piece.text for piece in deployment.stream_doc("/words", Text(text="one two"), return_type=Text)]
    """,
    """
    class Loud(Loud):
        @requests(on="/say")
        def say(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
            return DocList[Text]([Text(text="changed")])

    deployment.close()
    with Deployment(uses=Loud) as again:
        print(again.post("/say", Text(text="hi"), return_type=DocList[Text])[0].text)
    """,
    """
    from thalweg import AsyncFlow

    async with AsyncFlow().add(uses=Loud) as awaited:
        async for docs in awaited.post("/say", Text(text="hi"), return_type=DocList[Text]):
            print(docs[0].text)
    """,
]


@pytest.mark.timeout(180)
def test_executors_of_cells_are_served_and_a_flow_draws_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from textwrap import dedent

    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(dedent(cell).strip()) for cell in CELLS])
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": os.fspath(tmp_path)}}
    )
    client.execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert outputs[3][0].data["image/svg+xml"].startswith("<svg")
    assert printed(outputs[4]) == "HI?HI?\n"
    assert outputs[5][0].data["text/plain"] == "['one', 'two']"
    assert printed(outputs[6]) == "changed\n"
    assert printed(outputs[7]) == "changed\n"


def printed(outputs: list[nbformat.NotebookNode]) -> str:
    assert all(output.output_type == "stream" and output.name == "stdout" for output in outputs), outputs
    return "".join(output.text for output in outputs)
