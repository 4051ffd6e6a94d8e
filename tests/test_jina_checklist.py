"""The tables of docs/jina.md are complete, and each test that they name is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS = [
    *(number for number in range(1, 67) if number not in (61, 62)),
    *(81, 82, 83, 93, 108, 109, 113),
    *range(115, 162),
    *(165, 185, 186, 187, 189, 190),
]
PAGE = (ROOT / "docs" / "jina.md").read_text("utf-8")
CELL = r"((?:[^|\\]|\\.)+)"


def named(tests: str) -> list[str]:
    return tests.replace("`", "").split("<br>")


def features() -> dict[int, list[str]]:
    """Number of a row -> its tests."""
    found = re.findall(rf"^\| (\d+) \| {CELL} \| {CELL} \| ([^|]+) \|$", PAGE, re.MULTILINE)
    return {int(number): named(tests) for number, _, _, tests in found}


def defects() -> dict[tuple[int, ...], list[str]]:
    found = re.findall(rf"^\| (\d+\.\d+) \| {CELL} \| ([^|]+) \|$", PAGE, re.MULTILINE)
    return {tuple(int(part) for part in number.split(".")): named(tests) for number, _, tests in found}


def is_there(test: str) -> bool:
    file, _, rest = test.partition("::")
    name, path = rest.partition("[")[0], ROOT / file
    return bool(name) and path.exists() and bool(re.search(rf"def {name}\b", path.read_text("utf-8")))


def test_every_row_is_there_once_and_in_order() -> None:
    assert list(features()) == ROWS
    assert list(defects()) == sorted(defects())
    assert len(defects()) > 30


def test_every_row_names_tests_that_are_there() -> None:
    tables = {
        **{str(number): tests for number, tests in features().items()},
        **{str(k): v for k, v in defects().items()},
    }
    assert [f"{number}: {test}" for number, tests in tables.items() for test in tests if not is_there(test)] == []
