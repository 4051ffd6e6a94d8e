from collections.abc import Iterator

import pytest

from thalweg import report_progress
from thalweg.executor import progress

Told = list[tuple[str, float | None]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """What was heard; the time stands still."""
    heard: Told = []
    monkeypatch.setattr(progress, "monotonic", lambda: 1000.0 + 10 * len(heard))
    progress.listen(lambda message, done: heard.append((message, done)))
    yield heard
    progress.listen(None)


def test_whoever_listens_hears_how_far_it_is(told: Told) -> None:
    report_progress("loading weights", 0.25)
    report_progress("warming\nup")
    assert told == [("loading weights", 0.25), ("warming up", None)]


def test_reports_are_thinned_out_but_for_the_end(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "monotonic", lambda: 5000.0)
    for number in range(1001):
        report_progress("loading", number / 1000)
    assert told == [("loading", 0.0), ("loading", 1.0)]


def test_a_message_is_short(told: Told) -> None:
    report_progress("x" * 10_000)
    assert len(told[0][0]) == progress.LONGEST


@pytest.mark.parametrize("done", [-0.1, 1.1, float("nan")])
def test_what_is_no_share_is_an_error(told: Told, done: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        report_progress("loading", done)


def test_nothing_happens_where_nobody_listens() -> None:
    report_progress("loading", 0.5)
