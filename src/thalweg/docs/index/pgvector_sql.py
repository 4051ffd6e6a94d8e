"""What PostgreSQL calls the columns of a collection, and conditions on them. Values travel as parameters, never as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from thalweg.docs.index.collection import ID, Layout, Unsupported, ValueColumn, VectorColumn
from thalweg.docs.index.operands import rendered, with_typed_operands
from thalweg.docs.index.pgvector_inside import inside_json
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import Comparison, Condition, Operator, Path
from thalweg.docs.query.metric import Metric

PAYLOAD = '"_payload"'
WORDS_LENGTH = 200_000
"""Characters of a text that are searched for words: PostgreSQL keeps no more than a megabyte of them."""

DISTANCE = {Metric.COSINE: "<=>", Metric.DOT: "<#>", Metric.EUCLIDEAN: "<->", Metric.SQEUCLIDEAN: "<->"}

# Neither ours (which begin with an underscore) nor PostgreSQL's own, and nothing that needs escaping in a quoted name.
_NAME = re.compile(r'(?!(?:ctid|tableoid|[cx]m(?:in|ax))$)[^_\0"%][^\0"%]*')
_LONGEST = 63
_TWO = str.maketrans({"\0": "\1\1", "\1": "\1\2"})
_KEPT_OF_TWO = {"\0", "\1", "\2"}
_ONE = {"\1\1": "\0", "\1\2": "\1"}
_KEPT = re.compile("\1[\1\2]")
_SINGLE = "CASE WHEN strpos({0}, E'\\x01') > 0 THEN regexp_replace({0}, E'\\x01[\\x01\\x02]', '.', 'g') ELSE {0} END"
_CASTS = {str: "text", int: "bigint", float: "double precision", bool: "boolean", dict: "jsonb"}
_SIGNS = {
    Operator.EQ: "=",
    Operator.NEQ: "IS DISTINCT FROM",
    Operator.LT: "<",
    Operator.LTE: "<=",
    Operator.GT: ">",
    Operator.GTE: ">=",
}
_CLASSES = {
    Metric.COSINE: "vector_cosine_ops",
    Metric.DOT: "vector_ip_ops",
    Metric.EUCLIDEAN: "vector_l2_ops",
    Metric.SQEUCLIDEAN: "vector_l2_ops",
}
_INDEX_OPTIONS = {"hnsw": ("m", "ef_construction"), "ivfflat": ("lists",)}


def quoted(name: str) -> str:
    """The name of a table or a column, as a statement takes it."""
    return f'"{spelled(name, _LONGEST, _NAME)}"'


def cast_of(column: ValueColumn | VectorColumn) -> str:
    """The type of a column's values, for a cast."""
    if isinstance(column, VectorColumn):
        return "vector"
    return f"{_CASTS[column.type]}[]" if column.many and column.type is not dict else _CASTS[column.type]


def kept(value: Any) -> Any:
    """A text as PostgreSQL can have it, and lists and dicts of texts.

    No text there has the character U+0000. It becomes two characters, and so does U+0001, with which both begin: different
    texts stay different, and their order stays the same.
    """
    if isinstance(value, str):
        return value.translate(_TWO) if "\0" in value or "\1" in value else value
    if isinstance(value, dict):
        return {kept(key): kept(each) for key, each in value.items()}
    return [kept(each) for each in value] if isinstance(value, (list, tuple)) else value


def given(text: str) -> str:
    """The text that became `text` when it was kept."""
    return _KEPT.sub(lambda pair: _ONE[pair[0]], text) if "\1" in text else text


def words_of(column: ValueColumn) -> str:
    """The name of the column in which PostgreSQL keeps the words of a text."""
    return quoted("words of " + column.name).replace('"w', '"_w', 1)


def creation(layout: Layout) -> Iterator[str]:
    """The statements that make a table and its indexes."""
    table = quoted(layout.name)
    columns = [f'{ID} text COLLATE "C" PRIMARY KEY', f"{PAYLOAD} bytea NOT NULL"]
    columns += [f"{quoted(vector.name)} vector({vector.size})" for vector in layout.vectors]
    columns += [f"{quoted(value.name)} {_type(value)}" for value in layout.values]
    searched = [value for value in layout.values if value.words]
    columns += [
        f"{words_of(value)} tsvector GENERATED ALWAYS AS ({_vector_of_words(value)}) STORED" for value in searched
    ]
    yield f"CREATE TABLE {table} ({', '.join(columns)})"
    yield f"COMMENT ON TABLE {table} IS {_literal(layout.described())}"
    for value in searched:
        yield f"CREATE INDEX ON {table} USING gin ({words_of(value)})"
    for vector in layout.vectors:
        if kind := vector.options.get("index_type"):
            yield f"CREATE INDEX ON {table} USING {_vector_index(vector, str(kind))}"


def _literal(text: str) -> str:
    """`text` in a statement that takes no parameters."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def language_of(column: ValueColumn) -> str:
    """The text search configuration by which a text is cut into words."""
    return str(column.options.get("language", "simple"))


def where(condition: Condition | str | None, layout: Layout, column: str | None = None) -> tuple[str, list[Any]]:
    """A condition as SQL and its parameters; a native one as it is. `column` is a vector that must be there."""
    there = f"{quoted(column)} IS NOT NULL AND " if column is not None else ""
    if condition is None:
        return f"{there}TRUE", []
    if isinstance(condition, str):
        return f"{there}({condition.replace('%', '%%')}\n)", []  # it may end in a comment
    parameters: list[Any] = []

    def leaf(comparison: Comparison, negated: bool) -> str:
        text = _comparison(comparison, layout, parameters)
        return f"(({text}) IS NOT TRUE)" if negated else text

    return there + rendered(with_typed_operands(condition, layout), leaf), parameters


def _comparison(comparison: Comparison, layout: Layout, parameters: list[Any]) -> str:
    column, keys = layout.value(comparison.path)
    operator, operand = comparison.operator, comparison.operand
    if isinstance(operand, Path):
        other, below = layout.value(operand)
        if keys or below:
            raise Unsupported(f"PostgreSQL compares whole values only, not '{comparison.path}' with '{operand}'")
        return _between(column, operator, other)
    if keys:
        held = quoted(column.name) if column.type is dict else f"to_jsonb({quoted(column.name)})"
        return inside_json(held, kept(keys), operator, kept(operand), parameters)
    return _with(column, operator, operand, parameters)


def _with(column: ValueColumn, operator: Operator, operand: Any, parameters: list[Any]) -> str:
    name, operand = quoted(column.name), kept(operand)
    if operand is None:
        return f"{name} IS {'' if operator is Operator.EQ else 'NOT '}NULL"
    if operator in (Operator.IN, Operator.NIN):
        return _member(column, operator, operand, parameters)
    if operator is Operator.CONTAINS:
        return _contains(column, operand, parameters)
    if operator is Operator.SIZE:
        parameters.append(operand)
        return f"{_size(column)} = %s"
    parameters.append(json.dumps(operand) if column.type is dict else operand)
    return f"{name} {_SIGNS[operator]} %s::{cast_of(column)}"


def _member(column: ValueColumn, operator: Operator, operand: Any, parameters: list[Any]) -> str:
    parameters.append([json.dumps(each) for each in operand] if column.type is dict else list(operand))
    member = f"{quoted(column.name)} = ANY(%s::{_CASTS[column.type]}[])"
    return member if operator is Operator.IN else f"({member}) IS NOT TRUE"


def _size(column: ValueColumn) -> str:
    name = quoted(column.name)
    if column.type is not dict:
        return f"cardinality({name})" if column.many else f"char_length({_SINGLE.format(name)})"
    if column.many:
        return f"jsonb_array_length({name})"
    return f"(CASE WHEN {name} IS NOT NULL THEN (SELECT count(*) FROM jsonb_object_keys({name})) END)"


def _contains(column: ValueColumn, operand: Any, parameters: list[Any]) -> str:
    name = quoted(column.name)
    parameters.append(json.dumps(operand) if column.many and column.type is dict else operand)
    if column.type is dict:
        item = f"EXISTS (SELECT 1 FROM jsonb_array_elements({name}) AS item WHERE item = %s::jsonb)"
        return item if column.many else f"jsonb_exists({name}, %s)"
    if column.many:
        return f"%s::{_CASTS[column.type]} = ANY({name})"
    if _KEPT_OF_TWO & set(operand):
        raise Unsupported("PostgreSQL cannot look for U+0000, U+0001 and U+0002 inside of a text")
    return f"strpos({name}, %s) > 0"


def _between(one: ValueColumn, operator: Operator, other: ValueColumn) -> str:
    """The comparison of two values of the record. Values of different kinds are never equal nor in any order."""
    same = one.many is other.many and one.type is other.type
    numbers = not one.many and not other.many and {one.type, other.type} <= {int, float, bool}
    left, right = (_number(each) if numbers else quoted(each.name) for each in (one, other))
    if same or numbers:
        return f"{left} {'IS NOT DISTINCT FROM' if operator is Operator.EQ else _SIGNS[operator]} {right}"
    if operator not in (Operator.EQ, Operator.NEQ):
        return "FALSE"
    both_missing = f"({left} IS NULL AND {right} IS NULL)"
    return both_missing if operator is Operator.EQ else f"NOT {both_missing}"


def _number(column: ValueColumn) -> str:
    return f"{quoted(column.name)}{'::int' if column.type is bool else ''}"


def _type(column: ValueColumn) -> str:
    # Text is ordered by code points, as Python does it, whatever the database's locale.
    return cast_of(column) + (' COLLATE "C"' if column.type is str else "")


def _vector_of_words(column: ValueColumn) -> str:
    return f"to_tsvector({_literal(language_of(column))}, coalesce(left({quoted(column.name)}, {WORDS_LENGTH}), ''))"


def _vector_index(column: VectorColumn, kind: str) -> str:
    if kind not in _INDEX_OPTIONS:
        raise ValueError(f"pgvector has no index {kind!r}; there are {', '.join(map(repr, _INDEX_OPTIONS))}")
    options = [f"{name} = {int(column.options[name])}" for name in _INDEX_OPTIONS[kind] if name in column.options]
    numbers = f" WITH ({', '.join(options)})" if options else ""
    return f"{kind} ({quoted(column.name)} {_CLASSES[column.metric]}){numbers}"
