"""Shapes as annotations write them: numbers, names and an ellipsis."""

from __future__ import annotations

import json
import re
from functools import cached_property
from math import prod
from types import EllipsisType
from typing import Any, TypeAlias

Dimension: TypeAlias = int | str | EllipsisType

UNKNOWN = "not specified"
"""What JSON schemas of DocArray say of a tensor of any shape."""

_ITEM = re.compile(r'\.\.\.|-?[0-9]{1,18}|[^\W\d]\w*|"(?:[^"\\]|\\.)*"')
_TEXT = re.compile(rf"\[(?:(?:{_ITEM.pattern})(?:, (?:{_ITEM.pattern}))*)?\]")


def _is_word(item: Any) -> bool:
    return isinstance(item, str) and item.isidentifier()


def _dimension(text: str) -> Dimension:
    if text == "...":
        return ...
    if text.startswith('"'):
        return str(json.loads(text))
    return text if text.isidentifier() else int(text)


class Shape:
    """What the shape of a tensor must be.

    A number is a size. A name stands for any size, the same wherever the name comes again. `...`, at most once, stands
    for one or more dimensions of any size. In a shape of numbers alone one of them may be -1, which is any size.

    Raises:
        ValueError: more than one ellipsis, more than one -1 or one beside names or an ellipsis, or another negative size.
        TypeError: a dimension that is none of the three.
    """

    __slots__ = ("__dict__", "dimensions")

    def __init__(self, dimensions: tuple[Dimension, ...]) -> None:
        for dimension in dimensions:
            if isinstance(dimension, bool) or not isinstance(dimension, (int, str, EllipsisType)):
                raise TypeError(f"a dimension is a number, a name or '...', not {dimension!r}")
            if isinstance(dimension, int) and dimension < -1:
                raise ValueError(f"a size is never negative, but {dimension} was given; a name stands for any size")
        if sum(dimension is ... for dimension in dimensions) > 1:
            raise ValueError("a shape holds at most one '...'")
        if -1 in dimensions and (dimensions.count(-1) > 1 or not all(isinstance(item, int) for item in dimensions)):
            raise ValueError("-1 comes at most once in a shape, and only beside numbers; a name stands for any size")
        self.dimensions = dimensions

    @cached_property
    def exact(self) -> tuple[int, ...] | None:
        """The sizes, where all of them are known."""
        numbers = self.numbers
        return None if numbers is None or -1 in numbers else numbers

    @cached_property
    def numbers(self) -> tuple[int, ...] | None:
        """The dimensions, where all of them are numbers: sizes, and perhaps one -1."""
        numbers = tuple(dimension for dimension in self.dimensions if isinstance(dimension, int))
        return numbers if len(numbers) == len(self.dimensions) else None

    def reached_from(self, sizes: tuple[int, ...]) -> tuple[int, ...] | None:
        """The sizes to which a tensor of `sizes` can be reshaped; None where it cannot, or where not all are numbers."""
        numbers = self.numbers
        if numbers is None:
            return None
        count = prod(sizes)
        if -1 not in numbers:
            return numbers if prod(numbers) == count else None
        known = -prod(numbers)
        if known == 0 or count % known:
            return None
        return tuple(count // known if number == -1 else number for number in numbers)

    def accepts(self, sizes: tuple[int, ...]) -> bool:
        """Whether a tensor of these sizes has this shape."""
        wanted = self.dimensions
        if ... in wanted:
            if len(sizes) < len(wanted):
                return False
            before = wanted.index(...)
            after = len(wanted) - before - 1
            wanted = wanted[:before] + wanted[before + 1 :]
            sizes = sizes[:before] + sizes[len(sizes) - after :]
        if len(sizes) != len(wanted):
            return False
        bound: dict[str, int] = {}
        for dimension, size in zip(wanted, sizes, strict=True):
            expected = bound.setdefault(dimension, size) if isinstance(dimension, str) else dimension
            if expected not in (size, -1):
                return False
        return True

    def completed(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """`sizes` of empty nested lists, in which no depth below the empty one can be seen, with what is known of it."""
        hidden = self.dimensions[len(sizes) :]
        if ... in self.dimensions or 0 not in sizes:
            return sizes
        return sizes + tuple(dimension if isinstance(dimension, int) and dimension >= 0 else 0 for dimension in hidden)

    def json_schema(self, number: dict[str, Any]) -> dict[str, Any]:
        """Nested arrays of `number`, as exact as JSON Schema can say it."""
        known, schema = self.dimensions, number
        if ... in known:
            known, schema = known[: known.index(...)], {"type": "array", "items": {}}
        for dimension in reversed(known):
            schema = {"type": "array", "items": schema}
            if isinstance(dimension, int) and dimension >= 0:
                schema |= {"minItems": dimension, "maxItems": dimension}
        return schema

    @property
    def text(self) -> str:
        """The shape as JSON schemas tell it, such as `[n, ..., 3]`."""
        parts = (
            "..." if item is ... else str(item) if _is_word(item) else json.dumps(item) for item in self.dimensions
        )
        return f"[{', '.join(parts)}]"

    @classmethod
    def read(cls, text: Any) -> Shape | None:
        """The shape that `text` tells; None for DocArray's "not specified".

        Raises:
            ValueError: `text` is no shape.
        """
        if text == UNKNOWN:
            return None
        if not isinstance(text, str) or not _TEXT.fullmatch(text):
            raise ValueError(f"{text!r:.50} is no shape of a tensor")
        return cls(tuple(map(_dimension, _ITEM.findall(text))))

    def __str__(self) -> str:
        names = ("..." if dimension is ... else str(dimension) for dimension in self.dimensions)
        return f"({', '.join(names)}{',' if len(self.dimensions) == 1 else ''})"

    def __repr__(self) -> str:
        return f"Shape({self.dimensions!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.dimensions == other.dimensions

    def __hash__(self) -> int:
        return hash(self.dimensions)

    def __reduce__(self) -> tuple[type[Shape], tuple[tuple[Dimension, ...]]]:
        return Shape, (self.dimensions,)
