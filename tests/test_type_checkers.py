"""What users of mypy and of pyright see of documents, lists, columns and calls."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.timeout(300)  # a checker that has seen nothing of NumPy and pydantic yet reads a lot

DOCUMENTS_START = """
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
DOCUMENTS = {
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

CALLS_START = """
from typing import Any, reveal_type

from thalweg import AsyncClient, Client, Flow
from thalweg.client import Answer
from thalweg.docs import BaseDoc, DocList


class Text(BaseDoc):
    text: str


def told(answer: Answer[Any]) -> None:
    print(answer.docs)


async def heard(answer: Answer[Any]) -> None:
    print(answer.docs)


text, texts = Text(text="a"), DocList[Text]()


async def main(client: Client, calls: AsyncClient, flow: Flow) -> None:
"""
CALLS = {
    "client.post('/a', text, return_type=Text).text": "str",
    "client.post('/a', texts, return_type=Text)": "DocList[Text]",
    "client.post('/a', text, return_type=DocList[Text])": "DocList[Text]",
    "client.post('/a', (one for one in texts), return_type=DocList[Text], max_attempts=3)[0].text": "str",
    "client.post('/a', texts)": "DocList[AnyDoc]",
    "client.post('/a', texts, return_responses=True)": "list[Answer[Any]]",
    "client.post('/a', texts, told, told, told, {'a': 1})": "Any",
    "flow.post('/a', texts, return_type=Text)": "DocList[Text]",
    "[one.text for one in client.stream('/a', text, return_type=Text)]": "list[str]",
    "(await calls.post('/a', text, return_type=Text)).text": "str",
    "await calls.post('/a', texts, return_type=Text)": "DocList[Text]",
    "[part async for part in calls.post('/a', texts, return_type=Text)]": "list[DocList[Text]]",
    "[part async for part in calls.post('/a', texts, return_responses=True)]": "list[Answer[Any]]",
    "await calls.post('/a', texts, on_done=heard)": "Any",
    "[one.text async for one in calls.stream('/a', text, return_type=DocList[Text])]": "list[str]",
}

SCRIPTS = {
    "documents_of_a_user": DOCUMENTS_START
    + "".join(f"reveal_type({expression})\n" for expression in DOCUMENTS)
    + "docs.append(Page())\n",
    "calls_of_a_user": CALLS_START
    + "".join(f"    reveal_type({expression})\n" for expression in CALLS)
    + "    client.post('/a', texts, request_sise=3)\n",
}
MODULES = (
    *(f"{script}." for script in SCRIPTS),
    "builtins.",
    "thalweg.client.answer.",
    "thalweg.docs.doc_list.",
    "thalweg.docs.document.",
)
"""What mypy writes before names."""


@dataclass(frozen=True)
class Said:
    """What a checker says of a script: the types of its expressions, and lines with what is wrong there."""

    revealed: list[str]
    errors: list[tuple[int, str]]


def _answer(command: list[str]) -> str:
    # In this folder: mypy finds its configuration there, and with it what it remembers of having checked Thalweg itself.
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=290, check=False).stdout


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("scripts")
    for name, text in SCRIPTS.items():
        (folder / f"{name}.py").write_text(text)
    return [str(path) for path in sorted(folder.iterdir())]


@pytest.fixture(scope="module")
def by_mypy(scripts: list[str]) -> Mapping[str, Said]:
    pytest.importorskip("mypy")
    said = {name: Said([], []) for name in SCRIPTS}
    for line in _answer([sys.executable, "-m", "mypy", *scripts]).splitlines():
        path, number, kind, text = [*line.split(":", 3), "", "", ""][:4]
        one = said.get(Path(path).stem)
        if one is None:
            continue
        if "Revealed type" in text:
            shown = text.split('"')[1]
            for module in MODULES:
                shown = shown.replace(module, "")
            one.revealed.append(shown)
        elif kind.strip() == "error":
            one.errors.append((int(number), text))
    return said


@pytest.fixture(scope="module")
def by_pyright(scripts: list[str]) -> Mapping[str, Said]:
    pytest.importorskip("pyright")
    if shutil.which("node") is None:
        pytest.skip("pyright needs node, and would fetch it")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, *scripts]
    said = {name: Said([], []) for name in SCRIPTS}
    for item in json.loads(_answer(command))["generalDiagnostics"]:
        one = said[Path(item["file"]).stem]
        if item["severity"] == "information":
            one.revealed.append(item["message"].rsplit('" is "')[1].rstrip('"'))
        else:
            one.errors.append((item["range"]["start"]["line"] + 1, item["message"]))
    return said


def _check(said: Mapping[str, Said], script: str, revealed: dict[str, str], error: str) -> None:
    """The last line of each script is wrong, and nothing else."""
    assert dict(zip(revealed, said[script].revealed, strict=True)) == revealed
    assert {line for line, _ in said[script].errors} == {len(SCRIPTS[script].splitlines())}
    assert error in said[script].errors[0][1]


def test_mypy_knows_the_fields_of_documents_wherever_they_come_from(by_mypy: Mapping[str, Said]) -> None:
    _check(by_mypy, "documents_of_a_user", DOCUMENTS, 'incompatible type "Page"; expected "Text"')
    assert len(by_mypy["documents_of_a_user"].errors) == 1


def test_mypy_knows_what_a_call_returns(by_mypy: Mapping[str, Said]) -> None:
    _check(by_mypy, "calls_of_a_user", CALLS, 'Unexpected keyword argument "request_sise"')


def test_pyright_knows_the_fields_of_documents_wherever_they_come_from(by_pyright: Mapping[str, Said]) -> None:
    _check(by_pyright, "documents_of_a_user", DOCUMENTS, '"Page" is not assignable to "Text"')
    assert len(by_pyright["documents_of_a_user"].errors) == 1


def test_pyright_knows_what_a_call_returns(by_pyright: Mapping[str, Said]) -> None:
    _check(by_pyright, "calls_of_a_user", CALLS, "No overloads")
    assert len(by_pyright["calls_of_a_user"].errors) == 1
