"""What a filter asks, as a tree: what queries are parsed into, and what indexes translate into their database's language."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias


class Operator(StrEnum):
    """How a field is compared with the operand. None never satisfies an ordering."""

    EQ = "$eq"
    NEQ = "$neq"
    LT = "$lt"
    LTE = "$lte"
    GT = "$gt"
    GTE = "$gte"
    IN = "$in"
    NIN = "$nin"
    CONTAINS = "$contains"
    REGEX = "$regex"
    SIZE = "$size"
    EXISTS = "$exists"


@dataclass(frozen=True, slots=True)
class Path:
    """The way to a value: names of fields, keys of dicts and positions in lists, as `author__name` or `tags__0` write it."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return "__".join(self.parts)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path operator operand`. The operand is a plain value, or the Path of another field of the same document."""

    path: Path
    operator: Operator
    operand: Any


@dataclass(frozen=True, slots=True)
class And:
    """All of them; true where there is none."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of them."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


Condition: TypeAlias = Comparison | And | Or | Not
