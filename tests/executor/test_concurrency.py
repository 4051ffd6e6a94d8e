"""How many threads an Executor has."""

import os
import sys

import pytest

from thalweg.executor import requests
from thalweg.executor.concurrency import thread_count


@pytest.fixture(autouse=True)
def _six_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)


def test_one_thread_unless_more_are_allowed() -> None:
    assert thread_count(False) == 1
    assert thread_count(5) == 5
    assert thread_count(1) == 1


@pytest.mark.parametrize("locked, number", [(True, 10), (False, 6)])
def test_the_interpreter_decides_where_no_number_is_given(
    locked: bool, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: locked, raising=False)
    assert thread_count(True) == number


def test_interpreters_that_do_not_tell_have_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "_is_gil_enabled", raising=False)
    assert thread_count(True) == 10


@pytest.mark.parametrize("number", [0, -1, True, 2.5, "3"])
def test_a_concurrency_that_is_no_number_is_refused(number: object) -> None:
    with pytest.raises(TypeError, match="max_concurrency"):
        requests(on="/x", max_concurrency=number)  # type: ignore[call-overload]
