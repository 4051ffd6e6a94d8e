"""Words are found, weighed and fused as the formulas say."""

from math import log

import pytest

from thalweg.docs.index.fusion import fused
from thalweg.docs.index.words import WordIndex, words_in


def filled(*texts: str) -> WordIndex:
    index = WordIndex()
    for number, text in enumerate(texts):
        index.put(f"t{number}", text)
    return index


def found(index: WordIndex, question: str, limit: int = 10) -> list[str]:
    return [key for key, _ in index.match(question, limit, lambda key: True)]


def test_words_are_letters_and_digits_that_stand_together() -> None:
    assert words_in("The sea, the SEA! 3.5 Straße x_1") == ["the", "sea", "the", "sea", "3", "5", "strasse", "x_1"]


def test_relevance_is_bm25() -> None:
    index = filled("a b b", "a", "c c c c c")
    ((key, score),) = index.match("b", 5, lambda key: True)
    rarity = log(1 + (3 - 1 + 0.5) / 1.5)
    assert key == "t0"
    assert score == pytest.approx(rarity * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 3)))


def test_rare_words_and_short_texts_weigh_more() -> None:
    index = filled("sea", "sea and sky and wind and rain", "sky", "sky", "mountain")
    assert found(index, "sea") == ["t0", "t1"]
    assert found(index, "sky mountain")[0] == "t4"


def test_a_word_twice_in_the_question_counts_once() -> None:
    index = filled("sea", "sky")
    assert index.match("sea sea", 5, lambda key: True) == index.match("sea", 5, lambda key: True)


def test_what_is_replaced_or_removed_leaves_no_trace() -> None:
    index = filled("sea wind", "sky")
    index.put("t0", "river")
    index.put("t1", None)
    index.remove("none")
    assert found(index, "sea wind sky") == []
    assert found(index, "river") == ["t0"]
    fresh = WordIndex()
    fresh.put("t0", "river")
    assert index.match("river", 5, lambda key: True) == fresh.match("river", 5, lambda key: True)


def test_rankings_are_fused_by_the_reciprocals_of_their_ranks() -> None:
    best = fused([["a", "b", "c"], ["c", "a"]], [1.0, 2.0])
    assert dict(best) == {
        "a": pytest.approx(1 / 61 + 2 / 62),
        "b": pytest.approx(1 / 62),
        "c": pytest.approx(1 / 63 + 2 / 61),
    }
    assert [score for _, score in best] == sorted((score for _, score in best), reverse=True)
    assert fused([], []) == []
