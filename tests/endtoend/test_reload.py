"""Code is edited while it runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from thalweg import Deployment, Flow
from thalweg.docs import BaseDoc, DocList

CODE = """
from {helper} import ending

from thalweg import Executor, requests
from thalweg.docs import BaseDoc, DocList


class Text(BaseDoc):
    text: str = ""


class Encoder(Executor):
    def __init__(self, start: str = "a", **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.model = object()

    @requests(on="/do")
    def do(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text=f"{{self.start}}1{{ending()}} {{id(self.model)}}") for doc in docs])
"""


class Text(BaseDoc):
    text: str = ""


class Project:
    """A module with an Executor, and a module that it imports."""

    def __init__(self, folder: Path) -> None:
        helper = f"helper_{folder.name}"
        self.code = folder / f"encoder_{folder.name}.py"
        self.helper = folder / f"{helper}.py"
        self.uses = f"{self.code}:Encoder"
        self.text = CODE.format(helper=helper)
        self.code.write_text(self.text)
        self.helper.write_text("def ending():\n    return '!'\n")

    def edit(self, old: str, new: str) -> None:
        assert old in self.text
        self.code.write_text(self.text.replace(old, new))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def answer(running: Any) -> tuple[str, str]:
    """What it says, and which object says it."""
    text = running.post("/do", Text(), return_type=DocList[Text])[0].text
    said, _, model = text.partition(" ")
    return said, model


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_new_replicas_have_the_code_that_was_saved(project: Project, caplog: pytest.LogCaptureFixture):
    with Flow(reload=True).add(uses=project.uses, name="enc") as flow:
        pids = flow.pids
        assert answer(flow)[0] == "a1!"
        project.edit("}1{", "}2{")
        until(lambda: answer(flow)[0] == "a2!")
        project.helper.write_text("def ending():\n    return '?'\n")
        until(lambda: answer(flow)[0] == "a2?")
        project.edit("class Encoder(", "class Encoder((")
        until(lambda: "SyntaxError" in caplog.text)
        assert answer(flow)[0] == "a2?"
        project.edit("super().__init__", "1 / 0; super().__init__")
        until(lambda: "ZeroDivisionError" in caplog.text)
        assert answer(flow)[0] == "a2?"
        project.edit("}1{", "}3{")
        until(lambda: answer(flow)[0] == "a3?")
        assert flow.pids["gateway"] == pids["gateway"]
        assert flow.pids["enc/0"] != pids["enc/0"]


def test_functions_that_are_edited_leave_the_model_where_it_is(project: Project, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "thalweg.reload")
    with Flow().add(uses=project.uses, name="enc", replicas=2, reload="functions") as flow:
        pids = flow.pids
        models = {answer(flow)[1] for _ in range(4)}
        project.edit("}1{", "}2{")
        until(lambda: {answer(flow)[0] for _ in range(4)} == {"a2!"})
        project.helper.write_text("def ending():\n    return '?'\n")
        until(lambda: {answer(flow)[0] for _ in range(4)} == {"a2?"})
        assert {answer(flow)[1] for _ in range(4)} == models
        project.edit("return DocList", "return DocList(")
        until(lambda: "runs the code that it had" in caplog.text)
        assert answer(flow)[0] == "a2?"
        assert flow.pids == pids
        project.edit("self.model = object()", "self.model = [1]")
        until(lambda: flow.pids["enc/0"] != pids["enc/0"])
        assert "Encoder.__init__ has changed" in caplog.text
        until(lambda: answer(flow)[0] == "a1?")


def test_the_file_that_describes_it_is_watched_too(project: Project, tmp_path: Path):
    description = tmp_path / "flow.yml"
    executor = tmp_path / "encoder.yml"
    executor.write_text(f"jtype: Encoder\npy_modules: {project.code}\nwith: {{start: b}}\n")

    def describe(more: str = "") -> None:
        description.write_text(
            f"jtype: Flow\nexecutors:\n  - {{name: enc, uses: {executor}, reload: true}}\n{more}", encoding="utf-8"
        )

    describe()
    with Flow.load_config(description) as flow:
        assert answer(flow)[0] == "b1!"
        executor.write_text(f"jtype: Encoder\npy_modules: {project.code}\nwith: {{start: c}}\n")
        until(lambda: answer(flow)[0] == "c1!")
        describe(f"  - {{name: more, uses: '{project.uses}', uses_with: {{start: d}}}}\n")
        until(lambda: answer(flow)[0] == "d1!")
        assert sorted(flow.pids) == ["enc/0", "gateway", "more/0"]


def test_a_watched_deployment_has_a_gateway(project: Project):
    with Deployment(project.uses, reload=True) as deployment:
        assert "gateway" in deployment.pids
        project.edit("}1{", "}2{")
        until(lambda: answer(deployment)[0] == "a2!")
