"""Conditions as text for a database, with operands of the types that its columns have."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import Any, TypeAlias

from thalweg.docs.index.collection import Layout
from thalweg.docs.index.condition import FALSE, TRUE, affirmed
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator, Path

_LARGEST = 2**63 - 1
_SMALLEST = -(2**63)
_BELOW = frozenset({Operator.LT, Operator.LTE})

Leaf: TypeAlias = Callable[[Comparison, bool], str]
"""What a comparison is in the database's language; the flag says that what is meant is that it is not true."""

Words: TypeAlias = tuple[str, str, str, str]
"""And, or, what is always true, and what never is."""


def with_typed_operands(condition: Condition, layout: Layout) -> Condition:
    """The condition as `affirmed` says, in which integers are compared with 64-bit integers, and floats with floats.

    It is true of the same records: `year < 2.5` becomes `year <= 2`, and `year == 2.5` becomes what is never true.
    """
    return affirmed(_typed(affirmed(condition), layout))


def rendered(condition: Condition, leaf: Leaf, words: Words = ("AND", "OR", "TRUE", "FALSE")) -> str:
    """The text of a condition that `affirmed` has brought into its form. `leaf` is asked from left to right."""
    if isinstance(condition, Comparison):
        return leaf(condition, False)
    if isinstance(condition, Not):
        assert isinstance(condition.condition, Comparison)
        return leaf(condition.condition, True)
    both, either, true, false = words
    every = isinstance(condition, And)
    if not condition.conditions:
        return true if every else false
    return (
        "(" + f" {both if every else either} ".join(rendered(part, leaf, words) for part in condition.conditions) + ")"
    )


def _typed(condition: Condition, layout: Layout) -> Condition:
    if isinstance(condition, Comparison):
        return _comparison(condition, layout)
    if isinstance(condition, Not):
        return Not(_typed(condition.condition, layout))
    return type(condition)(tuple(_typed(part, layout) for part in condition.conditions))


def _comparison(comparison: Comparison, layout: Layout) -> Condition:
    column, inside = layout.value(comparison.path)
    operand = comparison.operand
    if column.type not in (int, float) or inside or operand is None or isinstance(operand, Path):
        return comparison
    operator = comparison.operator
    if operator is Operator.SIZE:
        return comparison
    if operator in (Operator.IN, Operator.NIN):
        same = [number for each in operand if (number := _same(column.type, each)) is not None]
        return Comparison(comparison.path, operator, same) if same else FALSE if operator is Operator.IN else TRUE
    if operator not in (Operator.EQ, Operator.NEQ, Operator.CONTAINS):
        return _ordering(comparison, column.type)
    if column.many and operator is not Operator.CONTAINS:
        equal: Any = [_same(column.type, each) for each in operand]
        possible = None not in equal
    else:
        equal = _same(column.type, operand)
        possible = equal is not None
    if possible:
        return Comparison(comparison.path, operator, equal)
    return TRUE if operator is Operator.NEQ else FALSE


def _same(kind: type, number: float) -> int | float | None:
    """The number of this type that is equal to `number`, where there is one."""
    if kind is float:
        try:
            return float(number) if float(number) == number else None
        except OverflowError:
            return None
    whole = number if isinstance(number, int) else int(number) if number.is_integer() else None
    return whole if whole is not None and _SMALLEST <= whole <= _LARGEST else None


def _ordering(comparison: Comparison, kind: type) -> Condition:
    """The same ordering with the number of this type that is next to the operand on the side of what is asked for."""
    path, operator, operand = comparison.path, comparison.operator, comparison.operand
    same = _same(kind, operand)
    if same is not None:
        return Comparison(path, operator, same)
    below = operator in _BELOW
    if kind is int and _SMALLEST <= operand <= _LARGEST:
        return (
            Comparison(path, Operator.LTE, floor(operand)) if below else Comparison(path, Operator.GTE, ceil(operand))
        )
    if kind is float and (near := _float(operand)) is not None:
        strict = (near > operand) is below
        return Comparison(path, (Operator.LT if strict else Operator.LTE) if below else _above(strict), near)
    return Comparison(path, Operator.NEQ, None) if (operand > 0) is below else FALSE


def _above(strict: bool) -> Operator:
    return Operator.GT if strict else Operator.GTE


def _float(number: int) -> float | None:
    try:
        return float(number)
    except OverflowError:
        return None
