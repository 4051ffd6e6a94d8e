"""Classes of document that were made in a script travel to other processes, and importing documents stays cheap."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from typing import Generic, TypeVar

import cloudpickle

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.codecs import columns
from thalweg.docs.typing import ImageUrl, NdArray, TorchTensor

T = TypeVar("T", bound=BaseDoc)


class Text(BaseDoc):
    text: str
    url: ImageUrl | None = None


class Embedded(Text):
    embedding: NdArray["n", 2]
    tags: dict[str, int] = {}
    children: "DocList[Embedded] | None" = None


class Page(BaseDoc, Generic[T]):
    items: DocList[T]


def run(docs: DocList[Text]) -> DocList[Embedded]:
    made = DocList[Embedded]([Embedded(text=doc.text, embedding=[[1, 2]]) for doc in docs])
    assert isinstance(docs, DocList[Text])
    assert columns.decode(columns.encode(made), Embedded) == made
    assert type(Page[Embedded](items=made).items) is DocList[Embedded]
    return made


docs = DocList[Text]([Text(text="a")])
made = run(docs)  # fills what is kept with the classes, so that all of it is there when they are carried
made.to_json(), made.to_doc_vec()[0].text
carried = (run, Text, docs, Page[Embedded], made.to_doc_vec(), Embedded.model_json_schema())
sys.stdout.buffer.write(cloudpickle.dumps(carried))
"""

OTHER_PROCESS = """
import sys
import cloudpickle

run, Text, docs, Page, vec, schema = cloudpickle.loads(sys.stdin.buffer.read())
from thalweg.docs import DocList

made = run(docs)
assert run.__annotations__["docs"] is DocList[Text] is type(docs)
assert run.__annotations__["return"] is type(made)
assert made == vec
assert type(Page(items=[{"text": "b", "embedding": [[1, 2]]}]).items) is type(made)
assert type(made[0]).model_json_schema() == schema
print(made.text)
"""


def test_classes_of_a_script_are_carried_by_value(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    carried = subprocess.run([sys.executable, script], capture_output=True, timeout=60, check=False)
    assert carried.returncode == 0, carried.stderr.decode()
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS], input=carried.stdout, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == "['a']"


def test_importing_documents_loads_nothing_heavy() -> None:
    code = "import json, sys, thalweg.docs, thalweg.docs.typing; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert (
        loaded & {"torch", "rich", "grpc", "google", "click", "aiohttp", "uvicorn", "cloudpickle", "yaml", "PIL"}
        == set()
    )
