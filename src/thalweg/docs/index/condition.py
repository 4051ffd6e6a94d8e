"""Conditions on the values of a collection: askable, and in a form that is easy to translate for a database."""

from __future__ import annotations

from math import isfinite
from typing import Any

from thalweg.docs.index.collection import OPERATORS, Collection, Layout, Unsupported, ValueColumn
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator, Or, Path
from thalweg.docs.query.pattern import check_pattern

_OPPOSITE = {
    Operator.EQ: Operator.NEQ,
    Operator.NEQ: Operator.EQ,
    Operator.IN: Operator.NIN,
    Operator.NIN: Operator.IN,
    Operator.LT: Operator.GTE,
    Operator.GTE: Operator.LT,
    Operator.GT: Operator.LTE,
    Operator.LTE: Operator.GT,
}
_ORDERINGS = frozenset({Operator.LT, Operator.LTE, Operator.GT, Operator.GTE})
TRUE = And(())
FALSE = Or(())


def askable(condition: Condition, collection: Collection) -> Condition:
    """`condition`, whose paths, operators and operands were found to fit the collection.

    Raises:
        ValueError: a path that is no value of the collection, an operator that makes no sense for a value of its type, or
            an operand of another type.
        Unsupported: it makes sense, but the database cannot ask it.
    """
    if isinstance(condition, Comparison):
        _check(condition, collection)
    elif isinstance(condition, Not):
        askable(condition.condition, collection)
    else:
        for part in condition.conditions:
            askable(part, collection)
    return condition


def affirmed(condition: Condition) -> Condition:
    """The same condition, in which a database with a third truth value (NULL in SQL) finds nothing to misread.

    - `Not` stands before nothing but a comparison with `REGEX`, `SIZE` or `CONTAINS`, and is true as well where the value
      is None.
    - `EXISTS` is gone: it is `NEQ None` or `EQ None`.
    - `NEQ` and `NIN` are true where the value is None, unless `NEQ` has None for an operand.
    - The lists of `IN` and `NIN` are not empty and hold no None.
    - `And(())` is true, `Or(())` is false; neither is inside of another condition.
    """
    return _affirmed(condition, True)


def all_of(*conditions: Condition | None) -> Condition | None:
    """The conditions that are given, all together; None where there is none."""
    given = tuple(condition for condition in conditions if condition is not None)
    return given[0] if len(given) == 1 else And(given) if given else None


def _affirmed(condition: Condition, wanted: bool) -> Condition:
    if isinstance(condition, Not):
        return _affirmed(condition.condition, not wanted)
    if isinstance(condition, Comparison):
        return _comparison(condition, wanted)
    parts = [_affirmed(part, wanted) for part in condition.conditions]
    return _joined(parts, isinstance(condition, And) is wanted)


def _joined(parts: list[Condition], every: bool) -> Condition:
    neutral, ruling = (TRUE, FALSE) if every else (FALSE, TRUE)
    if ruling in parts:
        return ruling
    kind = And if every else Or
    left: list[Condition] = []
    for part in parts:
        if part != neutral:
            left.extend(part.conditions if isinstance(part, kind) else (part,))
    return left[0] if len(left) == 1 else kind(tuple(left))


def _comparison(comparison: Comparison, wanted: bool) -> Condition:
    path, operator, operand = comparison.path, comparison.operator, comparison.operand
    if operator is Operator.EXISTS:
        return Comparison(path, Operator.NEQ if bool(operand) is wanted else Operator.EQ, None)
    if operator in (Operator.IN, Operator.NIN):
        return _membership(path, list(operand), (operator is Operator.IN) is wanted)
    if wanted:
        return comparison
    if operator not in _OPPOSITE:
        return Not(comparison)
    opposite = Comparison(path, _OPPOSITE[operator], operand)
    if operator not in _ORDERINGS:
        return opposite
    missing = [Comparison(each, Operator.EQ, None) for each in (path, operand) if isinstance(each, Path)]
    return Or((opposite, *missing))


def _membership(path: Path, operand: list[Any], inside: bool) -> Condition:
    values = [value for value in operand if value is not None]
    parts: list[Condition] = []
    if len(values) < len(operand):
        parts.append(Comparison(path, Operator.EQ if inside else Operator.NEQ, None))
    if values:
        parts.append(Comparison(path, Operator.IN if inside else Operator.NIN, values))
    return _joined(parts, not inside)


def _check(comparison: Comparison, collection: Collection) -> None:
    operator, operand = comparison.operator, comparison.operand
    column, inside = collection.layout.value(comparison.path)
    if inside:
        _check_inside(comparison.path, column, collection)
        return
    kind = list if column.many else column.type
    if operator not in OPERATORS[kind]:
        raise ValueError(f"{operator} cannot be asked of {_described(column)}")
    if isinstance(operand, Path):
        _check_other(comparison, collection.layout, collection)
    elif not _fits(column, operator, operand):
        raise ValueError(f"{operator} of {_described(column)} does not go with {operand!r}")
    elif operator is Operator.REGEX:
        check_pattern(operand)
    if operator not in collection.operators.get(kind, frozenset()):
        raise Unsupported(
            f"{type(collection).__name__} cannot ask {operator} of {_described(column)}; filter the documents that it "
            "finds, or hand on a condition in the database's own language"
        )


def _check_inside(path: Path, column: ValueColumn, collection: Collection) -> None:
    if column.type is not dict and not column.many:
        raise ValueError(f"'{path}' leads into {_described(column)}, in which there is nothing more")
    if not collection.asks_inside:
        raise Unsupported(
            f"{type(collection).__name__} cannot ask for '{path}', which is inside of {_described(column)}; make it a "
            "field of its own, or filter the documents that it finds"
        )


def _check_other(comparison: Comparison, layout: Layout, collection: Collection) -> None:
    columns = [layout.value(path) for path in (comparison.path, comparison.operand)]
    kinds = {float if column.type is int else column.type for column, inside in columns if not inside}
    if len(kinds) > 1 or columns[0][0].many is not columns[1][0].many or comparison.operator is Operator.REGEX:
        raise ValueError(f"'{comparison.path}' and '{comparison.operand}' cannot be compared by {comparison.operator}")
    if not collection.compares_values:
        raise Unsupported(
            f"{type(collection).__name__} cannot compare '{comparison.path}' with '{comparison.operand}'; filter the "
            "documents that it finds"
        )


def _fits(column: ValueColumn, operator: Operator, operand: Any) -> bool:
    if operator in (Operator.EXISTS, Operator.SIZE, Operator.REGEX):
        return type(operand) is {Operator.EXISTS: bool, Operator.SIZE: int, Operator.REGEX: str}[operator]
    if operator in (Operator.IN, Operator.NIN):
        return isinstance(operand, (list, tuple, set, frozenset)) and all(_equals(column, each) for each in operand)
    if operator in (Operator.EQ, Operator.NEQ):
        return _equals(column, operand)
    return _is_a(str if column.type is dict else column.type, operand)


def _equals(column: ValueColumn, operand: Any) -> bool:
    if operand is None:
        return True
    if column.many:
        return isinstance(operand, (list, tuple)) and all(_is_a(column.type, each) for each in operand)
    return _is_a(column.type, operand)


def _is_a(kind: type, operand: Any) -> bool:
    if kind in (int, float):
        return isinstance(operand, (int, float)) and not isinstance(operand, bool) and _finite(operand)
    return isinstance(operand, kind) and not (isinstance(operand, str) and "\0" in operand)


def _finite(number: float) -> bool:
    return -(1 << 63) <= number < 1 << 63 if isinstance(number, int) else isfinite(number)


def _described(column: ValueColumn) -> str:
    return f"{column.name!r}, a {'list of ' if column.many else ''}{column.type.__name__}"
