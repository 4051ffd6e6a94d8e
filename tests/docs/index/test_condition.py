"""Conditions keep their meaning when they are brought into a form for databases, and are checked before."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.docs.index.collection import Layout, LayoutMismatch, Unsupported, ValueColumn, VectorColumn
from thalweg.docs.index.condition import FALSE, TRUE, affirmed, all_of, askable
from thalweg.docs.index.memory import MemoryCollection
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator, Or, Path
from thalweg.docs.query.metric import Metric
from thalweg.testing.collections.conditions import COLUMNS, ROWS, comparisons, is_true

LEAVES = list(comparisons())
LAYOUT = Layout("name", (VectorColumn("vector", 3),), COLUMNS)


def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, max_size=3).map(tuple)
    return several.map(And) | several.map(Or) | inner.map(Not)


CONDITIONS: st.SearchStrategy[Any] = st.recursive(st.sampled_from(LEAVES), grown, max_leaves=8)


def parts(condition: Condition) -> list[Condition]:
    if isinstance(condition, (And, Or)):
        return [condition, *(found for part in condition.conditions for found in parts(part))]
    return [condition, *(parts(condition.condition) if isinstance(condition, Not) else [])]


@given(CONDITIONS)
def test_the_form_for_databases_means_the_same(condition: Condition) -> None:
    form = affirmed(condition)
    for number, row in enumerate(ROWS):
        assert is_true(form, f"r{number}", row) == is_true(condition, f"r{number}", row)


@given(CONDITIONS)
def test_the_form_for_databases_has_nothing_to_misread(condition: Condition) -> None:
    form = affirmed(condition)
    for part in parts(form):
        if isinstance(part, Not):
            assert isinstance(part.condition, Comparison)
            assert part.condition.operator in (Operator.REGEX, Operator.SIZE, Operator.CONTAINS)
        elif isinstance(part, Comparison):
            assert part.operator is not Operator.EXISTS
            if part.operator in (Operator.IN, Operator.NIN):
                assert part.operand
                assert None not in part.operand
        else:
            assert len(part.conditions) > 1 or part is form
            assert not any(each in (TRUE, FALSE) for each in part.conditions)


def test_orderings_of_two_values_are_opposed_where_one_is_missing_too() -> None:
    path, other = Path(("pages",)), Path(("price",))
    assert affirmed(Not(Comparison(path, Operator.LT, other))) == Or(
        (
            Comparison(path, Operator.GTE, other),
            Comparison(path, Operator.EQ, None),
            Comparison(other, Operator.EQ, None),
        )
    )


def test_conditions_are_put_together() -> None:
    one, other = LEAVES[:2]
    assert all_of(None, None) is None
    assert all_of(None, one) is one
    assert all_of(one, other) == And((one, other))


class Poor(MemoryCollection):
    compares_values = False
    asks_inside = False
    operators = {str: frozenset({Operator.EQ}), int: frozenset({Operator.EQ})}  # noqa: RUF012


@pytest.mark.parametrize(
    "path, operator, operand, message",
    [
        ("other", Operator.EQ, 1, "no value is called 'other'; there are 'id', 'title'"),
        ("title", Operator.EQ, 1, "$eq of 'title', a str does not go with 1"),
        ("title", Operator.IN, "title", "does not go with"),
        ("title", Operator.REGEX, "(", "pattern"),
        ("title", Operator.EQ, "a\0b", "does not go with"),
        ("pages", Operator.LT, "1", "does not go with"),
        ("pages", Operator.EQ, True, "does not go with"),
        ("pages", Operator.EQ, float("nan"), "does not go with"),
        ("pages", Operator.EQ, 1 << 64, "does not go with"),
        ("pages", Operator.REGEX, "1", "cannot be asked of 'pages', a int"),
        ("sold", Operator.GT, True, "cannot be asked"),
        ("labels", Operator.CONTAINS, 1, "a list of str does not go with 1"),
        ("labels", Operator.LT, ["a"], "cannot be asked"),
        ("title__deep", Operator.EQ, 1, "in which there is nothing more"),
        ("title", Operator.EXISTS, 1, "does not go with"),
    ],
)
def test_a_condition_that_does_not_fit_is_refused(path: str, operator: Operator, operand: Any, message: str) -> None:
    condition = Comparison(Path(tuple(path.split("__"))), operator, operand)
    for nested in (condition, Not(condition), And((condition,)), Or((TRUE, condition))):
        with pytest.raises(ValueError, match=re.escape(message)):
            askable(nested, MemoryCollection(LAYOUT))


@pytest.mark.parametrize(
    "path, operator, operand",
    [
        ("title", Operator.NEQ, "a"),
        ("price", Operator.EQ, 1.0),
        ("labels", Operator.CONTAINS, "a"),
        ("notes__shelf", Operator.EQ, "a"),
        ("title", Operator.EQ, Path(("author", "name"))),
    ],
)
def test_a_condition_that_the_database_lacks_is_refused_with_a_hint(
    path: str, operator: Operator, operand: Any
) -> None:
    condition = Comparison(Path(tuple(path.split("__"))), operator, operand)
    with pytest.raises(Unsupported, match=r"Poor cannot .* filter the documents that it finds"):
        askable(condition, Poor(LAYOUT))
    assert askable(condition, MemoryCollection(LAYOUT)) is condition


def test_text_is_not_compared_with_numbers() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        askable(Comparison(Path(("title",)), Operator.LT, Path(("pages",))), MemoryCollection(LAYOUT))


def test_layouts_are_told_apart_by_what_differs() -> None:
    other = Layout(
        "name", (VectorColumn("vector", 4, Metric.DOT),), (*COLUMNS[1:], ValueColumn("title", str, words=True))
    )
    LAYOUT.verify(Layout("another name", LAYOUT.vectors, tuple(reversed(COLUMNS))).described())
    with pytest.raises(LayoutMismatch) as caught:
        other.verify(LAYOUT.described())
    for words in (
        "it has the vector 'vector' of 3 numbers compared by cosine",
        "the schema has the vector 'vector' of 4 numbers compared by dot",
        "it has the value 'title' (str)",
        "the schema has the value 'title' (str, searched for words)",
    ):
        assert words in str(caught.value)
