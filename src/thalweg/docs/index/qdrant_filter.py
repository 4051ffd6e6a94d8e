"""Conditions as filters of Qdrant, and what is kept of a record's values so that they can be asked.

A value has the key of its column's name. Of lists and dicts there is more beside it, because Qdrant takes an empty list
for no value and looks at the items one by one: `_size_<name>`, `_whole_<name>` (as JSON) and of dicts `_keys_<name>`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from thalweg.docs.extras import load_extra
from thalweg.docs.index.collection import ID, Layout, Unsupported, ValueColumn
from thalweg.docs.index.condition import FALSE, TRUE
from thalweg.docs.index.operands import with_typed_operands
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator

IDENTITY = "_id"
PAYLOAD = "_payload"

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BOUNDS = {Operator.LT: "lt", Operator.LTE: "lte", Operator.GT: "gt", Operator.GTE: "gte"}


def qdrant_models() -> Any:
    return load_extra("qdrant_client.models", "qdrant", "indexes in Qdrant")


def qdrant_values(values: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """The values of a record as Qdrant keeps them. What is None is left out."""
    kept: dict[str, Any] = {}
    for column in layout.values:
        value = values.get(column.name)
        if value is None:
            continue
        name = spelled(column.name)
        kept[name] = value
        if column.many or column.type is dict:
            kept[f"_size_{name}"] = len(value)
            kept[f"_whole_{name}"] = _as_json(value)
        if column.type is dict:
            kept[f"_keys_{name}"] = list(value)
    return kept


def qdrant_condition(condition: Condition, layout: Layout) -> Any:
    """The condition as a `models.Filter`.

    Raises:
        Unsupported: it asks for a key of a dict that Qdrant's paths cannot spell.
    """
    return _Translation(layout).filter(with_typed_operands(condition, layout))


class _Translation:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._models = qdrant_models()

    def filter(self, condition: Condition) -> Any:
        nothing = self._models.HasIdCondition(has_id=[])
        if condition == TRUE:
            return self._models.Filter(must_not=[nothing])
        if condition == FALSE:
            return self._models.Filter(must=[nothing])
        if isinstance(condition, Not):
            return self._models.Filter(must_not=[self._part(condition.condition)])
        if isinstance(condition, Comparison):
            return self._models.Filter(must=[self._part(condition)])
        parts = [self._part(part) for part in condition.conditions]
        return self._models.Filter(must=parts) if isinstance(condition, And) else self._models.Filter(should=parts)

    def _part(self, condition: Condition) -> Any:
        return self._comparison(condition) if isinstance(condition, Comparison) else self.filter(condition)

    def _comparison(self, comparison: Comparison) -> Any:
        column, keys = self._layout.value(comparison.path)
        key, operator, operand = _key(column, keys), comparison.operator, comparison.operand
        if operator in (Operator.NEQ, Operator.NIN):
            opposite = Operator.EQ if operator is Operator.NEQ else Operator.IN
            return self._models.Filter(must_not=[self._comparison(Comparison(comparison.path, opposite, operand))])
        if operand is None:
            return self._missing(column, key, bool(keys))
        if operator in _BOUNDS:
            bounds = {_BOUNDS[operator]: operand}
            return self._models.FieldCondition(key=key, range=self._models.Range(**bounds))
        if operator is Operator.IN:
            return self._one_of(key, list(operand))
        if keys:
            return self._equal(key, operand)
        return self._whole(column, key, operator, operand)

    def _whole(self, column: ValueColumn, key: str, operator: Operator, operand: Any) -> Any:
        """What is asked of a column itself, a list or a dict as well."""
        if operator is Operator.SIZE:
            return self._equal(f"_size_{key}", operand)
        if operator is Operator.CONTAINS:
            return self._equal(f"_keys_{key}" if column.type is dict else key, operand)
        if column.many or column.type is dict:
            return self._equal(f"_whole_{key}", _as_json(operand))
        return self._equal(key, operand)

    def _missing(self, column: ValueColumn, key: str, inside: bool) -> Any:
        beside = not inside and (column.many or column.type is dict)
        field = self._models.PayloadField(key=f"_size_{key}" if beside else key)
        return self._models.IsEmptyCondition(is_empty=field)

    def _equal(self, key: str, operand: Any) -> Any:
        # Qdrant keeps integers and floats apart: only a range finds both.
        if isinstance(operand, float) or (isinstance(operand, int) and "." in key and not isinstance(operand, bool)):
            return self._models.FieldCondition(key=key, range=self._models.Range(gte=operand, lte=operand))
        return self._models.FieldCondition(key=key, match=self._models.MatchValue(value=operand))

    def _one_of(self, key: str, operand: list[Any]) -> Any:
        same = {type(value) for value in operand}
        if same in ({str}, {int}) and "." not in key:
            return self._models.FieldCondition(key=key, match=self._models.MatchAny(any=operand))
        return self._models.Filter(should=[self._equal(key, value) for value in operand])


def _key(column: ValueColumn, keys: tuple[str, ...]) -> str:
    name = IDENTITY if column.name == ID else spelled(column.name)
    for key in keys:
        if column.many or not _PLAIN_KEY.fullmatch(key):
            raise Unsupported(f"Qdrant cannot ask for {key!r} inside of {column.name!r}; make it a field of its own")
    return ".".join((name, *keys))


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
