"""The values of a record in a document of Elasticsearch, their mapping, and conditions on them as its queries.

`there` names the values that a document has, as Elasticsearch takes an empty list for no value. Texts and lists have their
length beside them (`sizes`), lists their JSON (`wholes`), as it looks at the items one by one. Texts that are searched for
words are kept once more (`words`).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, TypeAlias

from thalweg.docs.index.collection import ID, Layout, Unsupported, ValueColumn
from thalweg.docs.index.condition import FALSE, TRUE
from thalweg.docs.index.dicts import asked_without_dicts, canonical, values_without_dicts, without_dicts
from thalweg.docs.index.operands import with_typed_operands
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator

Query: TypeAlias = dict[str, Any]

ANYTHING: Query = {"match_all": {}}
NOTHING: Query = {"match_none": {}}

_LONGEST = 8000
"""Characters of a keyword: Lucene takes 32,766 bytes, and a character may have four."""

_READABLE = _LONGEST - 64
_MOST_TERMS = 65_536
_TYPES = {str: "keyword", int: "long", float: "double", bool: "boolean"}
_BOUNDS = {Operator.LT: "lt", Operator.LTE: "lte", Operator.GT: "gt", Operator.GTE: "gte"}


def mapped_values(layout: Layout) -> dict[str, Any]:
    """The properties of a mapping for what `elastic_values` keeps."""
    values: dict[str, Any] = {}
    sizes: dict[str, Any] = {ID: {"type": "integer"}}
    wholes: dict[str, Any] = {}
    words: dict[str, Any] = {}
    for column in without_dicts(layout).values:
        name = spelled(column.name)
        values[name] = {"type": _TYPES[column.type]}
        if column.many or column.type is str:
            sizes[name] = {"type": "integer"}
        if column.many:
            wholes[name] = {"type": "keyword"}
        if column.words:
            words[name] = {"type": "text", "analyzer": column.options.get("analyzer", "standard")}
    held = {"values": values, "sizes": sizes, "wholes": wholes, "words": words}
    return {"there": {"type": "keyword"}, **{name: {"properties": fields} for name, fields in held.items()}}


def elastic_values(key: str, values: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """What a document has of the values of the record `key`."""
    held = values_without_dicts(layout, values)
    kept: dict[str, dict[str, Any]] = {"values": {}, "sizes": {ID: len(key)}, "wholes": {}, "words": {}}
    there: list[str] = []
    for column in without_dicts(layout).values:
        value = held.get(column.name)
        if value is None:
            continue
        name = spelled(column.name)
        there.append(name)
        kept["values"][name] = [_kept(column, each) for each in value] if column.many else _kept(column, value)
        if column.many or column.type is str:
            kept["sizes"][name] = len(value)
        if column.many:
            kept["wholes"][name] = _keyword(canonical(value))
        if column.words:
            kept["words"][name] = value
    return {"there": there, **kept}


def elastic_query(condition: Condition, layout: Layout) -> Query:
    """The condition as a query, for the `filter` of a `bool`.

    Raises:
        Unsupported: it asks for the order of texts by one of more than 7,936 characters.
    """
    plain = without_dicts(layout)
    return _query(with_typed_operands(asked_without_dicts(layout, condition), plain), plain)


def _query(condition: Condition, layout: Layout) -> Query:
    if condition == TRUE:
        return ANYTHING
    if condition == FALSE:
        return NOTHING
    if isinstance(condition, Comparison):
        return _comparison(condition, layout)
    if isinstance(condition, Not):
        return _not(_query(condition.condition, layout))
    parts = [_query(part, layout) for part in condition.conditions]
    return {"bool": {"filter": parts}} if isinstance(condition, And) else _one_of(parts)


def _comparison(comparison: Comparison, layout: Layout) -> Query:
    column, _ = layout.value(comparison.path)
    operator, operand = comparison.operator, comparison.operand
    if operator in (Operator.NEQ, Operator.NIN):
        opposite = Operator.EQ if operator is Operator.NEQ else Operator.IN
        return _not(_comparison(Comparison(comparison.path, opposite, operand), layout))
    if operand is None:
        return NOTHING if column.name == ID else _not(_term("there", spelled(column.name)))
    return _test(column, operator, operand)


def _test(column: ValueColumn, operator: Operator, operand: Any) -> Query:
    """What is asked of a value that is there."""
    name = spelled(column.name)
    field = ID if column.name == ID else f"values.{name}"
    if operator in _BOUNDS:
        return {"range": {field: {_BOUNDS[operator]: _bound(column, operand)}}}
    if operator is Operator.IN:
        given = [_kept(column, each) for each in operand]
        pages = [given[first : first + _MOST_TERMS] for first in range(0, len(given), _MOST_TERMS)]
        parts: list[Query] = [{"terms": {field: page}} for page in pages]
        return parts[0] if len(parts) == 1 else _one_of(parts)
    if operator is Operator.SIZE:
        return _size(name, operand)
    if operator is Operator.EQ and column.many:
        return _term(f"wholes.{name}", _keyword(canonical(operand)))
    return _term(field, _kept(column, operand))


def _size(name: str, operand: int) -> Query:
    """An integer of Elasticsearch has 32 bits; it refuses to look for a larger one."""
    return _term(f"sizes.{name}", operand) if 0 <= operand < 1 << 31 else NOTHING


def _bound(column: ValueColumn, operand: Any) -> Any:
    if column.type is str and len(operand) > _READABLE:
        raise Unsupported(
            f"Elasticsearch cannot order {column.name!r} by a text of {len(operand):,} characters, only of {_READABLE:,}; "
            "filter the documents that it finds"
        )
    return _kept(column, operand)


def _kept(column: ValueColumn, value: Any) -> Any:
    if column.type is float:
        return float(value) + 0.0  # Elasticsearch finds -0.0 smaller than 0.0
    return _keyword(value) if column.type is str else value


def _keyword(text: str) -> str:
    """The text itself, or its beginning and its digest: equal for equal texts, and in order with texts that are shorter."""
    return text if len(text) < _LONGEST else text[:_READABLE] + sha256(text.encode()).hexdigest()


def _term(field: str, value: Any) -> Query:
    return {"term": {field: {"value": value}}}


def _not(query: Query) -> Query:
    return {"bool": {"must_not": [query]}}


def _one_of(queries: list[Query]) -> Query:
    return {"bool": {"should": queries, "minimum_should_match": 1}}
