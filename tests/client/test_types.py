"""What users of mypy and of pyright see of calls."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "[mypy]\nstrict = true\nplugins = pydantic.mypy, thalweg.docs.mypy\n"
START = """
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
REVEALED = {
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
WRONG = "client.post('/a', texts, request_sise=3)"
pytestmark = pytest.mark.timeout(300)

SCRIPT = START + "".join(f"    reveal_type({expression})\n" for expression in REVEALED) + f"    {WRONG}\n"


def check(command: list[str]) -> str:
    # In this folder, so that mypy finds its cache.
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=290, check=False).stdout


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return str(path)


def test_mypy_knows_what_a_call_returns(script: str, tmp_path: Path):
    pytest.importorskip("mypy")
    config = tmp_path / "mypy.ini"
    config.write_text(CONFIG)
    lines = check([sys.executable, "-m", "mypy", "--config-file", str(config), script]).splitlines()
    shown = [line.split('"')[1] for line in lines if "Revealed type" in line]
    for prefix in (
        "builtins.",
        "script.",
        "thalweg.docs.doc_list.",
        "thalweg.docs.document.",
        "thalweg.client.answer.",
    ):
        shown = [kind.replace(prefix, "") for kind in shown]
    assert dict(zip(REVEALED, shown, strict=True)) == REVEALED
    errors = [line for line in lines if "error:" in line]
    assert {line.split(":")[1] for line in errors} == {str(len(SCRIPT.splitlines()))}
    assert 'Unexpected keyword argument "request_sise"' in errors[0]


def test_pyright_knows_what_a_call_returns(script: str):
    pytest.importorskip("pyright")
    if shutil.which("node") is None:
        pytest.skip("pyright needs node, and would fetch it")
    answer = check([sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, script])
    found = json.loads(answer)["generalDiagnostics"]
    shown = [item["message"].rsplit('" is "')[1].rstrip('"') for item in found if item["severity"] == "information"]
    assert dict(zip(REVEALED, shown, strict=True)) == REVEALED
    errors = [item["message"] for item in found if item["severity"] == "error"]
    assert len(errors) == 1
    assert "No overloads" in errors[0]
