"""Documents of several branches made one."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from thalweg.docs import AnyDoc, DocList
from thalweg.graph.merge import around, merged_documents, merged_parameters, thinned


def docs(*documents: dict[str, Any]) -> DocList[Any]:
    return DocList[AnyDoc]([AnyDoc(**document) for document in documents])


def merged(*values: Any) -> Any:
    """What becomes of one field of one document."""
    made = merged_documents([docs({"id": "a", "x": value}) for value in values])
    assert len(made) == 1
    return made[0].x


def test_documents_of_one_id_become_one_in_the_order_of_their_first_appearance():
    made = merged_documents([docs({"id": "b", "x": 1}, {"id": "a"}), docs({"id": "c"}, {"id": "a", "y": 2})])
    assert [(doc.id, doc.model_dump().get("y")) for doc in made] == [("b", None), ("a", 2), ("c", None)]


def test_an_order_that_is_given_holds_and_others_come_behind():
    made = merged_documents([docs({"id": "c"}, {"id": "new"}), docs({"id": "a"}, {"id": "b"})], ["a", "b", "c"])
    assert [doc.id for doc in made] == ["a", "b", "c", "new"]


@pytest.mark.parametrize(
    "earlier,later,expected",
    [
        (1, 2, 2),
        (1, None, 1),
        (None, 2, 2),
        ("text", 2, 2),
        ([1], None, [1]),
        ([1, 2], [1, 2], [1, 2]),
        ([1, 2], [1, 3], [1, 2, 3]),
        ([], [3], [3]),
        ([1], [], [1]),
        ([1, 2], [1], [1, 2]),
        (["a"], ["b"], ["a", "b"]),
        ({1, 2}, {2, 3}, {1, 2, 3}),
        ({"a": 1, "b": [1]}, {"b": [2], "c": None}, {"a": 1, "b": [1, 2], "c": None}),
        ({"a": 1}, {"a": None}, {"a": 1}),
        ({"a": 1}, 7, 7),
    ],
)
def test_each_kind_of_value_has_one_rule(earlier: Any, later: Any, expected: Any):
    assert merged(earlier, later) == expected


def test_tensors_are_replaced_also_where_they_stand_in_lists():
    assert merged(np.zeros(3), np.ones(2)).tolist() == [1, 1]
    both = merged([np.zeros(2)], [np.zeros(2), np.ones(2)])
    assert [one.tolist() for one in both] == [[0, 0], [1, 1]]


def test_lists_of_documents_are_joined_by_id():
    made = merged(docs({"id": "p", "a": 1}, {"id": "q"}), docs({"id": "p", "b": 2}, {"id": "r"}))
    assert [(doc.id, doc.model_dump().get("a"), doc.model_dump().get("b")) for doc in made] == [
        ("p", 1, 2),
        ("q", None, None),
        ("r", None, None),
    ]
    as_mappings = merged([{"id": "p", "a": 1}], [{"id": "p", "b": 2}])
    assert as_mappings == [{"id": "p", "a": 1, "b": 2}]


def test_documents_in_fields_are_joined_field_by_field():
    made = merged(AnyDoc(id="p", a=1, b=None), AnyDoc(id="p", b=2))
    assert (made.a, made.b) == (1, 2)


def test_what_comes_out_depends_on_the_order_of_the_branches_alone():
    branches = [docs({"id": "a", "x": value, "marks": [value]}) for value in (1, 2, 3)]
    for order in permutations(branches):
        expected = [branch[0].x for branch in order]
        for _ in range(3):
            made = merged_documents(order)
            assert (made[0].x, made[0].marks) == (expected[-1], expected)


def test_nothing_that_went_in_is_changed():
    first, second = docs({"id": "a", "x": [1]}), docs({"id": "a", "x": [2], "y": {"z": 1}})
    merged_documents([first, second])
    assert (first[0].x, second[0].x, second[0].y) == ([1], [2], {"z": 1})


def test_answers_stand_where_the_documents_stood_that_they_answer():
    given = list(docs({"id": "a"}, {"id": "b"}, {"id": "c"}))
    answered = list(docs({"id": "c", "x": 1}, {"id": "new"}))
    placed = around(given, [True, False, True], answered)
    assert [doc.id for doc in placed] == ["b", "c", "new"]
    assert placed[1].x == 1


def test_answers_without_known_ids_take_the_places_in_order():
    given = list(docs({"id": "a"}, {"id": "b"}, {"id": "c"}))
    assert [doc.id for doc in around(given, [True, False, True], list(docs({"id": "x"}, {"id": "y"})))] == [
        "x",
        "b",
        "y",
    ]
    assert [doc.id for doc in around(given, [True, False, True], list(docs({"id": "x"})))] == ["b", "x"]


def test_counts_of_branches_follow_what_is_chosen():
    assert thinned([["a", 2], ["b", 1]], [True, False, True]) == [["a", 1], ["b", 1]]


def test_results_of_all_branches_stand_side_by_side():
    made = merged_parameters([{"k": 1, "__results__": {"a": {"x": 1}}}, {"k": 2, "__results__": {"b": {"y": 2}}}])
    assert made == {"k": 2, "__results__": {"a": {"x": 1}, "b": {"y": 2}}}
