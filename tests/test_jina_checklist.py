"""The tables of docs/jina.md are complete, and all that they name is there: tests, pages and sections."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "jina.md").read_text("utf-8")
ROWS = list(range(1, 191))
MISSING = "not there yet: "
"""How a row begins whose feature is not there. It names no tests: whoever adds some takes the mark away."""
NO_TESTS = "–"
TOPICS = ["Executor", "Deployment", "Flow", "Gateway", "Client", "Scale out", "YAML", "Command line"]
SHOWN = r"^```(python|bash|yaml|js|graphql)$"
CELL = r"((?:[^|\\]|\\.)+)"


class Row(NamedTuple):
    ours: str
    tests: str

    @property
    def named(self) -> list[str]:
        return self.tests.replace("`", "").split("<br>")

    @property
    def is_missing(self) -> bool:
        return self.ours.startswith(MISSING)


def features() -> dict[int, Row]:
    found = re.findall(rf"^\| (\d+) \| {CELL} \| {CELL} \| ([^|]+) \|$", PAGE, re.MULTILINE)
    return {int(number): Row(ours, tests) for number, _, ours, tests in found}


def defects() -> dict[tuple[int, ...], Row]:
    found = re.findall(rf"^\| (\d+\.\d+) \| {CELL} \| ([^|]+) \|$", PAGE, re.MULTILINE)
    return {tuple(int(part) for part in number.split(".")): Row(ours, tests) for number, ours, tests in found}


def is_there(test: str) -> bool:
    file, _, rest = test.partition("::")
    name, path = rest.partition("[")[0], ROOT / file
    return bool(name) and path.exists() and bool(re.search(rf"def {name}\b", path.read_text("utf-8")))


def without_tests(rows: dict[int, Row]) -> list[str]:
    """What is wrong with the tests of `rows`."""
    return [
        f"{number}: {test}"
        for number, row in rows.items()
        for test in row.named
        if (test != NO_TESTS if row.is_missing else not is_there(test))
    ]


def test_every_row_is_there_once_and_in_order() -> None:
    assert len(re.findall(r"^\| \d+ \|", PAGE, re.MULTILINE)) == len(ROWS)
    assert list(features()) == ROWS
    assert list(defects()) == sorted(defects())
    assert len(defects()) >= 40


def test_every_feature_that_is_there_names_its_tests_and_no_other_does() -> None:
    assert without_tests(features()) == []


def test_every_defect_names_its_tests() -> None:
    assert [(number, test) for number, row in defects().items() for test in row.named if not is_there(test)] == []


def test_a_row_with_the_wrong_tests_is_found() -> None:
    there = "`tests/test_jina_checklist.py::test_a_row_with_the_wrong_tests_is_found`"
    assert without_tests({1: Row("it works", there), 2: Row(f"{MISSING}metrics", NO_TESTS)}) == []
    assert without_tests({1: Row(f"{MISSING}metrics", there)}) != []
    assert without_tests({1: Row("it works", NO_TESTS)}) != []
    assert without_tests({1: Row("it works", "`tests/test_jina_checklist.py::test_nothing`")}) != []


def examples() -> dict[str, list[str]]:
    """Topic of Jina's documentation -> the cells that say where ours is."""
    section = PAGE.partition("## Jina's documentation, page by page")[2].partition("\n## ")[0]
    found: dict[str, list[str]] = {}
    for topic, _, ours in re.findall(rf"^\| {CELL} \| {CELL} \| {CELL} \|$", section, re.MULTILINE):
        found.setdefault(topic, []).append(ours)
    return {topic: cells for topic, cells in found.items() if topic not in ("Topic", "---")}


def section(link: str) -> str:
    """What stands under the heading that `link` leads to: the whole page where it names none."""
    file, _, anchor = link.partition("#")
    page = (ROOT / "docs" / file).read_text("utf-8")
    if not anchor:
        return page
    prose = re.sub(r"^```.*?^```", lambda block: block[0].replace("#", " "), page, flags=re.MULTILINE | re.DOTALL)
    for found in re.finditer(r"^(#+) (.*)$", prose, re.MULTILINE):
        if re.sub(r"[^\w\- ]", "", found[2].lower()).replace(" ", "-") == anchor:
            end = re.search(rf"^#{{1,{len(found[1])}}} ", prose[found.end() :], re.MULTILINE)
            return page[found.end() : found.end() + end.start() if end else None]
    raise AssertionError(f"{link}: there is no such section")


def test_every_topic_of_jinas_documentation_has_its_examples() -> None:
    """Each is a link to what test_documentation.py runs."""
    assert list(examples()) == TOPICS
    for topic, cells in examples().items():
        for ours in cells:
            links = re.findall(r"\]\(([^)]+)\)", ours)
            assert ours.startswith(MISSING) or links, f"{topic}: {ours}"
            assert not links or any(re.search(SHOWN, section(link), re.MULTILINE) for link in links), (
                f"{topic}: {ours}: nothing is shown there"
            )
