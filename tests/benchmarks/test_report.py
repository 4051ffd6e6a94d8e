import json

import pytest

from benchmarks.figures import Figure, comparisons
from benchmarks.report import HEAD, Run, as_json, as_text, faults, lines, ratio_text, results, summary


@pytest.fixture
def run():
    figures = [
        Figure("one-32", "thalweg", 0, 9000.4, details={"p50_ms": 3.0, "p99_ms": 5.0, "cpu_us": 180.0}),
        Figure("one-32", "thalweg", 1, 11000.0, details={"p50_ms": 3.2, "p99_ms": 5.2, "cpu_us": 190.0}),
        Figure("one-32", "mosec", 0, 5000.0),
        Figure("one-32", "jina", 0, 300.0),
        Figure("one-32", "jina", 1, 400.0, fault="3 of 1200 requests failed\n much more\nTypeError: no\n"),
        Figure("start", "thalweg", 0, 0.25),
        Figure("start", "jina", 0, 1.0),
    ]
    versions = {"mosec": {"mosec": "1.2"}, "thalweg": {"thalweg": "0.1"}, "jina": {"jina": "3.34.0"}}
    return Run("python -m benchmarks", "2031-01-02", 2, 4.0, {"processor": "Abacus", "cores": "2"}, versions, figures)


def test_a_row_says_its_work_and_our_figure_once(run):
    table = lines(comparisons(run.figures))
    assert [line[0] != "" for line in table] == [True, False, True]
    assert table[0][1:] == ("10,000 (9,000 - 11,000) requests/s", "mosec", "5,000 requests/s", "2.00", ">= 1.3", "yes")
    assert table[1][2:] == ("jina", "300 requests/s", "33.3", ">= 15", "yes")
    assert table[2][1:] == ("0.250 s", "jina", "1.000 s", "0.25", "<= 0.4", "yes")


def test_a_missed_goal_is_loud(run):
    table = lines(comparisons([Figure("one-1", "thalweg", 0, 1.0), Figure("one-1", "mosec", 0, 2.0)]))
    assert table[0][-1] == "NO"


def test_faults_are_told_in_one_line_each(run):
    assert faults(run.figures) == ["one-32, jina, round 2: 3 of 1200 requests failed TypeError: no"]
    assert "3 of 1200 requests failed" in summary(run)


def test_columns_stand_under_each_other(run):
    head, rule, *body = as_text(HEAD, lines(comparisons(run.figures))).splitlines()
    at = head.index("against")
    assert rule[at - 1 : at + 1] == " -"
    assert [line[at : at + 5] for line in body] == ["mosec", "jina ", "jina "]


def test_results_say_machine_versions_command_and_every_figure(run):
    text = results(run)
    for piece in ("Abacus", "mosec 1.2", "`python -m benchmarks`", "2031-01-02", "3 of 1200", "185"):
        assert piece in text
    assert "| one-32 | jina | requests/s | 300 | 300 | 300 |" in text


def test_results_speak_of_nobody_who_was_not_measured(run):
    assert "litserve" not in results(run)


def test_json_holds_every_figure(run):
    read = json.loads(as_json(run))
    assert len(read["figures"]) == len(run.figures)
    assert read["figures"][0]["details"]["cpu_us"] == 180.0


def test_what_is_written_of_a_fault_names_no_folder(run):
    assert "much more" not in as_json(run) + results(run)


@pytest.mark.parametrize("ratio, text", [(None, "-"), (0.123, "0.12"), (9.876, "9.88"), (33.33, "33.3")])
def test_ratios_have_three_digits(ratio, text):
    assert ratio_text(ratio) == text
