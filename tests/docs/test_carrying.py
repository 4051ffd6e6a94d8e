"""Classes of document that were made in a script travel to other processes, and importing documents stays cheap."""

import json
import os
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
    carried = subprocess.run([sys.executable, script], capture_output=True, timeout=250, check=False)
    assert carried.returncode == 0, carried.stderr.decode()
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS], input=carried.stdout, capture_output=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == "['a']"


MODULE = """
import torch

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.typing import ImageUrl, NdArray, TorchTensor


class Author(BaseDoc):
    name: str


class Page(BaseDoc):
    text: str = "a"
    url: ImageUrl | None = "a.png"
    author: Author | None = None
    embedding: NdArray["n", 2]
    weights: TorchTensor[2]
    children: "DocList[Page] | None" = None


def pages():
    return [
        Page(
            id=str(number),
            embedding=[[number, 2]],
            weights=torch.tensor([number, 0.5]),
            author=Author(id="a", name="A"),
            children=[Page(id="c", embedding=[[1, 2], [3, 4]], weights=[1, 2])],
        )
        for number in range(3)
    ]
"""

PICKLED = """
import pickle, sys

from described import Author, Page, pages
from thalweg.docs import DocList, DocVec

docs = DocList[Page](pages())
carried = {
    "list": docs,
    "vec": DocVec[Page](docs),
    "row": DocVec[Page](docs)[1],
    "document": docs[0],
    "untyped": DocList([docs[0], docs[0].author]),
    "classes": (DocList[Author], DocVec[Author], Page),
    "empty": DocList[Page](),
}
sys.stdout.buffer.write(b"".join(pickle.dumps(carried, protocol) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)))
"""

UNPICKLED = """
import io, pickle, sys

file = io.BytesIO(sys.stdin.buffer.read())
found = [pickle.load(file) for _ in range(2, pickle.HIGHEST_PROTOCOL + 1)]
assert not file.read()

from described import Author, Page, pages
from thalweg.docs import BaseDoc, DocList, DocVec

docs = pages()
for carried in found:
    assert type(carried["list"]) is DocList[Page] and carried["list"] == docs and carried["list"].id == ["0", "1", "2"]
    assert type(carried["vec"]) is DocVec[Page] and carried["vec"] == DocVec[Page](docs)
    assert type(carried["vec"].weights).__module__ == "torch" and carried["vec"].embedding.shape == (3, 1, 2)
    assert type(carried["row"]) is Page and carried["row"] == docs[1]
    assert type(carried["document"].children) is DocList[Page] and carried["document"] == docs[0]
    assert type(carried["untyped"]) is DocList and [type(doc) for doc in carried["untyped"]] == [Page, Author]
    assert carried["classes"] == (DocList[Author], DocVec[Author], Page)
    assert type(carried["empty"]) is DocList[Page] and carried["empty"] == []
    carried["list"].append(docs[0])
    carried["document"].text = "b"
    try:
        carried["list"].append(Author(name="x"))
        raise SystemExit("a document of another class was let in")
    except ValueError:
        pass
"""


def test_documents_and_typed_arrays_are_unpickled_where_their_classes_were_never_made(tmp_path: Path) -> None:
    (tmp_path / "described.py").write_text(MODULE)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c"]
    pickled = subprocess.run([*command, PICKLED], env=environment, capture_output=True, timeout=250, check=False)
    assert pickled.returncode == 0, pickled.stderr.decode()
    done = subprocess.run(
        [*command, UNPICKLED], env=environment, input=pickled.stdout, capture_output=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_importing_documents_loads_nothing_heavy() -> None:
    code = "import json, sys, thalweg.docs, thalweg.docs.typing; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=250, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert (
        loaded & {"torch", "rich", "grpc", "google", "click", "aiohttp", "uvicorn", "cloudpickle", "yaml", "PIL"}
        == set()
    )
