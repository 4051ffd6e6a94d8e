"""What LanceDB calls the columns of a collection, and conditions on them. It takes no parameters: values are quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from thalweg.docs.index.collection import Layout, ValueColumn
from thalweg.docs.index.operands import rendered, with_typed_operands
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import Comparison, Condition, Operator, Path

# LanceDB takes every list of numbers that is called "vector" for one.
_NAME = re.compile(r"(?!vector$)[^\W\d_]\w*")
_LONGEST = 255
_SMALLEST = -(2**63)
_SIGNS = {Operator.EQ: "=", Operator.LT: "<", Operator.LTE: "<=", Operator.GT: ">", Operator.GTE: ">="}


def column_name(name: str) -> str:
    """The name of a column."""
    return spelled(name, _LONGEST, _NAME)


def where(condition: Condition, layout: Layout) -> str:
    """A condition as SQL."""

    def leaf(comparison: Comparison, negated: bool) -> str:
        text = _comparison(comparison, layout)
        return f"(({text}) IS NOT TRUE)" if negated else text

    return rendered(with_typed_operands(condition, layout), leaf)


def _literal(value: Any) -> str:
    """A value as SQL: text, a number, a truth value, or a list of one of these."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_literal, value))}]"
    # The sign is no part of a number, so the smallest of them would be too large without it.
    return f"({_SMALLEST + 1} - 1)" if value == _SMALLEST and isinstance(value, int) else repr(value)


def one_of(name: str, values: Sequence[Any]) -> str:
    """That a column has one of some values."""
    return f"`{name}` IN ({', '.join(map(_literal, values))})"


def _comparison(comparison: Comparison, layout: Layout) -> str:
    column, _ = layout.value(comparison.path)
    operator, operand = comparison.operator, comparison.operand
    if operator in (Operator.NEQ, Operator.NIN):
        opposite = Operator.EQ if operator is Operator.NEQ else Operator.IN
        return f"(({_comparison(Comparison(comparison.path, opposite, operand), layout)}) IS NOT TRUE)"
    if isinstance(operand, Path):
        return _between(column, operator, layout.value(operand)[0])
    return _with(column, operator, operand)


def _with(column: ValueColumn, operator: Operator, operand: Any) -> str:
    name = f"`{column_name(column.name)}`"
    if operand is None:
        return f"{name} IS NULL"
    if operator is Operator.IN:
        return one_of(column_name(column.name), operand)
    if operator is Operator.CONTAINS:
        return f"array_has({name}, {_literal(operand)})" if column.many else f"strpos({name}, {_literal(operand)}) > 0"
    if operator is Operator.SIZE or operand == []:
        size = f"array_length({name})" if column.many else f"char_length({name})"
        return f"{size} = {operand if operator is Operator.SIZE else 0}"
    return f"{name} {_SIGNS[operator]} {_literal(operand)}"


def _between(one: ValueColumn, operator: Operator, other: ValueColumn) -> str:
    """The comparison of two values of the record. Values of different kinds are never equal nor in any order."""
    left, right = (f"`{column_name(each.name)}`" for each in (one, other))
    numbers = {one.type, other.type} <= {int, float}
    comparable = one.many is other.many and (one.type is other.type or (numbers and not one.many))
    compared = f"{left} {_SIGNS[operator]} {right}" if comparable else "FALSE"
    return f"({compared} OR ({left} IS NULL AND {right} IS NULL))" if operator is Operator.EQ else compared
