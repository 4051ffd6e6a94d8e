"""The values of a record as attributes of a Redis vector set, and conditions on them as its filter expressions.

An expression in which an attribute is missing finds nothing, so every record has all of them, and `_none` names those that
stand for None. Texts in expressions know no escapes, and numbers no exponents; what cannot be written is left out, and the
records that are found are looked at once more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from thalweg.docs.index.collection import ID, Layout, Unsupported, ValueColumn
from thalweg.docs.index.dicts import asked_without_dicts, canonical, values_without_dicts, without_dicts
from thalweg.docs.index.operands import rendered, with_typed_operands
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import And, Comparison, Condition, Operator, Path

_NONE = "_none"
_ID = "_id"
_SIMPLE = re.compile(r'[^\x00-\x1f\x7f"\\#][^\x00-\x1f\x7f"\\]{0,200}')
_LONGEST_NUMBER = 60
_LONGEST_EXPRESSION = 8_000
_LARGEST = 2**53
"""Numbers are 64-bit floats: beyond, neighbours are the same."""

_NOTHING = {str: "", int: 0, float: 0, bool: 0}
_SIGNS = {Operator.EQ: "==", Operator.LT: "<", Operator.LTE: "<=", Operator.GT: ">", Operator.GTE: ">="}
_ORDER = frozenset({Operator.LT, Operator.LTE, Operator.GT, Operator.GTE})


def attributes(key: str, values: Mapping[str, Any], layout: Layout) -> str:
    """What a vector set keeps of the values of the record `key`, as JSON."""
    held = values_without_dicts(layout, values)
    missing: list[str] = []
    found: dict[str, Any] = {_ID: _token(key), _size(_ID): len(key)}
    for column in without_dicts(layout).values:
        name, value = _name(column.name), held.get(column.name)
        if value is None:
            missing.append(name)
        if column.many:
            found[name] = [_token(each) if column.type is str else each for each in value or ()]
            found[_whole(name)] = _token(canonical(value))
        elif value is None:
            found[name] = _NOTHING[column.type]
        else:
            found[name] = _token(value) if column.type is str else value
        if column.many or column.type is str:
            found[_size(name)] = len(value or ())
    return json.dumps({**found, _NONE: missing}, ensure_ascii=False, separators=(",", ":"))


def filter_expression(condition: Condition, layout: Layout) -> tuple[str, bool]:
    """What of a condition can be asked, empty where it is nothing, and whether that is all of it."""
    whole = _expression(condition, layout)
    if whole is not None:
        return whole, True
    parts = condition.conditions if isinstance(condition, And) else ()
    asked = [part for part in (_expression(part, layout) for part in parts) if part is not None]
    return " and ".join(asked), False


class _Unwritten(Exception):
    """There is no expression for it."""


def _expression(condition: Condition, layout: Layout) -> str | None:
    plain = without_dicts(layout)

    def leaf(comparison: Comparison, negated: bool) -> str:
        column, _ = plain.value(comparison.path)
        text = _comparison(column, comparison.operator, comparison.operand)
        return f"(not {text})" if negated else text

    try:
        text = rendered(
            with_typed_operands(asked_without_dicts(layout, condition), plain), leaf, ("and", "or", "1", "0")
        )
    except (_Unwritten, Unsupported):
        return None
    return text if len(text.encode()) <= _LONGEST_EXPRESSION else None


def _comparison(column: ValueColumn, operator: Operator, operand: Any) -> str:
    name = _ID if column.name == ID else _name(column.name)
    missing = f'("{name}" in .{_NONE})'
    if operand is None:
        return missing if operator is Operator.EQ else f"(not {missing})"
    if isinstance(operand, Path):
        raise _Unwritten
    if operator is Operator.NEQ:
        return f"(not {_comparison(column, Operator.EQ, operand)})"
    if operator is Operator.NIN:
        return f"(not {_comparison(column, Operator.IN, operand)})"
    return f"({_test(column, name, operator, operand)} and not {missing})"


def _test(column: ValueColumn, name: str, operator: Operator, operand: Any) -> str:
    if operator is Operator.SIZE:
        return f".{_size(name)} == {operand}"
    if operator is Operator.IN:
        return f".{name} in [{', '.join(map(_literal, operand))}]"
    if column.many:
        if operator is Operator.CONTAINS:
            return f"{_literal(operand)} in .{name}"
        return f".{_whole(name)} == {_literal(canonical(operand))}"
    if column.type is str and operator is not Operator.EQ:
        raise _Unwritten
    return f".{name} {_SIGNS[operator]} {_literal(operand)}"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return f'"{_token(value)}"'
    if isinstance(value, bool):
        return str(int(value))
    text = format(Decimal(repr(value)), "f")
    if abs(value) >= _LARGEST or len(text) > _LONGEST_NUMBER:
        raise _Unwritten
    return text


def _token(text: str) -> str:
    """The text itself, or what stands for it where it cannot be written: the same for no two texts."""
    return text if _SIMPLE.fullmatch(text) or not text else f"#{sha256(text.encode()).hexdigest()}"


def _name(name: str) -> str:
    return spelled(name, 100)


def _size(name: str) -> str:
    return f"_size_{name}"


def _whole(name: str) -> str:
    return f"_whole_{name}"
