"""The table of the batching benchmark, and parts of RESULTS.md that leave each other alone."""

import pytest

from benchmarks.dynamic_batching import BATCHERS, LOOP, table
from benchmarks.load import Load
from benchmarks.sections import replaced
from benchmarks.services.batched_model import ideal_rate


def load(rate: float) -> Load:
    return Load(requests=int(rate * 4), seconds=4.0, failures=0, p50=20.0, p99=30.0)


def test_the_ideal_is_full_batches_without_a_gap() -> None:
    assert ideal_rate(32) == pytest.approx(32 / 0.0114)


def test_a_line_says_whether_its_goal_was_reached() -> None:
    ideal = ideal_rate()
    lines = table({"thalweg": [load(0.96 * ideal)], "mosec": [load(0.8 * ideal)], LOOP: [load(0.99 * ideal)]})
    assert [line[-1] for line in lines] == ["yes", "yes", ""]
    lines = table({"thalweg": [load(0.9 * ideal)], "mosec": [load(0.94 * ideal)]})
    assert [line[-1] for line in lines] == ["NO", "NO"]


def test_medians_are_taken_over_the_rounds() -> None:
    (line,) = table({"thalweg": [load(1000), load(3000), load(2000)]})
    assert line[1] == "2,000 (1,000 - 3,000)"


def test_an_answer_is_checked_before_it_counts() -> None:
    bodies = {batcher.name: batcher for batcher in BATCHERS}
    good = b'{"id": "5f0c7a52b1d94e6f8a3be2c4d6f80912", "text": "WHERE THE WATER RUNS FASTEST"}'
    assert bodies["mosec"].answered(good)
    assert bodies["thalweg"].answered(b'{"data": [' + good + b"]}")
    assert bodies["bentoml"].answered(b"[" + good + b"]")
    assert not bodies["mosec"].answered(good.lower())
    assert not bodies["mosec"].answered(None)


TEXT = "# Results\n\ntable\n\n## Documents\n\nold\n\n## Streaming\n\nkept\n"


def test_a_section_takes_the_place_of_its_own_and_no_other() -> None:
    assert replaced(TEXT, "## Documents", "## Documents\n\nnew") == TEXT.replace("old", "new")


def test_a_new_section_stands_at_the_end() -> None:
    assert replaced(TEXT, "## Batching", "\n## Batching\n\nfirst\n") == f"{TEXT}\n## Batching\n\nfirst\n"
    assert replaced(replaced(TEXT, "## Batching", "## Batching\n\nfirst"), "## Batching", "## Batching\n\nsecond") == (
        f"{TEXT}\n## Batching\n\nsecond\n"
    )
