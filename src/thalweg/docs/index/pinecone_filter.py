"""The values of a record as metadata of Pinecone, and conditions on them as its filters.

Metadata knows texts, 64-bit floats, booleans and lists of texts. Every value has something there, and `_there_<name>` says
whether it is real: what a filter makes of a value that is missing is not documented for every operator. An integer has the
difference to its nearest float beside it, so that integers beyond 2**53 are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, TypeAlias

from thalweg.docs.index.collection import ID, Layout, ValueColumn
from thalweg.docs.index.condition import FALSE
from thalweg.docs.index.dicts import asked_without_dicts, canonical, values_without_dicts, without_dicts
from thalweg.docs.index.operands import with_typed_operands
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator

Filter: TypeAlias = dict[str, Any]

_LONGEST = 256
_EXACT = 2**53
_NOTHING = {str: "", int: 0.0, float: 0.0, bool: False}
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
_STRICT = {"$lt": "$lt", "$lte": "$lt", "$gt": "$gt", "$gte": "$gt"}
_OPPOSITE = {Operator.NEQ: Operator.EQ, Operator.NIN: Operator.IN}


def metadata_of(key: str, values: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """What Pinecone keeps of the values of the record `key`."""
    held = values_without_dicts(layout, values)
    kept: dict[str, Any] = {"_id": _token(key), "_size__id": len(key)}
    for column in without_dicts(layout).values:
        name, value = spelled(column.name), held.get(column.name)
        kept[f"_there_{name}"] = value is not None
        if column.many or column.type is str:
            kept[f"_size_{name}"] = len(value or ())
        if column.many:
            kept[f"_whole_{name}"] = "" if value is None else _token(canonical(value))
            if value:  # a list of nothing says nothing
                kept[name] = [_item(each) for each in value]
        elif value is None:
            kept[name] = _NOTHING[column.type]
        elif column.type is str:
            kept[name] = _token(value)
        elif column.type is bool:
            kept[name] = value
        else:
            kept[name] = float(value)
        if column.type is int and not column.many:
            kept[f"_rest_{name}"] = 0 if value is None else _rest(value)
    return kept


def filter_of(condition: Condition, layout: Layout) -> Filter | None:
    """The condition as a filter, empty where every record fulfils it; None where none does."""
    plain = without_dicts(layout)
    asked = with_typed_operands(asked_without_dicts(layout, condition), plain)
    return None if asked == FALSE else _filter(asked, plain)


def _filter(condition: Condition, layout: Layout) -> Filter:
    if isinstance(condition, Comparison):
        return _comparison(condition, layout, negated=False)
    if isinstance(condition, Not):
        assert isinstance(condition.condition, Comparison)
        return _comparison(condition.condition, layout, negated=True)
    parts = [_filter(part, layout) for part in condition.conditions]
    if not parts:
        return {}
    return {"$and" if isinstance(condition, And) else "$or": parts}


def _comparison(comparison: Comparison, layout: Layout, *, negated: bool) -> Filter:
    column, _ = layout.value(comparison.path)
    name, operator = spelled(column.name), comparison.operator
    if comparison.operand is None:
        if column.name == ID:
            return {"_id": {"$ne" if operator is Operator.NEQ else "$eq": ""}}
        return {f"_there_{name}": {"$eq": operator is Operator.NEQ}}
    negated = negated or operator in _OPPOSITE
    operator = _OPPOSITE.get(operator, operator)
    if column.name == ID:
        return _test(ValueColumn(ID, str), "_id", operator, comparison.operand, negated=negated)
    test = _test(column, name, operator, comparison.operand, negated=negated)
    there = {f"_there_{name}": {"$eq": not negated}}
    return {"$or": [there, test]} if negated else {"$and": [there, test]}


def _test(column: ValueColumn, name: str, operator: Operator, operand: Any, *, negated: bool) -> Filter:
    """What is asked of a value that is there."""
    equal, among = ("$ne", "$nin") if negated else ("$eq", "$in")
    if operator is Operator.SIZE:
        return {f"_size_{name}": {equal: operand}}
    if operator is Operator.CONTAINS:
        test = {name: {among: [_item(operand)]}}
        return {"$or": [{f"_size_{name}": {"$eq": 0}}, test]} if negated else test
    if column.many:
        return {f"_whole_{name}": {equal: _token(canonical(operand))}}
    if column.type is str:
        return {
            name: {among: [_token(each) for each in operand]} if operator is Operator.IN else {equal: _token(operand)}
        }
    if column.type is int:
        return _of_integer(name, operator, operand, negated=negated)
    return {
        name: {among: list(operand)} if operator is Operator.IN else {equal if negated else _SIGNS[operator]: operand}
    }


def _of_integer(name: str, operator: Operator, operand: Any, *, negated: bool) -> Filter:
    if operator is Operator.IN:
        if all(-_EXACT < each < _EXACT for each in operand):
            return {name: {"$nin" if negated else "$in": list(map(float, operand))}}
        parts = [_of_integer(name, Operator.EQ, each, negated=negated) for each in operand]
        return {"$and" if negated else "$or": parts}
    sign = "$ne" if negated else _SIGNS[operator]
    near, rest = float(operand), f"_rest_{name}"
    if -_EXACT < operand < _EXACT:
        return {name: {sign: near}}
    if sign in ("$eq", "$ne"):
        return {"$and" if sign == "$eq" else "$or": [{name: {sign: near}}, {rest: {sign: _rest(operand)}}]}
    beside = {"$and": [{name: {"$eq": near}}, {rest: {sign: _rest(operand)}}]}
    return {"$or": [{name: {_STRICT[sign]: near}}, beside]}


def _rest(number: int) -> int:
    return number - int(float(number))


def _item(value: Any) -> str:
    return _token(value if isinstance(value, str) else canonical(value))


def _token(text: str) -> str:
    """The text itself, or what stands for it where it is long: the same for no two texts."""
    if len(text.encode()) <= _LONGEST and not text.startswith("#"):
        return text
    return f"#{sha256(text.encode()).hexdigest()}"
