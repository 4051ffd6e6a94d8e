"""Descriptions that run: Jina's YAML as it stands, what was saved of a Flow, secrets that arrive and are not seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import environment
from thalweg import Client, Deployment, Flow
from thalweg.config.old import OldSpelling
from thalweg.docs import BaseDoc

CODE = """
    import os

    from thalweg import Executor, requests
    from thalweg.docs import BaseDoc, DocList


    class Text(BaseDoc):
        text: str = ""


    class Suffix(Executor):
        def __init__(self, suffix: str = "", api_key: str = "", **kwargs):
            super().__init__(**kwargs)
            self.suffix = suffix + api_key[:2] + os.environ.get("FROM_ENV", "")

        @requests(on="/say")
        def say(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
            for doc in docs:
                doc.text += self.suffix
            return docs
"""

FLOW = """
    !Flow
    version: '1.0'
    jcloud: {version: 3.34.0}
    with:
      timeout_send: 60000
      log_config: default
      env: {FROM_ENV: '!'}
    executors:
      - name: first
        uses: executors/config.yml
        uses_with: {suffix: '${{ ENV.SUFFIX:-a }}'}
      - executors/second.yml
      - method: needs
        name: both
        needs: [first, second]
    gateway:
      protocol: GRPC
      host: [127.0.0.1]
"""

SECRET = "zq-1f2e3d4c5b6a7988"


class Text(BaseDoc):
    text: str = ""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "executors").mkdir()
    (tmp_path / "executors" / "suffixes.py").write_text(dedent(CODE))
    (tmp_path / "executors" / "config.yml").write_text("!Suffix\npy_modules: [suffixes.py]\nwith: {suffix: x}\n")
    (tmp_path / "executors" / "second.yml").write_text(
        "!Deployment\nwith:\n  name: second\n  uses: suffixes.py:Suffix\n  port: 12345\n  uses_with: {suffix: b}\n"
    )
    (tmp_path / "flow.yml").write_text(dedent(FLOW))
    monkeypatch.setenv("SOME_SECRET", SECRET)
    return tmp_path


def test_jinas_yaml_runs_and_what_is_saved_of_it_is_the_same(folder: Path) -> None:
    with pytest.warns(OldSpelling) as told:
        flow = Flow.load_config(folder / "flow.yml")
    assert {str(one.message).partition("; ")[2].partition(":")[0] for one in told} >= {"write timeout, in seconds"}
    with flow:
        assert flow.post("/say", Text(text=">"), return_type=Text).text == ">a!b!"
        flow.save_config(folder / "saved.yml")
    saved = (folder / "saved.yml").read_text()
    assert "12345" not in saved
    assert not any(str(port) in saved for port in range(30000, 61000))
    assert Flow.load_config(folder / "saved.yml") == flow


def test_a_secret_arrives_and_is_seen_nowhere(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = f"""
        jtype: Deployment
        with:
          uses: {folder}/executors/suffixes.py:Suffix
          uses_with: {{api_key: '${{{{ ENV.SOME_SECRET }}}}'}}
          env: {{FROM_ENV: '${{{{ ENV.SOME_SECRET }}}}'}}
          host: 127.0.0.1
    """
    deployment = Deployment.load_config(dedent(text))
    with deployment:
        assert deployment.post("/say", Text(), return_type=Text).text == f"zq{SECRET}"
        shown = subprocess.run(
            [sys.executable, "-m", "thalweg", "ps", "--json"],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        deployment.save_config(folder / "saved.yml")
    out, err = capfd.readouterr()
    for seen in (out, err, shown.stdout, shown.stderr, commands.stdout, repr(deployment.options)):
        assert SECRET not in seen
    assert SECRET not in (folder / "saved.yml").read_text()


def test_the_commands_of_jina_serve_and_their_options_count(folder: Path) -> None:
    served = subprocess.Popen(
        [
            *(sys.executable, "-m", "thalweg", "flow", "--uses", "flow.yml"),
            *("--port", "0", "--protocol", "http", "--timeout-send", "30000"),
        ],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert served.stdout is not None
        lines = []
        for line in served.stdout:
            lines.append(line)
            if line.startswith("ready"):
                break
        assert any("http://" in line for line in lines), "".join(lines)
        address = next(word.rstrip(",") for line in lines for word in line.split() if word.startswith("http://"))
        with Client(host=address) as client:
            assert client.post("/say", Text(), return_type=Text).text == "a!b!"
        assert "warning: " in "".join(lines)
    finally:
        served.terminate()
        served.communicate(timeout=250)
    assert served.returncode in (0, -15, 143)
