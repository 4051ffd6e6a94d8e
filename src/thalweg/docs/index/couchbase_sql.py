"""The values of a record in a Couchbase document, and conditions on them in SQL++.

What is None is left out of a document. Texts and lists have their length beside them (`sizes`), lists their JSON (`wholes`):
Couchbase counts texts in bytes and compares lists in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thalweg.docs.index.collection import ID, Layout, ValueColumn
from thalweg.docs.index.dicts import asked_without_dicts, canonical, values_without_dicts, without_dicts
from thalweg.docs.index.operands import rendered, with_typed_operands
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import Comparison, Condition, Operator

_SIGNS = {
    Operator.EQ: "=",
    Operator.NEQ: "!=",
    Operator.LT: "<",
    Operator.LTE: "<=",
    Operator.GT: ">",
    Operator.GTE: ">=",
    Operator.IN: "IN",
    Operator.NIN: "NOT IN",
}


def couchbase_values(key: str, values: Mapping[str, Any], layout: Layout) -> dict[str, dict[str, Any]]:
    """What a document has of the values of the record `key`."""
    held = values_without_dicts(layout, values)
    kept: dict[str, dict[str, Any]] = {"values": {}, "sizes": {"id": len(key)}, "wholes": {}}
    for column in without_dicts(layout).values:
        value = held.get(column.name)
        if value is None:
            continue
        name = _name(column)
        kept["values"][name] = list(value) if column.many else value
        if column.many:
            kept["wholes"][name] = canonical(value)
        if column.many or column.type is str:
            kept["sizes"][name] = len(value)
    return kept


def sql_condition(condition: Condition, layout: Layout) -> tuple[str, dict[str, Any]]:
    """The condition on a document `d`, and its named parameters."""
    plain = without_dicts(layout)
    parameters: dict[str, Any] = {}

    def leaf(comparison: Comparison, negated: bool) -> str:
        column, _ = plain.value(comparison.path)
        return _comparison(column, comparison.operator, comparison.operand, negated, parameters)

    text = rendered(with_typed_operands(asked_without_dicts(layout, condition), plain), leaf)
    return text, parameters


def _comparison(
    column: ValueColumn, operator: Operator, operand: Any, negated: bool, parameters: dict[str, Any]
) -> str:
    value = "d.`id`" if column.name == ID else f"d.`values`.`{_name(column)}`"
    if operand is None:
        return f"{value} IS {'NOT ' if operator is Operator.EQ else ''}VALUED"
    name = f"p{len(parameters)}"
    whole = column.many and operator in (Operator.EQ, Operator.NEQ)
    parameters[name] = canonical(operand) if whole else list(operand) if isinstance(operand, (list, tuple)) else operand
    if operator is Operator.SIZE:
        test = f"d.`sizes`.`{'id' if column.name == ID else _name(column)}` = ${name}"
    elif operator is Operator.CONTAINS:
        test = f"{'ARRAY_CONTAINS' if column.many else 'CONTAINS'}({value}, ${name})"
    else:
        compared = f"d.`wholes`.`{_name(column)}`" if whole else value
        test = f"{compared} {_SIGNS[operator]} ${name}"
    if negated:
        return f"({value} IS NOT VALUED OR NOT {test})"
    return f"({value} IS NOT VALUED OR {test})" if operator in (Operator.NEQ, Operator.NIN) else test


def _name(column: ValueColumn) -> str:
    return spelled(column.name)
