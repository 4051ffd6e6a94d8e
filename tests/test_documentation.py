"""Everything that the documentation shows is done, page by page, each in a process and a folder of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from select import select
from textwrap import dedent

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECONDS = 250


class Performer:
    """What performs pages, one after the other: each in a process that is forked from one in which Thalweg is loaded."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error::SyntaxWarning", "-m", "scripts.documentation", "--listen"],
            env={**os.environ, "PYTHONPATH": path, "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def perform(self, page: Path, folder: Path) -> tuple[int, str]:
        """Do what the page says, in `folder`: the exit code, and what was written to the error stream."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        errors = folder / "errors.of.page"
        self._process.stdin.write(json.dumps([str(page), str(folder), str(errors)]) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select([self._process.stdout], [], [], SECONDS)
        assert ready, f"{page} takes longer than {SECONDS} seconds"
        return int(self._process.stdout.readline()), errors.read_text("utf-8")

    def close(self) -> None:
        with self._process as process:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def performer() -> Iterator[Performer]:
    performer = Performer()
    yield performer
    performer.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_does_what_it_says(page: Path, tmp_path: Path, performer: Performer) -> None:
    code, said = performer.perform(page, tmp_path)
    assert code == 0, said


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def links() -> list[tuple[Path, str]]:
    found = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        found += [(page, link) for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)]
    return found


@pytest.mark.parametrize("page, link", links(), ids=lambda part: str(part).rpartition("/")[2])
def test_a_link_leads_somewhere(page: Path, link: str) -> None:
    file, _, anchor = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    assert target.exists()
    assert not anchor or anchor in headings(target)


@pytest.fixture
def run(tmp_path: Path, performer: Performer):
    def run(text: str) -> str:
        page = tmp_path / "page.md"
        page.write_text(dedent(text))
        code, said = performer.perform(page, tmp_path)
        assert (code == 0) == (said == ""), said
        return said

    return run


def test_python_blocks_share_their_names_and_what_they_print_is_compared(run) -> None:
    page = """\
        ```python
        x = [1, 2]
        ```
        ```python
        print(x)
        ```
        <!-- output -->
        ```text
        [1, 2]
        ```
    """
    assert run(page) == ""
    wrong = page.replace("print(x)", "print(x + x)")
    assert "page.md:9: the block before it printed something else:\n[1, 2, 1, 2]" in run(wrong)


def test_an_error_is_shown_with_page_and_line(run) -> None:
    error = run("text\n\n```python\nx = 1\nraise ValueError(x)\n```\n")
    assert 'File "page.md:4", line 5' in error
    assert "raise ValueError(x)" in error
    assert error.rstrip().endswith("ValueError: 1")


def test_a_file_block_is_written_and_not_run(run, tmp_path: Path) -> None:
    page = """\
        <!-- file: numbers_of_it.py -->
        ```python
        one = 1
        ```
        ```python
        from numbers_of_it import one
        ```
    """
    assert run(page) == ""


def test_a_flow_is_loaded_and_its_error_shown(run) -> None:
    assert run("```yaml\njtype: Flow\nexecutors:\n- name: a\n```\n") == ""
    assert "page.md:2: line 3: executors[0].nam: no such option; did you mean 'name'?" in run(
        "```yaml\njtype: Flow\nexecutors: [\n{nam: a}]\n```\n"
    )


def test_json_must_be_json_and_the_values_of_ids_may_differ(run) -> None:
    page = """\
        ```python
        print('{"data": [{"id": "%s", "n": 1}]}' % id(print))
        ```
        <!-- output -->
        ```json
        {"data": [{"id": "5f1c", "n": 1}]}
        ```
    """
    assert run(page) == ""
    assert "printed something else" in run(page.replace('5f1c", "n": 1', '5f1c", "n": 2'))
    assert "page.md:2: Expecting" in run("```json\n{1}\n```\n")


@pytest.mark.parametrize(
    "block, message",
    [
        (
            "```bash\nthalweg serve flow.yml --prot 80\n```\n",
            "page.md:2: thalweg serve flow.yml --prot 80\nNo such option",
        ),
        ("```bash\n# a comment\nthalweg sevre flow.yml\n```\n", "page.md:3: thalweg sevre flow.yml"),
        ("```bash\nmake all\n```\n", "The Makefile has no target 'all'"),
        ("```bash\npip install 'thalweg[extra]'\n```\n", "There is no extra 'extra'"),
        ("```bash\nkubectl apply\n```\n", "Nobody knows how to check 'kubectl'"),
        ("```bash\ncurl 'http://\n```\n", "ends inside of"),
        ("```javascript\n1\n```\n", "page.md:1: a block in 'javascript'; there are bash, graphql, js, json"),
        ("```\n1\n```\n", "page.md:1: a block in no language"),
        ("```python\n1\n", "page.md:1: the block has no end"),
        ("<!-- run: no -->\n```python\n1\n```\n", "page.md:1: write <!-- run: no, and the reason why -->"),
        (
            "<!-- run no, it is slow -->\n```python\n1\n```\n",
            "page.md:1: <!-- run no, it is slow --> is not understood",
        ),
        ("<!-- file: ../x -->\n```python\n1\n```\n", "'../x' is no plain file name"),
    ],
)
def test_what_cannot_be_checked_fails(run, block: str, message: str) -> None:
    assert message in run(block)


def test_a_block_may_be_left_alone_for_a_reason(run) -> None:
    assert run("<!-- run: no, needs a GPU -->\n\n```python\nraise ValueError\n```\n") == ""
