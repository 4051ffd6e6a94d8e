"""What users of mypy and of pyright see of documents, lists and columns."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "[mypy]\nstrict = true\nplugins = pydantic.mypy, thalweg.docs.mypy\n"
START = """
from typing import Annotated, reveal_type

import numpy as np

from thalweg.docs import BaseDoc, DocList, DocVec, reduce, reduce_all
from thalweg.docs.index import HnswDocumentIndex, InMemoryExactNNIndex
from thalweg.docs.query import find, find_batched
from thalweg.docs.typing import AnyTensor, ImageUrl, NdArray


class Text(BaseDoc):
    text: str
    url: ImageUrl | None = None
    free: NdArray | None = None
    vector: Annotated[np.ndarray, AnyTensor[2]] | None = None


class Page(BaseDoc):
    texts: DocList[Text] = DocList[Text]()


docs = DocList[Text]()
vec = docs.to_doc_vec()
query = np.zeros(2)
index = InMemoryExactNNIndex[Text](docs)
files = HnswDocumentIndex[Text](work_dir="folder")
"""
REVEALED = {
    "docs[0].text": "str",
    "DocList[Text]()[0].text": "str",
    "docs[1:]": "DocList[Text]",
    "[doc.text for doc in docs]": "list[str]",
    "docs + docs": "DocList[Text]",
    "docs[0].id": "str | None",
    "docs[0].copy().text": "str",
    "docs[0].dict()": "dict[str, Any]",
    "docs[0].json()": "str",
    "docs[0].update(docs[0])": "None",
    "Text.construct(text='a').text": "str",
    "Text.from_json('{}').text": "str",
    "Text.parse_obj({}).text": "str",
    "DocList[Text].from_json('[]')[0].text": "str",
    "DocVec[Text].from_json('[]')[0].text": "str",
    "vec[0].text": "str",
    "vec[1:][0].text": "str",
    "[doc.text for doc in vec]": "list[str]",
    "vec.to_doc_list()": "DocList[Text]",
    "find(docs, query, 'vector').documents[0].text": "str",
    "find(vec, query, 'vector').documents[0].text": "str",
    "find_batched(docs, query, 'vector').documents[0][0].text": "str",
    "index.find(query, 'vector').documents[0].text": "str",
    "index.find_batched(query, 'vector').documents[0][0].text": "str",
    "index.filter({})": "DocList[Text]",
    "index[docs[0].id].text": "str",
    "index[['a']]": "DocList[Text]",
    "index.get('a')": "Text | None",
    "[doc.text for doc in index]": "list[str]",
    "files.text_search('a', 'text').documents[0].text": "str",
    "files.execute_query(files.build_query().build()).documents[0].text": "str",
    "reduce(docs, docs)[0].text": "str",
    "reduce_all([docs, docs])[0].text": "str",
    "Page().texts[0].text": "str",
}
pytestmark = pytest.mark.timeout(300)  # a checker that has seen nothing of NumPy and pydantic yet reads a lot

SCRIPT = START + "".join(f"reveal_type({expression})\n" for expression in REVEALED) + "docs.append(Page())\n"


def check(command: list[str]) -> str:
    # In this folder, so that mypy finds its cache.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=290, check=False)
    return done.stdout


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return str(path)


def test_mypy_knows_the_fields_of_documents_wherever_they_come_from(script: str, tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    config = tmp_path / "mypy.ini"
    config.write_text(CONFIG)
    lines = check([sys.executable, "-m", "mypy", "--config-file", str(config), script]).splitlines()
    shown = [line.split('"')[1] for line in lines if "Revealed type" in line]
    short = [kind.replace("thalweg.docs.doc_list.", "").replace("script.", "") for kind in shown]
    assert dict(zip(REVEALED, short, strict=True)) == REVEALED
    errors = [line for line in lines if "error:" in line]
    assert len(errors) == 1
    assert 'incompatible type "Page"; expected "Text"' in errors[0]


def test_pyright_knows_the_fields_of_documents_wherever_they_come_from(script: str) -> None:
    pytest.importorskip("pyright")
    if shutil.which("node") is None:
        pytest.skip("pyright needs node, and would fetch it")
    answer = check([sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, script])
    found = json.loads(answer)["generalDiagnostics"]
    shown = [item["message"].rsplit('" is "')[1].rstrip('"') for item in found if item["severity"] == "information"]
    assert dict(zip(REVEALED, shown, strict=True)) == REVEALED
    errors = [item["message"] for item in found if item["severity"] == "error"]
    assert len(errors) == 1
    assert '"Page" is not assignable to "Text"' in errors[0]
