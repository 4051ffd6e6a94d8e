import json

import pytest

from thalweg.errors import ConfigurationError
from thalweg.orchestration.logs.form import FORMAT, in_json, in_text, log_format
from thalweg.orchestration.logs.line import LogLine

LINE = LogLine(1_700_000_000.25, "enc/0", "first\nsecond", "ERROR", "my.model")


def test_in_json_it_is_one_line_that_programs_read():
    assert json.loads(in_json(LINE)) == {
        "time": "2023-11-14T22:13:20.250Z",
        "process": "enc/0",
        "level": "ERROR",
        "logger": "my.model",
        "message": "first\nsecond",
    }
    assert "\n" not in in_json(LINE)
    assert json.loads(in_json(LogLine(0.0, "enc/0", ""))) == {
        "time": "1970-01-01T00:00:00.000Z",
        "process": "enc/0",
        "message": "",
    }


def test_in_text_further_lines_stand_below_the_first():
    first, second = in_text(LINE, width=7).split("\n")
    assert first.endswith(".250 enc/0   | ERROR my.model: first")
    assert second.endswith(" enc/0   | second")
    assert first.index("|") == second.index("|")


def test_colours_come_where_they_are_wanted_only():
    assert "\x1b[" in in_text(LINE, colours=True)
    assert "\x1b" not in in_text(LINE)


def test_what_was_printed_cannot_play_with_the_terminal():
    line = LogLine(0.0, "enc/0", "\x1b[31mred\x1b[0m \x1b[2J\x1b]0;title\x07")
    assert in_text(line).endswith("| red \\x1b[2J\\x1b]0;title\\x07")
    coloured = in_text(line, colours=True)
    assert "\x1b[31mred\x1b[0m" in coloured
    assert "\x1b[2J" not in coloured


def test_the_option_comes_before_the_variable(monkeypatch):
    assert log_format() == "text"
    monkeypatch.setenv(FORMAT, "JSON")
    assert log_format() == "json"
    assert log_format("text") == "text"


def test_an_unknown_format_is_an_error_that_names_the_variable(monkeypatch):
    monkeypatch.setenv(FORMAT, "xml")
    with pytest.raises(ConfigurationError, match="THALWEG_LOG_FORMAT='xml': there are text and json"):
        log_format()
