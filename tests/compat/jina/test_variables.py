"""Jina's variables of the environment, and what they mean here."""

import subprocess
import sys
from pathlib import Path

import pytest

from thalweg.compat.variables import NEEDLESS, WITHOUT_EFFECT, adopted_variables

PROGRAM = """
import os
from docarray.documents.legacy import LegacyDocument
from jina import Deployment, Executor, Flow, requests


class Quiet(Executor):
    @requests
    def look(self, docs, **_):
        for doc in docs:
            doc.text = ",".join(os.environ.get(name, "-") for name in ("THALWEG_LOG_LEVEL", "NO_COLOR"))


print(Flow().add(uses=Quiet).host, Deployment(uses=Quiet).host, Flow(host="127.0.0.3").host)
with Flow().add(uses=Quiet) as flow:
    print(flow.post("/", LegacyDocument())[0].text)
"""


@pytest.mark.parametrize(
    "given, ours",
    [
        ({"JINA_LOG_LEVEL": "debug"}, {"THALWEG_LOG_LEVEL": "DEBUG"}),
        ({"JINA_LOG_LEVEL": "SUCCESS"}, {"THALWEG_LOG_LEVEL": "INFO"}),
        ({"JINA_LOG_CONFIG": "QUIET"}, {"THALWEG_LOG_LEVEL": "CRITICAL"}),
        ({"JINA_LOG_CONFIG": "quiet", "JINA_LOG_LEVEL": "DEBUG"}, {"THALWEG_LOG_LEVEL": "CRITICAL"}),
        ({"JINA_LOG_CONFIG": "json"}, {"THALWEG_LOG_FORMAT": "json"}),
        ({"JINA_LOG_CONFIG": "default"}, {}),
        ({"JINA_LOG_NO_COLOR": ""}, {"NO_COLOR": "1"}),
        ({"JINA_LOG_LEVEL": "DEBUG", "THALWEG_LOG_LEVEL": "ERROR"}, {}),
        (dict.fromkeys(NEEDLESS, "1"), {}),
    ],
)
def test_what_has_a_counterpart_becomes_it(given, ours):
    assert adopted_variables(given) == (ours, [])


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_what_has_none_is_told(name):
    ours, told = adopted_variables({name: "x"})
    assert ours == {}
    assert told == [f"{name} has no effect: {WITHOUT_EFFECT[name]}"]


def test_a_file_of_handlers_is_told():
    (told,) = adopted_variables({"JINA_LOG_CONFIG": "my.yml"}).told
    assert told == "JINA_LOG_CONFIG=my.yml has no effect: handlers of the log are those of Python's logging"


def test_a_program_and_its_executors_get_what_their_variables_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("THALWEG_LOG_LEVEL", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    variables = {
        "JINA_DEFAULT_HOST": "127.0.0.2",
        "JINA_LOG_LEVEL": "ERROR",
        "JINA_LOG_NO_COLOR": "1",
        "JINA_MP_START_METHOD": "spawn",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "app.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "thalweg.compat", "app.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)
    assert done.stdout.splitlines() == ["127.0.0.2 127.0.0.2 127.0.0.3", "ERROR,1"], done.stderr
    assert done.stderr.count("UserWarning: JINA_MP_START_METHOD has no effect: processes come from a fork server") == 1
