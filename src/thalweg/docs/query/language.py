"""The language of filters: dicts of operators, as databases of documents have it, read into a Condition.

    {"price": {"$gte": 5, "$lt": 10}}                        both hold
    {"tags__color": {"$in": ["red", "blue"]}}                `__` leads into documents, dicts and lists
    {"$or": [{"title": {"$regex": "^The"}}, {"pages": {"$size": 3}}]}
    {"price": {"$not": {"$gt": 5}}}                          `$and`, `$or` and `$not` stand below a field as well
    {"sold": {"$gte": "{bought}"}}                           the value of another field of the same document

Several fields or operators in one dict all have to hold, and so does all of a list: `$not` of a list says that not all
of it holds. Only `$or` asks for one of its items, or of its dict's entries.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from thalweg.docs.query.condition import And, Comparison, Condition, Not, Operator, Or, Path
from thalweg.docs.query.pattern import check_pattern
from thalweg.docs.query.suggestion import did_you_mean

DEEPEST = 32
"""How deep conditions may be nested."""

MOST = 10_000
"""How many comparisons a query may make."""

LONGEST = 4_000_000
"""How many characters the text of a query may have."""

LONGEST_PATH = 1_000
"""How many characters a path may have."""

LONGEST_PATTERNS = 2_000
"""How many characters all patterns of a query may have together."""

_LOGIC = ("$and", "$or", "$not")
_ORDERINGS = frozenset([Operator.LT, Operator.LTE, Operator.GT, Operator.GTE])
_PLACEHOLDER = re.compile(r"\{([\w.-]+)\}")


def parse(query: Mapping[str, Any] | Sequence[Any] | str | bytes | None) -> Condition | None:
    """The condition that `query` asks for: a dict, a list of dicts that all have to hold, or either of them as JSON.

    None where nothing is asked for: None, an empty text, dict or list.

    Raises:
        ValueError: what is no query, an unknown operator, an operand that does not suit its operator, more than `DEEPEST`
            levels, `MOST` comparisons or `LONGEST` characters, or a pattern whose search could take forever.
    """
    if isinstance(query, (str, bytes, bytearray)):
        query = _from_json(query)
    if query is None or (isinstance(query, (Mapping, list, tuple)) and not query):
        return None
    return _Reading().conditions(query, 0)


def path_of(text: str) -> Path:
    """The path that `text` writes: `author__name`, `tags__price`, `chapters__0__title`.

    Raises:
        ValueError: nothing stands before, behind or between `__`, or there are more than `LONGEST_PATH` characters.
    """
    parts = tuple(text.split("__"))
    if not all(parts) or len(text) > LONGEST_PATH:
        reason = "each '__' stands between two names" if len(text) <= LONGEST_PATH else "it is too long"
        raise ValueError(f"{_shown(text)} is no path of fields: {reason}")
    return Path(parts)


def _from_json(text: str | bytes | bytearray) -> Any:
    if len(text) > LONGEST:
        raise ValueError(f"a query has at most {LONGEST:,} characters, not {len(text):,}")
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the query is no JSON: {error}") from None


class _Reading:
    """One query on its way to a condition; counts what it has made."""

    def __init__(self) -> None:
        self._made = 0
        self._pattern = 0

    def conditions(self, query: Any, depth: int) -> Condition:
        """What a dict, or a list of dicts, asks of a document."""
        return _all(self._each(query, depth))

    def _each(self, query: Any, depth: int) -> list[Condition]:
        _check_depth(depth)
        if isinstance(query, (list, tuple)):
            return [self.conditions(item, depth + 1) for item in query]
        if not isinstance(query, Mapping):
            raise ValueError(
                f"a query is a dict such as {{'price': {{'$gt': 5}}}}, or a list of them, not {_shown(query)}"
            )
        return [self._entry(key, asked, depth + 1) for key, asked in query.items()]

    def _entry(self, key: Any, asked: Any, depth: int) -> Condition:
        if not isinstance(key, str):
            raise ValueError(f"the names of fields and operators are text, not {_shown(key)}")
        if key in _LOGIC:
            return self._logic(key, asked, lambda part: self._each(part, depth))
        if key.startswith("$"):
            raise ValueError(_misplaced(key))
        path = path_of(key)
        if not isinstance(asked, Mapping):
            operation = f"{{{key!r}: {{'$eq': {_shown(asked)}}}}}"
            raise ValueError(f"{key}: what a field is compared with needs an operator, such as {operation}")
        return _all(self._below(path, asked, depth))

    def _below(self, path: Path, asked: Any, depth: int) -> list[Condition]:
        """What stands below a field: operators, `$and`, `$or` and `$not`."""
        _check_depth(depth)
        if isinstance(asked, (list, tuple)):
            return [_all(self._below(path, item, depth + 1)) for item in asked]
        if not isinstance(asked, Mapping):
            raise ValueError(f"{path}: expected a dict of operators such as {{'$gt': 5}}, not {_shown(asked)}")
        if not asked:
            raise ValueError(f"{path}: there is no operator; there are {', '.join(Operator)}")
        return [self._operation(path, key, operand, depth + 1) for key, operand in asked.items()]

    def _operation(self, path: Path, key: Any, operand: Any, depth: int) -> Condition:
        if key in _LOGIC:
            return self._logic(key, operand, lambda part: self._below(path, part, depth))
        try:
            operator = Operator(key)
        except ValueError:
            raise ValueError(f"{path}: {_shown(key)} is no operator{_near_operators(key)}") from None
        self._made += 1
        if self._made > MOST:
            raise ValueError(f"a query makes at most {MOST:,} comparisons")
        if operator is Operator.REGEX and isinstance(operand, str):
            self._pattern += len(operand)
            if self._pattern > LONGEST_PATTERNS:
                raise ValueError(f"the patterns of a query have at most {LONGEST_PATTERNS:,} characters together")
        return Comparison(path, operator, _operand(path, operator, operand))

    def _logic(self, key: str, asked: Any, read: Callable[[Any], list[Condition]]) -> Condition:
        if not isinstance(asked, (Mapping, list, tuple)):
            raise ValueError(f"{key} takes a dict or a list of conditions, not {_shown(asked)}")
        conditions = read(asked) if asked else []
        if key == "$or":
            return Or(tuple(conditions))
        return _all(conditions) if key == "$and" else Not(_all(conditions))


def _all(conditions: Iterable[Condition]) -> Condition:
    found = tuple(conditions)
    return found[0] if len(found) == 1 else And(found)


def _check_depth(depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"a query is nested at most {DEEPEST} deep")


def _operand(path: Path, operator: Operator, operand: Any) -> Any:
    """`operand` as a Comparison holds it, once it is known to suit the operator."""
    placeholder = _PLACEHOLDER.fullmatch(operand) if isinstance(operand, str) else None
    if placeholder and operator not in (Operator.REGEX, Operator.EXISTS):
        return path_of(placeholder[1])
    try:
        return _READERS[operator](operand)
    except ValueError as error:
        raise ValueError(f"{path}: {operator} {error}") from None


def _ordered(operand: Any) -> Any:
    if operand is None or isinstance(operand, (Mapping, list)):
        raise ValueError(f"needs an operand that has an order, not {_shown(operand)}")
    return operand


def _members(operand: Any) -> tuple[Any, ...]:
    if not isinstance(operand, (list, tuple, set, frozenset)):
        raise ValueError(f"takes a list, not {_shown(operand)}")
    return tuple(operand)


def _size(operand: Any) -> int:
    if not isinstance(operand, int) or isinstance(operand, bool) or operand < 0:
        raise ValueError(f"takes a length, not {_shown(operand)}")
    return operand


def _exists(operand: Any) -> bool:
    if not isinstance(operand, bool):
        raise ValueError(f"takes true or false, not {_shown(operand)}")
    return operand


def _pattern(operand: Any) -> str:
    if not isinstance(operand, str):
        raise ValueError(f"takes a regular expression, not {_shown(operand)}")
    check_pattern(operand)
    return operand


def _anything(operand: Any) -> Any:
    return operand


_READERS: dict[Operator, Callable[[Any], Any]] = {
    Operator.EQ: _anything,
    Operator.NEQ: _anything,
    **dict.fromkeys(_ORDERINGS, _ordered),
    Operator.IN: _members,
    Operator.NIN: _members,
    Operator.CONTAINS: _anything,
    Operator.SIZE: _size,
    Operator.EXISTS: _exists,
    Operator.REGEX: _pattern,
}


def _misplaced(key: str) -> str:
    if key in list(Operator):
        return f"{key} compares a field: {{'field': {{{key!r}: ...}}}}"
    return f"{key!r} is no operator{_near_operators(key)}"


def _near_operators(key: Any) -> str:
    return did_you_mean(str(key), [*Operator, *_LOGIC])


def _shown(value: Any) -> str:
    return reprlib.repr(value)
