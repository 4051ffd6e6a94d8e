"""Conditions on what is inside of a dict or a list, which PostgreSQL has as JSON of any type."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from thalweg.docs.index.collection import Unsupported
from thalweg.docs.query.condition import Operator

_SIGNS = {Operator.LT: "<", Operator.LTE: "<=", Operator.GT: ">", Operator.GTE: ">="}
_SAME = ({0}, {1})
"""What Python finds equal and JSON does not."""

_SIZE = (
    "CASE jsonb_typeof(v) WHEN 'array' THEN jsonb_array_length(v) WHEN 'string' THEN char_length(v #>> '{}') "
    "WHEN 'object' THEN (SELECT count(*) FROM jsonb_object_keys(v)) END = %s"
)
_CONTAINS = (
    "CASE jsonb_typeof(v) WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(v) AS item WHERE item = %s::jsonb) "
    "WHEN 'string' THEN strpos(v #>> '{}', %s) > 0 WHEN 'object' THEN jsonb_exists(v, %s) END"
)


def inside_json(json_value: str, keys: tuple[str, ...], operator: Operator, operand: Any, parameters: list[Any]) -> str:
    """A comparison of what is found in `json_value`, SQL for JSON, by going down `keys`.

    Raises:
        Unsupported: the operator, or an operand that has no order.
    """
    test = _test(operator, operand, parameters)
    parameters.append(list(keys))
    return f"(SELECT {test} FROM (SELECT nullif({json_value} #> %s::text[], 'null'::jsonb) AS v) AS held)"


def _test(operator: Operator, operand: Any, parameters: list[Any]) -> str:
    if operand is None:
        return f"v IS {'' if operator is Operator.EQ else 'NOT '}NULL"
    if operator in (Operator.EQ, Operator.NEQ, Operator.IN, Operator.NIN):
        wanted = [operand] if operator in (Operator.EQ, Operator.NEQ) else list(operand)
        parameters.append([json.dumps(each) for one in wanted for each in _alike(one)])
        found = "coalesce(v = ANY(%s::jsonb[]), FALSE)"
        return found if operator in (Operator.EQ, Operator.IN) else f"NOT {found}"
    if operator is Operator.SIZE:
        parameters.append(operand)
        return _SIZE
    if operator is Operator.CONTAINS:
        text = operand if isinstance(operand, str) else None
        parameters += [json.dumps(operand), text, text]
        return _CONTAINS
    if operator not in _SIGNS or not isinstance(operand, (str, int, float)):
        raise Unsupported(f"PostgreSQL cannot ask {operator} {operand!r} of what is inside of a value")
    return _ordering(_SIGNS[operator], operand, parameters)


def _ordering(sign: str, operand: Any, parameters: list[Any]) -> str:
    if isinstance(operand, str):
        parameters.append(operand)
        return f"CASE WHEN jsonb_typeof(v) = 'string' THEN (v #>> '{{}}') COLLATE \"C\" {sign} %s END"
    parameters += [Decimal(repr(operand + 0))] * 2
    return (
        f"CASE jsonb_typeof(v) WHEN 'number' THEN v::numeric {sign} %s "
        f"WHEN 'boolean' THEN v::boolean::int::numeric {sign} %s END"
    )


def _alike(value: Any) -> list[Any]:
    if isinstance(value, (int, float)):
        for same in _SAME:
            if value in same:
                return [int(value), bool(value)]
    return [value]
