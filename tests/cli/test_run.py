import json
import os
import signal
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import SECONDS, command, environment
from tests.endtoend.scripts import eventually

SLOW = """
    import time

    from thalweg import Executor, requests
    from thalweg.docs import BaseDoc, DocList


    class Text(BaseDoc):
        text: str


    class Slow(Executor):
        @requests(on="/loud")
        def loud(self, docs: DocList[Text]) -> DocList[Text]:
            time.sleep(0.01)
            for doc in docs:
                doc.text = doc.text.upper()
            return docs
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "slow.py").write_text(dedent(SLOW))
    (tmp_path / "flow.yml").write_text("{jtype: Flow, executors: [{name: slow, uses: 'slow.py:Slow'}]}")
    (tmp_path / "in.jsonl").write_text(
        "".join(json.dumps({"id": str(n), "text": f"text {n}"}) + "\n" for n in range(1000))
    )
    return tmp_path


def words(*more: str) -> list[str]:
    given = ("run", "flow.yml", "--on", "/loud", "--input", "in.jsonl", "--output", "out.jsonl")
    return command(*given, "--request-size", "5", "--part-size", "25", *more)


def finished(folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        words(*more), cwd=folder, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
    )


def parts(folder: Path) -> int:
    return len(list((folder / "out.jsonl.parts").glob("part-*.end")))


def test_a_job_that_is_killed_again_and_again_has_every_document_once(folder):
    for _ in range(2):
        enough = parts(folder) + 3
        with subprocess.Popen(words(), cwd=folder, env=environment(), stderr=subprocess.PIPE) as process:
            eventually(lambda enough=enough: parts(folder) >= enough, SECONDS)
            os.kill(process.pid, signal.SIGKILL)
    done = finished(folder, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["read"], told["written"], told["failed"]) == (1000, 1000, 0)
    assert told["resumed"] >= 150
    found = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [document["id"] for document in found] == [str(n) for n in range(1000)]
    assert found[7]["text"] == "TEXT 7"


def test_an_interrupt_ends_it_with_its_own_code_and_it_can_go_on(folder):
    with subprocess.Popen(words(), cwd=folder, env=environment(), stderr=subprocess.PIPE) as process:
        eventually(lambda: parts(folder) >= 2, SECONDS)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
    assert finished(folder).returncode == 0


def test_failures_are_told_by_the_code(folder):
    (folder / "in.jsonl").write_text('{"id": "1", "text": 7}\n{"id": "2", "text": "fine"}\n')
    stopped = finished(folder)
    assert stopped.returncode == 3
    assert "documents 0 to 1 of the input" in stopped.stderr
    skipped = finished(folder, "--skip-failed")
    assert skipped.returncode == 1
    assert "1 documents of 2" in skipped.stdout
    assert "out.jsonl.errors.jsonl" in skipped.stdout


def test_what_is_wrong_is_said_before_anything_starts(folder):
    wrong = subprocess.run(
        command("run", "flow.yml", "--on", "/loud", "--input", "none.jsonl", "--output", "out.jsonl"),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert wrong.returncode == 1
    assert "There is no file none.jsonl" in wrong.stderr
