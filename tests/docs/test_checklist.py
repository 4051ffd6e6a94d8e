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


def test_every_row_names_tests_that_are_there() -> None:
    missing = []
    for number, (behaviour, tests) in table().items():
        assert behaviour.strip()
        for test in tests:
            file, _, name = test.strip().partition("::")
            path = ROOT / file
            if not (name and path.exists() and re.search(rf"def {name}\b", path.read_text("utf-8"))):
                missing.append(f"{number}: {test}")
    assert missing == []
