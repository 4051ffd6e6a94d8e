"""Jina itself runs on Thalweg: its Flow, its Executors and its Gateway, each in a process of its own.

`make soak` makes the environment and runs this.
"""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv" / "jina" / "bin" / "python"
FOUND = "found DocList[Embedded] [('1', 'A!', [2.0, 2.0, 2.0, 2.0]), ('2', 'BC!', [4.0, 4.0, 4.0, 4.0])]"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="an environment with Jina takes minutes to make: make soak does"
)


def run(protocol: str, start: str) -> list[str]:
    """What the Flow prints, in processes that are started in this way."""
    command = [str(PYTHON), "-W", "ignore", "-m", "thalweg.compat", "--only", "docarray", "flow.py", protocol]
    environment = {**os.environ, "JINA_MP_START_METHOD": start}
    done = subprocess.run(
        command, cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith(("found", "answer"))]


def test_no_real_docarray_is_there() -> None:
    done = subprocess.run([str(PYTHON), "-c", "import docarray"], capture_output=True, text=True, check=False)
    assert "No module named 'docarray'" in done.stderr


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_flow_of_two_executors_answers_over_grpc(start: str) -> None:
    assert run("grpc", start) == [FOUND]


def test_a_flow_of_two_executors_answers_over_http() -> None:
    answer = "answer [{'id': '3', 'text': 'DEF!', 'embedding': [6.0, 6.0, 6.0, 6.0]}]"
    assert run("http", "fork") == [FOUND, answer]
