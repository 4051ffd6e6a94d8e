"""Which rows of columns fulfil a condition, in main memory."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator, Path

Array = np.ndarray[Any, Any]


def fulfilled(condition: Condition, values_at: Callable[[Path], Sequence[Any]], count: int) -> Array:
    """A mask of the `count` rows; `values_at` gives one value for each row, None where there is none."""
    if isinstance(condition, Comparison):
        found = _compare(condition, values_at)
        return np.fromiter(found, bool, count)
    if isinstance(condition, Not):
        return ~fulfilled(condition.condition, values_at, count)
    every = isinstance(condition, And)
    mask = np.full(count, every)
    for part in condition.conditions:
        other = fulfilled(part, values_at, count)
        mask = mask & other if every else mask | other
    return mask


def inside(values: Sequence[Any], keys: tuple[str, ...]) -> list[Any]:
    """What is found in each value by going down the keys of dicts and the positions in lists; None where it is not."""
    return [_descend(value, keys) for value in values]


def _descend(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        try:
            value = value[key] if isinstance(value, dict) else value[int(key)] if isinstance(value, list) else None
        except (KeyError, IndexError, ValueError):
            return None
    return value


def _compare(comparison: Comparison, values_at: Callable[[Path], Sequence[Any]]) -> Sequence[bool]:
    values = values_at(comparison.path)
    test = _TESTS[comparison.operator]
    if isinstance(comparison.operand, Path):
        return [test(value, other) for value, other in zip(values, values_at(comparison.operand), strict=True)]
    operand = comparison.operand
    if comparison.operator in (Operator.IN, Operator.NIN):
        return _members(values, operand, comparison.operator is Operator.IN)
    return [test(value, operand) for value in values]


def _members(values: Sequence[Any], operand: Sequence[Any], wanted: bool) -> Sequence[bool]:
    try:
        members = frozenset(operand)
        return [(value in members) is wanted for value in values]
    except TypeError:  # lists and dicts are in no set
        return [(value in list(operand)) is wanted for value in values]


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, operand: Any) -> bool:
        if value is None or operand is None:
            return False
        try:
            return compare(value, operand)
        except TypeError:  # a value inside of a dict, of another type
            return False

    return test


def _contains(value: Any, operand: Any) -> bool:
    try:
        return operand in value
    except TypeError:
        return False


def _matches(value: Any, operand: Any) -> bool:
    return isinstance(value, str) and isinstance(operand, str) and re.search(operand, value) is not None


def _has_size(value: Any, operand: Any) -> bool:
    return isinstance(value, (str, list, dict)) and len(value) == operand


_TESTS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: operator.eq,
    Operator.NEQ: operator.ne,
    Operator.LT: _ordering(operator.lt),
    Operator.LTE: _ordering(operator.le),
    Operator.GT: _ordering(operator.gt),
    Operator.GTE: _ordering(operator.ge),
    Operator.IN: lambda value, other: other is not None and value in other,
    Operator.NIN: lambda value, other: other is None or value not in other,
    Operator.CONTAINS: _contains,
    Operator.REGEX: _matches,
    Operator.SIZE: _has_size,
    Operator.EXISTS: lambda value, operand: (value is not None) is operand,
}
