"""The values of a record as Chroma's metadata, and conditions on them as its `where`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from thalweg.docs.index.collection import ID, Layout, Record
from thalweg.docs.index.dicts import canonical
from thalweg.docs.index.operands import with_typed_operands
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator

PAYLOAD = "_payload"
_ID = "_id"
_THERE = "_there"
"""The names of the values and vectors that a record has: Chroma cannot ask whether there is one."""

_NAME = re.compile(r"[A-Za-z0-9][\w-]*")
_LONGEST = 200
_SIGNS = {
    Operator.EQ: "$eq",
    Operator.NEQ: "$ne",
    Operator.LT: "$lt",
    Operator.LTE: "$lte",
    Operator.GT: "$gt",
    Operator.GTE: "$gte",
    Operator.IN: "$in",
    Operator.NIN: "$nin",
    Operator.CONTAINS: "$contains",
}
_OPPOSITE = {"$eq": "$ne", "$contains": "$not_contains"}

Where: TypeAlias = dict[str, Any]
NEVER: Where = {}
"""What no record fulfils: Chroma has no word for it."""


def kept_metadata(record: Record, layout: Layout) -> dict[str, Any]:
    """What Chroma keeps of the values of a record, in which there are no dicts.

    A name whose value is None is named as well: a record that is put again would keep what it had there.
    """
    there = [*(_vector(name) for name, vector in record.vectors.items() if vector is not None), ID]
    metadata: dict[str, Any] = {_ID: record.id, _size(_ID): len(record.id), _THERE: there}
    for column in layout.values:
        name, value = _key(column.name), record.values.get(column.name)
        if value is not None:
            there.append(column.name)
        if column.many:
            metadata[_whole(name)] = None if value is None else canonical(value)
            value = [column.type(each) for each in value or ()] or None  # Chroma keeps no empty lists
        elif column.type is float and value is not None:
            value = float(value)
        metadata[name] = value
        if column.many or column.type is str:
            held = record.values.get(column.name)
            metadata[_size(name)] = None if held is None else len(held)
    return metadata


def has_vector(metadata: Mapping[str, Any] | None, vector: str) -> bool:
    """Whether the record has this vector; where it has not, Chroma keeps zeros. No metadata: it was deleted meanwhile."""
    return metadata is not None and _vector(vector) in metadata[_THERE]


def where(condition: Condition, layout: Layout) -> Where | None:
    """A condition as Chroma's `where`, None where every record fulfils it."""
    return _where(with_typed_operands(condition, layout), layout)


def having_vector(asked: Where | None, vector: str) -> Where:
    """What is asked, of records that have this vector."""
    there = {_THERE: {"$contains": _vector(vector)}}
    return there if asked is None else {"$and": [there, asked]}


def _where(condition: Condition, layout: Layout) -> Where | None:
    if isinstance(condition, Not):
        assert isinstance(condition.condition, Comparison)
        return _opposite(_comparison(condition.condition, layout))
    if isinstance(condition, Comparison):
        return _comparison(condition, layout)
    every = isinstance(condition, And)
    if not condition.conditions:
        return None if every else NEVER
    return {"$and" if every else "$or": [_where(part, layout) for part in condition.conditions]}


def _comparison(comparison: Comparison, layout: Layout) -> Where:
    column, _ = layout.value(comparison.path)
    operator, operand = comparison.operator, comparison.operand
    name = _key(column.name)
    if operand is None:
        there = {_THERE: {"$contains": column.name}}
        return there if operator is Operator.NEQ else _opposite(there)
    if operator is Operator.SIZE:
        return {_size(name): {"$eq": operand}}
    if column.many and operator is not Operator.CONTAINS:
        return {_whole(name): {_SIGNS[operator]: canonical(operand)}}
    return {name: {_SIGNS[operator]: operand}}


def _opposite(asked: Where) -> Where:
    """What is true wherever `asked` is not: Chroma finds those too that have no such value."""
    ((name, ((sign, operand),)),) = ((name, test.items()) for name, test in asked.items())
    return {name: {_OPPOSITE[sign]: operand}}


def _key(name: str) -> str:
    return _ID if name == ID else spelled(name, _LONGEST, _NAME)


def _vector(name: str) -> str:
    return f"vector {name}"


def _size(key: str) -> str:
    return f"_size.{key}"


def _whole(key: str) -> str:
    return f"_whole.{key}"
