"""Dicts as text, for databases that keep none: a text that is the same for equal dicts, and a list of its keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from thalweg.docs.index.collection import Layout, Unsupported, ValueColumn
from thalweg.docs.query.condition import Comparison, Condition, Not, Operator, Path

_OF_KEYS = frozenset({Operator.CONTAINS, Operator.SIZE})


def without_dicts(layout: Layout) -> Layout:
    """The layout with two columns of text in place of each of dicts, or one of many where it has many."""
    columns: list[ValueColumn] = []
    for column in layout.values:
        if column.type is dict:
            columns.append(replace(column, type=str))
            if not column.many:
                columns.append(ValueColumn(_keys(column.name), str, many=True))
        else:
            columns.append(column)
    return replace(layout, values=tuple(columns))


def values_without_dicts(layout: Layout, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a record of `layout`, for the columns that `without_dicts` gives."""
    changed = dict(values)
    for column in layout.values:
        value = values.get(column.name)
        if column.type is dict and value is not None:
            changed[column.name] = _text(column, value)
            if not column.many:
                changed[_keys(column.name)] = list(value)
    return changed


def asked_without_dicts(layout: Layout, condition: Condition) -> Condition:
    """The condition on records of `layout`, for the columns that `without_dicts` gives.

    Raises:
        Unsupported: it goes on inside of a dict or a list.
    """
    if isinstance(condition, Not):
        return Not(asked_without_dicts(layout, condition.condition))
    if not isinstance(condition, Comparison):
        return type(condition)(tuple(asked_without_dicts(layout, part) for part in condition.conditions))
    column, inside = layout.value(condition.path)
    if inside:
        raise Unsupported(f"what is inside of a value, as '{condition.path}' is, cannot be asked for")
    if column.type is not dict or condition.operand is None:
        return condition
    if not column.many and condition.operator in _OF_KEYS:
        return replace(condition, path=Path((_keys(column.name),)))
    return replace(condition, operand=_operand(column, condition.operator, condition.operand))


def canonical(value: Any) -> str:
    """The same JSON for values that Python finds equal."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _operand(column: ValueColumn, operator: Operator, operand: Any) -> Any:
    if operator in (Operator.IN, Operator.NIN):
        return [None if each is None else _text(column, each) for each in operand]
    if operator in (Operator.EQ, Operator.NEQ):
        return _text(column, operand)
    return canonical(operand) if operator is Operator.CONTAINS else operand


def _text(column: ValueColumn, value: Any) -> str | list[str]:
    return [canonical(each) for each in value] if column.many else canonical(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return value


def _keys(name: str) -> str:
    return f"keys of {name}"
