"""The values of a record as properties of a Weaviate object, and conditions on them as its filters.

A property has the name of its column. Weaviate trims text, takes an empty text or list for none, looks at the items of a
list one by one, and is sent integers as doubles; so text that it would change is kept as its digest, `_size_<name>` has
the length of a text or list, `_whole_<name>` the JSON of a list, `_words_<name>` the text that is searched for words, and
`_rest_<name>` what a double does not hold of an integer. `_there` names the values that an object has, with
`<name>=true` and `<name>=false` for those that are, or hold, a bool: the client sends no bool in a filter under
protobuf 7, so `IsNull` cannot be asked either. Every object has a `_part`, an integer made of its id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from thalweg.docs.extras import load_extra
from thalweg.docs.index.collection import ID, Layout, Unsupported, ValueColumn
from thalweg.docs.index.condition import FALSE
from thalweg.docs.index.dicts import asked_without_dicts, canonical, values_without_dicts, without_dicts
from thalweg.docs.index.operands import with_typed_operands
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator

KEY = "_key"
BLOB = "_payload"
PART = "_part"
THERE = "_there"
PARTS = 1 << 31
"""Values of `_part` are smaller."""

_OBJECTS = UUID("7d1f1c52-96a4-4c6e-a3b5-6a1f9f0f2c84")
_PLAIN = re.compile(r"(?!(?:id|vector)$)[a-z][A-Za-z0-9_]*")
_LONGEST = 1000
_DIGEST = "="
_EXACT = 1 << 53
_COARSE = 10
_ORDERINGS = {
    Operator.LT: ("less_than", "less_than"),
    Operator.LTE: ("less_or_equal", "less_than"),
    Operator.GT: ("greater_than", "greater_than"),
    Operator.GTE: ("greater_or_equal", "greater_than"),
}
"""The method of `Filter`, and the one that leaves out what is equal."""

_KINDS = {str: "TEXT", int: "INT", float: "NUMBER", bool: "BOOL"}


def weaviate_classes(module: str) -> Any:
    """A part of `weaviate.classes`."""
    return load_extra(f"weaviate.classes.{module}", "weaviate", "indexes in Weaviate")


def property_name(column: str) -> str:
    """The property of a column. Weaviate makes the first letter of a property a small one."""
    name = spelled(column, allowed=_PLAIN)
    return name[0].lower() + name[1:]


def words_name(column: str) -> str:
    """The property in which the words of a column are searched."""
    return f"_words_{property_name(column)}"


def object_id(key: str) -> str:
    """The UUID of a record."""
    return str(uuid5(_OBJECTS, key))


def weaviate_properties(layout: Layout) -> list[Any]:
    """The properties of the collection, as `weaviate.classes.config.Property` says them."""
    config = weaviate_classes("config")
    kinds, exact = config.DataType, config.Tokenization.FIELD

    def made(name: str, kind: Any, **more: Any) -> Any:
        if kind in (kinds.TEXT, kinds.TEXT_ARRAY):
            more = {"tokenization": exact, "index_searchable": False, **more}
        return config.Property(name=name, data_type=kind, **{"index_filterable": True, **more})

    properties = [
        made(KEY, kinds.TEXT, index_filterable=False),
        config.Property(name=BLOB, data_type=kinds.BLOB, index_filterable=False, index_searchable=False),
        made(PART, kinds.INT, index_range_filters=True),
        made(THERE, kinds.TEXT_ARRAY),
        made(f"_size_{KEY}", kinds.INT),
    ]
    for column in without_dicts(layout).values:
        name = property_name(column.name)
        ordered = {"index_range_filters": True} if column.type in (int, float) and not column.many else {}
        properties.append(made(name, kinds[_KINDS[column.type] + ("_ARRAY" if column.many else "")], **ordered))
        if column.many:
            properties.append(made(f"_whole_{name}", kinds.TEXT))
        if column.many or column.type is str:
            properties.append(made(f"_size_{name}", kinds.INT))
        if column.type is int and not column.many:
            properties.append(made(f"_rest_{name}", kinds.INT))
        if column.words:
            word = config.Tokenization.WORD
            properties.append(
                made(
                    words_name(column.name),
                    kinds.TEXT,
                    tokenization=word,
                    index_filterable=False,
                    index_searchable=True,
                )
            )
    return properties


def weaviate_values(key: str, values: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """The properties of an object that hold the id and the values of a record. What is None is left out."""
    part = int.from_bytes(sha256(key.encode()).digest()[:4], "big") % PARTS
    there = [KEY]
    kept: dict[str, Any] = {KEY: key, PART: part, THERE: there, f"_size_{KEY}": len(key)}
    held = values_without_dicts(layout, values)
    for column in without_dicts(layout).values:
        value = held.get(column.name)
        if value is None:
            continue
        name = property_name(column.name)
        there.append(name)
        if column.type is bool:
            there.extend(_truth(name, each) for each in dict.fromkeys(value if column.many else (value,)))
        kept[name] = [_stored(column, each) for each in value] if column.many else _stored(column, value)
        if column.many:
            kept[f"_whole_{name}"] = _told_apart(canonical(value))
        if column.many or column.type is str:
            kept[f"_size_{name}"] = len(value)
        if column.type is int and not column.many and (rest := _split(int(value))[1]) is not None:
            kept[f"_rest_{name}"] = rest
        if column.words:
            kept[words_name(column.name)] = value
    return kept


def weaviate_condition(condition: Condition, layout: Layout) -> tuple[bool, Any]:
    """The condition as a filter, None where it is always true; False before it where no record fulfils it.

    Raises:
        Unsupported: it asks for an item of 2**53 or more in a list of integers.
    """
    plain = without_dicts(layout)
    asked = with_typed_operands(asked_without_dicts(layout, condition), plain)
    if isinstance(asked, And) and not asked.conditions:
        return True, None
    return (False, None) if asked == FALSE else (True, _Translation(plain).filter(asked))


class _Translation:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._filters = weaviate_classes("query").Filter

    def filter(self, condition: Condition) -> Any:
        if isinstance(condition, Comparison):
            return self._comparison(condition, negated=False)
        if isinstance(condition, Not):
            assert isinstance(condition.condition, Comparison)
            return self._comparison(condition.condition, negated=True)
        parts = [self.filter(part) for part in condition.conditions]
        return self._filters.all_of(parts) if isinstance(condition, And) else self._filters.any_of(parts)

    def _comparison(self, comparison: Comparison, *, negated: bool) -> Any:
        column, _ = self._layout.value(comparison.path)
        operator, operand = comparison.operator, comparison.operand
        if operand is None:
            return self._same(THERE, _name(column), operator is Operator.EQ)
        if operator in (Operator.IN, Operator.NIN):
            tests = [self._equal(column, each, operator is Operator.NIN) for each in operand]
            found = self._filters.any_of(tests) if operator is Operator.IN else self._filters.all_of(tests)
        elif operator in _ORDERINGS:
            found = self._ordered(column, operator, operand)
        elif operator is Operator.SIZE:
            found = self._same(f"_size_{_name(column)}", operand, negated)
        elif operator is Operator.CONTAINS:
            found = self._item(column, operand, negated)
        else:
            found = self._equal(column, operand, operator is Operator.NEQ)
        absent_too = negated or operator in (Operator.NEQ, Operator.NIN)
        return found | self._same(THERE, _name(column), True) if absent_too and column.name != ID else found

    def _equal(self, column: ValueColumn, operand: Any, negated: bool) -> Any:
        if column.name == ID:
            place = self._filters.by_id()
            return place.not_equal(object_id(operand)) if negated else place.equal(object_id(operand))
        name = property_name(column.name)
        if column.many:
            return self._same(f"_whole_{name}", _told_apart(canonical(operand)), negated)
        if column.type is int:
            whole, rest = _split(operand)
            tests = [self._same(name, whole, negated)]
            if rest is not None:
                tests.append(self._same(f"_rest_{name}", rest, negated))
            return self._filters.any_of(tests) if negated else self._filters.all_of(tests)
        if column.type is bool:
            return self._same(THERE, _truth(name, operand), negated)
        return self._same(name, _stored(column, operand), negated)

    def _ordered(self, column: ValueColumn, operator: Operator, operand: Any) -> Any:
        name = property_name(column.name)
        method, strict = _ORDERINGS[operator]
        if column.type is not int:
            return getattr(self._of(name), method)(operand)
        whole, rest = _split(operand)
        if rest is None:
            return getattr(self._of(name), method)(whole)
        last = self._filters.all_of([self._same(name, whole, False), getattr(self._of(f"_rest_{name}"), method)(rest)])
        return getattr(self._of(name), strict)(whole) | last

    def _item(self, column: ValueColumn, operand: Any, negated: bool) -> Any:
        name = property_name(column.name)
        if column.type is bool:
            return self._same(THERE, _truth(name, operand), negated)
        if column.type is int and _split(operand)[1] is not None:
            raise Unsupported(
                f"Weaviate cannot tell items as large as {operand} apart in {column.name!r}; keep them as text, or filter "
                "the documents that it finds"
            )
        return self._same(name, _stored(column, operand), negated)

    def _same(self, name: str, value: Any, negated: bool) -> Any:
        return self._of(name).not_equal(value) if negated else self._of(name).equal(value)

    def _of(self, name: str) -> Any:
        return self._filters.by_property(name)


def _name(column: ValueColumn) -> str:
    return KEY if column.name == ID else property_name(column.name)


def _truth(name: str, value: bool) -> str:
    return f"{name}={'true' if value else 'false'}"


def _stored(column: ValueColumn, value: Any) -> Any:
    if column.type is str:
        return _told_apart(value)
    return _split(int(value))[0] if column.type is int else column.type(value)


def _told_apart(text: str) -> str:
    """The text itself, or its digest where Weaviate would take it for another one, or it is long."""
    if text and text == text.strip() and len(text) <= _LONGEST and not text.startswith(_DIGEST):
        return text
    return _DIGEST + sha256(text.encode()).hexdigest()


def _split(number: int) -> tuple[int, int | None]:
    """What a double holds of an integer, and the rest where it may not hold all. The order of the pairs is the numbers'."""
    if -_EXACT < number < _EXACT:
        return number, None
    return number >> _COARSE << _COARSE, number & ((1 << _COARSE) - 1)


def among_ids(keys: Sequence[str]) -> Any:
    """The filter for the records of these ids."""
    return weaviate_classes("query").Filter.by_id().contains_any([object_id(key) for key in keys])


def within(condition: Any, first: int, end: int) -> Any:
    """What of the records that fulfil a filter has a `_part` from `first` on and before `end`."""
    filters = weaviate_classes("query").Filter
    part = filters.by_property(PART)
    return filters.all_of([condition, part.greater_or_equal(first), part.less_than(end)])
