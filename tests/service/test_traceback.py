import linecache

import pytest

from thalweg.service.control import pack
from thalweg.service.traceback import user_traceback, with_source


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    return user_traceback(caught.value)


def test_the_users_frames_are_shown_and_ours_are_not():
    class Odd:
        def __len__(self):
            raise ValueError("odd")

    text = raised(lambda: pack(Odd()))
    assert "test_traceback.py" in text
    assert "control.py" not in text


def test_causes_are_shown():
    def fail():
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error

    text = raised(fail)
    assert "KeyError: 'inner'" in text
    assert text.endswith("ValueError: outer")
    assert text.count("ValueError: outer") == 1


def test_source_that_only_this_process_has_is_filled_in(monkeypatch):
    monkeypatch.setitem(linecache.cache, "<cell 1>", (20, None, ["def f():\n", "    raise KeyError\n"], "<cell 1>"))
    text = 'Traceback (most recent call last):\n  File "<cell 1>", line 2, in f\nKeyError'
    assert with_source(text).splitlines()[1:] == ['  File "<cell 1>", line 2, in f', "    raise KeyError", "KeyError"]


def test_source_that_is_there_stays_as_it_is():
    text = f'  File "{__file__}", line 1, in f\n    as it was\nKeyError'
    assert with_source(text) == text


def test_source_that_nobody_has_is_left_out():
    text = '  File "<nowhere>", line 1, in f\nKeyError'
    assert with_source(text) == text


def test_no_text_stays_none():
    assert with_source("") == ""
