"""Conditions made into functions: whether a document fulfils one."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from pydantic import BaseModel

from thalweg.docs.document import BaseDocWithoutId
from thalweg.docs.equality import same
from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator, Or, Path
from thalweg.docs.typing.array import is_tensor

Read: TypeAlias = Callable[[Any], Any]
Test: TypeAlias = Callable[[Any], bool]


class _Missing:
    """What is read where a path leads nowhere. Equal to nothing, without an order, a length and members."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__


MISSING = _Missing()
_PLAIN = frozenset([str, int, bool, type(None)])


def matches(condition: Condition) -> Test:
    """A function that says whether a document fulfils `condition`; make it once and call it for each document.

    What a path does not find satisfies only `$exists: false`, and what has no order against the operand (None, or text
    against a number) no ordering. `$contains` looks for a part of a text, an item of a list or a key of a dict. `$regex`
    searches text, the `text` of a document that has one, and any other document as it is printed. NaN equals NaN, and
    tensors are equal to tensors or nested lists of the same shape and values.
    """
    match condition:
        case Comparison(path, asked, Path() as other):
            return _between(value_at(path), comparison(asked), value_at(other))
        case Comparison(path, asked, operand):
            return _of(value_at(path), against(asked, operand))
        case Not(inner):
            return _not(matches(inner))
        case And(several):
            return _all([matches(inner) for inner in several])
        case Or(several):
            return _any([matches(inner) for inner in several])


def against(asked: Operator, operand: Any) -> Test:
    """A function that compares a value with an operand that stays the same; False where the value is MISSING."""
    if asked is Operator.REGEX:
        return _searches(re.compile(operand))
    if asked in (Operator.IN, Operator.NIN):
        return _member(tuple(operand), asked is Operator.IN)
    if asked is Operator.EQ and type(operand) in _PLAIN:
        return lambda value: value == operand if type(value) in _PLAIN else _equals(value, operand)
    compare = comparison(asked)
    return lambda value: compare(value, operand)


def comparison(asked: Operator) -> Callable[[Any, Any], bool]:
    """A function that compares a value with an operand; False where the value is MISSING, but for `$exists`.

    Raises:
        ValueError: the operator is `$regex`, whose operand has to be known beforehand.
    """
    if asked is Operator.REGEX:
        raise ValueError(f"{asked} takes a regular expression, not another field")
    return _COMPARISONS[asked]


def value_at(path: Path) -> Read:
    """A function that reads the value at `path` of a document, or MISSING."""
    steps = [_step(part) for part in path.parts]
    if len(steps) == 1:
        return steps[0]

    def read(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return read


def _step(part: str) -> Read:
    number = int(part) if re.fullmatch(r"-?\d{1,9}", part) else None

    def step(value: Any) -> Any:
        fields = getattr(type(value), "__pydantic_fields__", None)  # half the time of `isinstance(value, BaseModel)`
        if fields is not None:
            return getattr(value, part, MISSING) if part in fields else _extra(value, part)
        if isinstance(value, Mapping):
            return _entry(value, part, number)
        if number is not None and (isinstance(value, Sequence) or is_tensor(value)):
            return value[number] if -len(value) <= number < len(value) else MISSING
        return _attribute(value, part)

    return step


def _extra(value: BaseModel, name: str) -> Any:
    return (value.__pydantic_extra__ or {}).get(name, MISSING)


def _entry(value: Mapping[Any, Any], key: str, number: int | None) -> Any:
    found = value.get(key, MISSING)
    return value.get(number, MISSING) if found is MISSING and number is not None else found


def _attribute(value: Any, name: str) -> Any:
    """Data of another object. Whatever a query names, it never reaches methods, or what is private."""
    if value is MISSING or name.startswith("_"):
        return MISSING
    found = getattr(value, name, MISSING)
    return MISSING if callable(found) else found


def _of(read: Read, passes: Test) -> Test:
    return lambda doc: passes(read(doc))


def _between(read: Read, compare: Callable[[Any, Any], bool], other: Read) -> Test:
    def holds(doc: Any) -> bool:
        operand = other(doc)
        return operand is not MISSING and compare(read(doc), operand)

    return holds


def _not(inner: Test) -> Test:
    return lambda doc: not inner(doc)


def _all(tests: list[Test]) -> Test:
    def holds(doc: Any) -> bool:
        for passes in tests:  # noqa: SIM110  # a loop takes half the time of `all` with a generator
            if not passes(doc):
                return False
        return True

    return holds


def _any(tests: list[Test]) -> Test:
    def holds(doc: Any) -> bool:
        for passes in tests:  # noqa: SIM110  # as above
            if passes(doc):
                return True
        return False

    return holds


# --- one value against another


def _equals(value: Any, operand: Any) -> bool:
    if is_tensor(value) or is_tensor(operand):
        return _same_tensor(value, operand)
    if isinstance(value, tuple) and isinstance(operand, list):  # JSON has lists only
        value = list(value)
    return value is not MISSING and same(value, operand)


def _same_tensor(value: Any, operand: Any) -> bool:
    pair = [side if is_tensor(side) else _array_of(side) for side in (value, operand)]
    return all(side is not None for side in pair) and same(*pair)


def _array_of(value: Any) -> np.ndarray[Any, Any] | None:
    if not isinstance(value, (list, tuple)):
        return None
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _differs(value: Any, operand: Any) -> bool:
    return value is not MISSING and not _equals(value, operand)


def _ordering(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, operand: Any) -> bool:
        try:
            result = compare(value, operand)
        except TypeError:
            return False
        return result is True or (result is not False and getattr(result, "shape", None) == () and bool(result))

    return holds


def _is_in(value: Any, operand: Any) -> bool:
    if value is MISSING or isinstance(operand, (str, bytes)) or not isinstance(operand, Iterable):
        return False
    return any(_equals(value, item) for item in operand)


def _is_not_in(value: Any, operand: Any) -> bool:
    return value is not MISSING and isinstance(operand, Iterable) and not _is_in(value, operand)


def _contains(value: Any, operand: Any) -> bool:
    """Whether an item of a list, a key of a dict or a part of a text is the operand."""
    if isinstance(value, str):
        return isinstance(operand, str) and operand in value
    return isinstance(value, Iterable) and not is_tensor(value) and any(_equals(item, operand) for item in value)


def _member(operand: tuple[Any, ...], wanted: bool) -> Test:
    try:
        known = frozenset(operand)
    except TypeError:
        known = frozenset()

    def holds(value: Any) -> bool:
        if value is MISSING:
            return False
        try:
            found = value in known
        except TypeError:  # a list or a document
            found = False
        return (found or _is_listed(value, operand, known)) is wanted

    return holds


def _is_listed(value: Any, operand: tuple[Any, ...], known: frozenset[Any]) -> bool:
    """Whether a value that is not among what is `known` equals one of the operands all the same."""
    return not (known and type(value) in _PLAIN) and _is_in(value, operand)


def _searches(pattern: re.Pattern[str]) -> Test:
    def holds(value: Any) -> bool:
        text = value if isinstance(value, str) else _text_of(value)
        return text is not None and pattern.search(text) is not None

    return holds


def _text_of(value: Any) -> str | None:
    if not isinstance(value, BaseDocWithoutId):
        return None
    text = _step("text")(value)
    return str(value) if text is MISSING else text if isinstance(text, str) else None


def _has_size(value: Any, operand: Any) -> bool:
    try:
        return bool(len(value) == operand)
    except TypeError:
        return False


def _is_there(value: Any, operand: Any) -> bool:
    return (value is not MISSING) is operand


_COMPARISONS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: _equals,
    Operator.NEQ: _differs,
    Operator.LT: _ordering(operator.lt),
    Operator.LTE: _ordering(operator.le),
    Operator.GT: _ordering(operator.gt),
    Operator.GTE: _ordering(operator.ge),
    Operator.IN: _is_in,
    Operator.NIN: _is_not_in,
    Operator.CONTAINS: _contains,
    Operator.SIZE: _has_size,
    Operator.EXISTS: _is_there,
}
