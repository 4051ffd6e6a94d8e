"""The table of docs/docarray.md is complete, and each test that it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = 112


def table() -> dict[int, tuple[str, list[str]]]:
    """Number of a row -> what Thalweg does, and the tests."""
    text = (ROOT / "docs" / "docarray.md").read_text("utf-8")
    found = re.findall(r"^\| (\d+)(?: fix)? \| [^|]+ \| ((?:[^|\\]|\\.)+) \| ([^|]+) \|$", text, re.MULTILINE)
    return {int(number): (behaviour, tests.replace("`", "").split("<br>")) for number, behaviour, tests in found}


def test_every_row_is_there_once_and_in_order() -> None:
    assert list(table()) == list(range(1, ROWS + 1))


def is_there(test: str) -> bool:
    """Whether a test is; of one that runs a suite's checks, whether the check is."""
    file, _, rest = test.partition("::")
    name, _, case = rest.partition("[")
    path = ROOT / file
    if not name or not path.exists() or not re.search(rf"def {name}\b", path.read_text("utf-8")):
        return False
    sources = [path, *(ROOT / "src" / "thalweg" / "testing").rglob("*.py")]
    return not case or any(case.rstrip("]") in source.read_text("utf-8") for source in sources)


def test_every_row_names_tests_that_are_there() -> None:
    assert all(behaviour.strip() for behaviour, _ in table().values())
    named = {number: tests for number, (_, tests) in table().items()}
    assert [
        f"{number}: {test}" for number, tests in named.items() for test in tests if not is_there(test.strip())
    ] == []
