"""What Milvus calls the columns of a collection, and conditions on them as its filter expressions.

Values are written out and quoted: expression templates, which would carry them apart, are not known to Milvus Lite.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from thalweg.docs.index.collection import Layout, Unsupported, ValueColumn
from thalweg.docs.index.operands import rendered, with_typed_operands
from thalweg.docs.index.spelling import spelled
from thalweg.docs.query.condition import Comparison, Condition, Operator

LONGEST_TEXT = 65_535
"""Bytes of UTF-8 in a text, at most."""

LONGEST_LIST = 4_096

# Words of the filter language cannot be names.
_NAME = re.compile(
    r"(?!(?:and|or|not|in|like|is|null|exists|true|false|interval|iso|text_match|phrase_match|random_sample|element_filter"
    r"|(?:array|json|st|match|geometry)_\w*)$)[A-Za-z]\w*",
    re.ASCII | re.IGNORECASE,
)
_LONGEST_NAME = 255
_BEGINNING = 65_000
_ORDER = frozenset({Operator.LT, Operator.LTE, Operator.GT, Operator.GTE})
_SIGNS = {Operator.EQ: "==", Operator.LT: "<", Operator.LTE: "<=", Operator.GT: ">", Operator.GTE: ">="}
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def field_name(name: str) -> str:
    """The name of a field."""
    return spelled(name, _LONGEST_NAME, _NAME)


def presence(vector: str) -> str:
    """The name of the field that says whether a record has the vector."""
    return f"_has_{field_name(vector)}"


def literal(value: Any) -> str:
    """A value in an expression: a text, a number or a truth value."""
    if isinstance(value, str):
        return f'"{value.translate(_ESCAPED)}"'
    return str(value).lower() if isinstance(value, bool) else repr(value)


def kept_text(text: str) -> str:
    """A text as Milvus keeps it: beyond what it takes, the beginning, and a digest that tells it apart from all others."""
    if len(text) * 4 <= LONGEST_TEXT or len(encoded := text.encode()) <= LONGEST_TEXT:
        return text
    return encoded[:_BEGINNING].decode(errors="ignore") + sha256(encoded).hexdigest()


def among(name: str, values: Sequence[Any]) -> str:
    """That a field has one of some values."""
    return f"{name} in [{', '.join(map(literal, values))}]"


def expression(condition: Condition, layout: Layout) -> str:
    """A condition as an expression; `true` and `false` stand alone."""

    def leaf(comparison: Comparison, negated: bool) -> str:
        column, _ = layout.value(comparison.path)
        text = _comparison(column, comparison.operator, comparison.operand)
        return _untrue(column, text) if negated else text

    return rendered(with_typed_operands(condition, layout), leaf, ("and", "or", "true", "false"))


def _comparison(column: ValueColumn, operator: Operator, operand: Any) -> str:
    name = field_name(column.name)
    if column.type is str:
        operand = _kept_operand(operator, operand)
    if operand is None:
        return f"{name} is {'null' if operator is Operator.EQ else 'not null'}"
    if operator in (Operator.NEQ, Operator.NIN):
        return _untrue(column, _comparison(column, Operator.EQ if operator is Operator.NEQ else Operator.IN, operand))
    if operator is Operator.IN:
        return _member(name, column, operand)
    if operator is Operator.CONTAINS:
        return f"array_contains({name}, {literal(operand)})"
    if not column.many:
        return f"{name} {_SIGNS[operator]} {literal(operand)}"
    size = operand if operator is Operator.SIZE else len(operand)
    items = [] if operator is Operator.SIZE else [f"{name}[{n}] == {literal(each)}" for n, each in enumerate(operand)]
    # Milvus Lite takes a list that is not there for an empty one.
    return f"({' and '.join([f'{name} is not null', f'array_length({name}) == {size}', *items])})"


def _kept_operand(operator: Operator, operand: Any) -> Any:
    if isinstance(operand, list):
        return [kept_text(each) for each in operand]
    if not isinstance(operand, str):
        return operand
    if operator in _ORDER and len(operand.encode()) > _BEGINNING:
        raise Unsupported(f"Milvus cannot order texts by one of more than {_BEGINNING:,} bytes")
    return kept_text(operand)


def _member(name: str, column: ValueColumn, operand: Sequence[Any]) -> str:
    if column.type is bool:
        return f"({' or '.join(f'{name} == {literal(each)}' for each in operand)})"
    return among(name, operand)


def _untrue(column: ValueColumn, text: str) -> str:
    return f"({field_name(column.name)} is null or not ({text}))"
