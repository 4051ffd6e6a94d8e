"""Conditions in the SQL of SQLite."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from thalweg.docs.index.collection import ID, Layout, ValueColumn
from thalweg.docs.index.operands import rendered, with_typed_operands
from thalweg.docs.query.condition import Comparison, Condition, Operator, Path

INSIDE = "thalweg_inside"
MATCHES = "thalweg_matches"

_COMPARED = {
    Operator.EQ: "IS",
    Operator.NEQ: "IS NOT",
    Operator.LT: "<",
    Operator.LTE: "<=",
    Operator.GT: ">",
    Operator.GTE: ">=",
}


def define_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that conditions use."""
    connection.create_function(INSIDE, 2, _inside, deterministic=True)
    connection.create_function(MATCHES, 2, _matches, deterministic=True)


def stored(value: Any, column: ValueColumn) -> Any:
    """A value as SQLite keeps it: lists and dicts as JSON, always the same for equal ones."""
    if value is None:
        return None
    return as_json(value) if column.many or column.type is dict else value


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def where(condition: Condition, layout: Layout, names: Mapping[str, str]) -> tuple[str, list[Any]]:
    """The condition and its parameters; `names` are the database's own names of the columns."""
    parameters: list[Any] = []

    def leaf(comparison: Comparison, opposite: bool) -> str:
        text, values = _comparison(comparison, layout, names)
        parameters.extend(values)
        return f"NOT coalesce({text}, 0)" if opposite else text

    return rendered(with_typed_operands(condition, layout), leaf, ("AND", "OR", "1", "0")), parameters


def _comparison(comparison: Comparison, layout: Layout, names: Mapping[str, str]) -> tuple[str, list[Any]]:
    column, keys = layout.value(comparison.path)
    name, parameters = _place(column, keys, names)
    operator, operand = comparison.operator, comparison.operand
    if isinstance(operand, Path):
        other, more = _place(*layout.value(operand), names)
        # Without the plus signs SQLite would take text for numbers where the other side is one.
        return f"+{name} {_COMPARED[operator]} +{other}", [*parameters, *more]
    whole = not keys and (column.many or column.type is dict)
    if operator in (Operator.IN, Operator.NIN):
        word = "IN" if operator is Operator.IN else "NOT IN"
        text, more = _members(list(operand))
        missing = f" OR {name} IS NULL" if operator is Operator.NIN else ""
        return f"({name} {word} {text}{missing})", [*parameters, *more, *(parameters if missing else [])]
    if operator in _COMPARED:
        return f"{name} {_COMPARED[operator]} ?", [*parameters, stored(operand, column) if whole else operand]
    return _special(column, name, operator), [*parameters, operand]


def _place(column: ValueColumn, keys: tuple[str, ...], names: Mapping[str, str]) -> tuple[str, list[Any]]:
    name = "id" if column.name == ID else names[column.name]
    return (f"{INSIDE}({name}, ?)", [as_json(keys)]) if keys else (name, [])


def _members(operand: list[Any]) -> tuple[str, list[Any]]:
    if any(isinstance(value, float) for value in operand):
        return f"({', '.join('?' * len(operand))})", operand
    return "(SELECT value FROM json_each(?))", [as_json(operand)]  # one parameter, however many there are


def _special(column: ValueColumn, name: str, operator: Operator) -> str:
    kind = "list" if column.many else column.type.__name__
    if operator is Operator.REGEX:
        return f"{MATCHES}({name}, ?)"
    return {
        ("str", Operator.SIZE): f"length({name}) = ?",
        ("str", Operator.CONTAINS): f"instr({name}, ?) > 0",
        ("list", Operator.SIZE): f"json_array_length({name}) = ?",
        ("list", Operator.CONTAINS): f"EXISTS (SELECT 1 FROM json_each({name}) WHERE value = ?)",
        ("dict", Operator.SIZE): f"(SELECT count(*) FROM json_each({name})) = ? AND {name} IS NOT NULL",
        ("dict", Operator.CONTAINS): f"EXISTS (SELECT 1 FROM json_each({name}) WHERE key = ?)",
    }[kind, operator]


def _inside(text: str | None, keys: str) -> Any:
    value = None if text is None else json.loads(text)
    for key in json.loads(keys):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return as_json(value) if isinstance(value, (dict, list)) else value


def _matches(text: str | None, pattern: str) -> bool:
    return text is not None and re.search(pattern, text) is not None
