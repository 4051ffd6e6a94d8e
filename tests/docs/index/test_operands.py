"""Conditions stay true of the same records when their operands take on the types of the columns."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.docs.index.collection import Layout, ValueColumn
from thalweg.docs.index.evaluation import fulfilled
from thalweg.docs.index.operands import with_typed_operands
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator, Or, Path

LAYOUT = Layout("numbers", (), (ValueColumn("whole", int), ValueColumn("real", float)))
KINDS = {"whole": int, "real": float}
SMALLEST, LARGEST = -(2**63), 2**63 - 1

whole = st.one_of(
    st.integers(-5, 5),
    st.integers(2**53 - 3, 2**53 + 3),
    st.integers(LARGEST - 3, LARGEST),
    st.integers(SMALLEST, SMALLEST + 3),
)
real = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([2.5, -2.5, 2.0**53, 2.0**63, -(2.0**63)])
)
number = st.one_of(whole, real, st.integers(), st.sampled_from([10**400, -(10**400)]))
path = st.sampled_from([Path(("whole",)), Path(("real",))])
single = st.sampled_from([Operator.EQ, Operator.NEQ, Operator.LT, Operator.LTE, Operator.GT, Operator.GTE])
comparison = st.one_of(
    st.builds(Comparison, path, single, number),
    st.builds(Comparison, path, st.sampled_from([Operator.IN, Operator.NIN]), st.lists(st.none() | number, max_size=4)),
)
condition = st.recursive(
    comparison,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=5,
)


def holds(asked: Condition, values: dict[str, Any]) -> bool:
    return bool(fulfilled(asked, lambda path: [values[str(path)]], 1)[0])


def leaves(asked: Condition) -> list[Comparison]:
    if isinstance(asked, Comparison):
        return [asked]
    parts = (asked.condition,) if isinstance(asked, Not) else asked.conditions
    return [leaf for part in parts for leaf in leaves(part)]


@settings(max_examples=500, deadline=None)
@given(condition, st.none() | whole, st.none() | real)
def test_the_same_records_fulfil_it(asked: Condition, whole: int | None, real: float | None) -> None:
    values = {"whole": whole, "real": real}
    assert holds(with_typed_operands(asked, LAYOUT), values) == holds(asked, values)


@settings(max_examples=500, deadline=None)
@given(condition)
def test_operands_are_of_the_types_of_the_columns(asked: Condition) -> None:
    for leaf in leaves(with_typed_operands(asked, LAYOUT)):
        kind = KINDS[str(leaf.path)]
        for operand in leaf.operand if isinstance(leaf.operand, list) else [leaf.operand]:
            assert operand is None or type(operand) is kind
            assert kind is float or operand is None or SMALLEST <= operand <= LARGEST
