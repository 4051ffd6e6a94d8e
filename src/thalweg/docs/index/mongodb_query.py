"""The values of a record as part of a MongoDB document, and conditions on them as its queries.

`there` names the values and vectors that a document has: a query on it means the same in `find` and in the filter of a
vector search, where questions about what is missing do not. Lists have their length and their JSON beside them, as
MongoDB looks at the items one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from thalweg.docs.index.collection import ID, Layout, ValueColumn
from thalweg.docs.index.condition import FALSE, TRUE
from thalweg.docs.index.dicts import asked_without_dicts, canonical, values_without_dicts, without_dicts
from thalweg.docs.index.operands import with_typed_operands
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator

Query: TypeAlias = dict[str, Any]

THERE = "there"
_BY_ORDER = frozenset({Operator.LT, Operator.LTE, Operator.GT, Operator.GTE})
_SIGNS = {
    Operator.EQ: "$eq",
    Operator.NEQ: "$ne",
    Operator.LT: "$lt",
    Operator.LTE: "$lte",
    Operator.GT: "$gt",
    Operator.GTE: "$gte",
    Operator.IN: "$in",
    Operator.NIN: "$nin",
}
_ANYTHING: Query = {}
_NOTHING: Query = {"_id": {"$in": []}}


def kept_values(values: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """The fields of a document that hold the values of a record. What is None is left out."""
    held = values_without_dicts(layout, values)
    kept: dict[str, dict[str, Any]] = {"values": {}, "sizes": {}, "wholes": {}}
    there: list[str] = []
    for column in without_dicts(layout).values:
        value = held.get(column.name)
        if value is None:
            continue
        name = spelled(column.name)
        there.append(name)
        kept["values"][name] = [_number(column, each) for each in value] if column.many else _number(column, value)
        if column.many:
            kept["wholes"][name] = canonical(value)
        if column.many or column.type is str:
            kept["sizes"][name] = len(value)
    return {**kept, THERE: there}


def filter_fields(layout: Layout) -> list[str]:
    """The fields that the filter of a vector search may ask about."""
    fields = ["_id", THERE, "batch", "sizes._id"]
    for column in without_dicts(layout).values:
        name = spelled(column.name)
        fields.append(f"values.{name}")
        if column.many:
            fields.append(f"wholes.{name}")
        if column.many or column.type is str:
            fields.append(f"sizes.{name}")
    return fields


def with_vector(name: str) -> Query:
    """Documents that have this vector."""
    return {THERE: {"$eq": vector_mark(name)}}


def vector_mark(name: str) -> str:
    """What `there` says of a vector."""
    return f"vector {spelled(name)}"


def query_of(condition: Condition, layout: Layout) -> Query | None:
    """The condition as a query of `find`; None where no document fulfils it."""
    plain = without_dicts(layout)
    asked = with_typed_operands(asked_without_dicts(layout, condition), plain)
    return None if asked == FALSE else _query(asked, plain)


def split_query(condition: Condition, layout: Layout) -> tuple[Query, Query] | None:
    """What of a condition the filter of a vector search can ask, and the rest; None where no document fulfils it."""
    plain = without_dicts(layout)
    asked = with_typed_operands(asked_without_dicts(layout, condition), plain)
    if asked == FALSE:
        return None
    parts = asked.conditions if isinstance(asked, And) else (asked,)
    before = And(tuple(part for part in parts if _filters(part, plain)))
    after = And(tuple(part for part in parts if not _filters(part, plain)))
    return _query(before, plain), _query(after, plain)


def both(*queries: Query) -> Query:
    """All of them together."""
    asked = [query for query in queries if query]
    return asked[0] if len(asked) == 1 else {"$and": asked} if asked else {}


def _filters(condition: Condition, layout: Layout) -> bool:
    """Whether the filter of a vector search can ask it: it compares texts by equality alone."""
    if isinstance(condition, Not):
        return _filters(condition.condition, layout)
    if not isinstance(condition, Comparison):
        return all(_filters(part, layout) for part in condition.conditions)
    column, _ = layout.value(condition.path)
    if column.type is not str:
        return True
    return condition.operator not in _BY_ORDER and (column.many or condition.operator is not Operator.CONTAINS)


def _query(condition: Condition, layout: Layout) -> Query:
    if condition == TRUE:
        return _ANYTHING
    if condition == FALSE:
        return _NOTHING
    if isinstance(condition, Comparison):
        return _comparison(condition, layout, negated=False)
    if isinstance(condition, Not):
        assert isinstance(condition.condition, Comparison)
        return _comparison(condition.condition, layout, negated=True)
    parts = [_query(part, layout) for part in condition.conditions]
    if len(parts) == 1:
        return parts[0]
    return {"$and" if isinstance(condition, And) else "$or": parts}


def _comparison(comparison: Comparison, layout: Layout, *, negated: bool) -> Query:
    column, _ = layout.value(comparison.path)
    name, operator = spelled(column.name), comparison.operator
    missing = {THERE: {"$ne": name}}
    if comparison.operand is None:
        if column.name == ID:
            return _ANYTHING if operator is Operator.NEQ else _NOTHING
        return missing if operator is Operator.EQ else {THERE: {"$eq": name}}
    test = _test(column, operator, comparison.operand, negated=negated)
    absent_too = (negated or operator in (Operator.NEQ, Operator.NIN)) and column.name != ID
    return {"$or": [missing, test]} if absent_too else test


def _number(column: ValueColumn, value: Any) -> Any:
    """The value as a number of the column's type, where that is one: MongoDB keeps integers and floats apart."""
    return column.type(value) if column.type in (int, float) else value


def _test(column: ValueColumn, operator: Operator, operand: Any, *, negated: bool) -> Query:
    """What is asked of a value that is there."""
    field = "_id" if column.name == ID else f"values.{spelled(column.name)}"
    if operator is Operator.SIZE:
        size = "sizes._id" if column.name == ID else f"sizes.{spelled(column.name)}"
        return {size: {"$ne" if negated else "$eq": operand}}
    if operator is Operator.CONTAINS:
        if column.many:
            return {field: {"$ne" if negated else "$eq": operand}}
        part = {"$regex": re.escape(operand)}
        return {field: {"$not": part} if negated else part}
    if column.many:
        return {f"wholes.{spelled(column.name)}": {_SIGNS[operator]: canonical(operand)}}
    return {field: {_SIGNS[operator]: list(operand) if operator in (Operator.IN, Operator.NIN) else operand}}
