"""Results of several shards in one order."""

from typing import Any

import pytest

from thalweg.docs import AnyDoc, DocList
from thalweg.graph.ranking import limit_in, rank, ranked


def finds(name: str, *values: Any) -> list[AnyDoc]:
    return [AnyDoc(**{"id": str(value), name: value}) for value in values]


def ids(found: list[Any] | None) -> list[str]:
    assert found is not None
    return [find.id for find in found]


def test_more_is_better_where_the_lists_fall() -> None:
    assert ids(ranked([finds("score", 0.9, 0.2), finds("score", 0.5, 0.1)])) == ["0.9", "0.5", "0.2", "0.1"]


def test_less_is_better_where_the_lists_rise() -> None:
    assert ids(ranked([finds("score", 1, 7), finds("score", 3)])) == ["1", "3", "7"]


@pytest.mark.parametrize("name, expected", [("score", ["3", "2", "1"]), ("distance", ["1", "2", "3"])])
def test_the_name_decides_where_the_lists_say_nothing(name: str, expected: list[str]) -> None:
    assert ids(ranked([finds(name, 2), finds(name, 3), finds(name, 1)])) == expected


def test_equal_scores_stay_in_the_order_of_the_shards() -> None:
    first = [AnyDoc(id="a", score=1.0), AnyDoc(id="b", score=1.0)]
    assert ids(ranked([first, [AnyDoc(id="c", score=1.0)]])) == ["a", "b", "c"]


def test_a_document_that_two_shards_found_comes_once_at_its_better_place() -> None:
    found = ranked([[AnyDoc(id="a", score=0.3), AnyDoc(id="b", score=0.2)], [AnyDoc(id="b", score=0.9)]])
    assert found is not None
    assert [(find.id, find.score) for find in found] == [("b", 0.9), ("a", 0.3)]


def test_the_limit_cuts() -> None:
    assert ids(ranked([finds("score", 4, 2), finds("score", 3, 1)], 3)) == ["4", "3", "2"]
    assert ranked([finds("score", 4, 2)], 0) == []


def test_scores_of_legacy_documents_count() -> None:
    named = [AnyDoc(id="a", scores={"cosine": {"value": 0.1}}), AnyDoc(id="b", scores={"cosine": {"value": 0.4}})]
    plain = [AnyDoc(id="c", scores={"cosine": 0.2})]
    assert ids(ranked([named, plain])) == ["a", "c", "b"]


def test_mappings_are_ranked_as_documents_are() -> None:
    found = ranked([[{"id": "a", "score": 1}], [{"id": "b", "score": 2}]])
    assert found == [{"id": "b", "score": 2}, {"id": "a", "score": 1}]


def test_no_number_at_all_comes_last() -> None:
    assert ids(ranked([finds("score", 2.0, float("nan")), finds("score", 3.0)])) == ["3.0", "2.0", "nan"]


@pytest.mark.parametrize(
    "lists", [[], [[]], [[AnyDoc(text="a")]], [[AnyDoc(score=1.0)], [AnyDoc(text="a")]], [[AnyDoc(score=True)]]]
)
def test_what_has_no_scores_is_not_ranked(lists: list[list[AnyDoc]]) -> None:
    assert ranked(lists) is None


def test_the_lists_in_each_document_are_ranked_and_cut() -> None:
    def answer(*scores: float) -> DocList[AnyDoc]:
        matches = DocList[AnyDoc](finds("score", *scores))
        return DocList[AnyDoc]([AnyDoc(id="q", limit=3, matches=matches, chunks=[1, 2], none=None)])

    answers = [answer(0.9, 0.1), answer(0.5, 0.4)]
    merged = answer(0.9, 0.1, 0.5, 0.4)
    rank(merged, answers, 2)
    assert ids(merged[0].matches) == ["0.9", "0.5"]
    assert merged[0].chunks == [1, 2]
    rank(merged, answers, None)
    assert ids(merged[0].matches) == ["0.9", "0.5", "0.4"], "the document's own limit"


@pytest.mark.parametrize(
    "values, limit",
    [
        ({"limit": 5}, 5),
        ({"limit": 5.0}, 5),
        ({"limit": 5, "e__limit": 2}, 2),
        ({"limit": -1}, None),
        ({"limit": True}, None),
        ({"limit": "5"}, None),
        ({"limit": 2.5}, None),
        ({}, None),
    ],
)
def test_a_limit_is_a_number_of_documents(values: dict[str, Any], limit: int | None) -> None:
    assert limit_in(values, "e__limit") == limit
