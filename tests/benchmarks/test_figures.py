import math

import pytest

from benchmarks.figures import Figure, cell, comparisons
from benchmarks.rows import BY_KEY


def figures(contestant, *values, row="one-32", fault=""):
    return [Figure(row, contestant, number, value, fault) for number, value in enumerate(values)]


def test_a_cell_holds_median_and_range():
    found = cell(figures("mosec", 30, 10, 20), "one-32", "mosec")
    assert (found.middle, found.least, found.most, found.count) == (20, 10, 30, 3)


def test_a_faulty_figure_counts_for_nothing():
    found = cell([*figures("mosec", 10, 20), *figures("mosec", 99, fault="2 failed")], "one-32", "mosec")
    assert (found.middle, found.most, found.count, found.faults) == (15, 20, 2, ("2 failed",))


def test_a_cell_without_a_valid_figure_has_no_number():
    found = cell(figures("mosec", 99, fault="all failed"), "one-32", "mosec")
    assert math.isnan(found.middle)
    assert found.count == 0


def test_what_was_not_measured_has_no_cell():
    assert cell([], "one-32", "mosec") is None


@pytest.mark.parametrize("ours, theirs, reached", [(130, 100, True), (129, 100, False)])
def test_more_is_better_for_a_rate(ours, theirs, reached):
    (found,) = comparisons(figures("thalweg", ours) + figures("mosec", theirs))
    assert found.ratio == ours / theirs
    assert found.reached is reached


@pytest.mark.parametrize("ours, reached", [(0.40, True), (0.41, False)])
def test_less_is_better_for_a_time(ours, reached):
    (found,) = comparisons(figures("thalweg", ours, row="start") + figures("jina", 1.0, row="start"))
    assert found.reached is reached


def test_a_peer_without_a_goal_is_compared_but_not_judged():
    (found,) = comparisons(figures("thalweg", 10) + figures("ray", 5))
    assert (found.ratio, found.reached) == (2, None)


def test_without_our_figure_there_is_no_ratio():
    (found,) = comparisons(figures("mosec", 5))
    assert (found.ours, found.ratio, found.reached) == (None, None, None)


def test_without_a_valid_figure_of_the_peer_there_is_no_ratio():
    (found,) = comparisons(figures("thalweg", 5) + figures("mosec", 5, fault="failed"))
    assert (found.ratio, found.reached) == (None, None)


def test_a_goal_reads_as_a_bound():
    assert BY_KEY["one-32"].goal("jina") == ">= 15"
    assert BY_KEY["memory"].goal("jina") == "<= 0.6"
    assert BY_KEY["one-32"].goal("ray") == ""
